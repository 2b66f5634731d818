/* folder.h - small things done to folders. */
#ifndef PR_FOLDER_H
#define PR_FOLDER_H

#include <glib.h>

/* Make DIR and what is above it; fine if it exists. */
gboolean pr_folder_make (const char *dir, GError **error);
/* Remove DIR with everything in it; symbolic links are removed, not followed.  Fine if it does not exist. */
gboolean pr_folder_remove (const char *dir, GError **error);
/* Names in DIR without "." and "..", sorted by bytes; NULL with an IO error.  Free with g_strfreev(). */
char **pr_folder_list (const char *dir, GError **error);

#endif
