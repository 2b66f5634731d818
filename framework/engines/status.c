#include "config.h"

#include "engines/status.h"

#include "engines/failure.h"
#include "results/results.h"
#include "runtime/lock.h"
#include "runtime/progress-tail.h"

#include <pauserec/error.h>
#include <string.h>

/* How much of all progress files is read to learn how quick stages were: a screen that is drawn every second stays
 * cheap. */
#define ENDS_BYTES ((gsize)16 << 20)
#define ENDS_FILE_BYTES ((gsize)1 << 20)
#define SECONDS_MAX 1e9

/* What stages of one kind took. */
typedef struct
{
  double flops, flop_seconds; /* of those whose plan says its work */
  double seconds;
  guint n;
} Took;

typedef struct
{
  const PrSweepPlan *plan;
  const char *out_dir;
  PrSweepStatus *status;
  PrProgressTail *tails; /* [n_runs] */
  GHashTable *failures;  /* key -> PrFailure */
  GHashTable *nodes;     /* key -> PrPlannedNode */
  GHashTable *there;     /* keys of stages whose outputs exist, as a set */
  GHashTable *took;      /* id of a stage -> Took */
  Took all;
} Look;

static const char *const names[PR_N_RUN_STATES] = {
  [PR_RUN_DONE] = "done",         [PR_RUN_RUNNING] = "running", [PR_RUN_FAILED] = "failed",
  [PR_RUN_DIVERGED] = "diverged", [PR_RUN_MISSING] = "missing",
};

const char *
pr_run_state_name (PrRunState state)
{
  return names[state];
}

void
pr_sweep_status_free (PrSweepStatus *status)
{
  if (status == NULL)
    return;
  for (guint i = 0; i < status->n_runs; i++)
    {
      g_free (status->runs[i].stage);
      g_free (status->runs[i].text);
    }
  g_free (status->runs);
  g_free (status);
}

static const PrPlannedRun *
run_at (const Look *look, guint i)
{
  return g_ptr_array_index (look->plan->runs, i);
}

/* Say that run I is at the stage of KEY, if it has it; among several of that key, which do the same, at the one called
 * NAME. */
static gboolean
set_stage (const Look *look, guint i, const char *key, const char *name)
{
  const PrPlannedRun *run = run_at (look, i);
  PrRunStatus *status = &look->status->runs[i];

  for (guint n = 0; key != NULL && n < run->n_nodes; n++)
    {
      const PrPlannedNode *node = pr_sweep_node (look->plan, run, n);
      gboolean named = g_strcmp0 (node->name, name) == 0;

      if (strcmp (node->key, key) != 0 || (status->stage != NULL && !named))
        continue;
      g_free (status->stage);
      status->stage = g_strdup (node->name);
      status->node = n + 1;
      if (named)
        break;
    }
  return status->stage != NULL;
}

/* States ----------------------------------------------------------------------------------------------------------- */

/* Are the results there?  If they are but are not whole, TEXT says so. */
static gboolean
is_done (const Look *look, guint i, gboolean verify)
{
  const PrPlannedRun *run = run_at (look, i);
  g_autofree char *path = pr_sweep_run_path (look->out_dir, run);
  g_autoptr (GError) fault = NULL;
  gboolean done =
      verify ? pr_results_verify_run (path, run->key, NULL, &fault) : pr_results_peek_run (path, run->key, &fault);

  if (fault != NULL)
    look->status->runs[i].text = g_strdup (fault->message);
  return done;
}

/* Is a run with that last event in the stage that it names, or past it? */
static gboolean
goes_on (const PrProgressTail *tail)
{
  return tail->kind == PR_EVENT_STAGE_BEGIN || tail->kind == PR_EVENT_STAGE_STEP || tail->kind == PR_EVENT_STAGE_WAIT;
}

/* Where its last event was. */
static void
set_progress (const Look *look, guint i)
{
  PrRunStatus *status = &look->status->runs[i];
  const PrProgressTail *tail = &look->tails[i];

  if (!tail->known || !set_stage (look, i, tail->key, tail->stage))
    return;
  status->done = tail->done;
  status->total = tail->total;
  if (status->state == PR_RUN_MISSING)
    {
      if (status->text == NULL && goes_on (tail))
        status->text = g_strdup ("interrupted");
      return;
    }
  status->stage_eta = tail->eta;
  if (tail->kind == PR_EVENT_STAGE_STEP)
    status->text = g_strdup (tail->text);
}

static void
set_state (const Look *look, guint i, gboolean held, gboolean verify)
{
  PrRunStatus *status = &look->status->runs[i];
  g_autofree char *path = NULL;
  const PrFailure *failure;

  if (is_done (look, i, verify))
    {
      status->state = PR_RUN_DONE;
      return;
    }
  failure =
      held ? NULL : pr_failures_find (look->failures, look->plan, run_at (look, i), run_at (look, i)->n_nodes, TRUE);
  status->state = held ? PR_RUN_RUNNING : PR_RUN_MISSING;
  if (failure != NULL)
    {
      status->state = failure->code == PR_ERROR_NUMERIC ? PR_RUN_DIVERGED : PR_RUN_FAILED;
      set_stage (look, i, failure->key, failure->stage);
      g_free (status->text);
      status->text = g_strdup (failure->message);
      return;
    }
  if (held)
    g_clear_pointer (&status->text, g_free);
  path = pr_sweep_progress_path (look->out_dir, run_at (look, i));
  pr_progress_tail_read (&look->tails[i], path);
  status->begun = !held && look->tails[i].any;
  set_progress (look, i);
}

/* Whoever ends between two looks must not be lost: a run writes its result or failure before it releases its lock, so
 * locks are looked at first. */
static void
set_states (Look *look, gboolean verify)
{
  PrSweepStatus *status = look->status;
  g_autofree gboolean *held = g_new0 (gboolean, status->n_runs + 1);

  for (guint i = 0; i < status->n_runs; i++)
    {
      g_autofree char *lock = pr_sweep_lock_path (look->out_dir, run_at (look, i));

      held[i] = pr_lock_held (lock);
    }
  look->failures = pr_failures_load (look->out_dir);
  for (guint i = 0; i < status->n_runs; i++)
    {
      status->runs[i] = (PrRunStatus){ .n_nodes = run_at (look, i)->n_nodes, .stage_eta = -1, .eta = -1 };
      set_state (look, i, held[i], verify);
      status->counts[status->runs[i].state]++;
    }
}

/* A run that waits for a stage is as far as the run that computes it. */
static void
set_waiting (Look *look)
{
  g_autoptr (GHashTable) computing = g_hash_table_new (g_str_hash, g_str_equal); /* key -> index + 1 */
  PrSweepStatus *status = look->status;

  for (guint i = 0; i < status->n_runs; i++)
    if (status->runs[i].state == PR_RUN_RUNNING && look->tails[i].key != NULL
        && (look->tails[i].kind == PR_EVENT_STAGE_BEGIN || look->tails[i].kind == PR_EVENT_STAGE_STEP))
      g_hash_table_insert (computing, look->tails[i].key, GUINT_TO_POINTER (i + 1));
  for (guint i = 0; i < status->n_runs; i++)
    {
      PrRunStatus *run = &status->runs[i];
      guint other;

      if (run->state != PR_RUN_RUNNING || !look->tails[i].known || look->tails[i].kind != PR_EVENT_STAGE_WAIT)
        continue;
      g_free (run->text);
      other = look->tails[i].key == NULL ? 0 : GPOINTER_TO_UINT (g_hash_table_lookup (computing, look->tails[i].key));
      if (other == 0)
        {
          run->text = g_strdup ("waits for another process");
          continue;
        }
      run->text = g_strdup_printf ("waits for %s s%" G_GUINT64_FORMAT, run_at (look, other - 1)->arm,
                                   run_at (look, other - 1)->seed);
      run->done = status->runs[other - 1].done;
      run->total = status->runs[other - 1].total;
      run->stage_eta = status->runs[other - 1].stage_eta;
    }
}

/* Time that is left ------------------------------------------------------------------------------------------------ */

static void
add_took (Took *took, const PrPlannedNode *node, double seconds)
{
  took->seconds += seconds;
  took->n++;
  if (node->flops > 0)
    {
      took->flops += node->flops;
      took->flop_seconds += seconds;
    }
}

static void
on_end (const char *key, double seconds, gpointer ctx)
{
  Look *look = ctx;
  const PrPlannedNode *node = g_hash_table_lookup (look->nodes, key);
  Took *took;

  if (node == NULL)
    return;
  g_hash_table_add (look->there, node->key);
  took = g_hash_table_lookup (look->took, node->stage);
  if (took == NULL)
    {
      took = g_new0 (Took, 1);
      g_hash_table_insert (look->took, node->stage, took);
    }
  add_took (took, node, seconds);
  add_took (&look->all, node, seconds);
}

static void
find_ends (Look *look)
{
  gsize budget = ENDS_BYTES;

  for (guint n = 0; n < look->plan->nodes->len; n++)
    {
      PrPlannedNode *node = g_ptr_array_index (look->plan->nodes, n);

      g_hash_table_insert (look->nodes, node->key, node);
      if (node->cached)
        g_hash_table_add (look->there, node->key);
    }
  for (guint i = 0; i < look->status->n_runs; i++)
    {
      const PrPlannedRun *run = run_at (look, i);
      g_autofree char *path = pr_sweep_progress_path (look->out_dir, run);
      gsize share = MIN (budget, ENDS_FILE_BYTES), left = share;

      pr_progress_tail_ends (path, &left, on_end, look);
      budget -= share - left;
      for (guint n = 0; look->status->runs[i].state == PR_RUN_DONE && n < run->n_nodes; n++)
        g_hash_table_add (look->there, pr_sweep_node (look->plan, run, n)->key);
    }
}

/* Seconds that a whole stage takes, by those of its kind or else by its work; negative: unknown. */
static double
node_seconds (const Look *look, const PrPlannedNode *node)
{
  const Took *took = g_hash_table_lookup (look->took, node->stage);

  if (took != NULL && node->flops > 0 && took->flops > 0)
    return node->flops * took->flop_seconds / took->flops;
  if (took != NULL && node->flops <= 0)
    return took->seconds / took->n;
  if (node->flops > 0 && look->all.flops > 0)
    return node->flops * look->all.flop_seconds / look->all.flops;
  return -1;
}

static double
run_seconds (const Look *look, guint i)
{
  const PrPlannedRun *run = run_at (look, i);
  const PrRunStatus *status = &look->status->runs[i];
  const PrProgressTail *tail = &look->tails[i];
  double left = 0;

  if (status->node == 0)
    return -1;
  for (guint n = status->node - 1; n < run->n_nodes; n++)
    {
      const PrPlannedNode *node = pr_sweep_node (look->plan, run, n);
      gboolean current = n == status->node - 1 && goes_on (tail);
      double seconds = current && status->stage_eta >= 0 ? status->stage_eta : node_seconds (look, node);

      if (!current && (n == status->node - 1 || g_hash_table_contains (look->there, node->key)))
        continue;
      if (seconds < 0)
        return -1;
      if (current && status->stage_eta < 0 && tail->elapsed > 0)
        seconds = MAX (seconds - tail->elapsed, 0);
      left += seconds;
    }
  return left <= SECONDS_MAX ? left : -1;
}

/* ------------------------------------------------------------------------------------------------------------------ */

static void
look_clear (Look *look)
{
  for (guint i = 0; i < look->status->n_runs; i++)
    pr_progress_tail_clear (&look->tails[i]);
  g_free (look->tails);
  g_clear_pointer (&look->failures, g_hash_table_unref);
  g_hash_table_unref (look->nodes);
  g_hash_table_unref (look->there);
  g_hash_table_unref (look->took);
}

PrSweepStatus *
pr_sweep_status_new (const PrSweepPlan *plan, const char *out_dir, gboolean verify, GError **error)
{
  PrSweepStatus *status;
  Look look = { .plan = plan, .out_dir = out_dir };

  if (access (out_dir, R_OK | X_OK) != 0)
    {
      pr_error_set_errno (error, errno, "cannot look into the folder of the sweep", out_dir);
      return NULL;
    }
  look.status = status = g_new0 (PrSweepStatus, 1);
  status->n_runs = plan->runs->len;
  status->runs = g_new0 (PrRunStatus, status->n_runs + 1);
  look.tails = g_new0 (PrProgressTail, status->n_runs + 1);
  look.nodes = g_hash_table_new (g_str_hash, g_str_equal);
  look.there = g_hash_table_new (g_str_hash, g_str_equal);
  look.took = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, g_free);
  set_states (&look, verify);
  set_waiting (&look);
  if (status->counts[PR_RUN_RUNNING] > 0)
    {
      find_ends (&look);
      for (guint i = 0; i < status->n_runs; i++)
        if (status->runs[i].state == PR_RUN_RUNNING)
          status->runs[i].eta = run_seconds (&look, i);
    }
  look_clear (&look);
  return status;
}
