#include "config.h"

#include "data/file.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>
#include <unistd.h>

#define RANDOM "XXXXXX"

#define READ_BACK_BYTES (1 << 20)

gboolean
pr_file_sync_dir (const char *dir, GError **error)
{
  int fd = open (dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean ok;
  int saved;

  if (fd < 0)
    return pr_error_set_errno (error, errno, "cannot open folder", dir);
  /* Some network file systems cannot sync a folder and say EINVAL: then there is nothing to wait for. */
  ok = fsync (fd) == 0 || errno == EINVAL;
  saved = errno;
  close (fd);
  return ok ? TRUE : pr_error_set_errno (error, saved, "cannot sync folder", dir);
}

static gboolean
write_all (int fd, const char *data, gsize length)
{
  while (length > 0)
    {
      ssize_t n = write (fd, data, MIN (length, (gsize)1 << 30));

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      if (n == 0)
        {
          errno = ENOSPC;
          return FALSE;
        }
      data += n;
      length -= (gsize)n;
    }
  return TRUE;
}

/* Bytes read; less than LENGTH at the end of the file only; -1 with errno. */
static gssize
read_full (int fd, char *data, gsize length)
{
  gsize done = 0;

  while (done < length)
    {
      ssize_t n = read (fd, data + done, MIN (length - done, (gsize)1 << 30));

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return -1;
      if (n == 0)
        break;
      done += (gsize)n;
    }
  return (gssize)done;
}

/* A file system may accept a write and lose it; what counts is what can be read again. */
static gboolean
holds (const char *path, const PrFilePart *parts, gsize n_parts, GError **error)
{
  g_autofree char *buffer = g_malloc (READ_BACK_BYTES);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  gboolean same = TRUE;
  gssize n = 0;

  if (fd < 0)
    return pr_error_set_errno (error, errno, "cannot reopen", path);
  for (gsize i = 0; same && i < n_parts; i++)
    for (gsize at = 0; same && at < parts[i].length; at += (gsize)n)
      {
        gsize want = MIN (parts[i].length - at, READ_BACK_BYTES);

        n = read_full (fd, buffer, want);
        same = n == (gssize)want && memcmp (buffer, (const char *)parts[i].data + at, want) == 0;
      }
  same = same && read_full (fd, buffer, 1) == 0;
  close (fd);
  if (!same)
    g_set_error (error, PR_ERROR, PR_ERROR_IO,
                 "'%s' does not read back as it was written; check the disk (full or damaged?)", path);
  return same;
}

static gboolean
write_temporary (int fd, const char *path, const PrFilePart *parts, gsize n_parts, GError **error)
{
  gboolean ok = TRUE;
  int saved;

  for (gsize i = 0; ok && i < n_parts; i++)
    ok = write_all (fd, parts[i].data, parts[i].length);
  ok = ok && fsync (fd) == 0;
  saved = errno;
  if (close (fd) != 0 && ok)
    {
      saved = errno;
      ok = FALSE;
    }
  return ok ? TRUE : pr_error_set_errno (error, saved, "cannot write", path);
}

void
pr_file_remove_left (const char *path)
{
  g_autofree char *dir = g_path_get_dirname (path), *base = g_path_get_basename (path);
  g_autofree char *prefix = g_strdup_printf (".%s.", base);
  GDir *names = g_dir_open (dir, 0, NULL);
  const char *name;

  while (names != NULL && (name = g_dir_read_name (names)) != NULL)
    if (g_str_has_prefix (name, prefix) && strlen (name) == strlen (prefix) + strlen (RANDOM))
      {
        g_autofree char *left = g_build_filename (dir, name, NULL);

        g_unlink (left);
      }
  g_clear_pointer (&names, g_dir_close);
}

gboolean
pr_file_write_parts (const char *path, const PrFilePart *parts, gsize n_parts, GError **error)
{
  g_autofree char *dir = g_path_get_dirname (path);
  g_autofree char *base = g_path_get_basename (path);
  g_autofree char *hidden = g_strdup_printf (".%s." RANDOM, base);
  g_autofree char *temporary = g_build_filename (dir, hidden, NULL);
  int fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC, 0666);

  if (fd < 0)
    return pr_error_set_errno (error, errno, "cannot create a file in folder", dir);
  if (!write_temporary (fd, path, parts, n_parts, error) || !holds (temporary, parts, n_parts, error))
    {
      g_unlink (temporary);
      return FALSE;
    }
  if (g_rename (temporary, path) != 0)
    {
      int saved = errno;

      g_unlink (temporary);
      return pr_error_set_errno (error, saved, "cannot write", path);
    }
  return pr_file_sync_dir (dir, error);
}

gboolean
pr_file_write (const char *path, const void *data, gsize length, GError **error)
{
  PrFilePart part = { data, length };

  return pr_file_write_parts (path, &part, 1, error);
}

char *
pr_file_read (const char *path, gsize max, gsize *ret_length, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  gsize room = 64 * 1024, length = 0;
  g_autofree char *data = NULL;
  gssize n = 0;

  if (fd < 0)
    {
      pr_error_set_errno (error, errno, "cannot open", path);
      return NULL;
    }
  /* Sizes are not asked for beforehand: the file may be a pipe, or may grow. */
  for (data = g_malloc (room); length <= max; room *= 2, data = g_realloc (data, room))
    {
      n = read_full (fd, data + length, room - length);
      if (n < 0 || length + (gsize)n < room)
        break;
      length += (gsize)n;
    }
  if (n < 0)
    pr_error_set_errno (error, errno, "cannot read", path);
  close (fd);
  if (n < 0)
    return NULL;
  if (length < room)
    length += (gsize)n;
  if (length > max)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: larger than the %" G_GSIZE_FORMAT " bytes that are allowed",
                   path, max);
      return NULL;
    }
  data[length] = '\0';
  if (ret_length != NULL)
    *ret_length = length;
  return g_steal_pointer (&data);
}
