#include "config.h"

#include "runtime/gc-look.h"

#include "data/file.h"
#include "runtime/folder.h"
#include "runtime/lock.h"
#include "runtime/store.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <pauserec/error.h>

static void
free_item (gpointer data)
{
  PrGcItem *item = data;

  g_free (item->path);
  g_free (item->key);
  g_free (item->stage);
  g_free (item);
}

static void
free_sweep (gpointer data)
{
  PrGcSweep *sweep = data;

  g_free (sweep->dir);
  g_free (sweep);
}

void
pr_gc_free (PrGc *gc)
{
  if (gc == NULL)
    return;
  pr_lock_release (gc->lock);
  g_free (gc->store);
  g_ptr_array_unref (gc->items);
  g_ptr_array_unref (gc->sweeps);
  g_ptr_array_unref (gc->strange);
  g_free (gc);
}

static gboolean
take (PrGc *gc, gboolean remove, GError **error)
{
  g_autofree char *path = g_build_filename (gc->store, "locks", "store.lock", NULL);
  GError *raised = NULL;

  if (!remove)
    {
      gc->in_use = pr_lock_held (path);
      return TRUE;
    }
  gc->lock = pr_lock_try (path, &raised);
  if (gc->lock >= 0)
    return TRUE;
  if (raised != NULL)
    g_propagate_error (error, raised);
  else
    g_set_error (error, PR_ERROR, PR_ERROR_IO,
                 "store '%s' is in use; nothing was removed: try again when no run works with it", gc->store);
  return FALSE;
}

PrGc *
pr_gc_new (const char *store_dir, const char *const *keep, PrGcKeysFunc keys, gboolean remove, GError **error)
{
  g_autoptr (GError) raised = NULL;
  g_autoptr (PrStore) store = pr_store_open_readonly (store_dir, &raised);
  g_autoptr (PrGc) gc = NULL;

  if (raised != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&raised));
      return NULL;
    }
  if (store == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "there is no store '%s'; name it with --store", store_dir);
      return NULL;
    }
  gc = g_new0 (PrGc, 1);
  gc->store = g_strdup (pr_store_dir (store));
  gc->items = g_ptr_array_new_with_free_func (free_item);
  gc->sweeps = g_ptr_array_new_with_free_func (free_sweep);
  gc->strange = g_ptr_array_new_with_free_func (g_free);
  gc->lock = -1;
  if (!take (gc, remove, error) || !pr_gc_look (gc, keep, keys, error))
    return NULL;
  return g_steal_pointer (&gc);
}

/* Removing --------------------------------------------------------------------------------------------------------- */

/* A folder goes to tmp/gc-<its name> first, and that is on the disk before anything in it goes: a loss of power would
 * otherwise leave an entry under its name with half of its files. */
static gboolean
remove_folder (const PrGc *gc, const char *path, GError **error)
{
  g_autofree char *name = g_path_get_basename (path), *aside_name = g_strconcat (PR_GC_ASIDE, name, NULL);
  g_autofree char *from = g_build_filename (gc->store, path, NULL), *above = g_path_get_dirname (from);
  g_autofree char *tmp = g_build_filename (gc->store, "tmp", NULL), *aside = g_build_filename (tmp, aside_name, NULL);

  if (!pr_folder_make (tmp, error))
    return FALSE;
  if (g_rename (from, aside) != 0)
    return pr_error_set_errno (error, errno, "cannot remove", from);
  return pr_file_sync_dir (tmp, error) && pr_file_sync_dir (above, error) && pr_folder_remove (aside, error);
}

gboolean
pr_gc_remove (const PrGc *gc, GError **error)
{
  g_return_val_if_fail (gc->lock >= 0, FALSE);
  for (guint i = 0; i < gc->items->len; i++)
    {
      const PrGcItem *item = gc->items->pdata[i];
      g_autofree char *path = g_build_filename (gc->store, item->path, NULL);
      gboolean aside = item->kind == PR_GC_ENTRY || item->kind == PR_GC_SCRATCH || item->kind == PR_GC_DAMAGED;

      if (!(aside ? remove_folder (gc, item->path, error) : pr_folder_remove (path, error)))
        return FALSE;
    }
  return TRUE;
}
