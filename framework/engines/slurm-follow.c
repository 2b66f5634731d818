#include "config.h"

#include "engines/slurm-private.h"

#include "engines/failure.h"
#include "engines/told.h"
#include "results/results.h"

#include <pauserec/error.h>

/* Asking costs the controller of a busy cluster something: seldom, except in the beginning. */
#define POLL_SECONDS_FIRST 0.5
#define POLL_SECONDS_MOST 20.0
#define NAP_MICROSECONDS (100 * 1000)

/* FALSE if the user wants out. */
static gboolean
nap (const PrWatch *watch, double seconds)
{
  gint64 until = g_get_monotonic_time () + (gint64)(seconds * 1e6);

  while (!pr_watch_cancelled (watch) && g_get_monotonic_time () < until)
    g_usleep (NAP_MICROSECONDS);
  return !pr_watch_cancelled (watch);
}

static guint
count_queued (const PrSlurmRecord *record, GHashTable *queue)
{
  guint n = 0;

  for (guint i = 0; i < record->jobs->len; i++)
    {
      const PrSlurmJob *job = record->jobs->pdata[i];
      gsize n_tasks = job->tasks != NULL ? job->tasks->len : 1;

      for (gsize j = 0; j < n_tasks; j++)
        {
          g_autofree char *element = pr_slurm_job_element (job, j);

          n += g_hash_table_contains (queue, element);
        }
    }
  return n;
}

/* A controller that does not answer for a while is waited for too. */
static gboolean
wait_for_jobs (const PrEngineCall *call, const PrSlurmRecord *record, GError **error)
{
  gboolean answered = TRUE;
  guint left = 1;

  for (double seconds = POLL_SECONDS_FIRST; left > 0; seconds = MIN (seconds * 1.5, POLL_SECONDS_MOST))
    {
      g_autoptr (GError) silence = NULL;
      g_autoptr (GHashTable) queue = NULL;

      if (!nap (call->watch, seconds))
        {
          g_set_error (error, PR_ERROR, PR_ERROR_CANCELLED,
                       "cancelled while waiting; the jobs go on, and the same command waits for them again");
          return FALSE;
        }
      queue = pr_slurm_queue (&silence);
      if (queue == NULL && answered)
        pr_watch_note (call->watch, "waiting for Slurm: %s", silence->message);
      answered = queue != NULL;
      if (queue != NULL)
        left = count_queued (record, queue);
    }
  return TRUE;
}

/* What keeps RUN from being done, or NULL. */
static const PrFailure *
find_failure (const PrSweepPlan *plan, const PrPlannedRun *run, GHashTable *failures)
{
  for (guint i = 0; i < run->n_nodes; i++)
    {
      const PrPlannedNode *node = plan->nodes->pdata[run->nodes[i]];
      const PrFailure *failure = g_hash_table_lookup (failures, node->key);

      if (failure != NULL)
        return failure;
    }
  return g_hash_table_lookup (failures, run->key);
}

static void
tell_run (const PrEngineCall *call, const PrTask *task, GHashTable *failures, PrTold *told)
{
  const PrSweepPlan *plan = call->sweep->plan;
  const PrPlannedRun *run = plan->runs->pdata[task->run];
  const PrFailure *failure = find_failure (plan, run, failures);
  g_autofree char *path = pr_sweep_run_path (call->sweep->out_dir, run);
  g_autofree char *lost = g_strdup_printf ("no result: its job was cancelled or killed (see %s/slurm); the same command "
                                           "goes on with it",
                                           call->sweep->out_dir);
  PrEvent event = { .run = task->run + 1, .n_runs = plan->runs->len, .arm = run->arm, .seed = run->seed };

  if (pr_results_verify_run (path, run->key, NULL, NULL))
    {
      event.kind = PR_EVENT_RUN_END;
      event.text = path;
    }
  else
    {
      event.kind = PR_EVENT_RUN_FAILED;
      event.key = failure != NULL ? failure->key : run->key;
      event.stage = failure != NULL ? failure->stage : NULL;
      event.text = failure != NULL ? failure->message : lost;
      event.code = failure != NULL ? failure->code : PR_ERROR_IO;
    }
  pr_told_event (told, task, &event);
}

gboolean
pr_slurm_follow (const PrEngineCall *call, const PrSlurmRecord *record, PrEngineReport *report, GError **error)
{
  g_autoptr (GHashTable) failures = NULL;
  PrTold *told;
  gboolean ok;

  if (!wait_for_jobs (call, record, error))
    return FALSE;
  failures = pr_failures_load (call->sweep->out_dir);
  told = pr_told_new (call, report);
  for (guint i = 0; i < call->n_tasks; i++)
    {
      const PrTask *task = &g_array_index (call->sweep->plan->tasks, PrTask, call->tasks[i]);

      if (task->whole)
        tell_run (call, task, failures, told);
    }
  ok = pr_told_result (told, error);
  pr_told_free (told);
  return ok;
}
