#include "config.h"

#include "runtime/run-walk.h"

#include "results/results.h"
#include "runtime/provenance.h"
#include "runtime/stage-run.h"

#include <pauserec/error.h>
#include <string.h>

#define RANKING_TYPE "ranking/1"

static void
free_entry (gpointer entry)
{
  pr_entry_free (entry);
}

void
pr_walk_init (PrWalk *walk, const PrExperiment *experiment, const PrRunSpec *run, const PrRunKeys *keys, PrStore *store,
              PrWatch *watch)
{
  *walk = (PrWalk){ .experiment = experiment, .run = run, .keys = keys, .store = store, .watch = watch };
  walk->entries = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_entry);
}

void
pr_walk_clear (PrWalk *walk)
{
  g_hash_table_unref (walk->entries);
}

char *
pr_walk_run_name (const PrRunSpec *run, const char *run_key)
{
  g_autoptr (GString) name = g_string_new ("");

  for (const char *c = run->arm; *c != '\0'; c++)
    if (g_ascii_isalnum (*c) || strchr ("._=-", *c) != NULL)
      g_string_append_c (name, *c);
    else if (*c != ']')
      g_string_append_c (name, '-');
  g_string_append_printf (name, "-s%" G_GUINT64_FORMAT "-%.8s", run->seed, run_key);
  return g_string_free (g_steal_pointer (&name), FALSE);
}

static const PrEntry *
entry_of (const PrWalk *walk, const PrNode *node)
{
  return g_hash_table_lookup (walk->entries, pr_run_keys_get (walk->keys, node));
}

/* One folder an edge, NULL where it is unconnected; to free with free_dirs(). */
static char **
input_dirs (const PrWalk *walk, const PrNode *node)
{
  char **dirs = g_new0 (char *, node->n_edges + 1);

  for (gsize i = 0; i < node->n_edges; i++)
    if (node->edges[i].from != NULL)
      dirs[i] = g_build_filename (entry_of (walk, node->edges[i].from)->dir, node->edges[i].from_slot->name, NULL);
  return dirs;
}

static void
free_dirs (char **dirs, gsize n)
{
  for (gsize i = 0; i < n; i++)
    g_free (dirs[i]);
  g_free (dirs);
}

static void
stand_at (const PrWalk *walk, guint index)
{
  const PrNode *node = walk->run->nodes->pdata[index];

  walk->watch->now.node = index + 1;
  walk->watch->now.stage = node->name;
  walk->watch->now.key = pr_run_keys_get (walk->keys, node);
}

/* Plan what is wanted of the run again, now that more sizes are known: a stage further down that refuses its inputs
 * ends the run here, before anything is computed for it.  The refusal is that stage's, not that of the one that was to
 * come, which other runs may need. */
static PrRunPlan *
plan_again (const PrWalk *walk, GError **error)
{
  PrStoreView view = { walk->store, walk->keys, NULL };
  const PrNode *refused = NULL;
  PrRunPlan *plan = pr_run_plan_new_part (walk->run, walk->n_nodes, pr_store_view_cached, &view, &refused, error);
  guint index;

  if (plan == NULL && g_ptr_array_find (walk->run->nodes, refused, &index))
    stand_at (walk, index);
  return plan;
}

/* Run the stage into build->dir; the record is saved there. */
static gboolean
run_stage (const PrWalk *walk, const PrNode *node, const PrRunPlan *plan, const PrBuild *build, PrDims **ret_dims,
           double *ret_seconds, GError **error)
{
  g_autoptr (PrRecord) record = NULL;
  char **dirs;
  PrStageRun call = { .node = node,
                      .seed = pr_node_seed (node, walk->run),
                      .dir = build->dir,
                      .scratch = build->scratch,
                      .watch = walk->watch };
  gboolean ok;

  dirs = input_dirs (walk, node);
  call.input_dirs = (const char *const *)dirs;
  ok = pr_stage_run (&call, pr_run_plan_find (plan, node), &record, ret_dims, error)
       && pr_record_save (record, build->dir, error);
  free_dirs (dirs, node->n_edges);
  if (ok)
    *ret_seconds = record->wall_seconds;
  return ok;
}

static PrEntry *
compute (const PrWalk *walk, const PrNode *node, PrBuild *build, GError **error)
{
  g_autoptr (PrDims) dims = NULL;
  g_autoptr (PrRunPlan) plan = NULL;
  GError *raised = NULL;
  PrEntry *entry;

  if ((walk->may_compute != NULL && !walk->may_compute (build->key, walk->ctx, error))
      || (plan = plan_again (walk, error)) == NULL)
    {
      pr_store_abort (build);
      return NULL;
    }
  pr_watch_emit (walk->watch, PR_EVENT_STAGE_BEGIN, NULL);
  if (!run_stage (walk, node, plan, build, &dims, &walk->watch->now.seconds, error))
    {
      pr_store_abort (build);
      return NULL;
    }
  entry =
      pr_store_commit (walk->store, build, node->entry->stage, pr_run_keys_identity (walk->keys, node), dims, &raised);
  if (entry == NULL)
    g_propagate_prefixed_error (error, raised, "stage '%s': ", node->name);
  else
    pr_watch_emit (walk->watch, PR_EVENT_STAGE_END, NULL);
  return entry;
}

static gboolean
do_node (PrWalk *walk, const PrNode *node, GError **error)
{
  const char *key = pr_run_keys_get (walk->keys, node);
  PrEntry *entry = NULL;
  PrBuild *build;
  GError *raised = NULL;

  if (pr_watch_cancelled (walk->watch))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_CANCELLED, "cancelled before stage '%s'", node->name);
      return FALSE;
    }
  if (g_hash_table_contains (walk->entries, key))
    return TRUE;
  build = pr_store_acquire (walk->store, key, walk->watch, &entry, &raised);
  if (raised != NULL)
    {
      g_propagate_prefixed_error (error, raised, "stage '%s': ", node->name);
      return FALSE;
    }
  if (build == NULL)
    pr_watch_emit (walk->watch, PR_EVENT_STAGE_CACHED, NULL);
  else
    {
      entry = compute (walk, node, build, error);
      if (entry == NULL)
        return FALSE;
    }
  g_hash_table_insert (walk->entries, g_strdup (key), entry);
  return TRUE;
}

gboolean
pr_walk_stages (PrWalk *walk, guint n_nodes, GError **error)
{
  PrWatch *watch = walk->watch;

  walk->n_nodes = n_nodes;
  for (guint i = 0; i < n_nodes; i++)
    {
      stand_at (walk, i);
      if (!do_node (walk, walk->run->nodes->pdata[i], error))
        return FALSE;
    }
  watch->now.node = 0;
  watch->now.stage = watch->now.key = NULL;
  return TRUE;
}

/* Results ---------------------------------------------------------------------------------------------------------- */

/* The folder of the last ranking of the pipeline, to free; NULL if there is none. */
static char *
find_ranking (const PrWalk *walk)
{
  for (guint i = walk->run->nodes->len; i-- > 0;)
    {
      const PrNode *node = g_ptr_array_index (walk->run->nodes, i);
      const PrStage *stage = node->entry->stage;

      for (gsize j = 0; j < stage->n_slots; j++)
        if (stage->slots[j].direction == PR_SLOT_OUT && strcmp (stage->slots[j].type, RANKING_TYPE) == 0)
          return g_build_filename (entry_of (walk, node)->dir, stage->slots[j].name, NULL);
    }
  return NULL;
}

static void
free_record (gpointer record)
{
  pr_record_free (record);
}

gboolean
pr_walk_write (PrWalk *walk, const char *path, GError **error)
{
  const PrExperiment *experiment = walk->experiment;
  const PrRunSpec *run = walk->run;
  g_autofree char *run_key = pr_run_keys_run (walk->keys, experiment->name, run), *ranking = find_ranking (walk);
  g_autofree PrStageResult *stages = g_new0 (PrStageResult, run->nodes->len);
  g_autoptr (GPtrArray) records = g_ptr_array_new_with_free_func (free_record);
  json_t *provenance;
  PrRunResult result = { .experiment = experiment->name,
                         .arm = run->arm,
                         .manifest = experiment->text,
                         .run_key = run_key,
                         .seed = run->seed,
                         .stages = stages,
                         .n_stages = run->nodes->len,
                         .ranking_dir = ranking };
  gboolean ok;

  for (guint i = 0; i < run->nodes->len; i++)
    {
      const PrNode *node = g_ptr_array_index (run->nodes, i);
      PrRecord *record = pr_record_load (entry_of (walk, node)->dir, error);

      if (record == NULL)
        return FALSE;
      g_ptr_array_add (records, record);
      stages[i] = (PrStageResult){ node->name, pr_run_keys_get (walk->keys, node), record };
    }
  provenance = pr_provenance_new (experiment, run, walk->keys);
  result.provenance = provenance;
  ok = pr_results_write_run (&result, path, error);
  json_decref (provenance);
  return ok;
}
