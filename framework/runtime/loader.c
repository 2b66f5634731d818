#include "config.h"

#include "runtime/contract.h"
#include "runtime/loader.h"
#include "runtime/sha256.h"

#include <dlfcn.h>
#include <string.h>

struct PrRegistry
{
  GPtrArray *entries; /* PrStageEntry *, by stage id */
};

static void
entry_free (gpointer data)
{
  PrStageEntry *entry = data;

  g_free (entry->path);
  g_free (entry->digest);
  g_free (entry);
}

PrRegistry *
pr_registry_new (void)
{
  PrRegistry *registry = g_new0 (PrRegistry, 1);

  registry->entries = g_ptr_array_new_with_free_func (entry_free);
  return registry;
}

void
pr_registry_free (PrRegistry *registry)
{
  if (registry == NULL)
    return;
  g_ptr_array_unref (registry->entries);
  g_free (registry);
}

const PrStageEntry *
pr_registry_at (const PrRegistry *registry, gsize index)
{
  return index < registry->entries->len ? registry->entries->pdata[index] : NULL;
}

gsize
pr_registry_n (const PrRegistry *registry)
{
  return registry->entries->len;
}

const PrStageEntry *
pr_registry_find (const PrRegistry *registry, const char *stage_id)
{
  for (guint i = 0; i < registry->entries->len; i++)
    {
      const PrStageEntry *entry = registry->entries->pdata[i];

      if (strcmp (entry->stage->id, stage_id) == 0)
        return entry;
    }
  return NULL;
}

/* Loading ---------------------------------------------------------------- */

static gboolean
fail_open (const char *path, GError **error)
{
  const char *reason = dlerror ();

  if (reason == NULL)
    reason = "unknown reason";
  if (strstr (reason, "undefined symbol") != NULL)
    g_set_error (
        error, PR_ERROR, PR_ERROR_PLUGIN,
        "plugin '%s' needs a symbol that nobody has: %s; link the plugin with what it uses and with -lpauserec of "
        "this version",
        path, reason);
  else
    g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN, "plugin '%s' cannot be loaded: %s", path, reason);
  return FALSE;
}

static const PrPlugin *
open_plugin (const char *path, GError **error)
{
  /* NOW: a missing symbol must fail here, not in the tenth hour of training.
   * LOCAL: every plugin exports the same name.
   * NODELETE: stages are constants inside the module. */
  void *module = dlopen (path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  const PrPlugin *plugin;

  if (module == NULL)
    {
      fail_open (path, error);
      return NULL;
    }
  plugin = dlsym (module, "pr_plugin");
  if (plugin == NULL)
    g_set_error (
        error, PR_ERROR, PR_ERROR_PLUGIN,
        "plugin '%s' exports no 'pr_plugin'; define `const PrPlugin pr_plugin` and include <pauserec/plugin.h>", path);
  else if (!pr_plugin_check (plugin, path, error))
    plugin = NULL;
  dlclose (module);
  return plugin;
}

static gboolean
check_ids (const PrRegistry *registry, const PrPlugin *plugin, const char *path, GError **error)
{
  for (gsize i = 0; plugin->stages[i] != NULL; i++)
    {
      const char *id = plugin->stages[i]->id;
      const PrStageEntry *taken = pr_registry_find (registry, id);

      for (gsize j = 0; j < i; j++)
        if (strcmp (plugin->stages[j]->id, id) == 0)
          {
            g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN, "plugin '%s': two stages call themselves '%s'; rename one",
                         path, id);
            return FALSE;
          }
      if (taken != NULL)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                       "plugin '%s': stage '%s' exists already in '%s'; rename one or leave one out of the plugin path",
                       path, id, taken->path);
          return FALSE;
        }
    }
  return TRUE;
}

static int
compare_entries (gconstpointer a, gconstpointer b)
{
  const PrStageEntry *const *x = a, *const *y = b;

  return strcmp ((*x)->stage->id, (*y)->stage->id);
}

/* The same folder may stand in the plugin path twice. */
static gboolean
is_loaded (const PrRegistry *registry, const char *path)
{
  for (guint i = 0; i < registry->entries->len; i++)
    if (strcmp (((const PrStageEntry *)registry->entries->pdata[i])->path, path) == 0)
      return TRUE;
  return FALSE;
}

gboolean
pr_registry_load (PrRegistry *registry, const char *path, GError **error)
{
  g_autofree char *full = g_canonicalize_filename (path, NULL), *digest = NULL;
  const PrPlugin *plugin;

  if (is_loaded (registry, full))
    return TRUE;
  digest = pr_sha256_file (full, error);
  if (digest == NULL)
    return FALSE;
  plugin = open_plugin (full, error);
  if (plugin == NULL || !check_ids (registry, plugin, full, error))
    return FALSE;
  for (gsize i = 0; plugin->stages[i] != NULL; i++)
    {
      PrStageEntry *entry = g_new0 (PrStageEntry, 1);

      entry->plugin = plugin;
      entry->stage = plugin->stages[i];
      entry->path = g_strdup (full);
      entry->digest = g_strdup (digest);
      g_ptr_array_add (registry->entries, entry);
    }
  g_ptr_array_sort (registry->entries, compare_entries);
  return TRUE;
}

/* Folders ---------------------------------------------------------------- */

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

/* The plugin that NAME of DIR stands for: itself, or what libtool built in it; NULL if neither.  To free. */
static char *
plugin_path (const char *dir, const char *name)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  g_autofree char *file = NULL, *built = NULL;

  if (g_str_has_suffix (name, ".so"))
    return g_steal_pointer (&path);
  file = g_strconcat (name, ".so", NULL);
  built = g_build_filename (path, ".libs", file, NULL);
  return g_file_test (built, G_FILE_TEST_EXISTS) ? g_steal_pointer (&built) : NULL;
}

gboolean
pr_registry_load_dir (PrRegistry *registry, const char *dir, GError **error)
{
  g_autoptr (GError) raised = NULL;
  g_autoptr (GDir) handle = g_dir_open (dir, 0, &raised);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  if (handle == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "cannot look for plugins: %s", raised->message);
      return FALSE;
    }
  while ((name = g_dir_read_name (handle)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *path = plugin_path (dir, names->pdata[i]);

      if (path != NULL && !pr_registry_load (registry, path, error))
        return FALSE;
    }
  return TRUE;
}

char *
pr_registry_default_dir (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *dir = program != NULL ? g_path_get_dirname (program) : NULL;
  g_autofree char *base = dir != NULL ? g_path_get_basename (dir) : NULL;

  /* In a build tree the file that runs is build/.libs/pauserec: the one beside it is libtool's script. */
  if (base != NULL && strcmp (base, ".libs") == 0)
    {
      g_autofree char *build = g_path_get_dirname (dir);
      g_autofree char *library = g_build_filename (build, "libpauserec.la", NULL);
      g_autofree char *plugins = g_build_filename (build, "plugins", NULL);

      if (g_file_test (library, G_FILE_TEST_EXISTS) && g_file_test (plugins, G_FILE_TEST_IS_DIR))
        return g_steal_pointer (&plugins);
    }
  return g_strdup (PR_PLUGIN_DIR);
}
