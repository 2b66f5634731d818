#include "config.h"

#include "results-check.h"

#include "results/comparison.h"
#include "results/stats.h"

#include <pauserec/threads.h>

/* Statistics -------------------------------------------------------------------------------------------------- */

START_TEST (means_and_deviations_leave_nan_out)
{
  double values[] = { 1, NAN, 3, 5 }, one[] = { NAN, 2 };
  float seeds[] = { 1, NAN, NAN, 3, 4, NAN }, means[3];

  ck_assert_double_eq (pr_stats_mean (values, 4), 3);
  ck_assert_double_eq (pr_stats_sd (values, 4), 2);
  ck_assert_double_eq (pr_stats_mean (one, 2), 2);
  ck_assert (isnan (pr_stats_sd (one, 2)));
  ck_assert (isnan (pr_stats_mean (one, 1)));
  pr_stats_mean_rows (seeds, 2, 3, means);
  ck_assert_float_eq (means[0], 2);
  ck_assert_float_eq (means[1], 4);
  ck_assert (isnan (means[2]));
}
END_TEST

START_TEST (intervals_are_quantiles)
{
  double values[101], low, high;

  for (int i = 0; i <= 100; i++)
    values[i] = (i * 37) % 101;
  pr_stats_interval (values, 101, 0.95, &low, &high);
  ck_assert_double_eq_tol (low, 2.5, 1e-9);
  ck_assert_double_eq_tol (high, 97.5, 1e-9);
  values[7] = NAN;
  pr_stats_interval (values, 101, 0.95, &low, &high);
  ck_assert (isnan (low) && isnan (high));
  pr_stats_interval (values, 0, 0.95, &low, &high);
  ck_assert (isnan (low));
}
END_TEST

/* How often a 95 % interval covers the truth, over many samples of a known distribution. */
static double
coverage (gboolean binary, gboolean paired)
{
  enum
  {
    TRIALS = 400,
    N = 150,
    DRAWS = 400
  };
  PrRng rng = pr_rng_new (11, binary ? "binary" : "normal");
  static float values[N * 2];
  static double means[DRAWS * 2], one[DRAWS];
  double truth = paired ? 0.1 : binary ? 0.3 : 2;
  int covered = 0;

  for (guint64 t = 0; t < TRIALS; t++)
    {
      double low, high;

      for (guint64 i = 0; i < N; i++)
        {
          double common = pr_rng_normal (rng, t, 3 * i), own = pr_rng_normal (rng, t, 3 * i + 1);

          values[2 * i] = binary ? pr_rng_uniform (rng, t, 3 * i + 2) < 0.3 : (float)(2 + common);
          values[2 * i + 1] = (float)((double)values[2 * i] + 0.1 + 0.3 * own);
        }
      pr_stats_bootstrap (values, N, 2, DRAWS, pr_rng_new (t, "draws"), means);
      for (int d = 0; d < DRAWS; d++)
        one[d] = paired ? means[2 * d + 1] - means[2 * d] : means[2 * d];
      pr_stats_interval (one, DRAWS, 0.95, &low, &high);
      covered += low <= truth && truth <= high;
    }
  return (double)covered / TRIALS;
}

START_TEST (intervals_cover_the_truth_as_often_as_they_say)
{
  /* Four standard deviations of a share of 400, and the 1 % that a percentile bootstrap of 150 loses. */
  const double low = 0.95 - 0.01 - 4 * 0.0109, high = 0.95 + 4 * 0.0109;

  for (int binary = 0; binary < 2; binary++)
    for (int paired = 0; paired < 2; paired++)
      {
        double share = coverage (binary, paired);

        ck_assert_msg (share >= low && share <= high, "binary %d paired %d: %g", binary, paired, share);
      }
}
END_TEST

START_TEST (pairing_takes_common_noise_out)
{
  enum
  {
    N = 200,
    DRAWS = 500
  };
  PrRng rng = pr_rng_new (1, "common");
  static float values[N * 2];
  static double means[DRAWS * 2], difference[DRAWS], single[DRAWS];
  double low, high, single_low, single_high;

  for (guint64 i = 0; i < N; i++)
    {
      values[2 * i] = (float)pr_rng_normal (rng, 0, i);
      values[2 * i + 1] = values[2 * i] + 0.01f;
    }
  pr_stats_bootstrap (values, N, 2, DRAWS, rng, means);
  for (int d = 0; d < DRAWS; d++)
    {
      difference[d] = means[2 * d + 1] - means[2 * d];
      single[d] = means[2 * d];
    }
  pr_stats_interval (difference, DRAWS, 0.95, &low, &high);
  pr_stats_interval (single, DRAWS, 0.95, &single_low, &single_high);
  ck_assert_double_gt (low, 0.0099);
  ck_assert_double_lt (high, 0.0101);
  ck_assert_double_gt (single_high - single_low, 0.1);
}
END_TEST

START_TEST (threads_change_no_draw)
{
  enum
  {
    N = 33,
    DRAWS = 333
  };
  float values[N];
  double one[DRAWS], three[DRAWS];

  for (int i = 0; i < N; i++)
    values[i] = (float)i / 7;
  pr_stats_bootstrap (values, N, 1, DRAWS, pr_rng_new (1, "x"), one);
  pr_threads_set (3);
  pr_stats_bootstrap (values, N, 1, DRAWS, pr_rng_new (1, "x"), three);
  ck_assert_mem_eq (one, three, sizeof one);
}
END_TEST

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
  ck_assert_double_eq_tol (pause->difference, 1, 1e-9);
  /* Ratio of means of the same users: about 1 +- 2 x sqrt (variance of a ratio); bounds from the delta method, doubled.
   */
  ck_assert_double_gt (pause->difference_low, 0.5);
  ck_assert_double_lt (pause->difference_low, 0.95);
  ck_assert_double_gt (pause->difference_high, 1.05);
  ck_assert_double_lt (pause->difference_high, 1.8);
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
  ck_assert (isnan (c->cells[1].low) && isnan (c->cells[1].difference_low));
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
  ck_assert_ptr_null (strstr (table, "vs "));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (tables_show_what_there_is)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_experiment (dir);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrComparison) c =
      pr_comparison_new (path, NULL, (const char *const[]){ "hit_10", "coverage_10", NULL }, &error);
  g_autofree char *text = NULL, *csv = NULL, *markdown = NULL;
  g_auto (GStrv) lines = NULL;

  ck_assert_no_error (error);
  text = pr_comparison_text (c);
  ck_assert_ptr_nonnull (strstr (text, "+100.00 %"));
  ck_assert_ptr_nonnull (strstr (text, "0.3344"));
  ck_assert_ptr_nonnull (strstr (text, "(oracle)"));
  ck_assert_ptr_nonnull (strstr (text, "training cost"));
  ck_assert_ptr_nonnull (strstr (text, "arm 'pause' has 1 of 2 seeds"));
  csv = pr_comparison_csv (c);
  lines = g_strsplit (csv, "\n", -1);
  ck_assert_uint_eq (g_strv_length (lines), 6);
  for (int i = 0; i < 5; i++)
    {
      g_auto (GStrv) fields = g_strsplit (lines[i], ",", -1);

      ck_assert_uint_eq (g_strv_length (fields), 25);
    }
  ck_assert_ptr_nonnull (strstr (csv, "\"pause\",coverage_10,1,0.5,,,,0,,,,1200,0,0,0,0,,2,3,4096,0,0,0,5,1\n"));
  markdown = pr_comparison_markdown (c);
  ck_assert_ptr_nonnull (strstr (markdown, "| arm | hit_10 | coverage_10 |\n|---|---|---|\n"));
  ck_assert_ptr_nonnull (strstr (markdown, "| base | 0.1672 ± 0.0473 | 0.5000 ± 0.0000 |\n"));
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("comparison");
  TCase *stats = tcase_create ("stats"), *comparison = tcase_create ("comparison");

  tcase_add_test (stats, means_and_deviations_leave_nan_out);
  tcase_add_test (stats, intervals_are_quantiles);
  tcase_add_test (stats, intervals_cover_the_truth_as_often_as_they_say);
  tcase_add_test (stats, pairing_takes_common_noise_out);
  tcase_add_test (stats, threads_change_no_draw);
  tcase_add_test (comparison, cells_are_as_computed_by_hand);
  tcase_add_test (comparison, equal_arms_differ_by_nothing);
  tcase_add_test (comparison, arms_with_other_users_are_not_paired);
  tcase_add_test (comparison, an_unknown_baseline_lists_the_arms);
  tcase_add_test (comparison, a_baseline_left_out_is_noted);
  tcase_add_test (comparison, tables_show_what_there_is);
  suite_add_tcase (suite, stats);
  suite_add_tcase (suite, comparison);
  return pr_check_main (suite);
}
