/* sha256.h - SHA-256, as 64 lower-case hexadecimal digits. */
#ifndef PR_SHA256_H
#define PR_SHA256_H

#include <glib.h>

#define PR_SHA256_HEX 64

/* Of LENGTH bytes at DATA; owned by the caller. */
char *pr_sha256_bytes (const void *data, gsize length);
/* Of a file's content, read in pieces; NULL with an IO error. */
char *pr_sha256_file (const char *path, GError **error);
/* Of bytes that come piece by piece.  _finish() gives the digits, owned by the caller, once. */
typedef struct PrSha256 PrSha256;
PrSha256 *pr_sha256_new (void);
void pr_sha256_add (PrSha256 *sha256, const void *data, gsize length);
char *pr_sha256_finish (PrSha256 *sha256);
void pr_sha256_free (PrSha256 *sha256);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrSha256, pr_sha256_free)
/* Does HEX look like one?  NULL does not. */
gboolean pr_sha256_ok (const char *hex);

#endif
