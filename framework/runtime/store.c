#include "config.h"

#include "runtime/store.h"

#include "data/file.h"
#include "runtime/folder.h"
#include "runtime/lock.h"
#include "runtime/sha256.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA "pauserec-store/1"
#define MARK "store.json"

static const char *const folders[] = { "objects", "tmp", "locks", "scratch", "corrupt" };

struct PrStore
{
  char *dir;
  GHashTable *verified; /* keys whose digests were checked */
  int use;              /* descriptor of the shared lock; -1: not for running, or of a store that cannot be written */
};

static char *
path_of (const PrStore *store, const char *folder, const char *name)
{
  return g_build_filename (store->dir, folder, name, NULL);
}

static char *
object_dir (const PrStore *store, const char *key)
{
  const char two[] = { key[0], key[1], '\0' };

  return g_build_filename (store->dir, "objects", two, key, NULL);
}

static char *
lock_path (const PrStore *store, const char *key)
{
  g_autofree char *name = g_strconcat (key, ".lock", NULL);

  return path_of (store, "locks", name);
}

/* Opening ---------------------------------------------------------------------------------------------------------- */

static PrStore *
store_new (const char *dir)
{
  PrStore *store = g_new0 (PrStore, 1);

  store->dir = g_canonicalize_filename (dir, NULL);
  store->verified = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  store->use = -1;
  return store;
}

void
pr_store_free (PrStore *store)
{
  if (store == NULL)
    return;
  pr_lock_release (store->use);
  g_free (store->dir);
  g_hash_table_unref (store->verified);
  g_free (store);
}

const char *
pr_store_dir (const PrStore *store)
{
  return store->dir;
}

/* TRUE with *ret_marked FALSE: an empty folder, or one that another process is about to mark. */
static gboolean
check_mark (const PrStore *store, gboolean *ret_marked, GError **error)
{
  g_autofree char *mark = path_of (store, MARK, NULL);
  g_auto (GStrv) names = NULL;
  json_t *value;
  const char *schema;
  gboolean ok;

  if (!g_file_test (mark, G_FILE_TEST_EXISTS))
    {
      names = pr_folder_list (store->dir, error);
      if (names == NULL)
        return FALSE;
      for (char **name = names; *name != NULL; name++)
        if (!g_str_has_prefix (*name, "." MARK) && strcmp (*name, MARK) != 0)
          {
            /* Another process may have marked and filled it since: the mark comes before everything else. */
            if (g_file_test (mark, G_FILE_TEST_EXISTS))
              return check_mark (store, ret_marked, error);
            g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                         "folder '%s' is no store and not empty; name another with --store", store->dir);
            return FALSE;
          }
      *ret_marked = FALSE;
      return TRUE;
    }
  value = pr_json_load (mark, error);
  if (value == NULL)
    return FALSE;
  schema = json_string_value (json_object_get (value, "schema"));
  ok = schema != NULL && strcmp (schema, SCHEMA) == 0;
  json_decref (value);
  if (!ok)
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                 "'%s' is of another version of pauserec; name another store with --store", store->dir);
  *ret_marked = TRUE;
  return ok;
}

static gboolean
write_mark (const PrStore *store, GError **error)
{
  g_autofree char *mark = path_of (store, MARK, NULL);
  json_t *value = json_pack ("{s:s}", "schema", SCHEMA);
  gboolean ok = pr_json_save (value, mark, error);

  json_decref (value);
  return ok;
}

/* Remove tmp/<key> if nobody holds the key's lock: its maker is dead.  Failures wait for the next time. */
static void
clean_tmp (const PrStore *store)
{
  g_autofree char *tmp = path_of (store, "tmp", NULL);
  g_auto (GStrv) names = pr_folder_list (tmp, NULL);

  for (char **name = names; name != NULL && *name != NULL; name++)
    {
      g_autofree char *dir = path_of (store, "tmp", *name), *lock = NULL;
      int fd;

      if (!pr_sha256_ok (*name))
        continue;
      lock = lock_path (store, *name);
      fd = pr_lock_try (lock, NULL);
      if (fd >= 0)
        pr_folder_remove (dir, NULL);
      pr_lock_release (fd);
    }
}

/* Say that the store is in use, for as long as this object lives. */
static gboolean
use (PrStore *store, GError **error)
{
  g_autofree char *path = path_of (store, "locks", "store.lock");
  GError *raised = NULL;
  gboolean exempt;

  store->use = pr_lock_try_shared (path, &exempt, &raised);
  if (store->use >= 0 || exempt)
    return TRUE;
  if (raised != NULL)
    g_propagate_error (error, raised);
  else
    g_set_error (error, PR_ERROR, PR_ERROR_IO,
                 "gc is removing entries of store '%s'; start again when it has ended, or name another with --store",
                 store->dir);
  return FALSE;
}

PrStore *
pr_store_open (const char *dir, GError **error)
{
  g_autoptr (PrStore) store = store_new (dir);
  gboolean marked = FALSE;

  if (!pr_folder_make (store->dir, error) || !check_mark (store, &marked, error))
    return NULL;
  if (!marked && !write_mark (store, error))
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *folder = path_of (store, folders[i], NULL);

      if (!g_file_test (folder, G_FILE_TEST_IS_DIR) && !pr_folder_make (folder, error))
        return NULL;
    }
  if (!use (store, error))
    return NULL;
  clean_tmp (store);
  return g_steal_pointer (&store);
}

PrStore *
pr_store_open_readonly (const char *dir, GError **error)
{
  g_autoptr (PrStore) store = store_new (dir);
  gboolean marked;

  if (!g_file_test (store->dir, G_FILE_TEST_EXISTS))
    return NULL;
  return check_mark (store, &marked, error) && marked ? g_steal_pointer (&store) : NULL;
}

/* Looking ---------------------------------------------------------------------------------------------------------- */

PrEntry *
pr_store_look (PrStore *store, const char *key, gboolean digests, GError **error)
{
  g_autofree char *dir = object_dir (store, key);
  gboolean fresh = digests && !g_hash_table_contains (store->verified, key);
  PrEntry *entry = pr_entry_open (dir, key, fresh, error);

  if (entry != NULL && fresh)
    g_hash_table_add (store->verified, g_strdup (key));
  return entry;
}

void
pr_store_trust (PrStore *store, const char *key)
{
  g_hash_table_add (store->verified, g_strdup (key));
}

static void
free_entry (gpointer entry)
{
  pr_entry_free (entry);
}

GHashTable *
pr_store_seen_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_entry);
}

static void
copy_dims (const PrDims *from, PrDims *to)
{
  for (guint i = 0; i < from->all->len; i++)
    {
      const PrDim *dim = g_ptr_array_index (from->all, i);

      pr_dims_set (to, dim->slot, dim->dim, dim->value);
    }
}

gboolean
pr_store_view_cached (const PrNode *node, PrDims *dims, gpointer user_data)
{
  const PrStoreView *view = user_data;
  const char *key = pr_run_keys_get (view->keys, node);
  g_autoptr (PrEntry) mine = NULL;
  gpointer entry = NULL;

  if (view->store == NULL || key == NULL)
    return FALSE;
  if (view->seen == NULL || !g_hash_table_lookup_extended (view->seen, key, NULL, &entry))
    {
      mine = pr_store_look (view->store, key, FALSE, NULL);
      entry = mine;
      if (view->seen != NULL)
        g_hash_table_insert (view->seen, g_strdup (key), g_steal_pointer (&mine));
    }
  if (entry != NULL)
    copy_dims (((const PrEntry *)entry)->dims, dims);
  return entry != NULL;
}

/* Making ----------------------------------------------------------------------------------------------------------- */

static void
build_free (PrBuild *build)
{
  pr_lock_release (build->lock);
  g_free (build->key);
  g_free (build->dir);
  g_free (build->scratch);
  g_free (build);
}

void
pr_store_abort (PrBuild *build)
{
  if (build == NULL)
    return;
  pr_folder_remove (build->dir, NULL);
  g_rmdir (build->scratch); /* goes only if the stage left nothing to resume from */
  build_free (build);
}

/* Holding the key's lock. */
static gboolean
set_aside (PrStore *store, const char *key, const GError *fault, const PrWatch *watch, GError **error)
{
  g_autofree char *dir = object_dir (store, key);

  g_hash_table_remove (store->verified, key);
  for (guint n = 1;; n++)
    {
      g_autofree char *name = g_strdup_printf ("%s.%u", key, n), *aside = path_of (store, "corrupt", name);

      if (g_file_test (aside, G_FILE_TEST_EXISTS))
        continue;
      if (g_rename (dir, aside) != 0)
        return pr_error_set_errno (error, errno, "cannot set aside the damaged entry", dir);
      pr_watch_note (watch, "damaged in the store, so computed again: %s (kept as %s)", fault->message, aside);
      return TRUE;
    }
}

/* Holding the key's lock: TRUE and an entry, TRUE and none (and then none stands in the way), or FALSE. */
static gboolean
look_again (PrStore *store, const char *key, const PrWatch *watch, PrEntry **ret_entry, GError **error)
{
  g_autoptr (GError) fault = NULL;

  *ret_entry = pr_store_look (store, key, TRUE, &fault);
  if (fault == NULL)
    return TRUE;
  if (fault->domain == PR_ERROR && fault->code == PR_ERROR_DATA)
    return set_aside (store, key, fault, watch, error);
  g_propagate_error (error, g_steal_pointer (&fault));
  return FALSE;
}

static gboolean
prepare (PrBuild *build, GError **error)
{
  return pr_folder_remove (build->dir, error) && pr_folder_make (build->dir, error)
         && pr_folder_make (build->scratch, error);
}

/* A maker that was killed after it had made its entry visible left what it no longer needed. */
static void
drop_scratch (const PrStore *store, const char *key, const char *lock)
{
  g_autofree char *scratch = path_of (store, "scratch", key);
  int fd;

  if (!g_file_test (scratch, G_FILE_TEST_EXISTS))
    return;
  fd = pr_lock_try (lock, NULL);
  if (fd >= 0)
    pr_folder_remove (scratch, NULL);
  pr_lock_release (fd);
}

PrBuild *
pr_store_acquire (PrStore *store, const char *key, const PrWatch *watch, PrEntry **ret_entry, GError **error)
{
  g_autofree char *lock = lock_path (store, key);
  g_autoptr (PrEntry) entry = pr_store_look (store, key, TRUE, NULL);
  PrBuild *build;
  int fd;

  if (entry != NULL)
    {
      drop_scratch (store, key, lock);
      *ret_entry = g_steal_pointer (&entry);
      return NULL;
    }
  fd = pr_lock_wait (lock, watch, error);
  if (fd < 0)
    return NULL;
  if (!look_again (store, key, watch, &entry, error) || entry != NULL)
    {
      pr_lock_release (fd);
      if (entry != NULL)
        *ret_entry = g_steal_pointer (&entry);
      return NULL;
    }
  build = g_new0 (PrBuild, 1);
  build->key = g_strdup (key);
  build->dir = path_of (store, "tmp", key);
  build->scratch = path_of (store, "scratch", key);
  build->lock = fd;
  if (prepare (build, error))
    return build;
  pr_store_abort (build);
  return NULL;
}

static gboolean
publish (const PrStore *store, const PrBuild *build, GError **error)
{
  g_autofree char *dir = object_dir (store, build->key), *two = g_path_get_dirname (dir);
  g_autofree char *objects = path_of (store, "objects", NULL);

  if (!pr_folder_make (two, error) || !pr_file_sync_dir (objects, error))
    return FALSE;
  if (g_rename (build->dir, dir) != 0)
    return pr_error_set_errno (error, errno, "cannot make visible", dir);
  return pr_file_sync_dir (two, error);
}

PrEntry *
pr_store_commit (PrStore *store, PrBuild *build, const PrStage *stage, const json_t *identity, const PrDims *dims,
                 GError **error)
{
  PrEntry *entry;

  if (!pr_entry_seal (build->dir, build->key, stage, identity, dims, error) || !publish (store, build, error))
    {
      pr_store_abort (build);
      return NULL;
    }
  /* What was sealed a moment ago was read back while it was: sizes suffice. */
  entry = pr_store_look (store, build->key, FALSE, error);
  g_hash_table_add (store->verified, g_strdup (build->key));
  if (entry != NULL)
    pr_folder_remove (build->scratch, NULL);
  build_free (build);
  return entry;
}
