/* probe - stages that die, stop and count on request, for tests of the runtime.
 *
 * Every call of run() and every resumption appends a word to the file that $PR_TEST_TALLY names.  What the parameters
 * that are not in the key do must not change results: that is what the tests find out.
 */
#include <pauserec/pauserec.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_USERS 50

static void
tally (const char *word, guint64 at)
{
  const char *path = g_getenv ("PR_TEST_TALLY");
  FILE *file = path != NULL ? fopen (path, "a") : NULL;

  if (file == NULL)
    return;
  fprintf (file, "%s:%" G_GUINT64_FORMAT "\n", word, at);
  fclose (file);
}

/* seed: some bytes from nowhere --------------------------------------------- */

typedef struct
{
  int64_t n;
  bool late;
} SeedParams;

static const PrParamSpec seed_params[] = {
  PR_PARAM_INT (SeedParams, n, 1, 1000000, 10, "Bytes."),
  PR_PARAM_BOOL (SeedParams, late, false, "Do not say how many before they are there."),
};

static const PrSlotSpec seed_slots[] = { { PR_SLOT_OUT, "bytes", "bytes/1", "Bytes.", FALSE } };

static gboolean
seed_plan (const void *params, PrPlan *plan, GError **error)
{
  const SeedParams *p = params;

  (void)error;
  pr_plan_set_dim (plan, "bytes", "n", p->late ? PR_DIM_UNKNOWN : p->n);
  return TRUE;
}

static gboolean
seed_run (const void *params, PrRun *run, GError **error)
{
  const SeedParams *p = params;
  g_autofree char *data = g_strnfill ((gsize)p->n, 'x');
  g_autofree char *path = g_build_filename (pr_run_output_dir (run, "bytes"), "data", NULL);

  tally ("seed", 0);
  pr_run_set_dim (run, "bytes", "n", p->n);
  return pr_file_write (path, data, (gsize)p->n, error);
}

static const PrStage seed_stage = {
  .size = sizeof (PrStage),
  .id = "probe-seed",
  .version = "1",
  .summary = "Write bytes.",
  .params = seed_params,
  .n_params = G_N_ELEMENTS (seed_params),
  .params_size = sizeof (SeedParams),
  .slots = seed_slots,
  .n_slots = G_N_ELEMENTS (seed_slots),
  .plan = seed_plan,
  .run = seed_run,
};

/* walk: many steps with checkpoints ------------------------------------------ */

typedef struct
{
  int64_t steps, kill_at, signal_at, signals, hold_at, meet, memory, crash, lame;
  int64_t most;
  bool fail;
} WalkParams;

static const PrParamSpec walk_params[] = {
  PR_PARAM_INT (WalkParams, steps, 1, 1000000, 12, "Steps."),
  PR_PARAM_INT_NOT_IN_KEY_AT (WalkParams, "kill_at", kill_at, -1, 1000000, -1,
                              "Die before this step; steps + 1: at the end."),
  PR_PARAM_INT_NOT_IN_KEY_AT (WalkParams, "signal_at", signal_at, -1, 1000000, -1,
                              "Send SIGINT to the parent before this step, and wait."),
  PR_PARAM_INT_NOT_IN_KEY_AT (WalkParams, "signals", signals, 1, 2, 1, "How many of them."),
  PR_PARAM_INT_NOT_IN_KEY_AT (WalkParams, "hold_at", hold_at, -1, 1000000, -1,
                              "Walk on the spot before this step while the file $PR_TEST_HOLD exists."),
  PR_PARAM_INT_NOT_IN_KEY_AT (WalkParams, "meet", meet, 0, 100, 0,
                              "Do not begin before so many walks have begun, this one too."),
  PR_PARAM_INT_NOT_IN_KEY_AT (WalkParams, "memory", memory, 0, 1000000, 0, "MiB that plan() says it needs."),
  PR_PARAM_INT_NOT_IN_KEY_AT (WalkParams, "crash", crash, -256, 64, 0,
                              "Signal to die of at the start; -1, -2, ...: exit with status 0, 1, ..."),
  PR_PARAM_INT_NOT_IN_KEY_AT (WalkParams, "lame", lame, 0, 1, 0, "1: fail until the file $PR_TEST_MENDED exists."),
  PR_PARAM_INT (WalkParams, most, 0, 1000000, 0, "plan() refuses more bytes than this; 0: none."),
  PR_PARAM_BOOL (WalkParams, fail, false, "Fail."),
};

static const PrSlotSpec walk_slots[] = {
  { PR_SLOT_IN, "bytes", "bytes/1", "Bytes.", FALSE },
  { PR_SLOT_OUT, "path", "path/1", "Where the walk went.", FALSE },
};

static gboolean
walk_plan (const void *params, PrPlan *plan, GError **error)
{
  const WalkParams *p = params;

  if (p->most > 0 && pr_plan_input_dim (plan, "bytes", "n") > p->most)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "too many bytes of stage '%s'",
                   pr_plan_input_stage (plan, "bytes"));
      return FALSE;
    }
  pr_plan_set_dim (plan, "path", "n", p->steps);
  pr_plan_set_memory (plan, (guint64)p->memory << 20);
  return TRUE;
}

typedef struct
{
  guint64 done;
  guint64 state;
} Checkpoint;

/* Found in scratch and sound, or the beginning. */
static Checkpoint
resume (const char *path)
{
  Checkpoint checkpoint = { 0, 1 };
  gsize length = 0;
  g_autofree char *data = pr_file_read (path, 1000, &length, NULL);

  if (data != NULL && length == sizeof checkpoint)
    memcpy (&checkpoint, data, sizeof checkpoint);
  return checkpoint;
}

static void
misbehave (const WalkParams *p, guint64 step)
{
  if (p->kill_at >= 0 && step == (guint64)p->kill_at)
    kill (getpid (), SIGKILL);
}

/* Ctrl-C, for whoever started this process; then walk on the spot until told to stop. */
static gboolean
interrupt (const WalkParams *p, PrRun *run, guint64 step, GError **error)
{
  if (p->signal_at < 0 || step != (guint64)p->signal_at)
    return TRUE;
  for (int64_t i = 0; i < p->signals; i++)
    kill (getppid (), SIGINT);
  while (pr_run_step (run, step, (guint64)p->steps, error))
    g_usleep (1000);
  return FALSE;
}

/* How many walks have begun, by the tally. */
static int64_t
count_walks (void)
{
  g_autofree char *text = NULL;
  int64_t n = 0;

  if (!g_file_get_contents (g_getenv ("PR_TEST_TALLY"), &text, NULL, NULL))
    return 0;
  for (const char *at = text; (at = strstr (at, "walk:")) != NULL; at++)
    n++;
  return n;
}

/* Walk on the spot until others have begun too. */
static gboolean
wait_for_others (const WalkParams *p, PrRun *run, guint64 step, GError **error)
{
  while (step == 0 && p->meet > 0 && count_walks () < p->meet)
    {
      if (!pr_run_step (run, step, (guint64)p->steps, error))
        return FALSE;
      g_usleep (1000);
    }
  return TRUE;
}

/* Tell that we are here, and stay until the test lets us go; with $PR_TEST_DEAF without an ear for Ctrl-C. */
static gboolean
hold (const WalkParams *p, PrRun *run, guint64 step, GError **error)
{
  const char *path = g_getenv ("PR_TEST_HOLD");
  gboolean deaf = g_getenv ("PR_TEST_DEAF") != NULL;

  if (p->hold_at < 0 || step != (guint64)p->hold_at || path == NULL)
    return TRUE;
  tally ("hold", (guint64)getpid ());
  while (g_file_test (path, G_FILE_TEST_EXISTS))
    {
      if (!deaf && !pr_run_step (run, step, (guint64)p->steps, error))
        {
          tally ("told", step);
          return FALSE;
        }
      g_usleep (1000);
    }
  return TRUE;
}

static gboolean
stumbles (const WalkParams *p)
{
  const char *mended = g_getenv ("PR_TEST_MENDED");

  return p->fail || (p->lame != 0 && (mended == NULL || !g_file_test (mended, G_FILE_TEST_EXISTS)));
}

static gboolean
walk_finish (const WalkParams *p, PrRun *run, const Checkpoint *at, GError **error)
{
  g_autofree char *output = g_build_filename (pr_run_output_dir (run, "path"), "end", NULL);
  float users[N_USERS];

  for (int i = 0; i < N_USERS; i++)
    users[i] = (at->state >> (i % 60) & 1) != 0;
  pr_run_user_metric (run, "hit_10", users, N_USERS);
  for (guint64 i = 0; i < (guint64)p->steps; i++)
    pr_run_curve (run, "loss", i, 1.0 / (double)(i + 1));
  if (!pr_file_write (output, at, sizeof *at, error))
    return FALSE;
  misbehave (p, (guint64)p->steps + 1);
  return TRUE;
}

static gboolean
walk_run (const void *params, PrRun *run, GError **error)
{
  const WalkParams *p = params;
  PrRng rng = pr_rng_new (pr_run_seed (run), "walk");
  g_autofree char *path = g_build_filename (pr_run_scratch_dir (run), "checkpoint", NULL);
  Checkpoint at = resume (path);

  tally ("walk", at.done);
  if (p->crash > 0)
    {
      signal ((int)p->crash, SIG_DFL); /* sanitizers have handlers */
      raise ((int)p->crash);
    }
  if (p->crash < 0)
    exit (-1 - (int)p->crash);
  if (stumbles (p))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC, "stumbled as it was told");
      return FALSE;
    }
  while (at.done < (guint64)p->steps)
    {
      misbehave (p, at.done);
      if (!hold (p, run, at.done, error) || !interrupt (p, run, at.done, error)
          || !wait_for_others (p, run, at.done, error) || !pr_run_step (run, at.done, (guint64)p->steps, error))
        return FALSE;
      at.state = at.state * 31 + pr_rng_u64 (rng, at.done, 0);
      at.done++;
      if (at.done % 4 == 0 && !pr_file_write (path, &at, sizeof at, error))
        return FALSE;
    }
  if (p->memory > 0)
    tally ("end", 0);
  return walk_finish (p, run, &at, error);
}

static const PrStage walk_stage = {
  .size = sizeof (PrStage),
  .id = "probe-walk",
  .version = "1",
  .summary = "Walk.",
  .stochastic = TRUE,
  .params = walk_params,
  .n_params = G_N_ELEMENTS (walk_params),
  .params_size = sizeof (WalkParams),
  .slots = walk_slots,
  .n_slots = G_N_ELEMENTS (walk_slots),
  .plan = walk_plan,
  .run = walk_run,
};

static const PrStage *const stages[] = { &seed_stage, &walk_stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "probe", .stages = stages };
