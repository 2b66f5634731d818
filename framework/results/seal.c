#include "config.h"

#include "seal.h"

#include "runtime/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMAS "pauserec-results/" /* of all versions */
#define READ_BYTES (1 << 20)

/* The seal ----------------------------------------------------------------------------------------------------- */

/* INFO as the first bytes of a file. */
static void
render (const PrSealInfo *info, char block[PR_SEAL_BLOCK])
{
  memset (block, 0, PR_SEAL_BLOCK);
  g_snprintf (block, PR_SEAL_BLOCK, PR_RESULTS_SCHEMA "\nsha256 %s\nbytes %" PRIu64 "\nkind %s\nrun_key %s\n",
              info->sha256, info->bytes, info->kind, info->run_key);
}

/* Copy TEXT, which ends with a line feed, to TO[size]; NULL if it does not fit, otherwise what comes after. */
static const char *
take_line (const char *text, const char *key, char *to, gsize size)
{
  const char *end;

  if (text == NULL || !g_str_has_prefix (text, key))
    return NULL;
  text += strlen (key);
  end = strchr (text, '\n');
  if (end == NULL || (gsize)(end - text) >= size)
    return NULL;
  memcpy (to, text, (gsize)(end - text));
  to[end - text] = '\0';
  return end + 1;
}

/* What BLOCK says; FALSE unless it is a seal to the last byte. */
static gboolean
parse (const char block[PR_SEAL_BLOCK], PrSealInfo *ret_info)
{
  PrSealInfo info = { 0 };
  char text[PR_SEAL_BLOCK + 1], again[PR_SEAL_BLOCK], bytes[24];
  const char *at = text;

  memcpy (text, block, PR_SEAL_BLOCK);
  text[PR_SEAL_BLOCK] = '\0';
  at = take_line (at, PR_RESULTS_SCHEMA, again, 1);
  at = take_line (at, "sha256 ", info.sha256, sizeof info.sha256);
  at = take_line (at, "bytes ", bytes, sizeof bytes);
  at = take_line (at, "kind ", info.kind, sizeof info.kind);
  at = take_line (at, "run_key ", info.run_key, sizeof info.run_key);
  if (at == NULL || !g_ascii_string_to_unsigned (bytes, 10, 0, G_MAXUINT64, &info.bytes, NULL))
    return FALSE;
  render (&info, again);
  if (!pr_sha256_ok (info.sha256) || memcmp (again, block, PR_SEAL_BLOCK) != 0)
    return FALSE;
  *ret_info = info;
  return TRUE;
}

/* What the attributes of H5 and the digest of a file's bytes make of its seal. */
static gboolean
make_info (PrH5 *h5, const char *sha256, guint64 bytes, PrSealInfo *ret_info, GError **error)
{
  g_autofree char *kind = pr_h5_get_text (h5, "/", "kind", error), *key = NULL;

  if (kind == NULL)
    return FALSE;
  key = strcmp (kind, "run") == 0 ? pr_h5_get_text (h5, "/", "run_key", error) : g_strdup ("");
  if (key == NULL)
    return FALSE;
  *ret_info = (PrSealInfo){ .bytes = bytes };
  if (g_strlcpy (ret_info->sha256, sha256, sizeof ret_info->sha256) < sizeof ret_info->sha256
      && g_strlcpy (ret_info->kind, kind, sizeof ret_info->kind) < sizeof ret_info->kind
      && g_strlcpy (ret_info->run_key, key, sizeof ret_info->run_key) < sizeof ret_info->run_key
      && strpbrk (kind, "\n") == NULL && strpbrk (key, "\n") == NULL)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "a results file cannot be sealed as of kind '%s' and run key '%.70s'",
               kind, key);
  return FALSE;
}

/* Reading ------------------------------------------------------------------------------------------------------ */

/* The first bytes of the file at PATH, open and at byte PR_SEAL_BLOCK; -1 on error. */
static int
open_block (const char *path, char block[PR_SEAL_BLOCK], gsize *ret_n, guint64 *ret_bytes, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), saved; /* a pipe must not make us wait */
  struct stat info;
  gsize n = 0;
  ssize_t got = -1;

  if (fd >= 0 && fstat (fd, &info) == 0)
    {
      errno = S_ISDIR (info.st_mode) ? EISDIR : EINVAL;
      for (got = S_ISREG (info.st_mode) ? 1 : -1; got > 0 && n < PR_SEAL_BLOCK; n += (gsize)MAX (got, 0))
        do
          got = read (fd, block + n, PR_SEAL_BLOCK - n);
        while (got < 0 && errno == EINTR);
    }
  if (got >= 0)
    {
      *ret_n = n;
      *ret_bytes = (guint64)info.st_size;
      return fd;
    }
  saved = errno;
  if (fd >= 0)
    close (fd);
  g_set_error (error, PR_ERROR, PR_ERROR_IO, "%s: cannot read results (%s); name a results.h5 or the folder of one",
               path, g_strerror (saved));
  return -1;
}

static gboolean set_damaged (const char *path, GError **error, const char *how, ...) G_GNUC_PRINTF (3, 4);

static gboolean
set_damaged (const char *path, GError **error, const char *how, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, how);
  text = g_strdup_vprintf (how, arguments);
  va_end (arguments);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "%s: damaged or changed since it was written (%s); delete it and run the experiment again", path, text);
  return FALSE;
}

/* Is BLOCK, the first N of BYTES bytes, the seal of a file of that length?  Also that of an HDF5 file that never had
 * one: no. */
static gboolean
check_block (const char *path, const char block[PR_SEAL_BLOCK], gsize n, guint64 bytes, PrSealInfo *ret_info,
             GError **error)
{
  PrSealInfo info;

  if (n < strlen (PR_RESULTS_SCHEMA) || memcmp (block, SCHEMAS, strlen (SCHEMAS)) != 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: not a results file of pauserec (it has no seal); name a results.h5", path);
      return FALSE;
    }
  if (g_ascii_isdigit (block[strlen (SCHEMAS)]) && memcmp (block, PR_RESULTS_SCHEMA, strlen (PR_RESULTS_SCHEMA)) != 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: has the schema %.*s, but this program knows " PR_RESULTS_SCHEMA
                   " alone; run the experiment again (what the store has is not computed again)",
                   path, (int)strcspn (block, "\n") < 40 ? (int)strcspn (block, "\n") : 40, block);
      return FALSE;
    }
  if (n < PR_SEAL_BLOCK)
    return set_damaged (path, error, "only %" PRIu64 " bytes are left", bytes);
  if (!parse (block, &info))
    return set_damaged (path, error, "its seal does not read as one");
  if (info.bytes != bytes)
    return set_damaged (path, error, "%" PRIu64 " bytes long, but sealed with %" PRIu64, bytes, info.bytes);
  *ret_info = info;
  return TRUE;
}

gboolean
pr_seal_peek (const char *path, PrSealInfo *ret_info, GError **error)
{
  char block[PR_SEAL_BLOCK] = { 0 };
  guint64 bytes;
  gsize n;
  int fd = open_block (path, block, &n, &bytes, error);

  if (fd < 0)
    return FALSE;
  close (fd);
  return check_block (path, block, n, bytes, ret_info, error);
}

/* SHA-256 of what follows in FD, and its length; NULL with errno. */
static char *
rest_sha256 (int fd, guint64 *ret_bytes)
{
  g_autofree char *buffer = g_malloc (READ_BYTES);
  g_autoptr (PrSha256) sha256 = pr_sha256_new ();
  guint64 bytes = 0;
  ssize_t n;

  while ((n = read (fd, buffer, READ_BYTES)) != 0)
    {
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return NULL;
      pr_sha256_add (sha256, buffer, (gsize)n);
      bytes += (guint64)n;
    }
  *ret_bytes = bytes;
  return pr_sha256_finish (sha256);
}

/* Is the file at PATH, every byte of it, as it was sealed? */
static gboolean
check_seal (const char *path, PrSealInfo *ret_info, GError **error)
{
  char block[PR_SEAL_BLOCK] = { 0 };
  guint64 bytes, rest = 0;
  gsize n;
  g_autofree char *found = NULL;
  int fd = open_block (path, block, &n, &bytes, error), saved;
  gboolean ok;

  if (fd < 0)
    return FALSE;
  ok = check_block (path, block, n, bytes, ret_info, error);
  found = ok ? rest_sha256 (fd, &rest) : NULL;
  saved = errno;
  close (fd);
  if (!ok)
    return FALSE;
  if (found == NULL)
    return pr_error_set_errno (error, saved, "cannot read", path);
  return strcmp (found, ret_info->sha256) == 0
         || set_damaged (path, error, "its bytes do not have the digest of its seal");
}

PrH5 *
pr_seal_open (const char *path, const char *kind, GError **error)
{
  PrSealInfo info, own;
  g_autoptr (PrH5) h5 = NULL;
  g_autofree char *schema = NULL;

  if (!check_seal (path, &info, error))
    return NULL;
  if (kind != NULL && strcmp (info.kind, kind) != 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: holds the results of one %s, but those of one %s are needed",
                   path, info.kind, kind);
      return NULL;
    }
  h5 = pr_h5_open (path, error);
  schema = h5 ? pr_h5_get_text (h5, "/", "schema", error) : NULL;
  if (schema == NULL || !make_info (h5, info.sha256, info.bytes, &own, error))
    return NULL;
  if (strcmp (schema, PR_RESULTS_SCHEMA) != 0 || strcmp (own.kind, info.kind) != 0
      || strcmp (own.run_key, info.run_key) != 0)
    {
      set_damaged (path, error, "its attributes schema, kind and run_key are not those of its seal");
      return NULL;
    }
  return g_steal_pointer (&h5);
}

/* Writing ------------------------------------------------------------------------------------------------------ */

gboolean
pr_seal_write (PrH5 *h5, const char *path, GError **error)
{
  gsize length;
  g_autofree char *image = pr_h5_image (h5, &length, error), *sha256 = NULL;
  PrSealInfo info;

  if (image == NULL)
    return FALSE;
  g_return_val_if_fail (length > PR_SEAL_BLOCK, FALSE);
  sha256 = pr_sha256_bytes (image + PR_SEAL_BLOCK, length - PR_SEAL_BLOCK);
  if (!make_info (h5, sha256, length, &info, error))
    return FALSE;
  render (&info, image);
  return pr_file_write (path, image, length, error);
}

/* Write the seal to the first bytes of FD, all of whose others are written, and read it again. */
static gboolean
seal_fd (int fd, const PrLargeFile *file, GError **error)
{
  const char *path = pr_large_file_path (file);
  char block[PR_SEAL_BLOCK], again[PR_SEAL_BLOCK] = { 0 };
  g_autoptr (PrH5) h5 = NULL;
  g_autofree char *sha256 = NULL;
  guint64 rest;
  PrSealInfo info;

  if (fsync (fd) != 0 || lseek (fd, PR_SEAL_BLOCK, SEEK_SET) < 0 || (sha256 = rest_sha256 (fd, &rest)) == NULL)
    return pr_error_set_errno (error, errno, "cannot write", path);
  h5 = pr_h5_open (pr_large_file_temporary (file), error);
  if (h5 == NULL || !make_info (h5, sha256, PR_SEAL_BLOCK + rest, &info, error))
    return FALSE;
  render (&info, block);
  if (pwrite (fd, block, sizeof block, 0) != (ssize_t)sizeof block || fsync (fd) != 0
      || pread (fd, again, sizeof again, 0) != (ssize_t)sizeof again)
    return pr_error_set_errno (error, errno, "cannot write the seal of", path);
  if (memcmp (block, again, sizeof block) == 0)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_IO, "'%s' does not read back as it was written; check the disk", path);
  return FALSE;
}

gboolean
pr_seal_commit (PrLargeFile *file, GError **error)
{
  const char *path = pr_large_file_path (file);
  int fd = open (pr_large_file_temporary (file), O_RDWR | O_CLOEXEC);
  gboolean ok;

  if (fd < 0)
    return pr_error_set_errno (error, errno, "cannot open", path);
  ok = seal_fd (fd, file, error);
  close (fd);
  return ok && pr_large_file_commit (file, error);
}

char *
pr_results_group_name (const char *name)
{
  char *result = g_strdup (name);

  for (char *c = result; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c))
      *c = '_';
  return result;
}
