/* file.h - writing whole files so that nothing torn is ever left under their names. */
#ifndef PR_FILE_H
#define PR_FILE_H

#include <glib.h>

typedef struct
{
  const void *data;
  gsize length;
} PrFilePart;

/* pr_file_write() of the concatenation of PARTS, without making a copy of it. */
gboolean pr_file_write_parts (const char *path, const PrFilePart *parts, gsize n_parts, GError **error);
/* Remove what pr_file_write() of PATH left when it was killed.  The caller holds whatever keeps others from writing
 * PATH. */
void pr_file_remove_left (const char *path);
/* Sync the folder DIR, so that names made or removed in it survive a crash. */
gboolean pr_file_sync_dir (const char *dir, GError **error);

#endif
