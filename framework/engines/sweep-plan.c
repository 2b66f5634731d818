/* A plan made of an experiment: nodes told apart, runs, digests of what they are made of. */
#include "config.h"

#include "engines/sweep-private.h"

#include "runtime/commit.h"
#include "runtime/run-walk.h"
#include "runtime/sha256.h"

#include <dlfcn.h>
#include <string.h>

void
pr_planned_node_free (gpointer data)
{
  PrPlannedNode *node = data;

  g_free (node->name);
  g_free (node->stage);
  g_free (node->key);
  json_decref (node->parameters);
  g_free (node);
}

void
pr_planned_run_free (gpointer data)
{
  PrPlannedRun *run = data;

  g_free (run->arm);
  g_free (run->key);
  g_free (run->name);
  g_free (run->nodes);
  g_free (run);
}

PrSweepPlan *
pr_sweep_plan_empty (void)
{
  PrSweepPlan *plan = g_new0 (PrSweepPlan, 1);

  plan->plugins = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  plan->inputs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  plan->nodes = g_ptr_array_new_with_free_func (pr_planned_node_free);
  plan->runs = g_ptr_array_new_with_free_func (pr_planned_run_free);
  plan->tasks = g_array_new (FALSE, TRUE, sizeof (PrTask));
  return plan;
}

void
pr_sweep_plan_free (PrSweepPlan *plan)
{
  if (plan == NULL)
    return;
  g_free (plan->experiment);
  g_free (plan->question);
  g_free (plan->metric);
  g_free (plan->baseline);
  g_free (plan->manifest);
  g_free (plan->manifest_sha256);
  g_free (plan->cwd);
  g_strfreev (plan->set);
  g_strfreev (plan->plugin_path);
  g_free (plan->store);
  g_free (plan->version);
  g_free (plan->commit);
  g_free (plan->program_sha256);
  g_hash_table_unref (plan->plugins);
  g_hash_table_unref (plan->inputs);
  g_ptr_array_unref (plan->nodes);
  g_ptr_array_unref (plan->runs);
  g_array_unref (plan->tasks);
  g_free (plan);
}

/* Making ----------------------------------------------------------------------------------------------------------- */

typedef struct
{
  PrSweepPlan *plan;
  GHashTable *known; /* "name\nkey" -> GArray of indices into plan->nodes */
  GHashTable *seen;  /* for the view of the store */
  PrStore *store;
} Making;

char *
pr_sweep_program_path (void)
{
  Dl_info info;

  return dladdr ((const void *)(gsize)pr_sweep_plan_new, &info) != 0 && info.dli_fname != NULL
             ? g_canonicalize_filename (info.dli_fname, NULL)
             : NULL;
}

/* The node that says the same as PLANNED, made if there is none. */
static guint
node_index (const Making *making, const PrNodePlan *planned, const char *key)
{
  const PrNode *node = planned->node;
  g_autofree char *name = g_strconcat (node->name, "\n", key, NULL);
  GArray *indices = g_hash_table_lookup (making->known, name);
  GPtrArray *nodes = making->plan->nodes;
  PrPlannedNode *made;
  guint index = nodes->len;

  if (indices == NULL)
    {
      indices = g_array_new (FALSE, FALSE, sizeof (guint));
      g_hash_table_insert (making->known, g_steal_pointer (&name), indices);
    }
  for (guint i = 0; i < indices->len; i++)
    {
      guint at = g_array_index (indices, guint, i);

      if (json_equal (((const PrPlannedNode *)nodes->pdata[at])->parameters, node->resolved))
        return at;
    }
  made = g_new0 (PrPlannedNode, 1);
  made->name = g_strdup (node->name);
  made->stage = g_strdup (node->entry->stage->id);
  made->key = g_strdup (key);
  made->parameters = json_incref (node->resolved);
  made->cached = planned->cached;
  made->memory = planned->memory;
  made->flops = planned->flops;
  g_ptr_array_add (nodes, made);
  g_array_append_val (indices, index);
  if (!g_hash_table_contains (making->plan->plugins, node->entry->path))
    g_hash_table_insert (making->plan->plugins, g_strdup (node->entry->path), g_strdup (node->entry->digest));
  return index;
}

static gboolean
add_run (const Making *making, const PrRunSpec *spec, GError **error)
{
  g_autoptr (PrRunKeys) keys = pr_run_keys_new (spec);
  PrStoreView view = { making->store, keys, making->seen };
  g_autoptr (PrRunPlan) planned = pr_run_plan_new (spec, pr_store_view_cached, &view, error);
  PrPlannedRun *run;

  if (planned == NULL)
    return FALSE;
  run = g_new0 (PrPlannedRun, 1);
  run->arm = g_strdup (spec->arm);
  run->seed = spec->seed;
  run->key = pr_run_keys_run (keys, making->plan->experiment, spec);
  run->name = pr_walk_run_name (spec, run->key);
  run->n_nodes = spec->nodes->len;
  run->nodes = g_new (guint, MAX (run->n_nodes, 1));
  for (guint i = 0; i < run->n_nodes; i++)
    {
      const PrNodePlan *node = planned->nodes->pdata[i];

      run->nodes[i] = node_index (making, node, pr_run_keys_get (keys, node->node));
    }
  g_ptr_array_add (making->plan->runs, run);
  return TRUE;
}

static gboolean
add_runs (PrSweepPlan *plan, const PrSweepPlanSource *source, GError **error)
{
  const GPtrArray *runs = source->experiment->runs;
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
  g_autoptr (GHashTable) seen = pr_store_seen_new ();
  const Making making = { plan, known, seen, source->store };

  for (guint i = 0; i < runs->len; i++)
    if (!add_run (&making, runs->pdata[i], error))
      return FALSE;
  return TRUE;
}

static void
copy_digests (GHashTable *from, GHashTable *to)
{
  GHashTableIter iter;
  gpointer path, digest;

  g_hash_table_iter_init (&iter, from);
  while (g_hash_table_iter_next (&iter, &path, &digest))
    g_hash_table_insert (to, g_strdup (path), g_strdup (digest));
}

static char **
copy_paths (const char *const *paths)
{
  g_autoptr (GStrvBuilder) all = g_strv_builder_new ();

  for (gsize i = 0; paths != NULL && paths[i] != NULL; i++)
    {
      g_autofree char *path = g_canonicalize_filename (paths[i], NULL);

      g_strv_builder_add (all, path);
    }
  return g_strv_builder_end (all);
}

PrSweepPlan *
pr_sweep_plan_new (const PrSweepPlanSource *source, GError **error)
{
  const PrExperiment *experiment = source->experiment;
  g_autoptr (PrSweepPlan) plan = pr_sweep_plan_empty ();
  g_autofree char *program = pr_sweep_program_path ();

  plan->experiment = g_strdup (experiment->name);
  plan->question = g_strdup (experiment->question);
  plan->metric = g_strdup (experiment->metric);
  plan->baseline = g_strdup (experiment->baseline);
  plan->manifest = g_canonicalize_filename (experiment->path, NULL);
  plan->manifest_sha256 = pr_sha256_bytes (experiment->text, strlen (experiment->text));
  plan->cwd = g_get_current_dir ();
  plan->set = source->set != NULL ? g_strdupv ((char **)source->set) : g_new0 (char *, 1);
  plan->plugin_path = copy_paths (source->plugin_path);
  plan->store = g_canonicalize_filename (source->store_dir, NULL);
  plan->frozen = source->frozen;
  plan->version = g_strdup (PACKAGE_VERSION);
  plan->commit = g_strdup (pr_git_commit);
  plan->program_sha256 = program != NULL ? pr_sha256_file (program, error) : g_strdup ("");
  if (plan->program_sha256 == NULL || !add_runs (plan, source, error))
    return NULL;
  copy_digests (experiment->files, plan->inputs);
  pr_sweep_plan_cut (plan);
  return g_steal_pointer (&plan);
}
