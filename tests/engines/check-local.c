/* The pool of processes: how many at once, with how much memory, and what a crash of one means for the others. */
#include "config.h"

#include "probe-sweep.h"

#include "engines/failure.h"

#include <signal.h>

#define MANIFEST                                                                                                       \
  "[experiment]\nname = probe\nseeds = 1..6\nmetric = hit_10\nbaseline = walk\n"                                       \
  "[stage seed]\nuses = probe-seed\n"                                                                                  \
  "[stage walk]\nuses = probe-walk\n"                                                                                  \
  "[arm walk]\npipeline = seed; walk\n"

/* A sweep of TEXT with JOBS processes and MIB of memory (0: any). */
static gboolean
sweep (const char *text, const char *const *set, guint jobs, guint64 mib, PrEngineReport *ret_report, GError **error)
{
  g_autoptr (PrExperiment) experiment = probe_load (text, set);
  g_auto (PrSweepSummary) summary = { 0 };
  gboolean ok = probe_sweep (experiment, set, "a", (PrSweepCall){ .jobs = jobs, .memory = mib << 20 }, &summary, error);

  *ret_report = summary.report;
  return ok;
}

/* Walks that had begun and not ended, at most, by the tally. */
static int
most_at_once (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  int now = 0, most = 0;

  ck_assert (g_file_get_contents (tally, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      now += g_str_has_prefix (*line, "walk:") ? 1 : g_str_has_prefix (*line, "end:") ? -1 : 0;
      most = MAX (most, now);
    }
  return most;
}

/* The six walks begin only when three of them have begun: so three go on at once, or this hangs. */
START_TEST (as_many_at_once_as_jobs)
{
  const char *const set[] = { "walk.meet=3", "walk.memory=1000", NULL };
  PrEngineReport report;
  g_autoptr (GError) error = NULL;

  ck_assert_msg (sweep (MANIFEST, set, 3, 0, &report, &error), "%s", error != NULL ? error->message : "");
  ck_assert_uint_eq (report.n_written, 6);
  ck_assert_uint_eq (report.n_computed, 7);
  ck_assert_int_eq (most_at_once (), 3);
}
END_TEST

START_TEST (one_at_a_time_with_one_job)
{
  const char *const set[] = { "walk.memory=1", NULL };
  PrEngineReport report;

  ck_assert (sweep (MANIFEST, set, 1, 0, &report, NULL));
  ck_assert_int_eq (most_at_once (), 1);
}
END_TEST

/* Room for two, however many jobs; and one that is larger than the budget goes on alone. */
START_TEST (not_more_than_memory_allows)
{
  const char *const two[] = { "walk.meet=2", "walk.memory=1000", NULL }, *const one[] = { "walk.memory=3000", NULL };
  PrEngineReport report;
  g_autofree char *out = probe_path ("a", "out"), *store = probe_path ("a", "store");

  ck_assert (sweep (MANIFEST, two, 6, 2500, &report, NULL));
  ck_assert_int_eq (most_at_once (), 2);
  pr_check_rmdir (out);
  pr_check_rmdir (store);
  g_unlink (tally);
  ck_assert (sweep (MANIFEST, one, 6, 2500, &report, NULL));
  ck_assert_int_eq (most_at_once (), 1);
  ck_assert_uint_eq (report.n_written, 6);
}
END_TEST

START_TEST (a_crash_takes_one_run)
{
  const struct
  {
    const char *crash;
    PrError code;
    const char *part;
  } cases[] = {
    { "walk.crash = 11\n", PR_ERROR_PLUGIN, "broken, seed 1: stage 'walk': its process died of signal 11 (" },
    { "walk.crash = 6\n", PR_ERROR_PLUGIN, "its process died of signal 6 (" },
    { "walk.crash = 9\n", PR_ERROR_IO, "its process was killed (signal 9)" },
    { "walk.crash = -1\n", PR_ERROR_PLUGIN, "its process ended by itself with status 0; a stage must return" },
    { "walk.crash = -2\n", PR_ERROR_PLUGIN, "its process ended by itself with status 1; a stage must return" },
    { "walk.crash = -3\n", PR_ERROR_PLUGIN, "its process ended by itself with status 2; a stage must return" },
    { "walk.crash = -8\n", PR_ERROR_PLUGIN, "its process ended by itself with status 7; a stage must return" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *out = probe_path ("a", "out"), *store = probe_path ("a", "store");
      g_autofree char *text =
          g_strconcat (MANIFEST, "[arm broken]\npipeline = seed; walk\nwalk.steps = 9\n", cases[i].crash, NULL);
      g_autoptr (GHashTable) failures = NULL;
      g_autoptr (GError) error = NULL;
      PrEngineReport report;

      ck_assert (!sweep (text, NULL, 2, 0, &report, &error));
      ck_assert_pr_error (error, cases[i].code, cases[i].part);
      ck_assert_uint_eq (report.n_written, 6);
      ck_assert_uint_eq (report.n_failed, 6);
      failures = pr_failures_load (out);
      ck_assert_uint_eq (g_hash_table_size (failures), 6);
      pr_check_rmdir (out);
      pr_check_rmdir (store);
    }
}
END_TEST

/* A shared stage that dies is computed once, and told once. */
START_TEST (a_shared_part_that_fails_is_told_once)
{
  const char *const set[] = { "walk.crash=11", "experiment.seeds=1", NULL };
  g_autoptr (GError) error = NULL;
  PrEngineReport report;
  g_autofree char *text = NULL, *counted = NULL;

  text = g_strconcat (
      MANIFEST, "[stage more]\nuses = probe-walk\n[arm more]\npipeline = seed; walk; more\nmore.steps = 3;4\n", NULL);
  ck_assert (!sweep (text, set, 2, 0, &report, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "walk, seed 1: stage 'walk': its process died");
  ck_assert_ptr_nonnull (strstr (error->message, "\n2 more runs need the same stage"));
  ck_assert_uint_eq (report.n_failed, 3);
  ck_assert (g_file_get_contents (tally, &counted, NULL, NULL));
  ck_assert_str_eq (counted, "seed:0\nwalk:0\n");
}
END_TEST

START_TEST (a_plan_that_changes_on_the_way_stops_what_was_not_begun)
{
  g_autofree char *input = g_build_filename (dir, "input", NULL);
  g_autoptr (PrExperiment) experiment = probe_load (MANIFEST, NULL);
  g_auto (PrSweepSummary) summary = { 0 };
  g_autoptr (GError) error = NULL;

  /* As if a parameter named this file, which has changed since. */
  ck_assert (g_file_set_contents (input, "new", -1, NULL));
  g_hash_table_insert (experiment->files, g_strdup (input), g_strnfill (64, '0'));
  ck_assert (!probe_sweep (experiment, NULL, "a", (PrSweepCall){ .jobs = 1 }, &summary, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "changed since the sweep was planned");
  ck_assert_uint_eq (summary.report.n_written, 0);
  ck_assert_uint_eq (summary.report.n_failed, 6);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("local");
  TCase *tc = tcase_create ("local");

  tcase_add_checked_fixture (tc, probe_setup, probe_teardown);
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, as_many_at_once_as_jobs);
  tcase_add_test (tc, one_at_a_time_with_one_job);
  tcase_add_test (tc, not_more_than_memory_allows);
  tcase_add_test (tc, a_crash_takes_one_run);
  tcase_add_test (tc, a_shared_part_that_fails_is_told_once);
  tcase_add_test (tc, a_plan_that_changes_on_the_way_stops_what_was_not_begun);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
