#include "config.h"

#include "runtime/folder.h"

#include <dirent.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <pauserec/error.h>
#include <string.h>
#include <sys/stat.h>

gboolean
pr_folder_make (const char *dir, GError **error)
{
  if (g_mkdir_with_parents (dir, 0777) == 0)
    return TRUE;
  return pr_error_set_errno (error, errno, "cannot make folder", dir);
}

static int
by_bytes (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

char **
pr_folder_list (const char *dir, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  DIR *d = opendir (dir);
  const struct dirent *entry;
  int saved;

  if (d == NULL)
    {
      pr_error_set_errno (error, errno, "cannot list folder", dir);
      return NULL;
    }
  for (errno = 0; (entry = readdir (d)) != NULL; errno = 0)
    if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
      g_ptr_array_add (names, g_strdup (entry->d_name));
  saved = errno;
  closedir (d);
  if (saved != 0)
    {
      pr_error_set_errno (error, saved, "cannot list folder", dir);
      return NULL;
    }
  g_ptr_array_sort (names, by_bytes);
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

gboolean
pr_folder_remove (const char *dir, GError **error)
{
  g_auto (GStrv) names = NULL;
  struct stat info;

  if (lstat (dir, &info) != 0)
    return errno == ENOENT ? TRUE : pr_error_set_errno (error, errno, "cannot look at", dir);
  if (!S_ISDIR (info.st_mode))
    return g_unlink (dir) == 0 ? TRUE : pr_error_set_errno (error, errno, "cannot remove", dir);
  names = pr_folder_list (dir, error);
  if (names == NULL)
    return FALSE;
  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *path = g_build_filename (dir, *name, NULL);

      if (!pr_folder_remove (path, error))
        return FALSE;
    }
  return g_rmdir (dir) == 0 ? TRUE : pr_error_set_errno (error, errno, "cannot remove folder", dir);
}
