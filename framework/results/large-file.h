/* large-file.h - files too large to be made in memory, with the promise of pr_file_write(): under their name they are
 * whole or not there, whatever breaks.
 *
 * What is written goes to a temporary name in the same folder, locked while its writer lives; those that dead writers
 * of the same file left are removed by the next.
 */
#ifndef PR_LARGE_FILE_H
#define PR_LARGE_FILE_H

#include <glib.h>

typedef struct PrLargeFile PrLargeFile;

PrLargeFile *pr_large_file_new (const char *path, GError **error);
gboolean pr_large_file_write (PrLargeFile *file, const void *data, gsize length, GError **error);
/* Where it will be once committed, for messages.  Borrowed. */
const char *pr_large_file_path (const PrLargeFile *file);
/* For libraries that write by name, instead of pr_large_file_write(); what they wrote is for the caller to read again.
 */
const char *pr_large_file_temporary (const PrLargeFile *file);
/* Sync, read back what pr_large_file_write() was given, rename. */
gboolean pr_large_file_commit (PrLargeFile *file, GError **error);
/* What was not committed is gone. */
void pr_large_file_free (PrLargeFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrLargeFile, pr_large_file_free)

#endif
