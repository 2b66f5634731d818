/* check-hooks.c - trainings whose stage has a say: weights, epochs that begin, rounds that the model makes itself. */
#include "train-fixture.h"

#include <pauserec/error.h>

#include "lm/trainer.h"

#include <math.h>

/* Sums of single-precision gradients in another order. */
#define CUT_TOLERANCE 2e-5

/* Tokens of a Parrot with a weight at each third position. */
typedef struct
{
  Parrot parrot;
  float weight;
  gsize repeat; /* every example so many times */
} Weigher;

static gboolean
weighted_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error)
{
  Weigher *w = ctx;

  if (!parrot_example (&w->parrot, epoch, index / w->repeat, example, error))
    return FALSE;
  for (guint i = 0; i < example->loss->len; i++)
    g_array_index (example->loss, float, i) = w->weight;
  return TRUE;
}

static PrLm *
train_weighted (float weight, gsize repeat, double *ret_loss)
{
  FixtureRun run = fixture_run ();
  Weigher w = { .parrot = { .seed = 5, .length = 10, .vocab = 200 }, .weight = weight, .repeat = repeat };
  PrTraining training = { .name = "train",
                          .n_examples = 4 * repeat,
                          .example = weighted_example,
                          .ctx = &w,
                          .n_valid = 2 * repeat,
                          .valid_example = weighted_example };
  PrTrainParams params = fixture_params ();
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 5);
  GError *error = NULL;

  params.batch_size = (gint64)(4 * repeat);
  params.keep_best = false;
  params.eps = 1e-3;
  ck_assert_msg (fixture_train (&run, lm, &training, &params, 7, &error), "%s", error ? error->message : "");
  *ret_loss = fixture_last (run.record, "loss") + fixture_last (run.record, "valid_loss");
  fixture_run_clear (&run);
  return lm;
}

/* A mean does not change when everything weighs twice as much, or stands there twice. */
START_TEST (weights_are_relative)
{
  double losses[3];
  PrLm *one = train_weighted (1, 1, &losses[0]), *heavy = train_weighted (4, 1, &losses[1]),
       *twice = train_weighted (1, 2, &losses[2]);

  for (gint64 i = 0; i < one->layout->size; i++)
    {
      ck_assert_double_eq_tol ((double)heavy->weights[i], (double)one->weights[i], CUT_TOLERANCE);
      ck_assert_double_eq_tol ((double)twice->weights[i], (double)one->weights[i], CUT_TOLERANCE);
    }
  ck_assert_double_eq_tol (losses[1], losses[0], 1e-5);
  ck_assert_double_eq_tol (losses[2], losses[0], 1e-5);
  pr_lm_free (one);
  pr_lm_free (heavy);
  pr_lm_free (twice);
}
END_TEST

START_TEST (bad_weights_are_refused)
{
  const float bad[] = { -1, NAN, INFINITY };
  FixtureRun run = fixture_run ();
  Weigher w = { .parrot = { .seed = 5, .length = 10, .vocab = 200 }, .weight = bad[_i], .repeat = 1 };
  PrTraining training = { .name = "train", .n_examples = 4, .example = weighted_example, .ctx = &w };
  PrTrainParams params = fixture_params ();
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 5);
  GError *error = NULL;

  ck_assert (!fixture_train (&run, lm, &training, &params, 7, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "example 0 of epoch 0 has loss weight");
  g_error_free (error);
  pr_lm_free (lm);
  fixture_run_clear (&run);
}
END_TEST

/* A toy of reinforcement learning and self-filtering at once: examples and their objective come from the weights of the
 * moment, decisions of an epoch go into the state. */
enum
{
  N_PROMPTS = 7,
  N_SAMPLES = 3,
  BATCH = 2, /* rounds of 2, 2, 2 and 1 prompts */
};

typedef struct
{
  FixtureRun run;
  PrTraining training;
  PrTrainParams params;
  PrLm *lm;
  guint8 state[N_PROMPTS];
  gsize picked[BATCH], n_picked;
  double first[BATCH * N_SAMPLES * 5]; /* log probabilities at the first update of the round */
  guint updates;                       /* of the round, so far */
  guint64 round;
  guint rounds, epochs; /* hooks called */
  guint kill_round;     /* fail in this call of make_round; 0: never */
  guint kill_epoch;
  gboolean cancel, nothing, overflow;
} Actor;

static gboolean
killed (Actor *a, GError **error)
{
  if (a->cancel)
    {
      a->run.cancel = 1;
      return TRUE;
    }
  g_set_error (error, PR_ERROR, PR_ERROR_IO, "killed");
  return FALSE;
}

static gboolean
actor_epoch (gpointer ctx, PrLm *lm, guint epoch, PrTrainLog *log, GError **error)
{
  Actor *a = ctx;

  if (++a->epochs == a->kill_epoch && !killed (a, error))
    return FALSE;
  for (gsize i = 0; i < N_PROMPTS; i++)
    a->state[i] = (guint8)((guint)(pr_lm_embedding_row (lm, (gint32)i)[0] * 1e4f) + epoch + i);
  pr_train_log_point (log, 1, a->state[3]);
  return pr_train_log_tick (log, error);
}

static gboolean
actor_round (gpointer ctx, PrLm *lm, guint64 round, const guint32 *picked, gsize n, PrTrainLog *log, gsize *ret_n,
             GError **error)
{
  Actor *a = ctx;

  if (++a->rounds == a->kill_round && !killed (a, error))
    return FALSE;
  a->n_picked = n;
  a->round = round;
  a->updates = 0;
  for (gsize i = 0; i < n; i++)
    a->picked[i] = picked[i];
  *ret_n = a->nothing ? 0 : n * N_SAMPLES;
  pr_train_log_point (log, 0, (double)pr_lm_embedding_row (lm, 5)[1]);
  pr_train_log_cost (log, PR_COST_GENERATED_TOKENS, (double)*ret_n);
  return TRUE;
}

/* Five tokens that depend on prompt, round and what the epoch decided. */
static gboolean
actor_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error)
{
  Actor *a = ctx;
  gsize prompt = a->picked[index / N_SAMPLES];
  PrRng rng = pr_rng_new (a->state[prompt], "actor");

  (void)epoch, (void)error;
  ck_assert_uint_lt (index, a->n_picked * N_SAMPLES);
  if (index == 0)
    a->updates++;
  for (guint64 i = 0; i < 6; i++)
    pr_example_add (example, (gint32)pr_rng_below (rng, a->round, index * 6 + i, 200), 1);
  return TRUE;
}

/* Clipped ratios, as GRPO; the old policy is that of the round's first update. */
static double
actor_objective (gpointer ctx, gsize target, double log_prob, double *ret_slope)
{
  Actor *a = ctx;
  double advantage = (double)(target / 5 % N_SAMPLES) - 1, ratio;

  if (a->updates == 1)
    a->first[target] = log_prob;
  ratio = exp (log_prob - a->first[target]);
  if (a->overflow)
    return INFINITY;
  *ret_slope = -advantage * (fabs (ratio - 1) > 0.5 ? 0 : ratio) / 15;
  return -advantage * CLAMP (ratio, 0.5, 1.5) / 15;
}

static const char *const actor_series[] = { "probe", "decided", NULL };

static void
actor_init (Actor *a)
{
  memset (a, 0, sizeof *a);
  a->run = fixture_run ();
  a->params = fixture_params ();
  a->params.epochs = 2.5;
  a->params.batch_size = BATCH;
  a->params.lr = 0.02;
  a->params.checkpoint_steps = 5; /* updates; rounds have 3 */
  a->lm = fixture_lm (PR_LM_QWEN3, 3);
  a->training = (PrTraining){ .name = "act",
                              .n_examples = N_PROMPTS,
                              .example = actor_example,
                              .ctx = a,
                              .hook_ctx = a,
                              .shuffle = TRUE,
                              .begin_epoch = actor_epoch,
                              .state = a->state,
                              .state_bytes = N_PROMPTS,
                              .make_round = actor_round,
                              .round_steps = 3,
                              .objective = actor_objective,
                              .temperature = 0.8,
                              .series = actor_series };
}

static void
actor_clear (Actor *a)
{
  pr_lm_free (a->lm);
  fixture_run_clear (&a->run);
}

static gboolean
actor_train (Actor *a, GError **error)
{
  return fixture_train (&a->run, a->lm, &a->training, &a->params, 5, error);
}

START_TEST (rounds_take_their_updates)
{
  Actor a;
  GError *error = NULL;

  actor_init (&a);
  ck_assert_msg (actor_train (&a, &error), "%s", error ? error->message : "");
  /* 4 batches an epoch, 2.5 epochs: 10 rounds of 3 updates. */
  ck_assert_uint_eq (a.rounds, 10);
  ck_assert_uint_eq (a.epochs, 3);
  ck_assert_double_eq (a.run.record->costs[PR_COST_OPTIMIZER_STEPS], 30);
  ck_assert_double_eq (a.run.record->costs[PR_COST_GENERATED_TOKENS], N_SAMPLES * (2 * N_PROMPTS + 4));
  ck_assert_uint_eq (fixture_curve (a.run.record, "act_probe")->values->len, 10);
  ck_assert_uint_eq (g_array_index (fixture_curve (a.run.record, "act_probe")->steps, guint64, 1), 4);
  ck_assert_uint_eq (fixture_curve (a.run.record, "act_decided")->values->len, 3);
  /* All ratios are 1 at a round's first update, and the advantages add up to 0. */
  ck_assert_double_eq_tol (g_array_index (fixture_curve (a.run.record, "act_loss")->values, double, 0), 0, 1e-12);
  ck_assert_double_lt (g_array_index (fixture_curve (a.run.record, "act_loss")->values, double, 2), -1e-4);
  actor_clear (&a);
}
END_TEST

static void
assert_same_records (const PrRecord *a, const PrRecord *b)
{
  ck_assert_uint_eq (a->curves->len, b->curves->len);
  for (guint i = 0; i < a->curves->len; i++)
    {
      const PrRecordCurve *x = a->curves->pdata[i], *y = b->curves->pdata[i];

      ck_assert_str_eq (x->series, y->series);
      ck_assert_uint_eq (x->values->len, y->values->len);
      ck_assert_mem_eq (x->values->data, y->values->data, x->values->len * sizeof (double));
    }
  ck_assert_mem_eq (a->costs, b->costs, sizeof a->costs);
}

/* Killed or cancelled in any round or at the start of an epoch, and started again. */
START_TEST (resumes_with_the_same_bytes)
{
  Actor whole, a;
  GError *error = NULL;
  guint rounds;

  actor_init (&whole);
  ck_assert (actor_train (&whole, NULL));
  actor_init (&a);
  a.cancel = _i % 2;
  if (_i < 20)
    a.kill_round = 1 + (guint)_i / 2;
  else
    a.kill_epoch = 1 + (guint)(_i - 20) / 2;
  ck_assert (!actor_train (&a, &error));
  g_clear_error (&error);
  rounds = a.rounds;
  pr_lm_free (a.lm);
  a.lm = fixture_lm (PR_LM_QWEN3, 3);
  memset (a.state, 0xff, sizeof a.state);
  a.run.cancel = 0;
  a.kill_round = a.kill_epoch = 0;
  a.rounds = 0;
  ck_assert_msg (actor_train (&a, &error), "%s", error ? error->message : "");
  /* Checkpoints came after updates 6, 12, 15, 21, ...: work was kept. */
  if (rounds > 3)
    ck_assert_uint_lt (a.rounds, 10);
  ck_assert (fixture_same_weights (a.lm, whole.lm));
  assert_same_records (a.run.record, whole.run.record);
  actor_clear (&a);
  actor_clear (&whole);
}
END_TEST

START_TEST (a_round_may_teach_nothing)
{
  Actor a;
  PrLm *before = fixture_lm (PR_LM_QWEN3, 3);

  actor_init (&a);
  a.nothing = TRUE;
  ck_assert (actor_train (&a, NULL));
  ck_assert (fixture_same_weights (a.lm, before));
  pr_lm_free (before);
  actor_clear (&a);
}
END_TEST

START_TEST (an_overflow_names_the_step)
{
  Actor a;
  GError *error = NULL;

  actor_init (&a);
  a.overflow = TRUE;
  a.params.warmup = 0;
  ck_assert (!actor_train (&a, &error));
  ck_assert_pr_error (error, PR_ERROR_NUMERIC, "at step 1 of 30");
  g_error_free (error);
  actor_clear (&a);
}
END_TEST

START_TEST (incomplete_hooks_are_refused)
{
  Actor a;
  GError *error = NULL;

  actor_init (&a);
  if (_i == 0)
    a.training.make_round = NULL;
  else
    a.training.state = NULL;
  ck_assert (!actor_train (&a, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "training 'act' lacks something");
  g_error_free (error);
  actor_clear (&a);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("hooks");
  TCase *weights = tcase_create ("weights"), *rounds = tcase_create ("rounds");

  tcase_set_timeout (rounds, 120);
  tcase_add_test (weights, weights_are_relative);
  tcase_add_loop_test (weights, bad_weights_are_refused, 0, 3);
  tcase_add_test (rounds, rounds_take_their_updates);
  tcase_add_loop_test (rounds, resumes_with_the_same_bytes, 0, 26);
  tcase_add_test (rounds, a_round_may_teach_nothing);
  tcase_add_test (rounds, an_overflow_names_the_step);
  tcase_add_loop_test (rounds, incomplete_hooks_are_refused, 0, 2);
  suite_add_tcase (suite, weights);
  suite_add_tcase (suite, rounds);
  return pr_check_main (suite);
}
