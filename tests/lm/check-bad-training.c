/* check-bad-training.c - examples, rates and descriptions of a training that must end it with an error. */
#include "train-fixture.h"

#include <math.h>

typedef struct
{
  Parrot parrot;
  PrLm *lm;
  gsize when; /* call that breaks something */
  int how;
} Breaker;

enum
{
  BREAK_NAN,
  BREAK_INF,
  BREAK_TOKEN,
  BREAK_LONG,
  BREAK_FLAGS,
  BREAK_SILENT
};

static gboolean
breaking_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error)
{
  Breaker *breaker = ctx;

  if (!parrot_example (&breaker->parrot, epoch, index, example, error))
    return FALSE;
  if (breaker->how == BREAK_SILENT)
    memset (example->loss->data, 0, example->loss->len * sizeof (float));
  if (breaker->parrot.calls != breaker->when)
    return TRUE;
  if (breaker->how == BREAK_NAN)
    breaker->lm->weights[3] = NAN;
  if (breaker->how == BREAK_INF)
    breaker->lm->weights[breaker->lm->layout->final_norm] = INFINITY;
  if (breaker->how == BREAK_TOKEN)
    g_array_index (example->tokens, gint32, 2) = 264;
  while (breaker->how == BREAK_LONG && example->tokens->len <= 64)
    pr_example_add (example, 1, TRUE);
  if (breaker->how == BREAK_FLAGS)
    g_array_set_size (example->loss, 2);
  return TRUE;
}

START_TEST (bad_examples_and_divergence)
{
  static const struct
  {
    int how, code;
    const char *part;
  } cases[] = {
    { BREAK_NAN, PR_ERROR_NUMERIC, "the loss is nan at step 2 of 15" },
    { BREAK_INF, PR_ERROR_NUMERIC, "at step 2 of 15 (learning rate 0.003)" },
    { BREAK_TOKEN, PR_ERROR_DATA, "example 7 of epoch 0 has token id 264 at position 2" },
    { BREAK_LONG, PR_ERROR_DATA, "example 7 of epoch 0 has 65 tokens, the model has 64 positions" },
    { BREAK_FLAGS, PR_ERROR_DATA, "loss flags" },
    { BREAK_SILENT, PR_ERROR_DATA, "none of the 20 training examples has a position with loss" },
  };
  FixtureRun run = fixture_run ();
  Breaker breaker = { .parrot = { .seed = 8, .length = 8, .vocab = 100 }, .when = 8, .how = cases[_i].how };
  PrTraining training = { .name = "train", .n_examples = 20, .example = breaking_example, .ctx = &breaker };
  PrTrainParams params = fixture_params ();
  GError *error = NULL;

  params.warmup = 0;
  params.schedule = PR_SCHEDULE_CONSTANT;
  breaker.lm = fixture_lm (PR_LM_QWEN3, 8);
  ck_assert (!fixture_train (&run, breaker.lm, &training, &params, 1, &error));
  ck_assert_pr_error (error, cases[_i].code, cases[_i].part);
  g_error_free (error);
  pr_lm_free (breaker.lm);
  fixture_run_clear (&run);
}
END_TEST

START_TEST (a_huge_rate_is_caught_at_the_end)
{
  FixtureRun run = fixture_run ();
  Parrot parrot = { .seed = 8, .length = 8, .vocab = 100 };
  PrTraining training = { .name = "train", .n_examples = 4, .example = parrot_example, .ctx = &parrot };
  PrTrainParams params = fixture_params ();
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 8);
  GError *error = NULL;

  /* One update alone: no later loss would show what it did. */
  params.epochs = 1;
  params.warmup = 0;
  lm->weights[lm->layout->embedding + 263 * 16] = 1e38f;
  params.lr = 1e9;
  params.eps = 1e-30;
  params.weight_decay = 0;
  params.clip = 0;
  if (fixture_train (&run, lm, &training, &params, 1, &error))
    for (gint64 i = 0; i < lm->layout->size; i++)
      ck_assert (isfinite (lm->weights[i]));
  else
    ck_assert_int_eq (error->code, PR_ERROR_NUMERIC);
  g_clear_error (&error);
  pr_lm_free (lm);
  fixture_run_clear (&run);
}
END_TEST

START_TEST (bad_trainings_are_refused)
{
  FixtureRun run = fixture_run ();
  Parrot parrot = { .seed = 8, .length = 8, .vocab = 100 };
  const gint32 twice[] = { 3, 3 }, beyond[] = { 264 };
  PrTrainParams params = fixture_params ();
  PrTraining good = { .name = "train", .n_examples = 4, .example = parrot_example, .ctx = &parrot }, bad;
  PrLm *lm = fixture_lm (PR_LM_QWEN3, 8);
  GError *error = NULL;

  bad = good;
  bad.n_examples = 0;
  ck_assert (!fixture_train (&run, lm, &bad, &params, 1, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "examples");
  g_clear_error (&error);
  bad = good;
  bad.rows = twice;
  bad.n_rows = 2;
  ck_assert (!fixture_train (&run, lm, &bad, &params, 1, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "row 3");
  g_clear_error (&error);
  bad.rows = beyond;
  bad.n_rows = 1;
  ck_assert (!fixture_train (&run, lm, &bad, &params, 1, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "row 264");
  g_clear_error (&error);
  bad = good;
  bad.name = "../train";
  ck_assert (!fixture_train (&run, lm, &bad, &params, 1, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "training '../train'");
  g_clear_error (&error);
  params.geometry_every = 1;
  ck_assert (!fixture_train (&run, lm, &good, &params, 1, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "geometry_every");
  g_clear_error (&error);
  params.geometry_every = 0;
  params.lr = NAN;
  ck_assert (!fixture_train (&run, lm, &good, &params, 1, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "'lr'");
  g_clear_error (&error);
  pr_lm_free (lm);
  fixture_run_clear (&run);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("bad-training");
  TCase *bad = tcase_create ("bad");

  tcase_set_timeout (bad, 120);
  tcase_add_loop_test (bad, bad_examples_and_divergence, 0, 6);
  tcase_add_test (bad, a_huge_rate_is_caught_at_the_end);
  tcase_add_test (bad, bad_trainings_are_refused);
  suite_add_tcase (suite, bad);
  return pr_check_main (suite);
}
