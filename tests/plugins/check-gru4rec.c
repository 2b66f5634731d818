/* GRU4Rec: what it must be able to learn, what it cannot, and the same bytes whatever happens. */
#include "seq-world.h"

#include "plugins/gru4rec/bpr-max.h"

#include <math.h>

static StageResult
run (const char *settings, guint64 seed)
{
  const char *inputs[] = { "dataset", seq_dir, NULL };
  StageResult result = { 0 };
  GError *error = NULL;

  harness_run (seq_registry, "gru4rec", settings, inputs, seed, &result, &error);
  ck_assert_no_error (error);
  return result;
}

/* Hits among the first TOP of a ranking of N_ITEMS. */
static double
hit (const StageResult *result, gint64 n_items, gint64 top)
{
  g_autofree char *dir = harness_output (result, "ranking");
  g_autoptr (PrRanking) ranking = pr_ranking_load (dir, n_items, NULL);

  ck_assert_ptr_nonnull (ranking);
  return seq_hit (ranking, top);
}

static double
last_loss (const StageResult *result)
{
  const GArray *loss = harness_curve (result, "loss");

  return g_array_index (loss, double, loss->len - 1);
}

#define QUICK "dims=16 hidden=24 dropout=0 batch_size=16 lr=1e-2 schedule=constant warmup=0 "

/* The user's step is seen in two purchases and goes on.  Sampled negatives tell close calls apart less well. */
START_TEST (deterministic_worlds_are_learned)
{
  g_auto (StageResult) full = { 0 }, sampled = { 0 };

  seq_write (30, 150, 12, seq_steps);
  full = run (QUICK "epochs=30", 1);
  ck_assert_double_ge (hit (&full, 30, 1), 0.95);
  ck_assert_double_eq (harness_metric (&full, "train_examples"), 150);
  sampled = run (QUICK "epochs=30 loss=bpr-max negatives=20 bpreg=0.1", 1);
  ck_assert_double_ge (hit (&sampled, 30, 5), 0.95);
}
END_TEST

START_TEST (few_users_are_learned_by_heart)
{
  g_auto (StageResult) result = { 0 };

  seq_write (30, 6, 9, seq_noise);
  result = run (QUICK "epochs=200 keep_best=false", 1);
  ck_assert_double_lt (last_loss (&result), 0.1);
}
END_TEST

/* 800 users, 50 items: 1 in 10 hits in the first five by chance; five standard errors are 0.053. */
START_TEST (chance_stays_chance)
{
  g_auto (StageResult) result = { 0 };

  seq_write (50, 800, 7, seq_noise);
  result = run (QUICK "epochs=5", 1);
  ck_assert_double_eq_tol (hit (&result, 50, 5), 0.1, 0.053);
}
END_TEST

/* Interrupted in the middle of training and while it ranks; with dropout and sampled items. */
START_TEST (an_interrupted_run_gives_the_same_bytes)
{
  static const char *const settings = "dims=16 hidden=20 layers=2 epochs=4 batch_size=16 loss=bpr-max negatives=5 "
                                      "checkpoint_steps=3 dropout=0.3 chunk_tokens=64";
  const char *inputs[] = { "dataset", seq_dir, NULL };
  g_auto (StageResult) whole = { 0 };

  seq_write (20, 60, 8, seq_steps);
  whole = run (settings, 3);
  for (guint stop = 5; stop <= 25; stop += 10)
    {
      g_auto (StageResult) resumed = { 0 };
      GError *error = NULL;

      harness_resume (seq_registry, "gru4rec", settings, inputs, 3, stop, &resumed, &error);
      ck_assert_no_error (error);
      seq_assert_same (&whole, &resumed);
    }
}
END_TEST

START_TEST (threads_do_not_matter_and_seeds_do)
{
  static const char *const settings = "dims=16 hidden=20 epochs=2 batch_size=32";
  g_auto (StageResult) one = { 0 }, four = { 0 }, other = { 0 };

  seq_write (40, 100, 10, seq_steps);
  one = run (settings, 3);
  pr_threads_set (4);
  four = run (settings, 3);
  pr_threads_set (1);
  seq_assert_same (&one, &four);
  other = run (settings, 4);
  ck_assert_double_ne (last_loss (&one), last_loss (&other));
}
END_TEST

/* Sequences are cut into chunks that fit memory: what is dropped and sampled belongs to the update. */
START_TEST (chunks_do_not_matter_to_the_loss)
{
  static const char *const settings[] = {
    "dims=16 hidden=20 max_steps=2 batch_size=40 loss=bpr-max negatives=9 chunk_tokens=64",
    "dims=16 hidden=20 max_steps=2 batch_size=40 loss=bpr-max negatives=9"
  };
  g_auto (StageResult) small = { 0 }, large = { 0 };

  seq_write (40, 100, 10, seq_steps);
  small = run (settings[0], 3);
  large = run (settings[1], 3);
  ck_assert_double_eq_tol (last_loss (&small), last_loss (&large), 1e-6);
}
END_TEST

START_TEST (nobody_to_learn_from_is_an_error)
{
  const char *inputs[] = { "dataset", seq_dir, NULL };
  g_auto (StageResult) result = { 0 };
  GError *error = NULL;

  seq_write (5, 10, 3, seq_noise);
  ck_assert (!harness_run (seq_registry, "gru4rec", QUICK, inputs, 1, &result, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "two purchases to train on");
  g_error_free (error);
}
END_TEST

/* By definition, and its gradient by differences. */
START_TEST (bpr_max_is_the_papers)
{
  const gint32 targets[] = { 3, -1 };
  const BprMax b = { targets, 0.7 };
  float r[] = { 0.4f, -0.3f, 1.2f, 0.1f }, dr[4], none[] = { 9, 9, 9, 9 };
  double s[4] = { 0 }, sum = 0, better = 0, squares = 0;

  for (int j = 1; j < 4; j++)
    sum += s[j] = exp (r[j]);
  for (int j = 1; j < 4; j++)
    {
      better += s[j] / sum / (1 + exp (r[j] - r[0]));
      squares += s[j] / sum * r[j] * r[j];
    }
  ck_assert_double_eq_tol (bpr_max_row (&b, 0, 4, r, dr), -log (better) + 0.7 * squares, 1e-7);
  for (int j = 0; j < 4; j++)
    {
      float kept = r[j];
      double up, down;

      r[j] = kept + 1e-3f;
      up = bpr_max_row (&b, 0, 4, r, NULL);
      r[j] = kept - 1e-3f;
      down = bpr_max_row (&b, 0, 4, r, NULL);
      r[j] = kept;
      ck_assert_double_eq_tol (dr[j], (up - down) / 2e-3, 1e-3);
    }
  ck_assert (bpr_max_row (&b, 1, 4, r, none) == 0 && none[0] == 0 && none[3] == 0);
}
END_TEST

static Suite *
suite (void)
{
  Suite *s = suite_create ("gru4rec");
  TCase *tc = tcase_create ("gru4rec");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, seq_setup, seq_teardown);
  tcase_add_test (tc, deterministic_worlds_are_learned);
  tcase_add_test (tc, few_users_are_learned_by_heart);
  tcase_add_test (tc, chance_stays_chance);
  tcase_add_test (tc, an_interrupted_run_gives_the_same_bytes);
  tcase_add_test (tc, threads_do_not_matter_and_seeds_do);
  tcase_add_test (tc, chunks_do_not_matter_to_the_loss);
  tcase_add_test (tc, nobody_to_learn_from_is_an_error);
  tcase_add_test (tc, bpr_max_is_the_papers);
  suite_add_tcase (s, tc);
  return s;
}

int
main (void)
{
  return pr_check_main (suite ());
}
