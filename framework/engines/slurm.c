/* The engine of a cluster.  Tasks with one parent become a job array, in chunks that Slurm takes, that starts after the
 * parent's element; a last job merges.  `afterany` everywhere: a task finds out itself what there is to do, so nobody
 * is stranded by one that died.  Tasks are locked and done once, whoever starts them and however often, so submitting
 * one twice costs a place in the queue and nothing else; slurm.json keeps that rare. */
#include "config.h"

#include "engines/slurm-private.h"

#include "engines/failure.h"
#include "engines/told.h"
#include "results/results.h"
#include "runtime/lock.h"

#include <pauserec/error.h>
#include <string.h>

typedef struct
{
  const PrEngineCall *call;
  const PrSweepPlan *plan;
  PrSlurmSubmission submission;
  PrSlurmRecord *record;
  GHashTable *queue;
  GHashTable *failures; /* key -> PrFailure: what failed before; a task that needs it is not started */
  char **elements;      /* [tasks of the plan]: "12_3", the job that does the task; NULL: none */
  gboolean *wanted;     /* [tasks of the plan]: to be submitted */
  guint n_live;         /* tasks of this call that had a job before */
  guint n_new;          /* tasks that got one */
  gboolean looked;      /* the three above are known */
  char *merge;          /* job that merges, NULL: none */
} Engine;

static const PrTask *
task_at (const Engine *engine, guint task)
{
  return &g_array_index (engine->plan->tasks, PrTask, task);
}

/* What keeps TASK from being done, or NULL. */
static const PrFailure *
find_failure (const Engine *engine, const PrTask *task)
{
  return pr_failures_find (engine->failures, engine->plan, engine->plan->runs->pdata[task->run], task->n_nodes,
                           task->whole);
}

static gboolean
is_done (const Engine *engine, const PrTask *task)
{
  const PrPlannedRun *run = engine->plan->runs->pdata[task->run];
  g_autofree char *path = pr_sweep_run_path (engine->call->sweep->out_dir, run);

  return pr_results_verify_run (path, run->key, NULL, NULL);
}

/* Are the stages of TASK, which is a part that runs begin with, in the store? */
static gboolean
is_stored (const Engine *engine, const PrTask *task)
{
  const PrPlannedRun *run = engine->plan->runs->pdata[task->run];

  for (guint i = 0; i < task->n_nodes; i++)
    {
      const PrPlannedNode *node = pr_sweep_node (engine->plan, run, i);
      g_autoptr (PrEntry) entry = pr_store_look (engine->call->sweep->store, node->key, FALSE, NULL);

      if (entry == NULL)
        return FALSE;
    }
  return TRUE;
}

/* What the queue has already --------------------------------------------------------------------------------------- */

/* Jobs do the task of a number, and a plan that was made anew numbers its tasks anew. */
static gboolean
check_job (const Engine *engine, const PrSlurmJob *job, gsize i, GError **error)
{
  guint task = g_array_index (job->tasks, guint, i);
  g_autofree char *name = task < engine->plan->tasks->len ? pr_slurm_task_name (engine->plan, task) : NULL;

  if (g_strcmp0 (name, job->names[i]) == 0)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "job %s is still in Slurm's queue and belongs to an earlier plan of this sweep, in which task %u was "
               "another; wait for it or `scancel %s`, or give --out another folder",
               job->id, task, job->id);
  return FALSE;
}

static gboolean
find_live_elements (Engine *engine, const PrSlurmJob *job, GError **error)
{
  for (gsize i = 0; job->tasks != NULL && i < job->tasks->len; i++)
    {
      g_autofree char *element = pr_slurm_job_element (job, i);
      guint task = g_array_index (job->tasks, guint, i);

      if (!g_hash_table_contains (engine->queue, element))
        continue;
      if (!check_job (engine, job, i, error))
        return FALSE;
      g_free (engine->elements[task]);
      engine->elements[task] = g_steal_pointer (&element);
    }
  return TRUE;
}

/* The record without the jobs that are over, and who does what. */
static gboolean
find_live (Engine *engine, GError **error)
{
  engine->record = pr_slurm_record_load (engine->call->sweep->out_dir, error);
  if (engine->record == NULL)
    return FALSE;
  if (engine->record->jobs->len == 0)
    return TRUE;
  engine->queue = pr_slurm_queue (error);
  if (engine->queue == NULL)
    return FALSE;
  pr_slurm_record_prune (engine->record, engine->queue);
  for (guint i = 0; i < engine->record->jobs->len; i++)
    {
      const PrSlurmJob *job = engine->record->jobs->pdata[i];

      if (!find_live_elements (engine, job, error))
        return FALSE;
      if (job->tasks == NULL)
        {
          g_free (engine->merge);
          engine->merge = g_strdup (job->id);
        }
    }
  return TRUE;
}

/* Submitting ------------------------------------------------------------------------------------------------------- */

/* TASK and what it begins with, as far as nobody did or does that. */
static void
want (Engine *engine, const gboolean *called, guint task)
{
  engine->wanted[task] = TRUE;
  for (int at = task_at (engine, task)->parent; at >= 0; at = task_at (engine, (guint)at)->parent)
    {
      if (!called[at] || engine->elements[at] != NULL || engine->wanted[at]
          || is_stored (engine, task_at (engine, (guint)at)))
        return;
      engine->wanted[at] = TRUE;
    }
}

/* What is left, now that we know what is in the queue: runs that have no job, are not done meanwhile and would not only
 * fail again. */
static void
choose (Engine *engine)
{
  g_autofree gboolean *called = g_new0 (gboolean, engine->plan->tasks->len + 1);

  for (guint i = 0; i < engine->call->n_tasks; i++)
    {
      guint task = engine->call->tasks[i];

      called[task] = TRUE;
      engine->n_live += engine->elements[task] != NULL;
    }
  for (guint i = 0; i < engine->call->n_tasks; i++)
    {
      guint task = engine->call->tasks[i];
      const PrTask *found = task_at (engine, task);

      if (found->whole && engine->elements[task] == NULL && !is_done (engine, found)
          && find_failure (engine, found) == NULL)
        want (engine, called, task);
    }
}

/* From the I-th task of the call: those that go into one array, to free.  RET_END: the next one to look at. */
static GArray *
next_array (const Engine *engine, guint i, guint *ret_end)
{
  GArray *tasks = g_array_new (FALSE, FALSE, sizeof (guint));

  for (; i < engine->call->n_tasks; i++)
    {
      guint task = engine->call->tasks[i], first = tasks->len > 0 ? g_array_index (tasks, guint, 0) : task;

      if (!engine->wanted[task])
        continue;
      if (task_at (engine, task)->parent != task_at (engine, first)->parent
          || task - first >= engine->submission.max_size)
        break;
      g_array_append_val (tasks, task);
    }
  *ret_end = i;
  return tasks;
}

/* Keep the job before the next one is submitted: whatever stops us, it is not submitted again. */
static gboolean
keep (Engine *engine, const char *id, const guint *tasks, gsize n, GError **error)
{
  pr_slurm_record_add (engine->record, engine->plan, id, n > 0 ? tasks[0] : 0, tasks, n);
  for (gsize i = 0; i < n; i++)
    engine->elements[tasks[i]] = g_strdup_printf ("%s_%u", id, tasks[i] - tasks[0]);
  engine->n_new += (guint)n;
  return pr_slurm_record_save (engine->record, error);
}

static gboolean
submit_array (Engine *engine, const GArray *tasks, GError **error)
{
  const guint *first = (const guint *)(const void *)tasks->data;
  int parent = task_at (engine, *first)->parent;
  g_autofree char *id = NULL;

  if (pr_watch_cancelled (engine->call->watch))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_CANCELLED, "cancelled before all jobs were submitted");
      return FALSE;
    }
  id = pr_slurm_submit_tasks (&engine->submission, first, tasks->len, parent >= 0 ? engine->elements[parent] : NULL,
                              error);
  return id != NULL && keep (engine, id, first, tasks->len, error);
}

static gboolean
submit_merge (Engine *engine, GError **error)
{
  g_autoptr (GString) jobs = g_string_new ("");

  for (guint i = 0; i < engine->record->jobs->len; i++)
    {
      const PrSlurmJob *job = engine->record->jobs->pdata[i];

      if (job->tasks != NULL)
        g_string_append_printf (jobs, "%s%s", jobs->len > 0 ? ":" : "", job->id);
    }
  if (jobs->len == 0 || (engine->n_new == 0 && engine->merge != NULL))
    return TRUE;
  g_free (engine->merge);
  engine->merge = pr_slurm_submit_merge (&engine->submission, jobs->str, error);
  return engine->merge != NULL && keep (engine, engine->merge, NULL, 0, error);
}

static gboolean
submit (Engine *engine, GError **error)
{
  guint end;

  /* Read after the queue: what left it in between is done or has failed. */
  engine->failures = pr_failures_load (engine->call->sweep->out_dir);
  choose (engine);
  engine->looked = TRUE;
  for (guint i = 0; i < engine->call->n_tasks; i = end)
    {
      g_autoptr (GArray) tasks = next_array (engine, i, &end);

      if (tasks->len > 0 && !submit_array (engine, tasks, error))
        return FALSE;
    }
  return submit_merge (engine, error);
}

/* Telling ---------------------------------------------------------------------------------------------------------- */

static void
tell_run (const Engine *engine, const PrTask *task, PrEventKind if_done, PrTold *told)
{
  const PrPlannedRun *run = engine->plan->runs->pdata[task->run];
  const PrFailure *failure = find_failure (engine, task);
  g_autofree char *path = pr_sweep_run_path (engine->call->sweep->out_dir, run);
  PrEvent event = { .kind = if_done,
                    .run = task->run + 1,
                    .n_runs = engine->plan->runs->len,
                    .arm = run->arm,
                    .seed = run->seed,
                    .text = path };

  if (!is_done (engine, task))
    {
      event.kind = PR_EVENT_RUN_FAILED;
      event.key = failure != NULL ? failure->key : run->key;
      event.text = failure != NULL
                       ? failure->message
                       : "its job was cancelled or killed, and the same command goes on with it; see OUT/slurm/";
      event.code = failure != NULL ? failure->code : PR_ERROR_IO;
    }
  pr_told_event (told, task, &event);
}

/* The jobs have ended: what came of the call's tasks? */
static gboolean
tell_outcome (Engine *engine, PrEngineReport *report, GError **error)
{
  PrTold *told = pr_told_new (engine->call, report);
  gboolean ok;

  g_hash_table_unref (engine->failures);
  engine->failures = pr_failures_load (engine->call->sweep->out_dir);
  for (guint i = 0; i < engine->call->n_tasks; i++)
    {
      const PrTask *task = task_at (engine, engine->call->tasks[i]);

      if (task->whole)
        tell_run (engine, task, PR_EVENT_RUN_END, told);
    }
  ok = pr_told_result (told, error);
  pr_told_free (told);
  return ok;
}

/* Runs that have a job, those for which it did not come to one, and those that are done meanwhile or would only fail
 * again; who waits is told these in the end.  FALSE with the failures. */
static gboolean
tell_runs (const Engine *engine, PrEngineReport *report, GError **error)
{
  PrTold *told = pr_told_new (engine->call, report);
  gboolean ok;

  for (guint i = 0; i < engine->call->n_tasks; i++)
    {
      guint number = engine->call->tasks[i];
      const PrTask *task = task_at (engine, number);

      if (!task->whole)
        continue;
      if (engine->elements[number] != NULL)
        report->n_submitted++;
      else if (engine->wanted[number] || !engine->looked || engine->call->wait)
        report->n_failed++;
      else
        tell_run (engine, task, PR_EVENT_RUN_DONE, told);
    }
  ok = pr_told_result (told, error);
  pr_told_free (told);
  return ok;
}

static void
tell_jobs (const Engine *engine)
{
  const PrWatch *watch = engine->call->watch;

  if (engine->n_live > 0)
    pr_watch_note (watch, "%u task%s in Slurm's queue already and not submitted again", engine->n_live,
                   engine->n_live == 1 ? " is" : "s are");
  if (engine->n_new > 0)
    pr_watch_note (watch, "%u task%s submitted, output in %s; `scancel --me --name=%s` stops what is in the queue",
                   engine->n_new, engine->n_new == 1 ? "" : "s", engine->submission.folder, engine->plan->experiment);
}

/* An error in the middle also says what is in the queue. */
static void
explain (const Engine *engine, GError *raised)
{
  guint n = engine->n_new + engine->n_live;
  char *message;

  if (engine->n_new == 0)
    return;
  message = g_strdup_printf ("%s; %u task%s in Slurm's queue, and the same command submits the rest", raised->message,
                             n, n == 1 ? " is" : "s are");
  g_free (raised->message);
  raised->message = message;
}

/* All of it -------------------------------------------------------------------------------------------------------- */

/* With the lock of submissions held. */
static gboolean
submit_locked (Engine *engine, PrEngineReport *report, GError **error)
{
  GError *raised = NULL, *failures = NULL;

  if (pr_slurm_submission_init (&engine->submission, engine->call, &raised) && find_live (engine, &raised))
    submit (engine, &raised);
  tell_runs (engine, report, &failures);
  tell_jobs (engine);
  if (raised != NULL)
    {
      g_clear_error (&failures);
      explain (engine, raised);
      g_propagate_error (error, raised);
      return FALSE;
    }
  if (failures == NULL)
    return TRUE;
  g_propagate_error (error, failures);
  return FALSE;
}

static void
engine_clear (Engine *engine)
{
  for (guint i = 0; i < engine->plan->tasks->len; i++)
    g_free (engine->elements[i]);
  g_free (engine->elements);
  g_free (engine->merge);
  g_free (engine->wanted);
  g_clear_pointer (&engine->failures, g_hash_table_unref);
  g_clear_pointer (&engine->queue, g_hash_table_unref);
  pr_slurm_record_free (engine->record);
  pr_slurm_submission_clear (&engine->submission);
}

static gboolean
slurm_run (const PrEngineCall *call, PrEngineReport *report, GError **error)
{
  Engine engine = { .call = call, .plan = call->sweep->plan };
  g_autofree char *path = g_build_filename (call->sweep->out_dir, "locks", "slurm.lock", NULL);
  gboolean ok;
  int lock;

  *report = (PrEngineReport){ 0 };
  if (call->n_tasks == 0)
    return TRUE;
  lock = pr_lock_wait (path, call->watch, error);
  if (lock < 0)
    return FALSE;
  engine.elements = g_new0 (char *, engine.plan->tasks->len + 1);
  engine.wanted = g_new0 (gboolean, engine.plan->tasks->len + 1);
  ok = submit_locked (&engine, report, error);
  pr_lock_release (lock);
  if (ok && call->wait)
    ok = pr_slurm_follow (call, engine.record, error) && tell_outcome (&engine, report, error);
  engine_clear (&engine);
  return ok;
}

const PrEngine pr_engine_slurm = {
  .name = "slurm",
  .summary = "job arrays of a cluster, through sbatch",
  .run = slurm_run,
};
