#include "config.h"

#include "runtime/experiment-run.h"

#include "results/results.h"
#include "runtime/folder.h"
#include "runtime/progress.h"
#include "runtime/run-walk.h"

#include <pauserec/error.h>
#include <string.h>

/* The state of one call. */
typedef struct
{
  const PrExperiment *experiment;
  PrWalk walk;
  PrWatch watch;        /* a copy of the caller's that also feeds the progress file */
  const PrWatch *outer; /* the caller's */
  PrProgressFile *file; /* of the run that goes on */
  GPtrArray *paths;     /* char *: sealed run files, in the order of runs */
  GString *failures;    /* messages, a line each */
  guint n_failures;     /* messages in it */
  GError *first;        /* error of the first failed run */
  PrExperimentSummary *summary;
} Call;

void
pr_experiment_summary_clear (PrExperimentSummary *summary)
{
  g_clear_pointer (&summary->results, g_free);
}

static void
forward (const PrEvent *event, gpointer ctx)
{
  Call *call = ctx;

  if (call->file != NULL)
    pr_progress_file_event (call->file, event);
  if (call->outer->event != NULL)
    call->outer->event (event, call->outer->ctx);
}

/* The whole graph of every run, before the first stage runs. */
static gboolean
plan_all (const Call *call, GError **error)
{
  for (guint i = 0; i < call->experiment->runs->len; i++)
    {
      const PrRunSpec *run = g_ptr_array_index (call->experiment->runs, i);
      g_autoptr (PrRunKeys) keys = pr_run_keys_new (run);
      PrStoreView view = { call->walk.store, keys };
      g_autoptr (PrRunPlan) plan = pr_run_plan_new (run, pr_store_view_cached, &view, error);

      if (plan == NULL)
        return FALSE;
    }
  return TRUE;
}

static void
note_failure (Call *call, const PrRunSpec *run, GError *raised)
{
  pr_watch_emit (&call->watch, PR_EVENT_RUN_FAILED, raised->message);
  g_string_append_printf (call->failures, "%s%s, seed %" G_GUINT64_FORMAT ": %s", call->n_failures > 0 ? "\n" : "",
                          run->arm, run->seed, raised->message);
  call->n_failures++;
  call->summary->n_failed++;
  if (call->first == NULL)
    call->first = raised;
  else
    g_error_free (raised);
}

/* TRUE if the sealed file of the run is there; a damaged one is told, and written again. */
static gboolean
is_done (const Call *call, const char *path, const char *run_key)
{
  g_autoptr (GError) fault = NULL;

  if (pr_results_verify_run (path, run_key, NULL, &fault))
    return TRUE;
  if (fault != NULL)
    pr_watch_note (&call->watch, "written again: %s", fault->message);
  return FALSE;
}

/* FALSE, with an error, only if nothing may go on. */
static gboolean
do_run (Call *call, const PrRunSpec *run, GError **error)
{
  g_autoptr (PrRunKeys) keys = pr_run_keys_new (run);
  g_autofree char *run_key = pr_run_keys_run (keys, call->experiment->name, run),
                  *name = pr_walk_run_name (run, run_key);
  g_autofree char *base = g_strconcat (name, ".h5", NULL), *log = g_strconcat (name, ".jsonl", NULL);
  g_autofree char *path = g_build_filename (call->walk.out_dir, "runs", base, NULL);
  g_autofree char *log_path = g_build_filename (call->walk.out_dir, "progress", log, NULL);
  const char *failed = pr_walk_failed_stage (&call->walk, run, keys);
  GError *raised = NULL;

  if (is_done (call, path, run_key))
    {
      call->summary->n_done++;
      pr_watch_emit (&call->watch, PR_EVENT_RUN_DONE, NULL);
    }
  else if (failed != NULL)
    {
      /* Its reason is told with the run that failed first. */
      g_autofree char *reason = g_strdup_printf ("needs stage '%s', which failed", failed);

      call->summary->n_failed++;
      pr_watch_emit (&call->watch, PR_EVENT_RUN_FAILED, reason);
      return TRUE;
    }
  else
    {
      call->file = pr_progress_file_open (log_path, error);
      if (call->file == NULL)
        return FALSE;
      pr_watch_emit (&call->watch, PR_EVENT_RUN_BEGIN, NULL);
      if (!pr_walk_run (&call->walk, run, keys, &call->watch, path, &raised))
        {
          if (g_error_matches (raised, PR_ERROR, PR_ERROR_CANCELLED))
            {
              g_propagate_error (error, raised);
              return FALSE;
            }
          note_failure (call, run, raised);
          return TRUE;
        }
      call->summary->n_written++;
      pr_watch_emit (&call->watch, PR_EVENT_RUN_END, path);
    }
  g_ptr_array_add (call->paths, g_steal_pointer (&path));
  return TRUE;
}

static gboolean
do_runs (Call *call, GError **error)
{
  const GPtrArray *runs = call->experiment->runs;

  for (guint i = 0; i < runs->len; i++)
    {
      const PrRunSpec *run = g_ptr_array_index (runs, i);
      gboolean ok;

      call->watch.now = (PrEvent){
        .run = i + 1, .n_runs = runs->len, .n_nodes = run->nodes->len, .arm = run->arm, .seed = run->seed
      };
      ok = do_run (call, run, error);
      g_clear_pointer (&call->file, pr_progress_file_free);
      if (!ok)
        return FALSE;
    }
  return TRUE;
}

static gboolean
merge (Call *call, GError **error)
{
  const PrExperiment *experiment = call->experiment;
  g_autofree char *path = g_build_filename (call->walk.out_dir, "results.h5", NULL);

  if (call->paths->len == 0)
    return TRUE;
  if (!pr_results_merge ((const char *const *)call->paths->pdata, call->paths->len, experiment->name,
                         experiment->metric, experiment->baseline, path, error))
    return FALSE;
  call->summary->results = g_steal_pointer (&path);
  return TRUE;
}

/* Every message once, under the code of the first. */
static gboolean
report (Call *call, GError **error)
{
  guint n_skipped = call->summary->n_failed - call->n_failures;

  if (call->first == NULL)
    return TRUE;
  if (n_skipped > 0)
    g_string_append_printf (call->failures, "\n%u more run%s the same stage%s", n_skipped,
                            n_skipped == 1 ? " needs" : "s need", call->n_failures == 1 ? "" : "s");
  g_set_error_literal (error, call->first->domain, call->first->code, call->failures->str);
  return FALSE;
}

static gboolean
make_out (const char *out_dir, GError **error)
{
  g_autofree char *runs = g_build_filename (out_dir, "runs", NULL),
                  *progress = g_build_filename (out_dir, "progress", NULL);

  return pr_folder_make (runs, error) && pr_folder_make (progress, error);
}

gboolean
pr_experiment_run (const PrExperiment *experiment, const char *store_dir, const char *out_dir, const PrWatch *watch,
                   PrExperimentSummary *ret_summary, GError **error)
{
  g_autoptr (PrStore) store = NULL;
  Call call = { .experiment = experiment, .outer = watch, .summary = ret_summary };
  gboolean ok;

  *ret_summary = (PrExperimentSummary){ 0 };
  if (!make_out (out_dir, error))
    return FALSE;
  store = pr_store_open (store_dir, error);
  if (store == NULL)
    return FALSE;
  pr_walk_init (&call.walk, experiment, store, out_dir);
  call.watch = (PrWatch){ .cancel = watch->cancel, .event = forward, .ctx = &call };
  call.paths = g_ptr_array_new_with_free_func (g_free);
  call.failures = g_string_new ("");
  ok = plan_all (&call, error) && do_runs (&call, error) && merge (&call, error) && report (&call, error);
  ret_summary->n_computed = call.walk.n_computed;
  ret_summary->n_cached = call.walk.n_cached;
  g_clear_error (&call.first);
  g_string_free (call.failures, TRUE);
  g_ptr_array_unref (call.paths);
  pr_walk_clear (&call.walk);
  return ok;
}
