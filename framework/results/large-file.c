#include "config.h"

#include "large-file.h"

#include "data/file.h"
#include "runtime/folder.h"
#include "runtime/lock.h"
#include "runtime/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pauserec/error.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RANDOM "XXXXXX"

struct PrLargeFile
{
  char *path, *dir;
  char *temporary; /* NULL: committed */
  int fd;          /* of it; holds its lock */
  PrSha256 *sha256;
  gsize length; /* written by _write() */
};

/* Remove what dead writers of the same file left: nobody holds its lock. */
static void
remove_left (const char *dir, const char *prefix)
{
  g_auto (GStrv) names = pr_folder_list (dir, NULL);

  for (char **name = names; name != NULL && *name != NULL; name++)
    if (g_str_has_prefix (*name, prefix) && strlen (*name) == strlen (prefix) + strlen (RANDOM))
      {
        g_autofree char *path = g_build_filename (dir, *name, NULL);
        int fd = pr_lock_try (path, NULL);

        if (fd >= 0)
          g_unlink (path);
        pr_lock_release (fd);
      }
}

/* A new file in the folder, open and locked; -1 on error. */
static int
create_temporary (const char *dir, const char *prefix, char **ret_path, GError **error)
{
  for (;;)
    {
      g_autofree char *template = g_strconcat (dir, G_DIR_SEPARATOR_S, prefix, RANDOM, NULL);
      g_autoptr (GError) local = NULL;
      int made = g_mkstemp_full (template, O_RDWR | O_CLOEXEC, 0666), fd;
      struct stat info;

      if (made < 0)
        {
          pr_error_set_errno (error, errno, "cannot create a file in folder", dir);
          return -1;
        }
      fd = pr_lock_try (template, &local);
      if (fd < 0 && local != NULL)
        fd = made; /* a file system without locks: then nothing is removed either */
      else
        close (made);
      /* Between the two somebody may have taken it for left behind. */
      if (fd >= 0 && fstat (fd, &info) == 0 && info.st_nlink > 0)
        {
          *ret_path = g_steal_pointer (&template);
          return fd;
        }
      pr_lock_release (fd);
    }
}

PrLargeFile *
pr_large_file_new (const char *path, GError **error)
{
  g_autofree char *dir = g_path_get_dirname (path), *base = g_path_get_basename (path);
  g_autofree char *prefix = g_strdup_printf (".%s.part-", base), *temporary = NULL;
  PrLargeFile *file;
  int fd;

  remove_left (dir, prefix);
  fd = create_temporary (dir, prefix, &temporary, error);
  if (fd < 0)
    return NULL;
  file = g_new0 (PrLargeFile, 1);
  file->path = g_strdup (path);
  file->dir = g_steal_pointer (&dir);
  file->temporary = g_steal_pointer (&temporary);
  file->fd = fd;
  file->sha256 = pr_sha256_new ();
  return file;
}

const char *
pr_large_file_temporary (const PrLargeFile *file)
{
  return file->temporary;
}

const char *
pr_large_file_path (const PrLargeFile *file)
{
  return file->path;
}

gboolean
pr_large_file_write (PrLargeFile *file, const void *data, gsize length, GError **error)
{
  const char *from = data;
  gsize left = length;

  while (left > 0)
    {
      ssize_t n = write (file->fd, from, MIN (left, (gsize)1 << 30));

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return pr_error_set_errno (error, n < 0 ? errno : ENOSPC, "cannot write", file->path);
      from += n;
      left -= (gsize)n;
    }
  pr_sha256_add (file->sha256, data, length);
  file->length += length;
  return TRUE;
}

/* A file system may accept a write and lose it; what counts is what can be read again. */
static gboolean
holds (PrLargeFile *file, GError **error)
{
  g_autofree char *written = pr_sha256_finish (file->sha256), *found = pr_sha256_file (file->temporary, error);

  if (found == NULL)
    return FALSE;
  if (strcmp (written, found) == 0)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_IO,
               "'%s' does not read back as it was written; check the disk (full or damaged?)", file->path);
  return FALSE;
}

gboolean
pr_large_file_commit (PrLargeFile *file, GError **error)
{
  if (fsync (file->fd) != 0)
    return pr_error_set_errno (error, errno, "cannot write", file->path);
  if (file->length > 0 && !holds (file, error))
    return FALSE;
  if (g_rename (file->temporary, file->path) != 0)
    return pr_error_set_errno (error, errno, "cannot write", file->path);
  g_clear_pointer (&file->temporary, g_free);
  return pr_file_sync_dir (file->dir, error);
}

void
pr_large_file_free (PrLargeFile *file)
{
  if (file == NULL)
    return;
  if (file->temporary != NULL)
    g_unlink (file->temporary);
  pr_lock_release (file->fd);
  pr_sha256_free (file->sha256);
  g_free (file->path);
  g_free (file->dir);
  g_free (file->temporary);
  g_free (file);
}
