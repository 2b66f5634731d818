/* The engine of this machine: a pool of child processes with a budget of memory. */
#include "config.h"

#include "engines/child.h"
#include "engines/engine.h"
#include "engines/failure.h"
#include "engines/guard.h"
#include "engines/told.h"

#include <errno.h>
#include <pauserec/error.h>
#include <poll.h>
#include <string.h>

#define POLL_MILLISECONDS 200                   /* between two looks at whether the user wants out */
#define BASE_MEMORY ((guint64)64 * 1024 * 1024) /* of a process before its stages take any */

typedef enum
{
  ABSENT, /* not of this call: done, or left out */
  WAITING,
  BUSY, /* waiting, and another process does it */
  RUNNING,
  ENDED,
} TaskState;

typedef struct
{
  const PrEngineCall *call;
  const PrSweepPlan *plan;
  PrTold *told;
  PrGuard *guard;
  TaskState *states;   /* [tasks of the plan] */
  GPtrArray *children; /* PrChild * */
  guint64 memory;      /* planned for those */
  PrEvent last;        /* of the child whose events are being read: where it was; strings are gone */
  char **stages;       /* [tasks]: name and key of the stage that the task's child is in */
  char **keys;
  GError *halt; /* why nothing new is started */
} Pool;

static const PrTask *
task_at (const Pool *pool, guint task)
{
  return &g_array_index (pool->plan->tasks, PrTask, task);
}

static guint64
memory_of (const Pool *pool, guint task)
{
  return task_at (pool, task)->memory + BASE_MEMORY;
}

/* Choosing --------------------------------------------------------------------------------------------------------- */

static gboolean
is_ready (const Pool *pool, guint task)
{
  int parent = task_at (pool, task)->parent;

  return pool->states[task] == WAITING
         && (parent < 0 || pool->states[parent] == ABSENT || pool->states[parent] == ENDED);
}

/* By run, and within a run by stage: so the first results come early. */
static gboolean
is_before (const PrTask *a, const PrTask *b)
{
  return a->run != b->run ? a->run < b->run : a->n_nodes < b->n_nodes;
}

/* The next task to start, -1: none.  One that another process does is taken when there is nothing else. */
static int
choose (const Pool *pool, gboolean *ret_wait)
{
  int best = -1, busy = -1;

  for (guint i = 0; i < pool->plan->tasks->len; i++)
    if (is_ready (pool, i))
      {
        if (best < 0 || is_before (task_at (pool, i), task_at (pool, (guint)best)))
          best = (int)i;
      }
    else if (pool->states[i] == BUSY && busy < 0)
      busy = (int)i;
  *ret_wait = best < 0;
  return best >= 0 ? best : busy;
}

static gboolean
has_room (const Pool *pool, guint task)
{
  if (pool->children->len == 0)
    return TRUE;
  return pool->children->len < pool->call->jobs
         && (pool->call->memory == 0 || pool->memory + memory_of (pool, task) <= pool->call->memory);
}

/* Is all that TASK, no whole run, leaves in the store there already? */
static gboolean
is_in_store (const Pool *pool, const PrTask *task)
{
  const PrPlannedRun *run = pool->plan->runs->pdata[task->run];

  for (guint i = 0; i < task->n_nodes; i++)
    {
      const PrPlannedNode *node = pr_sweep_node (pool->plan, run, i);
      g_autoptr (PrEntry) entry = pr_store_look (pool->call->sweep->store, node->key, FALSE, NULL);

      if (entry == NULL)
        return FALSE;
    }
  return TRUE;
}

/* A task whose stage failed before is over before it begins; so is one that would only look. */
static gboolean
pass_over (Pool *pool, guint task)
{
  const PrTask *found = task_at (pool, task);

  if (!pr_told_needs_failed (pool->told, found) && (found->whole || !is_in_store (pool, found)))
    return FALSE;
  pool->states[task] = ENDED;
  return TRUE;
}

/* Start what can be started. */
static void
start_tasks (Pool *pool)
{
  gboolean wait;
  int task;

  while (pool->halt == NULL && (task = choose (pool, &wait)) >= 0)
    {
      PrChild *child;

      if (pass_over (pool, (guint)task))
        continue;
      if (!has_room (pool, (guint)task))
        return;
      if (!pr_guard_check (pool->guard, &pool->halt))
        return;
      child = pr_child_start (pool->call, (guint)task, wait, &pool->halt);
      if (child == NULL)
        return;
      g_ptr_array_add (pool->children, child);
      pool->memory += memory_of (pool, (guint)task);
      pool->states[task] = RUNNING;
    }
}

/* Listening -------------------------------------------------------------------------------------------------------- */

typedef struct
{
  Pool *pool;
  guint task;
} Listener;

static void
remember_stage (Pool *pool, guint task, const PrEvent *event)
{
  if (g_strcmp0 (pool->keys[task], event->key) == 0)
    return;
  g_free (pool->stages[task]);
  g_free (pool->keys[task]);
  pool->stages[task] = g_strdup (event->stage);
  pool->keys[task] = g_strdup (event->key);
}

static void
on_event (const PrEvent *event, gpointer ctx)
{
  const Listener *listener = ctx;
  Pool *pool = listener->pool;

  remember_stage (pool, listener->task, event);
  if (event->kind == PR_EVENT_STAGE_END || event->kind == PR_EVENT_STAGE_CACHED)
    pr_store_trust (pool->call->sweep->store, event->key);
  pr_told_event (pool->told, task_at (pool, listener->task), event);
}

/* What a child that died could not say itself. */
static void
tell_crash (Pool *pool, guint task, const GError *crash)
{
  const PrTask *found = task_at (pool, task);
  const PrPlannedRun *run = pool->plan->runs->pdata[found->run];
  const char *stage = pool->stages[task];
  g_autofree char *where = g_strdup_printf ("%s, seed %" G_GUINT64_FORMAT, run->arm, run->seed);
  g_autofree char *message =
      stage != NULL ? g_strdup_printf ("stage '%s': %s", stage, crash->message) : g_strdup (crash->message);
  const PrFailure failure = { .key = pool->keys[task] != NULL ? pool->keys[task] : run->key,
                              .stage = (char *)stage,
                              .run = where,
                              .message = message,
                              .code = crash->code };
  const PrEvent event = { .kind = PR_EVENT_RUN_FAILED,
                          .run = found->run + 1,
                          .n_runs = pool->plan->runs->len,
                          .arm = run->arm,
                          .seed = run->seed,
                          .stage = stage,
                          .key = failure.key,
                          .text = message,
                          .code = crash->code };

  pr_failure_save (&failure, pool->call->sweep->out_dir, NULL);
  pr_told_event (pool->told, found, &event);
}

static void
end_child (Pool *pool, PrChild *child)
{
  guint task = pr_child_task (child);
  g_autoptr (GError) crash = NULL;
  PrChildEnd end;

  g_ptr_array_remove_fast (pool->children, child);
  pool->memory -= memory_of (pool, task);
  end = pr_child_join (child, &crash);
  pool->states[task] = end == PR_CHILD_BUSY ? BUSY : ENDED;
  if (end == PR_CHILD_CRASHED)
    tell_crash (pool, task, crash);
}

static void
listen_to_children (Pool *pool)
{
  g_autofree struct pollfd *fds = g_new0 (struct pollfd, pool->children->len);
  g_autofree PrChild **children = g_new0 (PrChild *, pool->children->len);
  guint n = pool->children->len;

  for (guint i = 0; i < n; i++)
    {
      children[i] = pool->children->pdata[i];
      fds[i] = (struct pollfd){ pr_child_fd (children[i]), POLLIN, 0 };
    }
  if (poll (fds, n, POLL_MILLISECONDS) <= 0)
    return;
  for (guint i = 0; i < n; i++)
    {
      Listener listener = { pool, pr_child_task (children[i]) };

      if (fds[i].revents != 0 && !pr_child_read (children[i], on_event, &listener))
        end_child (pool, children[i]);
    }
}

static void
stop_if_wanted (Pool *pool)
{
  if (!pr_watch_cancelled (pool->call->watch))
    return;
  if (pool->halt == NULL || pool->halt->code != PR_ERROR_CANCELLED)
    {
      g_clear_error (&pool->halt);
      g_set_error (&pool->halt, PR_ERROR, PR_ERROR_CANCELLED,
                   "cancelled; what is done is kept, the same command continues");
    }
  for (guint i = 0; i < pool->children->len; i++)
    pr_child_stop (pool->children->pdata[i]);
}

/* All of it -------------------------------------------------------------------------------------------------------- */

static void
pool_init (Pool *pool, const PrEngineCall *call, PrEngineReport *report)
{
  guint n = call->sweep->plan->tasks->len;

  *pool = (Pool){ .call = call, .plan = call->sweep->plan };
  pool->told = pr_told_new (call, report);
  pool->guard = pr_guard_new (pool->plan);
  pool->states = g_new0 (TaskState, n + 1);
  pool->stages = g_new0 (char *, n + 1);
  pool->keys = g_new0 (char *, n + 1);
  pool->children = g_ptr_array_new ();
  for (guint i = 0; i < call->n_tasks; i++)
    pool->states[call->tasks[i]] = WAITING;
}

static void
pool_clear (Pool *pool)
{
  for (guint i = 0; i < pool->plan->tasks->len; i++)
    {
      g_free (pool->stages[i]);
      g_free (pool->keys[i]);
    }
  g_free (pool->stages);
  g_free (pool->keys);
  g_free (pool->states);
  g_ptr_array_unref (pool->children);
  pr_guard_free (pool->guard);
  pr_told_free (pool->told);
  g_clear_error (&pool->halt);
}

/* Runs that were never begun since nothing new was started count as failed. */
static void
count_left (const Pool *pool, PrEngineReport *report)
{
  for (guint i = 0; i < pool->plan->tasks->len; i++)
    if ((pool->states[i] == WAITING || pool->states[i] == BUSY) && task_at (pool, i)->whole)
      report->n_failed++;
}

static gboolean
local_run (const PrEngineCall *call, PrEngineReport *report, GError **error)
{
  Pool pool;
  gboolean ok;

  pool_init (&pool, call, report);
  stop_if_wanted (&pool);
  start_tasks (&pool);
  while (pool.children->len > 0)
    {
      listen_to_children (&pool);
      stop_if_wanted (&pool);
      start_tasks (&pool);
    }
  count_left (&pool, report);
  if (pool.halt != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&pool.halt));
      ok = FALSE;
    }
  else
    ok = pr_told_result (pool.told, error);
  pool_clear (&pool);
  return ok;
}

const PrEngine pr_engine_local = {
  .name = "local",
  .summary = "processes on this machine, as many at once as --jobs says",
  .run = local_run,
};
