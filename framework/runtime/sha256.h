/* sha256.h - SHA-256, as 64 lower-case hexadecimal digits. */
#ifndef PR_SHA256_H
#define PR_SHA256_H

#include <glib.h>

#define PR_SHA256_HEX 64

/* Of LENGTH bytes at DATA; owned by the caller. */
char *pr_sha256_bytes (const void *data, gsize length);
/* Of a file's content, read in pieces; NULL with an IO error. */
char *pr_sha256_file (const char *path, GError **error);
/* Does HEX look like one?  NULL does not. */
gboolean pr_sha256_ok (const char *hex);

#endif
