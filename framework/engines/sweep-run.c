#include "config.h"

#include "engines/sweep-run.h"

#include "engines/failure.h"
#include "engines/sweep-private.h"
#include "results/results.h"
#include "runtime/refs.h"

#include <pauserec/error.h>
#include <string.h>

void
pr_sweep_summary_clear (PrSweepSummary *summary)
{
  g_clear_pointer (&summary->results, g_free);
}

/* The plan --------------------------------------------------------------------------------------------------------- */

PrSweepPlan *
pr_sweep_freeze (const PrSweepPlanSource *source, const char *out_dir, GError **error)
{
  g_autoptr (PrSweepPlan) plan = pr_sweep_plan_new (source, error);

  return plan != NULL && pr_sweep_plan_save (plan, out_dir, error) ? g_steal_pointer (&plan) : NULL;
}

/* The plan that counts: the one that is there if nothing changed, otherwise a new one. */
static PrSweepPlan *
settle_plan (const PrSweepCall *call, PrStore *store, GError **error)
{
  const PrSweepPlanSource source = { .experiment = call->experiment,
                                     .set = call->set,
                                     .plugin_path = call->plugin_path,
                                     .store_dir = call->store_dir,
                                     .store = store };
  g_autoptr (GError) fault = NULL;
  g_autoptr (PrSweepPlan) was = pr_sweep_plan_load (call->out_dir, &fault), is = NULL;
  g_autofree char *difference = NULL;

  if (fault != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&fault));
      return NULL;
    }
  is = pr_sweep_plan_new (&source, error);
  if (is == NULL)
    return NULL;
  difference = was != NULL ? pr_sweep_plan_difference (was, is) : NULL;
  if (was != NULL && difference == NULL)
    return pr_sweep_make_folders (call->out_dir, error) ? g_steal_pointer (&was) : NULL;
  if (was != NULL && was->frozen)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "the plan in '%s' was frozen, and since then something changed:\n%s\n`pauserec plan` with the same "
                   "arguments makes a new plan; what is the same is not computed again",
                   call->out_dir, difference);
      return NULL;
    }
  if (difference != NULL)
    pr_watch_note (call->watch, "planned anew, since the last time something changed:\n%s", difference);
  return pr_sweep_plan_save (is, call->out_dir, error) ? g_steal_pointer (&is) : NULL;
}

/* What to do ------------------------------------------------------------------------------------------------------- */

typedef struct
{
  const PrSweepCall *call;
  const PrSweepPlan *plan;
  GHashTable *failures; /* key -> PrFailure */
  guint n_done;
} Selection;

/* Forget the failures of KEY that this call is to try again. */
static gboolean
forgive (Selection *s, const char *key, gboolean *ret_failed, GError **error)
{
  const PrFailure *failure = g_hash_table_lookup (s->failures, key);

  if (failure == NULL)
    return TRUE;
  *ret_failed = TRUE;
  if (s->call->mode == PR_SWEEP_RUN && !pr_failure_of_machine (failure))
    return TRUE;
  return pr_failure_remove (s->call->out_dir, key, error);
}

static gboolean
forgive_run (Selection *s, const PrPlannedRun *run, gboolean *ret_failed, GError **error)
{
  for (guint i = 0; i < run->n_nodes; i++)
    if (!forgive (s, pr_sweep_node (s->plan, run, i)->key, ret_failed, error))
      return FALSE;
  return forgive (s, run->key, ret_failed, error);
}

static gboolean
was_begun (const Selection *s, const PrPlannedRun *run)
{
  g_autofree char *log = pr_sweep_progress_path (s->call->out_dir, run);

  return g_file_test (log, G_FILE_TEST_EXISTS);
}

static void
tell_run (const Selection *s, guint index, PrEventKind kind, const char *text)
{
  const PrPlannedRun *run = s->plan->runs->pdata[index];
  const PrEvent event = {
    .kind = kind, .run = index + 1, .n_runs = s->plan->runs->len, .arm = run->arm, .seed = run->seed, .text = text
  };

  if (s->call->watch->event != NULL)
    s->call->watch->event (&event, s->call->watch->ctx);
}

/* TRUE if the sealed file of the run is there and sound.  A damaged one will be written again, unless a process is at
 * it. */
static gboolean
is_done (Selection *s, guint index)
{
  const PrPlannedRun *run = s->plan->runs->pdata[index];
  g_autofree char *path = pr_sweep_run_path (s->call->out_dir, run);
  g_autoptr (GError) fault = NULL;

  if (!pr_results_verify_run (path, run->key, NULL, &fault))
    return FALSE;
  s->n_done++;
  tell_run (s, index, PR_EVENT_RUN_DONE, NULL);
  return TRUE;
}

/* Which runs are to be done: [runs], to free; NULL with an error. */
static gboolean *
select_runs (Selection *s, GError **error)
{
  g_autofree gboolean *chosen = g_new0 (gboolean, s->plan->runs->len + 1);

  for (guint i = 0; i < s->plan->runs->len; i++)
    {
      const PrRunSpec *spec = s->call->experiment->runs->pdata[i];
      const PrPlannedRun *run = s->plan->runs->pdata[i];
      gboolean failed = FALSE;

      if (!spec->wanted || is_done (s, i))
        continue;
      if (!forgive_run (s, run, &failed, error))
        return NULL;
      chosen[i] = s->call->mode != PR_SWEEP_RETRY_FAILED || failed || was_begun (s, run);
    }
  return g_steal_pointer (&chosen);
}

/* The tasks of those runs, and what these begin with. */
static GArray *
select_tasks (const PrSweepPlan *plan, const gboolean *chosen)
{
  g_autofree gboolean *needed = g_new0 (gboolean, plan->tasks->len + 1);
  GArray *tasks = g_array_new (FALSE, FALSE, sizeof (guint));

  for (guint i = 0; i < plan->tasks->len; i++)
    {
      const PrTask *task = &g_array_index (plan->tasks, PrTask, i);

      if (task->whole && chosen[task->run])
        for (int at = (int)i; at >= 0 && !needed[at]; at = g_array_index (plan->tasks, PrTask, at).parent)
          needed[at] = TRUE;
    }
  for (guint i = 0; i < plan->tasks->len; i++)
    if (needed[i])
      g_array_append_val (tasks, i);
  return tasks;
}

/* Merging ---------------------------------------------------------------------------------------------------------- */

/* The results that are there.  WHOLE: read them all, leave out what is damaged and tell it; otherwise a look at their
 * seals is enough. */
static GPtrArray *
find_results (const PrSweepPlan *plan, const char *out_dir, gboolean whole, const PrWatch *watch)
{
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < plan->runs->len; i++)
    {
      const PrPlannedRun *run = plan->runs->pdata[i];
      g_autofree char *path = pr_sweep_run_path (out_dir, run);
      g_autoptr (GError) fault = NULL;

      if (whole ? pr_results_verify_run (path, run->key, NULL, &fault) : pr_results_peek_run (path, run->key, &fault))
        g_ptr_array_add (paths, g_steal_pointer (&path));
      else if (fault != NULL && whole)
        pr_watch_note (watch, "left out: %s", fault->message);
    }
  return paths;
}

gboolean
pr_sweep_merge (const PrSweepPlan *plan, const char *out_dir, const PrWatch *watch, guint *ret_n, GError **error)
{
  g_autofree char *results = pr_sweep_results_path (out_dir);

  /* Merging reads every file whole and finds damage by itself: only then it is worth while to find out which. */
  for (int whole = FALSE;; whole++)
    {
      g_autoptr (GPtrArray) paths = find_results (plan, out_dir, whole, watch);
      g_autoptr (GError) fault = NULL;

      *ret_n = paths->len;
      if ((paths->len == 0 && whole)
          || (paths->len > 0
              && pr_results_merge ((const char *const *)paths->pdata, paths->len, plan->experiment, plan->metric,
                                   plan->baseline, results, &fault)))
        return TRUE;
      if (fault != NULL && (whole || !g_error_matches (fault, PR_ERROR, PR_ERROR_DATA)))
        {
          g_propagate_error (error, g_steal_pointer (&fault));
          return FALSE;
        }
    }
}

/* All of it -------------------------------------------------------------------------------------------------------- */

static gboolean
run_tasks (const PrSweepCall *call, const PrSweep *sweep, PrSweepSummary *summary, GError **error)
{
  g_autoptr (GHashTable) failures = pr_failures_load (call->out_dir);
  Selection selection = { call, sweep->plan, failures, 0 };
  g_autofree gboolean *chosen = select_runs (&selection, error);
  g_autoptr (GArray) tasks = chosen != NULL ? select_tasks (sweep->plan, chosen) : NULL;
  PrEngineCall engine_call = { .sweep = sweep,
                               .jobs = MAX (call->jobs, 1),
                               .threads = MAX (call->threads, 1),
                               .memory = call->memory,
                               .options = call->options,
                               .program = call->program,
                               .wait = call->wait,
                               .watch = call->watch };
  gboolean ok;

  if (tasks == NULL)
    return FALSE;
  engine_call.tasks = (const guint *)(const void *)tasks->data;
  engine_call.n_tasks = tasks->len;
  ok = call->engine->run (&engine_call, &summary->report, error);
  summary->report.n_done += selection.n_done;
  return ok;
}

gboolean
pr_sweep_run (const PrSweepCall *call, PrSweepSummary *ret_summary, GError **error)
{
  g_autoptr (PrStore) store = NULL;
  g_autoptr (PrSweepPlan) plan = NULL;
  PrSweep sweep = { .out_dir = call->out_dir, .experiment = call->experiment };
  GError *raised = NULL;
  guint n = 0;

  *ret_summary = (PrSweepSummary){ 0 };
  store = pr_store_open (call->store_dir, error);
  plan = store != NULL ? settle_plan (call, store, error) : NULL;
  if (plan == NULL || !pr_store_add_ref (store, call->out_dir, call->watch, error))
    return FALSE;
  sweep.plan = plan;
  sweep.store = store;
  run_tasks (call, &sweep, ret_summary, &raised);
  if (!g_error_matches (raised, PR_ERROR, PR_ERROR_CANCELLED) && ret_summary->report.n_submitted == 0)
    {
      if (pr_sweep_merge (plan, call->out_dir, call->watch, &n, raised == NULL ? &raised : NULL) && n > 0)
        ret_summary->results = pr_sweep_results_path (call->out_dir);
    }
  if (raised == NULL)
    return TRUE;
  g_propagate_error (error, raised);
  return FALSE;
}
