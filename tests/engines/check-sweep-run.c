/* check-sweep-run.c - what a sweep does, what it takes from the store, and what a stage that fails costs the others. */
#include "watched-sweep.h"

#include "results/h5.h"

START_TEST (the_second_time_there_is_nothing_to_do)
{
  PrSweepSummary summary = { 0 };
  g_autofree char *first = NULL, *second = NULL, *third = NULL, *before = NULL, *after = NULL;
  g_autofree char *out = g_build_filename (dir, "a-out", NULL);

  must_run ("a", &summary);
  first = tallied ();
  ck_assert_str_eq (first, "seed:0\nwalk:0\nwalk:0\nwalk:0\nwalk:0\n");
  ck_assert_uint_eq (summary.report.n_computed, 5);
  ck_assert_uint_eq (summary.report.n_cached, 0);
  ck_assert_uint_eq (summary.report.n_written, 4);
  ck_assert (g_file_test (summary.results, G_FILE_TEST_EXISTS));
  before = digests ("a");
  must_run ("a", &summary);
  second = tallied ();
  ck_assert_str_eq (second, "");
  ck_assert_uint_eq (summary.report.n_computed + summary.report.n_cached + summary.report.n_written, 0);
  ck_assert_uint_eq (summary.report.n_done, 4);
  /* Without the results the store still has everything. */
  pr_check_rmdir (out);
  must_run ("a", &summary);
  third = tallied ();
  ck_assert_str_eq (third, "");
  ck_assert_uint_eq (summary.report.n_cached, 5);
  ck_assert_uint_eq (summary.report.n_written, 4);
  after = digests ("a");
  ck_assert_str_eq (before, after);
  check_clean ("a");
  pr_sweep_summary_clear (&summary);
}
END_TEST

/* Measured costs of all stages of all runs: wall and CPU seconds, peak memory; RET_N rows each. */
static double *
measured (const char *results, gint64 *ret_n)
{
  static const char *const names[] = { "wall_seconds", "cpu_seconds", "peak_rss_bytes" };
  g_autoptr (GError) error = NULL;
  g_autoptr (PrH5) h5 = pr_h5_open (results, &error);
  double *all = NULL;

  ck_assert_no_error (error);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree double *column = pr_h5_read_column (h5, "/cost", names[i], PR_H5_F64, ret_n, &error);

      ck_assert_no_error (error);
      if (all == NULL)
        all = g_new (double, *ret_n * 3);
      memcpy (all + (gsize)*ret_n * i, column, sizeof (double) * (gsize)*ret_n);
    }
  return all;
}

START_TEST (stages_of_the_store_cost_what_they_cost_then)
{
  PrSweepSummary summary = { 0 };
  g_autofree char *out = g_build_filename (dir, "a-out", NULL);
  g_autofree double *before = NULL, *after = NULL;
  gint64 n, again;

  must_run ("a", &summary);
  before = measured (summary.results, &n);
  ck_assert_int_eq (n, 8); /* 2 arms x 2 seeds x 2 stages */
  /* Stage seed ran once: it comes from the store in three runs and costs the same in all of them. */
  for (gint64 m = 0; m < 3; m++)
    for (gint64 r = 0; r < n; r += 2)
      {
        ck_assert_double_gt (before[m * n + r], m == 1 ? -1 : 0); /* CPU time may be below the clock's step */
        ck_assert_double_eq (before[m * n + r], before[m * n]);
      }
  pr_check_rmdir (out);
  must_run ("a", &summary);
  ck_assert_uint_eq (summary.report.n_cached, 5);
  after = measured (summary.results, &again);
  ck_assert_int_eq (again, n);
  ck_assert_mem_eq (before, after, sizeof (double) * 3 * (gsize)n);
  pr_sweep_summary_clear (&summary);
}
END_TEST

START_TEST (a_failed_stage_does_not_stop_runs_that_do_not_need_it)
{
  PrSweepSummary summary = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *calls = NULL;

  /* Both arms `long` and `again` fail, and need the same stages; `short` does not. */
  manifest_text = MANIFEST "walk.fail = true\n[arm again]\npipeline = seed; walk\nwalk.steps = 20\nwalk.fail = true\n";
  ck_assert (!run ("a", NULL, &summary, &error));
  ck_assert_pr_error (error, PR_ERROR_NUMERIC,
                      "long, seed 1: stage 'walk': stumbled as it was told\nlong, seed 2: stage");
  ck_assert_ptr_nonnull (strstr (error->message, "\n2 more runs need the same stages"));
  ck_assert_ptr_null (strstr (error->message, "short"));
  ck_assert_uint_eq (summary.report.n_failed, 4);
  ck_assert_uint_eq (summary.report.n_written, 2);
  ck_assert_uint_eq (summary.report.n_computed, 3);
  ck_assert (g_file_test (summary.results, G_FILE_TEST_EXISTS));
  calls = tallied ();
  ck_assert_str_eq (calls, "seed:0\nwalk:0\nwalk:0\nwalk:0\nwalk:0\n");
  ck_assert_ptr_nonnull (strstr (seen->str, "run_failed: needs stage 'walk', which failed"));
  pr_sweep_summary_clear (&summary);
}
END_TEST

/* Every failure that is on record is STAGE's. */
static void
check_failed_stage (const char *place, const char *stage)
{
  g_autofree char *folder = g_strdup_printf ("%s/%s-out/failed", dir, place);
  g_autofree char *wanted = g_strdup_printf ("\"stage\": \"%s\"", stage);
  g_auto (GStrv) names = pr_folder_list (folder, NULL);

  ck_assert (names != NULL && names[0] != NULL);
  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *path = g_build_filename (folder, *name, NULL), *text = NULL;

      ck_assert (g_file_get_contents (path, &text, NULL, NULL));
      ck_assert_msg (strstr (text, wanted) != NULL, "%s", text);
    }
}

/* A stage that refuses its input once that is known ends its run before anything else is computed for it, and only its
 * run: `walk` of one picky arm is never begun, that of the other is the one of `long`. */
START_TEST (what_is_refused_later_costs_no_other_stage)
{
  PrSweepSummary summary = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *before = NULL, *calls = NULL;

  manifest_text = MANIFEST "[stage picky]\nuses = probe-walk\nmost = 9\n"
                           "[arm alone]\npipeline = seed; walk; picky\nwalk.steps = 40\n"
                           "[arm beside]\npipeline = seed; walk; picky\nwalk.steps = 20\n";
  ck_assert (!run ("a", (const char *const[]){ "experiment.seeds=1", NULL }, &summary, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "stage 'picky': too many bytes of stage 'seed'");
  before = tallied ();
  ck_assert_str_eq (before, "");
  g_clear_error (&error);
  ck_assert (!run ("a", (const char *const[]){ "experiment.seeds=1", "seed.late=true", NULL }, &summary, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "alone, seed 1: stage 'picky': too many bytes of stage 'seed'");
  ck_assert_uint_eq (summary.report.n_failed, 2);
  ck_assert_uint_eq (summary.report.n_written, 2);
  ck_assert_uint_eq (summary.report.n_computed, 3);
  calls = tallied ();
  ck_assert_str_eq (calls, "seed:0\nwalk:0\nwalk:0\n");
  check_failed_stage ("a", "picky");
  pr_sweep_summary_clear (&summary);
}
END_TEST

/* What failed by itself would only fail again: `run` says so without trying, `retry` tries. */
START_TEST (what_failed_is_tried_again_by_retry_alone)
{
  PrSweepSummary summary = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *first = NULL, *second = NULL, *third = NULL;

  manifest_text = MANIFEST "walk.fail = true\n";
  ck_assert (!run ("a", NULL, &summary, &error));
  ck_assert_uint_eq (summary.report.n_failed, 2);
  first = tallied ();
  g_clear_error (&error);
  pr_sweep_summary_clear (&summary);
  ck_assert (!run ("a", NULL, &summary, &error));
  ck_assert_pr_error (error, PR_ERROR_NUMERIC, "stage 'walk': stumbled as it was told");
  ck_assert_ptr_nonnull (strstr (error->message, "`pauserec retry`"));
  ck_assert_uint_eq (summary.report.n_failed, 2);
  ck_assert_uint_eq (summary.report.n_done, 2);
  second = tallied ();
  ck_assert_str_eq (second, "");
  g_clear_error (&error);
  pr_sweep_summary_clear (&summary);
  mode = PR_SWEEP_RETRY_FAILED;
  ck_assert (!run ("a", NULL, &summary, &error));
  third = tallied ();
  ck_assert_str_eq (third, "walk:0\nwalk:0\n");
  pr_sweep_summary_clear (&summary);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sweep-run");
  TCase *tc = tcase_create ("sweep-run");

  tcase_add_checked_fixture (tc, watched_setup, watched_teardown);
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, the_second_time_there_is_nothing_to_do);
  tcase_add_test (tc, stages_of_the_store_cost_what_they_cost_then);
  tcase_add_test (tc, a_failed_stage_does_not_stop_runs_that_do_not_need_it);
  tcase_add_test (tc, what_is_refused_later_costs_no_other_stage);
  tcase_add_test (tc, what_failed_is_tried_again_by_retry_alone);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
