#include "train-fixture.h"

#include <pauserec/threads.h>

#include "lm/trainer.h"

#include <math.h>

/* Different cuts and orders of float sums; a lost or doubled row would be off by whole per cents. */
#define CUT_TOLERANCE 2e-5

static PrLm *
train (FixtureRun *run, const PrTraining *training, const PrTrainParams *params, PrLm *lm)
{
  GError *error = NULL;

  ck_assert_msg (fixture_train (run, lm, training, params, 7, &error), "%s", error ? error->message : "");
  return lm;
}

START_TEST (learns_by_heart)
{
  FixtureRun run = fixture_run ();
  Parrot parrot = { .seed = 1, .length = 8, .vocab = 200 };
  PrTraining training = {
    .name = "train", .n_examples = 6, .example = parrot_example, .ctx = &parrot, .shuffle = TRUE
  };
  PrTrainParams params = fixture_params ();
  const PrRecordCurve *loss;
  PrLm *lm;

  params.epochs = 120;
  params.batch_size = 6;
  params.lr = 0.02;
  params.weight_decay = 0;
  lm = train (&run, &training, &params, fixture_lm (PR_LM_QWEN3, 1));
  loss = fixture_curve (run.record, "loss");
  ck_assert_uint_eq (loss->values->len, 120);
  ck_assert_double_gt (g_array_index (loss->values, double, 0), 4.5);
  ck_assert_double_lt (fixture_last (run.record, "loss"), 0.05);
  ck_assert_double_eq (run.record->costs[PR_COST_OPTIMIZER_STEPS], 120);
  /* Six examples of 8, 7, 6 tokens; the last token of each is only predicted. */
  ck_assert_double_eq (run.record->costs[PR_COST_TRAIN_TOKENS], 120 * 2 * (7 + 6 + 5));
  ck_assert_double_gt (run.record->costs[PR_COST_FLOPS], 0);
  pr_lm_free (lm);
  fixture_run_clear (&run);
}
END_TEST

/* The same tokens with labels drawn anew: what is learnt by heart does not help elsewhere. */
START_TEST (noise_does_not_generalise)
{
  FixtureRun run = fixture_run ();
  Parrot parrot = { .seed = 2, .length = 8, .vocab = 16 };
  PrTraining training = {
    .name = "train", .n_examples = 32, .example = parrot_example, .ctx = &parrot, .shuffle = TRUE
  };
  PrTrainParams params = fixture_params ();
  double chance = log (16), sum = 0;
  guint n = 0;
  PrLm *lm;

  params.epochs = 40;
  params.lr = 0.01;
  lm = train (&run, &training, &params, fixture_lm (PR_LM_QWEN3, 2));
  ck_assert_double_lt (fixture_last (run.record, "loss"), chance - 0.5);
  for (gint32 s = 0; s < 64; s++)
    {
      gint32 tokens[8], offsets[2] = { 0, 8 };
      float log_probs[8];

      for (int i = 0; i < 8; i++)
        tokens[i] = (gint32)pr_rng_below (pr_rng_new (99, "held out"), (guint64)s, (guint64)i, 16);
      ck_assert (pr_lm_log_probs (lm, tokens, offsets, 1, NULL, 1, log_probs, NULL));
      for (int i = 1; i < 8; i++, n++)
        sum -= (double)log_probs[i];
    }
  ck_assert_double_gt (sum / n, chance);
  pr_lm_free (lm);
  fixture_run_clear (&run);
}
END_TEST

START_TEST (only_listed_rows_move)
{
  FixtureRun run = fixture_run ();
  Parrot parrot = { .seed = 3, .length = 9, .vocab = 40 };
  const gint32 rows[] = { 17, 3, 262 };
  PrTraining training = {
    .name = "train", .n_examples = 8, .example = parrot_example, .ctx = &parrot, .rows = rows, .n_rows = 3
  };
  PrTrainParams params = fixture_params ();
  PrLm *before = fixture_lm (PR_LM_QWEN3, 3), *lm = fixture_lm (PR_LM_QWEN3, 3);
  gsize bytes = (gsize)lm->config.hidden * sizeof (float);

  params.batch_size = 8; /* one batch an epoch, so that losses can be compared */
  params.epochs = 10;
  train (&run, &training, &params, lm);
  for (gsize i = 0; i < 3; i++)
    {
      ck_assert (memcmp (pr_lm_embedding_row (lm, rows[i]), pr_lm_embedding_row (before, rows[i]), bytes) != 0);
      memcpy (pr_lm_embedding_row (before, rows[i]), pr_lm_embedding_row (lm, rows[i]), bytes);
    }
  ck_assert (fixture_same_weights (lm, before));
  ck_assert_double_lt (fixture_last (run.record, "loss"),
                       g_array_index (fixture_curve (run.record, "loss")->values, double, 0));
  pr_lm_free (lm);
  pr_lm_free (before);
  fixture_run_clear (&run);
}
END_TEST

/* Rows alone get the same first update as within a full training: same gradient, no clipping, one step. */
START_TEST (rows_agree_with_full_training)
{
  Parrot parrot = { .seed = 4, .length = 9, .vocab = 40 };
  const gint32 rows[] = { 5, 11 };
  PrTraining training = { .name = "train", .n_examples = 4, .example = parrot_example, .ctx = &parrot };
  PrTrainParams params = fixture_params ();
  PrLm *full = fixture_lm (PR_LM_QWEN2, 4), *part = fixture_lm (PR_LM_QWEN2, 4);
  FixtureRun run = fixture_run (), other = fixture_run ();

  params.max_steps = 1;
  params.clip = 0;
  params.eps = 1; /* makes the update proportional to the gradient, not to its sign */
  params.lr = 1;
  params.weight_decay = 0.1;
  train (&run, &training, &params, full);
  training.rows = rows;
  training.n_rows = 2;
  train (&other, &training, &params, part);
  for (gsize i = 0; i < 2; i++)
    for (gint32 j = 0; j < full->config.hidden; j++)
      ck_assert_double_eq_tol ((double)pr_lm_embedding_row (part, rows[i])[j],
                               (double)pr_lm_embedding_row (full, rows[i])[j], CUT_TOLERANCE);
  pr_lm_free (full);
  pr_lm_free (part);
  fixture_run_clear (&run);
  fixture_run_clear (&other);
}
END_TEST

static PrLm *
train_cut (gint64 chunk_tokens, double dropout)
{
  FixtureRun run = fixture_run ();
  Parrot parrot = { .seed = 5, .length = 12, .vocab = 250, .skip = 5 };
  PrTraining training = {
    .name = "train", .n_examples = 20, .example = parrot_example, .ctx = &parrot, .shuffle = TRUE
  };
  PrTrainParams params = fixture_params ();
  PrLm *lm;

  params.batch_size = 7;
  params.chunk_tokens = chunk_tokens;
  params.dropout = dropout;
  params.max_steps = 4;
  params.eps = 1e-3;
  lm = train (&run, &training, &params, fixture_lm (PR_LM_QWEN3, 5));
  fixture_run_clear (&run);
  return lm;
}

START_TEST (accumulation_changes_nothing)
{
  double dropout = _i == 0 ? 0 : 0.3;
  PrLm *whole = train_cut (1000, dropout), *pieces = train_cut (16, dropout), *some = train_cut (40, dropout);
  PrLm *start = fixture_lm (PR_LM_QWEN3, 5);
  double moved = 0;

  for (gint64 i = 0; i < whole->layout->size; i++)
    {
      ck_assert_double_eq_tol ((double)pieces->weights[i], (double)whole->weights[i], CUT_TOLERANCE);
      ck_assert_double_eq_tol ((double)some->weights[i], (double)whole->weights[i], CUT_TOLERANCE);
      moved = fmax (moved, fabs ((double)whole->weights[i] - (double)start->weights[i]));
    }
  ck_assert_double_gt (moved, 100 * CUT_TOLERANCE);
  pr_lm_free (whole);
  pr_lm_free (pieces);
  pr_lm_free (some);
  pr_lm_free (start);
}
END_TEST

START_TEST (threads_change_no_bit)
{
  PrLm *one, *other;

  one = train_cut (40, 0.2);
  pr_threads_set ((guint)_i);
  other = train_cut (40, 0.2);
  ck_assert (fixture_same_weights (one, other));
  pr_lm_free (one);
  pr_lm_free (other);
}
END_TEST

START_TEST (seed_and_order_matter)
{
  Parrot parrot = { .seed = 5, .length = 12, .vocab = 250 };
  PrTraining training = {
    .name = "train", .n_examples = 20, .example = parrot_example, .ctx = &parrot, .shuffle = TRUE
  };
  PrTrainParams params = fixture_params ();
  PrLm *lm[2];

  for (guint64 i = 0; i < 2; i++)
    {
      FixtureRun run = fixture_run ();

      lm[i] = fixture_lm (PR_LM_QWEN3, 5);
      ck_assert (fixture_train (&run, lm[i], &training, &params, i, NULL));
      fixture_run_clear (&run);
    }
  ck_assert (!fixture_same_weights (lm[0], lm[1]));
  pr_lm_free (lm[0]);
  pr_lm_free (lm[1]);
}
END_TEST

/* Score by the number of calls: best at the second validation. */
typedef struct
{
  Parrot parrot;
  guint n;
  PrLm *second; /* a copy of the weights then */
} Judge;

static gboolean
judge_score (gpointer ctx, PrLm *lm, PrTrainLog *log, double *ret_score, GError **error)
{
  Judge *judge = ctx;
  static const double scores[] = { 0.1, 0.4, 0.2, 0.4 };

  (void)error, (void)log;
  *ret_score = scores[judge->n];
  if (++judge->n == 2)
    memcpy (judge->second->weights, lm->weights, (gsize)lm->layout->size * sizeof (float));
  return TRUE;
}

START_TEST (best_weights_come_back)
{
  FixtureRun run = fixture_run ();
  Judge judge = { .parrot = { .seed = 6, .length = 8, .vocab = 100 }, .second = fixture_lm (PR_LM_LLAMA, 6) };
  PrTraining training = { .name = "sft",
                          .n_examples = 10,
                          .example = parrot_example,
                          .ctx = &judge,
                          .shuffle = TRUE,
                          .score = judge_score,
                          .score_name = "ndcg_10" };
  PrTrainParams params = fixture_params ();
  PrLm *lm = fixture_lm (PR_LM_LLAMA, 6);

  params.epochs = 3.5;
  params.keep_best = _i == 0;
  train (&run, &training, &params, lm);
  ck_assert_uint_eq (judge.n, 4);
  ck_assert_int_eq (fixture_same_weights (lm, judge.second), _i == 0);
  /* A name other than "train" stands before the series. */
  ck_assert_uint_eq (fixture_curve (run.record, "sft_ndcg_10")->values->len, 4);
  ck_assert_uint_eq (g_array_index (fixture_curve (run.record, "sft_ndcg_10")->steps, guint64, 3), 11);
  ck_assert_ptr_nonnull (fixture_curve (run.record, "sft_grad_norm"));
  pr_lm_free (lm);
  pr_lm_free (judge.second);
  fixture_run_clear (&run);
}
END_TEST

START_TEST (validation_loss_is_the_mean)
{
  FixtureRun run = fixture_run ();
  Parrot parrot = { .seed = 7, .length = 9, .vocab = 100 };
  PrTraining training = { .name = "train",
                          .n_examples = 5,
                          .example = parrot_example,
                          .ctx = &parrot,
                          .n_valid = 13,
                          .valid_example = parrot_example };
  PrTrainParams params = fixture_params ();
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 7);
  double sum = 0;
  guint n = 0;

  params.epochs = 1;
  train (&run, &training, &params, lm);
  for (gsize i = 0; i < 13; i++)
    {
      PrExample example = { g_array_new (FALSE, FALSE, sizeof (gint32)), g_array_new (FALSE, FALSE, sizeof (float)) };
      gint32 offsets[2];
      float log_probs[16];

      parrot_example (&parrot, 0, i, &example, NULL);
      offsets[0] = 0;
      offsets[1] = (gint32)example.tokens->len;
      ck_assert (pr_lm_log_probs (lm, (gint32 *)(gpointer)example.tokens->data, offsets, 1, NULL, 1, log_probs, NULL));
      for (guint j = 1; j < example.tokens->len; j++, n++)
        sum -= (double)log_probs[j];
      g_array_unref (example.tokens);
      g_array_unref (example.loss);
    }
  ck_assert_double_eq_tol (fixture_last (run.record, "valid_loss"), sum / n, 1e-5);
  pr_lm_free (lm);
  fixture_run_clear (&run);
}
END_TEST

START_TEST (no_steps_change_nothing)
{
  FixtureRun run = fixture_run ();
  Parrot parrot = { .seed = 8, .length = 8, .vocab = 100 };
  PrTraining training = { .name = "train", .n_examples = 4, .example = parrot_example, .ctx = &parrot };
  PrTrainParams params = fixture_params ();
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 8), *before = fixture_lm (PR_LM_QWEN3, 8);

  params.epochs = 0;
  train (&run, &training, &params, lm);
  ck_assert (fixture_same_weights (lm, before));
  ck_assert_uint_eq (run.record->curves->len, 0);
  pr_lm_free (lm);
  pr_lm_free (before);
  fixture_run_clear (&run);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("train");
  TCase *learning = tcase_create ("learning"), *exact = tcase_create ("exact");

  tcase_set_timeout (learning, 120);
  tcase_set_timeout (exact, 120);
  tcase_add_test (learning, learns_by_heart);
  tcase_add_test (learning, noise_does_not_generalise);
  tcase_add_test (learning, only_listed_rows_move);
  tcase_add_test (learning, rows_agree_with_full_training);
  tcase_add_loop_test (learning, best_weights_come_back, 0, 2);
  tcase_add_test (learning, validation_loss_is_the_mean);
  tcase_add_loop_test (exact, accumulation_changes_nothing, 0, 2);
  tcase_add_loop_test (exact, threads_change_no_bit, 2, 4);
  tcase_add_test (exact, seed_and_order_matter);
  tcase_add_test (exact, no_steps_change_nothing);
  suite_add_tcase (suite, learning);
  suite_add_tcase (suite, exact);
  return pr_check_main (suite);
}
