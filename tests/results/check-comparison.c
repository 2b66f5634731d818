#include "config.h"

#include "results-check.h"

#include "results/comparison.h"

/* Comparison -------------------------------------------------------------------------------------------------- */

enum
{
  N_USERS = 300
};

/* A share of HITS of 300 users, user 0 undefined; SHIFT moves who is hit. */
static void
make_hits (float *hits, int n_hits, int shift)
{
  for (int i = 0; i < N_USERS; i++)
    hits[i] = (i + shift) % N_USERS < n_hits;
  hits[0] = NAN;
}

/* base: seeds 1 and 2; pause: seed 1 only, more hits. */
static char *
make_experiment (const char *dir)
{
  char *out = g_build_filename (dir, "results.h5", NULL);
  float hits[N_USERS];
  g_autofree char *a = NULL, *b = NULL, *c = NULL;
  GError *error = NULL;

  make_hits (hits, 61, 0);
  a = made_run_write (dir, "base", 1, hits, N_USERS);
  make_hits (hits, 41, 0);
  b = made_run_write (dir, "base", 2, hits, N_USERS);
  make_hits (hits, 101, 0);
  c = made_run_write (dir, "pause", 1, hits, N_USERS);
  pr_results_merge ((const char *const[]){ a, b, c }, 3, "tiny", "hit_10", "base", out, &error);
  ck_assert_no_error (error);
  return out;
}

START_TEST (cells_are_as_computed_by_hand)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrComparison) c = pr_comparison_new (path, NULL, NULL, &error);
  const PrCell *base, *pause;

  ck_assert_no_error (error);
  ck_assert_uint_eq (c->n_arms, 2);
  ck_assert_uint_eq (c->n_metrics, 1);
  ck_assert_str_eq (c->metrics[0], "hit_10");
  ck_assert_uint_eq (c->n_users, N_USERS);
  ck_assert_uint_eq (c->n_seeds[0], 2);
  ck_assert_uint_eq (c->n_seeds[1], 1);
  base = &c->cells[0];
  pause = &c->cells[1];
  ck_assert_double_eq_tol (base->mean, 50.0 / 299, 1e-9);
  ck_assert_double_eq_tol (base->sd, sqrt (200) / 299, 1e-9);
  ck_assert (isnan (base->difference) && isnan (base->difference_low));
  ck_assert_double_eq_tol (pause->mean, 100.0 / 299, 1e-9);
  ck_assert (isnan (pause->sd));
  /* Seed 1, which both have: 100 of 60 hits. */
  ck_assert_double_eq_tol (pause->difference, 2.0 / 3, 1e-9);
  /* Ratio of means of the same users: about 2/3 +- 2 x sqrt (variance of a ratio) = 0.21; bounds from the delta method,
   * doubled. */
  ck_assert_double_gt (pause->difference_low, 0.25);
  ck_assert_double_lt (pause->difference_low, 0.6);
  ck_assert_double_gt (pause->difference_high, 0.75);
  ck_assert_double_lt (pause->difference_high, 1.3);
  ck_assert_uint_eq (pause->paired_users, 299);
  ck_assert_uint_eq (pause->n_paired, 1);
  ck_assert_uint_eq (pause->n_better, 1);
  ck_assert_int_eq (pause->verdict, PR_VERDICT_BETTER);
  ck_assert_double_lt (pause->low, pause->mean);
  ck_assert_double_gt (pause->low, pause->mean - 3 * sqrt (0.33 * 0.67 / 299));
  ck_assert_double_eq (c->oracle[0], 0.75);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (equal_arms_differ_by_nothing)
{
  g_autofree char *dir = pr_check_tmpdir (), *out = g_build_filename (dir, "results.h5", NULL), *a = NULL, *b = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PrComparison) c = NULL;
  float hits[N_USERS];

  make_hits (hits, 60, 0);
  a = made_run_write (dir, "base", 1, hits, N_USERS);
  b = made_run_write (dir, "same", 1, hits, N_USERS);
  ck_assert (pr_results_merge ((const char *const[]){ a, b }, 2, "tiny", NULL, NULL, out, &error));
  c = pr_comparison_new (out, "base", NULL, &error);
  ck_assert_no_error (error);
  ck_assert_double_eq (c->cells[1].difference, 0);
  ck_assert_double_eq (c->cells[1].difference_low, 0);
  ck_assert_double_eq (c->cells[1].difference_high, 0);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (arms_with_other_users_are_not_paired)
{
  g_autofree char *dir = pr_check_tmpdir (), *out = g_build_filename (dir, "results.h5", NULL), *a = NULL, *b = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PrComparison) c = NULL;
  float hits[N_USERS];

  make_hits (hits, 60, 0);
  a = made_run_write (dir, "base", 1, hits, N_USERS);
  b = made_run_write (dir, "fewer", 1, hits, N_USERS - 50);
  ck_assert (pr_results_merge ((const char *const[]){ a, b }, 2, "tiny", NULL, "base", out, &error));
  c = pr_comparison_new (out, NULL, NULL, &error);
  ck_assert_no_error (error);
  ck_assert (!isnan (c->cells[0].low));
  ck_assert (!isnan (c->cells[1].mean));
  ck_assert (isnan (c->cells[1].low) && isnan (c->cells[1].difference_low) && isnan (c->cells[1].p));
  ck_assert_str_eq (c->notes[0], "arm 'fewer' has 250 users, 'base' 300: they cannot be paired");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (an_unknown_baseline_lists_the_arms)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir);
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pr_comparison_new (path, "sasrec", NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "base, pause");
  g_clear_error (&error);
  ck_assert_ptr_null (pr_comparison_new (path, NULL, (const char *const[]){ "hit_99", NULL }, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "hit_99");
  g_clear_error (&error);
  ck_assert_ptr_null (pr_comparison_new ("/nonexistent.h5", NULL, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "/nonexistent.h5");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_baseline_left_out_is_noted)
{
  g_autofree char *dir = pr_check_tmpdir (), *out = g_build_filename (dir, "results.h5", NULL);
  g_autofree char *a = made_run_write (dir, "pause", 1, (float[]){ 1, 0 }, 2), *table = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert (pr_results_merge ((const char *const[]){ a }, 1, "tiny", NULL, "next-item", out, &error));
  table = pr_results_compare (out, NULL, NULL, &error);
  ck_assert_no_error (error);
  ck_assert_ptr_nonnull (strstr (table, "no run of the baseline 'next-item'"));
  ck_assert_ptr_nonnull (strstr (table, "tiny: 2 users, no baseline"));
  ck_assert_ptr_null (strstr (table, "vs "));
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("comparison");
  TCase *comparison = tcase_create ("comparison");

  tcase_add_test (comparison, cells_are_as_computed_by_hand);
  tcase_add_test (comparison, equal_arms_differ_by_nothing);
  tcase_add_test (comparison, arms_with_other_users_are_not_paired);
  tcase_add_test (comparison, an_unknown_baseline_lists_the_arms);
  tcase_add_test (comparison, a_baseline_left_out_is_noted);
  suite_add_tcase (suite, comparison);
  return pr_check_main (suite);
}
