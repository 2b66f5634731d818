#include "config.h"

#include "runtime/entry.h"

#include "data/file.h"
#include "runtime/folder.h"
#include "runtime/json-seal.h"
#include "runtime/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA "pauserec-entry/1"

void
pr_entry_free (PrEntry *entry)
{
  if (entry == NULL)
    return;
  g_free (entry->key);
  g_free (entry->dir);
  pr_dims_free (entry->dims);
  g_free (entry);
}

/* Sealing ---------------------------------------------------------------------------------------------------------- */

static gboolean
sync_file (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  int saved;

  if (fd < 0)
    return pr_error_set_errno (error, errno, "cannot open", path);
  saved = fsync (fd) == 0 ? 0 : errno;
  close (fd);
  return saved == 0 ? TRUE : pr_error_set_errno (error, saved, "cannot sync", path);
}

/* FILE is relative to DIR. */
static gboolean
list_file (const char *dir, const char *file, json_t *files, GError **error)
{
  g_autofree char *path = g_build_filename (dir, file, NULL), *digest = NULL;
  struct stat info;

  if (lstat (path, &info) != 0)
    return pr_error_set_errno (error, errno, "cannot look at", path);
  if (!S_ISREG (info.st_mode) || !g_utf8_validate (file, -1, NULL))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                   "output '%s' is %s; an output holds regular files only, without folders or links", file,
                   S_ISDIR (info.st_mode)   ? "a folder"
                   : S_ISLNK (info.st_mode) ? "a symbolic link"
                   : S_ISREG (info.st_mode) ? "not named in UTF-8"
                                            : "no regular file");
      return FALSE;
    }
  if (!sync_file (path, error))
    return FALSE;
  digest = pr_sha256_file (path, error);
  if (digest == NULL)
    return FALSE;
  json_object_set_new (files, file, json_pack ("{s:I, s:s}", "size", (json_int_t)info.st_size, "sha256", digest));
  return TRUE;
}

static gboolean
list_slot (const char *dir, const PrSlotSpec *slot, json_t *files, GError **error)
{
  g_autofree char *folder = g_build_filename (dir, slot->name, NULL);
  g_auto (GStrv) names = pr_folder_list (folder, error);

  if (names == NULL)
    return FALSE;
  if (names[0] == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN, "nothing was written to output '%s' (%s)", slot->name, slot->type);
      return FALSE;
    }
  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *file = g_build_filename (slot->name, *name, NULL);

      if (!list_file (dir, file, files, error))
        return FALSE;
    }
  return pr_file_sync_dir (folder, error);
}

static json_t *
list_dims (const PrDims *dims)
{
  json_t *list = json_array ();

  for (guint i = 0; i < dims->all->len; i++)
    {
      const PrDim *dim = g_ptr_array_index (dims->all, i);

      json_array_append_new (list, json_pack ("[s, s, I]", dim->slot, dim->dim, (json_int_t)dim->value));
    }
  return list;
}

gboolean
pr_entry_seal (const char *dir, const char *key, const PrStage *stage, const json_t *identity, const PrDims *dims,
               GError **error)
{
  g_autofree char *path = g_build_filename (dir, "entry.json", NULL), *seal = NULL;
  json_t *files = json_object (), *list;
  gboolean ok = list_file (dir, "record.json", files, error) && list_file (dir, "record.safetensors", files, error);

  for (gsize i = 0; ok && i < stage->n_slots; i++)
    if (stage->slots[i].direction == PR_SLOT_OUT)
      ok = list_slot (dir, &stage->slots[i], files, error);
  list = json_pack ("{s:s, s:s, s:O, s:o, s:o}", "schema", SCHEMA, "key", key, "identity", identity, "dims",
                    list_dims (dims), "files", files);
  seal = pr_json_seal (list);
  json_object_set_new (list, "seal", json_string (seal));
  ok = ok && pr_json_save (list, path, error) && pr_file_sync_dir (dir, error);
  json_decref (list);
  return ok;
}

/* Opening ---------------------------------------------------------------------------------------------------------- */

static gboolean
damaged (const char *path, GError **error, const char *fault)
{
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: %s", path, fault);
  return FALSE;
}

static gboolean
check_list (const json_t *list, const char *path, const char *key, GError **error)
{
  const char *schema = json_string_value (json_object_get (list, "schema"));
  const char *seal = json_string_value (json_object_get (list, "seal"));
  const char *said = json_string_value (json_object_get (list, "key"));
  g_autofree char *wanted = pr_json_seal (list);

  if (wanted == NULL || seal == NULL || strcmp (seal, wanted) != 0)
    return damaged (path, error, "the list of files does not match its seal");
  if (schema == NULL || strcmp (schema, SCHEMA) != 0)
    return damaged (path, error, "the schema is not " SCHEMA);
  if (said == NULL || strcmp (said, key) != 0)
    return damaged (path, error, "it belongs to another key");
  return TRUE;
}

static gboolean
check_file (const char *dir, const char *file, const json_t *said, gboolean digests, GError **error)
{
  g_autofree char *path = g_build_filename (dir, file, NULL), *digest = NULL;
  const char *sha256 = json_string_value (json_object_get (said, "sha256"));
  struct stat info;

  if (lstat (path, &info) != 0)
    return errno == ENOENT ? damaged (path, error, "missing")
                           : pr_error_set_errno (error, errno, "cannot look at", path);
  if (!S_ISREG (info.st_mode) || info.st_size != json_integer_value (json_object_get (said, "size")))
    return damaged (path, error, "not of the size that it had when it was made");
  if (!digests)
    return TRUE;
  digest = pr_sha256_file (path, error);
  if (digest == NULL)
    return FALSE;
  if (sha256 == NULL || strcmp (digest, sha256) != 0)
    return damaged (path, error, "its content changed since it was made");
  return TRUE;
}

static gboolean
read_dims (const json_t *list, const char *path, PrDims *dims, GError **error)
{
  gsize i;
  json_t *item;

  json_array_foreach (list, i, item)
  {
    const char *slot = json_string_value (json_array_get (item, 0)),
               *dim = json_string_value (json_array_get (item, 1));

    if (slot == NULL || dim == NULL || !json_is_integer (json_array_get (item, 2)))
      return damaged (path, error, "dims are not (slot, name, value)");
    pr_dims_set (dims, slot, dim, json_integer_value (json_array_get (item, 2)));
  }
  return TRUE;
}

static gboolean
check_entry (const PrEntry *entry, const json_t *list, const char *path, gboolean digests, GError **error)
{
  const char *file;
  json_t *said;

  if (!check_list (list, path, entry->key, error))
    return FALSE;
  json_object_foreach (json_object_get (list, "files"), file,
                       said) if (!check_file (entry->dir, file, said, digests, error)) return FALSE;
  return read_dims (json_object_get (list, "dims"), path, entry->dims, error);
}

PrEntry *
pr_entry_open (const char *dir, const char *key, gboolean digests, GError **error)
{
  g_autoptr (PrEntry) entry = NULL;
  g_autofree char *path = g_build_filename (dir, "entry.json", NULL);
  struct stat info;
  json_t *list;
  gboolean ok;

  if (lstat (dir, &info) != 0)
    {
      if (errno != ENOENT)
        pr_error_set_errno (error, errno, "cannot look at", dir);
      return NULL;
    }
  if (lstat (path, &info) != 0 && errno == ENOENT)
    {
      damaged (path, error, "missing");
      return NULL;
    }
  entry = g_new0 (PrEntry, 1);
  entry->key = g_strdup (key);
  entry->dir = g_strdup (dir);
  entry->dims = pr_dims_new ();
  list = pr_json_load (path, error);
  ok = list != NULL && check_entry (entry, list, path, digests, error);
  json_decref (list);
  return ok ? g_steal_pointer (&entry) : NULL;
}
