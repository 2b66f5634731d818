#include "config.h"

#include "engines/task.h"

#include "data/file.h"
#include "engines/failure.h"
#include "results/results.h"
#include "runtime/lock.h"
#include "runtime/progress.h"
#include "runtime/run-walk.h"

#include <pauserec/error.h>
#include <string.h>

/* One call. */
typedef struct
{
  const PrSweep *sweep;
  const PrTask *task;
  const PrPlannedRun *planned;
  const PrWatch *outer; /* the caller's */
  PrWatch watch;        /* a copy of it that also feeds the progress file */
  PrProgressFile *file;
  gboolean known; /* the failure was found by another process, which told it */
} Call;

static void
forward (const PrEvent *event, gpointer ctx)
{
  Call *call = ctx;

  if (call->file != NULL)
    pr_progress_file_event (call->file, event);
  if (call->outer->event != NULL)
    call->outer->event (event, call->outer->ctx);
}

/* Failures --------------------------------------------------------------------------------------------------------- */

static void
fail_as (const PrFailure *failure, GError **error)
{
  g_set_error (error, PR_ERROR, failure->code, "%s (found by %s; `pauserec retry` tries again)", failure->message,
               failure->run);
}

/* A stage that another process found to fail, or NULL. */
static PrFailure *
find_failure (const Call *call)
{
  for (guint i = 0; i < call->task->n_nodes; i++)
    {
      PrFailure *failure =
          pr_failure_load (call->sweep->out_dir, pr_sweep_node (call->sweep->plan, call->planned, i)->key);

      if (failure != NULL)
        return failure;
    }
  return NULL;
}

static gboolean
may_compute (const char *key, gpointer ctx, GError **error)
{
  Call *call = ctx;
  g_autoptr (PrFailure) failure = pr_failure_load (call->sweep->out_dir, key);

  if (failure == NULL)
    return TRUE;
  call->known = TRUE;
  fail_as (failure, error);
  return FALSE;
}

/* Keep what failed, for other runs and later calls.  That this fails too is no news: the caller has the error. */
static void
keep_failure (Call *call, const GError *raised)
{
  const PrEvent *now = &call->watch.now;
  g_autofree char *where = g_strdup_printf ("%s, seed %" G_GUINT64_FORMAT, call->planned->arm, call->planned->seed);
  const PrFailure failure = { .key = (char *)(now->key != NULL ? now->key : call->planned->key),
                              .stage = (char *)now->stage,
                              .run = where,
                              .message = raised->message,
                              .code = raised->domain == PR_ERROR ? raised->code : PR_ERROR_IO };

  pr_failure_save (&failure, call->sweep->out_dir, NULL);
}

static PrTaskResult
failed (Call *call, GError *raised, GError **error)
{
  if (!g_error_matches (raised, PR_ERROR, PR_ERROR_CANCELLED))
    {
      if (!call->known)
        keep_failure (call, raised);
      if (call->watch.now.key == NULL)
        call->watch.now.key = call->planned->key;
      call->watch.now.code = raised->domain == PR_ERROR ? raised->code : PR_ERROR_IO;
      pr_watch_emit (&call->watch, PR_EVENT_RUN_FAILED, raised->message);
    }
  g_propagate_error (error, raised);
  return PR_TASK_FAILED;
}

/* Work ------------------------------------------------------------------------------------------------------------- */

/* Holding the run's lock. */
static PrTaskResult
do_task (Call *call, const char *path, GError **error)
{
  const PrSweep *sweep = call->sweep;
  const PrRunSpec *run = sweep->experiment->runs->pdata[call->task->run];
  g_autoptr (PrRunKeys) keys = pr_run_keys_new (run);
  g_autoptr (PrFailure) failure = find_failure (call);
  GError *raised = NULL;
  PrWalk walk;
  gboolean ok;

  if (failure != NULL)
    {
      call->known = TRUE;
      call->watch.now.stage = failure->stage;
      call->watch.now.key = failure->key;
      fail_as (failure, &raised);
      return failed (call, raised, error);
    }
  pr_watch_emit (&call->watch, PR_EVENT_RUN_BEGIN, NULL);
  pr_walk_init (&walk, sweep->experiment, run, keys, sweep->store, &call->watch);
  walk.may_compute = may_compute;
  walk.ctx = call;
  ok = pr_walk_stages (&walk, call->task->n_nodes, &raised)
       && (!call->task->whole || pr_walk_write (&walk, path, &raised));
  pr_walk_clear (&walk);
  if (!ok)
    return failed (call, raised, error);
  if (call->task->whole)
    pr_watch_emit (&call->watch, PR_EVENT_RUN_END, path);
  return PR_TASK_DONE;
}

/* TRUE if the sealed file of the run is there; a damaged one is told, and written again. */
static gboolean
is_done (const Call *call, const char *path)
{
  g_autoptr (GError) fault = NULL;

  if (!call->task->whole)
    return FALSE;
  if (pr_results_verify_run (path, call->planned->key, NULL, &fault))
    return TRUE;
  if (fault != NULL)
    pr_watch_note (&call->watch, "written again: %s", fault->message);
  return FALSE;
}

PrTaskResult
pr_task_run (const PrSweep *sweep, guint task, gboolean wait, const PrWatch *watch, GError **error)
{
  const PrTask *found = &g_array_index (sweep->plan->tasks, PrTask, task);
  Call call = { .sweep = sweep, .task = found, .planned = sweep->plan->runs->pdata[found->run], .outer = watch };
  g_autofree char *path = pr_sweep_run_path (sweep->out_dir, call.planned);
  g_autofree char *lock = pr_sweep_lock_path (sweep->out_dir, call.planned);
  g_autofree char *log = pr_sweep_progress_path (sweep->out_dir, call.planned);
  GError *raised = NULL;
  PrTaskResult result = PR_TASK_FAILED;
  int fd;

  call.watch = (PrWatch){ .cancel = watch->cancel, .event = forward, .ctx = &call, .now = watch->now };
  call.watch.now.run = found->run + 1;
  call.watch.now.n_runs = sweep->plan->runs->len;
  call.watch.now.n_nodes = call.planned->n_nodes;
  call.watch.now.arm = call.planned->arm;
  call.watch.now.seed = call.planned->seed;
  fd = wait ? pr_lock_wait (lock, &call.watch, &raised) : pr_lock_try (lock, &raised);
  if (fd < 0 && raised == NULL)
    return PR_TASK_BUSY;
  if (fd < 0)
    return failed (&call, raised, error);
  if (is_done (&call, path))
    {
      pr_watch_emit (&call.watch, PR_EVENT_RUN_DONE, NULL);
      result = PR_TASK_DONE;
    }
  else
    {
      /* Begun before and not done: it may have been killed while it wrote. */
      if (g_file_test (log, G_FILE_TEST_EXISTS))
        pr_file_remove_left (path);
      call.file = pr_progress_file_open (log, &raised);
      result = call.file != NULL ? do_task (&call, path, error) : failed (&call, raised, error);
    }
  g_clear_pointer (&call.file, pr_progress_file_free);
  pr_lock_release (fd);
  return result;
}
