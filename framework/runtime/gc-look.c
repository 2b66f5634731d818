#include "config.h"

#include "runtime/gc-look.h"

#include "runtime/folder.h"
#include "runtime/refs.h"
#include "runtime/sha256.h"

#include <errno.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>
#include <sys/stat.h>

/* The state of one look at a store. */
typedef struct
{
  PrGc *gc;
  PrGcKeysFunc keys;
  GHashTable *needed; /* keys, as a set */
  GHashTable *there;  /* key -> guint64 *: bytes of every entry in objects/ */
} Look;

/* Looking at files ------------------------------------------------------------------------------------------------- */

/* 'd' folder, 'f' regular file, 0 anything else or nothing. */
static char
kind_of (const char *store, const char *path)
{
  g_autofree char *full = g_build_filename (store, path, NULL);
  struct stat info;

  if (lstat (full, &info) != 0)
    return 0;
  return S_ISDIR (info.st_mode) ? 'd' : S_ISREG (info.st_mode) ? 'f' : 0;
}

/* Of all regular files at and below PATH.  What goes away meanwhile, since a run has ended, has none. */
static gboolean
add_bytes (const char *path, guint64 *bytes, GError **error)
{
  g_auto (GStrv) names = NULL;
  struct stat info;

  if (lstat (path, &info) != 0)
    return errno == ENOENT ? TRUE : pr_error_set_errno (error, errno, "cannot look at", path);
  if (S_ISREG (info.st_mode))
    *bytes += (guint64)info.st_size;
  if (!S_ISDIR (info.st_mode))
    return TRUE;
  names = pr_folder_list (path, error);
  if (names == NULL && lstat (path, &info) != 0 && errno == ENOENT)
    {
      g_clear_error (error);
      return TRUE;
    }
  if (names == NULL)
    return FALSE;
  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *below = g_build_filename (path, *name, NULL);

      if (!add_bytes (below, bytes, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_identifier (const char *text)
{
  for (const char *c = text; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && strchr ("._-", *c) == NULL)
      return FALSE;
  return *text != '\0';
}

/* Id of the stage that made the entry at PATH, to free; NULL if it does not say. */
static char *
stage_of (const char *store, const char *path)
{
  g_autofree char *list = g_build_filename (path, "entry.json", NULL), *full = g_build_filename (store, list, NULL);
  json_t *value = kind_of (store, list) == 'f' ? pr_json_load (full, NULL) : NULL;
  const char *stage = json_string_value (json_object_get (json_object_get (value, "identity"), "stage"));
  char *found = stage != NULL && is_identifier (stage) ? g_strdup (stage) : NULL;

  json_decref (value);
  return found;
}

/* What is found ---------------------------------------------------------------------------------------------------- */

static gboolean
add_item (const Look *look, PrGcKind kind, const char *path, const char *key, GError **error)
{
  g_autofree char *full = g_build_filename (look->gc->store, path, NULL);
  PrGcItem *item = g_new0 (PrGcItem, 1);

  g_ptr_array_add (look->gc->items, item);
  item->kind = kind;
  item->path = g_strdup (path);
  item->key = g_strdup (key);
  item->stage = kind == PR_GC_ENTRY ? stage_of (look->gc->store, path) : NULL;
  return add_bytes (full, &item->bytes, error);
}

static void
add_strange (const Look *look, const char *path)
{
  g_ptr_array_add (look->gc->strange, g_strdup (path));
}

/* The key that NAME begins with and SUFFIX ends, to free, or NULL. */
static char *
key_before (const char *name, const char *suffix)
{
  g_autofree char *key = g_strndup (name, PR_SHA256_HEX);

  return pr_sha256_ok (key) && strcmp (name + PR_SHA256_HEX, suffix) == 0 ? g_steal_pointer (&key) : NULL;
}

/* "<key>.<number>", or with OR_BARE "<key>". */
static char *
key_with_number (const char *name, gboolean or_bare)
{
  g_autofree char *key = g_strndup (name, PR_SHA256_HEX);
  const char *rest = name + strlen (key);

  if (!pr_sha256_ok (key))
    return NULL;
  if (*rest == '\0')
    return or_bare ? g_steal_pointer (&key) : NULL;
  return *rest == '.' && rest[1] != '\0' && strspn (rest + 1, "0123456789") == strlen (rest + 1)
             ? g_steal_pointer (&key)
             : NULL;
}

/* Made by pr_file_write() for a file NAME of the folder: ".NAME.XXXXXX". */
static gboolean
is_temporary (const char *name)
{
  const char *end = name[0] == '.' ? strrchr (name, '.') : NULL;

  return end != NULL && end - name > 5 && strncmp (end - 5, ".json", 5) == 0 && strlen (end + 1) == 6;
}

/* The folders of a store ------------------------------------------------------------------------------------------- */

typedef gboolean (*VisitFunc) (const Look *look, const char *path, const char *name, GError **error);

/* VISIT everything in the folder PATH of the store, if there is one. */
static gboolean
visit (const Look *look, const char *path, VisitFunc func, GError **error)
{
  g_autofree char *full = g_build_filename (look->gc->store, path, NULL);
  g_auto (GStrv) names = NULL;
  gboolean ok = TRUE;

  if (kind_of (look->gc->store, path) != 'd')
    return TRUE; /* anything else was named with the top folder */
  names = pr_folder_list (full, error);
  for (char **name = names; ok && name != NULL && *name != NULL; name++)
    {
      g_autofree char *below = g_build_filename (path, *name, NULL);

      ok = func (look, below, *name, error);
    }
  return ok && names != NULL;
}

/* In a folder objects/<2>. */
static gboolean
visit_object (const Look *look, const char *path, const char *name, GError **error)
{
  g_autofree char *full = g_build_filename (look->gc->store, path, NULL), *two = g_path_get_dirname (path);
  guint64 *bytes;

  if (!pr_sha256_ok (name) || strncmp (two + strlen ("objects/"), name, 2) != 0
      || kind_of (look->gc->store, path) != 'd')
    {
      add_strange (look, path);
      return TRUE;
    }
  bytes = g_new0 (guint64, 1);
  g_hash_table_insert (look->there, g_strdup (name), bytes);
  return add_bytes (full, bytes, error);
}

static gboolean
visit_two (const Look *look, const char *path, const char *name, GError **error)
{
  if (strlen (name) == 2 && strspn (name, "0123456789abcdef") == 2 && kind_of (look->gc->store, path) == 'd')
    return visit (look, path, visit_object, error);
  add_strange (look, path);
  return TRUE;
}

static gboolean
visit_scratch (const Look *look, const char *path, const char *name, GError **error)
{
  if (!pr_sha256_ok (name) || kind_of (look->gc->store, path) != 'd')
    add_strange (look, path);
  else if (!g_hash_table_contains (look->needed, name) || g_hash_table_contains (look->there, name))
    return add_item (look, PR_GC_SCRATCH, path, name, error);
  return TRUE;
}

static gboolean
visit_damaged (const Look *look, const char *path, const char *name, GError **error)
{
  g_autofree char *key = key_with_number (name, FALSE);

  if (key != NULL && kind_of (look->gc->store, path) == 'd')
    return add_item (look, PR_GC_DAMAGED, path, key, error);
  add_strange (look, path);
  return TRUE;
}

/* <key>: an entry being made; gc-<key>, gc-<key>.<n>: being removed. */
static gboolean
visit_tmp (const Look *look, const char *path, const char *name, GError **error)
{
  gboolean ours = g_str_has_prefix (name, PR_GC_ASIDE);
  g_autofree char *key = key_with_number (ours ? name + strlen (PR_GC_ASIDE) : name, TRUE);

  if (key != NULL && kind_of (look->gc->store, path) == 'd')
    return look->gc->in_use ? TRUE : add_item (look, PR_GC_UNFINISHED, path, key, error);
  add_strange (look, path);
  return TRUE;
}

static gboolean
visit_lock (const Look *look, const char *path, const char *name, GError **error)
{
  g_autofree char *key = key_before (name, ".lock");

  if (strcmp (name, "store.lock") == 0)
    return TRUE;
  if (key == NULL || kind_of (look->gc->store, path) != 'f')
    add_strange (look, path);
  else if (!g_hash_table_contains (look->needed, key))
    return add_item (look, PR_GC_LOCK, path, key, error);
  return TRUE;
}

static gboolean
visit_top (const Look *look, const char *path, const char *name, GError **error)
{
  static const char *const folders[] = { "objects", "tmp", "locks", "scratch", "corrupt", "refs", NULL };
  char kind = kind_of (look->gc->store, path);

  if (kind == 'd' ? g_strv_contains (folders, name) : kind == 'f' && strcmp (name, "store.json") == 0)
    return TRUE;
  if (kind == 'f' && is_temporary (name))
    return look->gc->in_use ? TRUE : add_item (look, PR_GC_UNFINISHED, path, NULL, error);
  add_strange (look, path);
  return TRUE;
}

/* What is needed --------------------------------------------------------------------------------------------------- */

/* *RET_GONE as of PrGcKeysFunc. */
static gboolean
need (const Look *look, const char *dir, gboolean *ret_gone, GError **error)
{
  g_autoptr (GHashTable) keys = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  PrGcSweep *sweep;
  GHashTableIter at;
  gpointer key;

  *ret_gone = FALSE;
  if (!look->keys (dir, keys, ret_gone, error))
    return FALSE;
  sweep = g_new0 (PrGcSweep, 1);
  g_ptr_array_add (look->gc->sweeps, sweep);
  sweep->dir = g_strdup (dir);
  sweep->gone = *ret_gone;
  g_hash_table_iter_init (&at, keys);
  while (g_hash_table_iter_next (&at, &key, NULL))
    {
      const guint64 *bytes = g_hash_table_lookup (look->there, key);

      if (bytes != NULL)
        {
          sweep->n_entries++;
          sweep->bytes += *bytes;
        }
      g_hash_table_add (look->needed, g_strdup (key));
    }
  return TRUE;
}

static gboolean
visit_ref (const Look *look, const char *path, const char *name, GError **error)
{
  g_autofree char *key = key_before (name, ".json"), *full = g_build_filename (look->gc->store, path, NULL),
                  *dir = NULL;
  gboolean file = kind_of (look->gc->store, path) == 'f', gone;
  g_autoptr (GError) fault = NULL;

  if (file && is_temporary (name))
    return look->gc->in_use ? TRUE : add_item (look, PR_GC_UNFINISHED, path, NULL, error);
  if (key == NULL || !file)
    {
      add_strange (look, path);
      return TRUE;
    }
  dir = pr_ref_load (full, &fault);
  if (dir == NULL)
    {
      g_set_error (error, fault->domain, fault->code,
                   "%s; nobody knows which entries its sweep needs: remove this file, its next run makes it again",
                   fault->message);
      return FALSE;
    }
  if (!need (look, dir, &gone, error))
    return FALSE;
  return gone ? add_item (look, PR_GC_REF, path, NULL, error) : TRUE;
}

/* KEEP: folders that the user named. */
static gboolean
keep_too (const Look *look, const char *const *keep, GError **error)
{
  for (; keep != NULL && *keep != NULL; keep++)
    {
      g_autofree char *dir = g_canonicalize_filename (*keep, NULL);
      gboolean known = FALSE, gone;

      for (guint i = 0; i < look->gc->sweeps->len; i++)
        {
          const PrGcSweep *sweep = look->gc->sweeps->pdata[i];

          known |= strcmp (sweep->dir, dir) == 0 && !sweep->gone;
        }
      if (known)
        continue;
      if (!need (look, dir, &gone, error))
        return FALSE;
      if (gone)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                       "no sweep in folder '%s', so there is nothing to keep for it", dir);
          return FALSE;
        }
    }
  return TRUE;
}

/* Putting it together ---------------------------------------------------------------------------------------------- */

static gboolean
sort_out_entries (const Look *look, GError **error)
{
  GHashTableIter at;
  gpointer key, bytes;

  g_hash_table_iter_init (&at, look->there);
  while (g_hash_table_iter_next (&at, &key, &bytes))
    {
      g_autofree char *two = g_strndup (key, 2), *path = g_build_filename ("objects", two, key, NULL);

      if (!g_hash_table_contains (look->needed, key))
        {
          if (!add_item (look, PR_GC_ENTRY, path, key, error))
            return FALSE;
          continue;
        }
      look->gc->n_kept++;
      look->gc->bytes_kept += *(guint64 *)bytes;
    }
  return TRUE;
}

static int
by_kind_and_size (gconstpointer a_, gconstpointer b_)
{
  const PrGcItem *a = *(PrGcItem *const *)a_, *b = *(PrGcItem *const *)b_;

  if (a->kind != b->kind)
    return a->kind < b->kind ? -1 : 1;
  if (a->bytes != b->bytes)
    return a->bytes > b->bytes ? -1 : 1;
  return strcmp (a->path, b->path);
}

static int
by_folder (gconstpointer a, gconstpointer b)
{
  return strcmp ((*(PrGcSweep *const *)a)->dir, (*(PrGcSweep *const *)b)->dir);
}

gboolean
pr_gc_look (PrGc *gc, const char *const *keep, PrGcKeysFunc keys, GError **error)
{
  g_autoptr (GHashTable) needed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) there = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  const Look all = { .gc = gc, .keys = keys, .needed = needed, .there = there };

  if (!visit (&all, "", visit_top, error) || !visit (&all, "objects", visit_two, error)
      || !visit (&all, "refs", visit_ref, error) || !keep_too (&all, keep, error) || !sort_out_entries (&all, error)
      || !visit (&all, "tmp", visit_tmp, error) || !visit (&all, "scratch", visit_scratch, error)
      || !visit (&all, "corrupt", visit_damaged, error) || !visit (&all, "locks", visit_lock, error))
    return FALSE;
  g_ptr_array_sort (gc->items, by_kind_and_size);
  g_ptr_array_sort (gc->sweeps, by_folder);
  return TRUE;
}
