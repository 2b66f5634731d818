/* A sweep that is killed, disturbed or damaged anywhere ends in the same results as one that was left alone. */
#include "config.h"

#include "probe-sweep.h"

#include "results/h5.h"
#include "results/results.h"
#include "runtime/folder.h"
#include "runtime/sha256.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANIFEST                                                                                                       \
  "[experiment]\nname = probe\nseeds = 1;2\nmetric = hit_10\nbaseline = short\n"                                       \
  "[stage seed]\nuses = probe-seed\n"                                                                                  \
  "[stage walk]\nuses = probe-walk\n"                                                                                  \
  "[arm short]\npipeline = seed; walk\n"                                                                               \
  "[arm long]\npipeline = seed; walk\nwalk.steps = 20\n"

static const char *manifest_text;
static PrSweepMode mode;
static guint jobs;

/* What a watch does besides counting events other than steps, of which there are as many as there is time for: die at
 * one of them, or ask to stop at it. */
static int n_events, die_at, stop_at;
static gint cancel;
static GString *seen;

static void
on_event (const PrEvent *event, gpointer ctx)
{
  (void)ctx;
  if (event->kind == PR_EVENT_NOTE || event->kind == PR_EVENT_RUN_FAILED)
    g_string_append_printf (seen, "%s: %s\n", pr_event_name (event->kind), event->text);
  if (event->kind == PR_EVENT_STAGE_STEP)
    return;
  if (n_events == die_at)
    kill (getpid (), SIGKILL);
  if (n_events == stop_at)
    g_atomic_int_set (&cancel, 1);
  n_events++;
}

static const PrWatch watch = { .cancel = &cancel, .event = on_event };

static void
setup (void)
{
  probe_setup ();
  seen = g_string_new ("");
  manifest_text = MANIFEST;
  mode = PR_SWEEP_RUN;
  jobs = 1;
  n_events = 0;
  cancel = 0;
  die_at = stop_at = -1;
}

static void
teardown (void)
{
  probe_teardown ();
  g_string_free (seen, TRUE);
}

static gboolean
run (const char *place, const char *const *set, PrSweepSummary *ret_summary, GError **error)
{
  g_autoptr (PrExperiment) experiment = probe_load (manifest_text, set);
  const PrSweepCall call = { .mode = mode, .jobs = jobs, .watch = &watch };

  return probe_sweep (experiment, set, place, call, ret_summary, error);
}

static void
must_run (const char *place, PrSweepSummary *ret_summary)
{
  g_autoptr (GError) error = NULL;

  pr_sweep_summary_clear (ret_summary);
  run (place, NULL, ret_summary, &error);
  ck_assert_no_error (error);
}

static char *
tallied (void)
{
  char *text = NULL;

  if (!g_file_get_contents (tally, &text, NULL, NULL))
    return g_strdup ("");
  g_unlink (tally);
  return text;
}

/* Every run file with its digest: what must not depend on anything. */
static char *
digests (const char *place)
{
  g_autofree char *folder = g_strdup_printf ("%s/%s-out/runs", dir, place);
  g_auto (GStrv) names = pr_folder_list (folder, NULL);
  g_autoptr (GString) all = g_string_new ("");

  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *path = g_build_filename (folder, *name, NULL), *digest = NULL;
      g_autoptr (GError) error = NULL;

      ck_assert (pr_results_verify_run (path, NULL, &digest, &error));
      g_string_append_printf (all, "%s %s\n", *name, digest);
    }
  return g_string_free (g_steal_pointer (&all), FALSE);
}

/* Nothing that is only half there: tmp/ and scratch/ of the store are empty, no hidden file lies about in the results.
 */
static void
check_clean (const char *place)
{
  const char *const folders[] = { "store/tmp", "store/scratch", "store/corrupt" };

  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *folder = g_strdup_printf ("%s/%s-%s", dir, place, folders[i]);
      g_auto (GStrv) names = pr_folder_list (folder, NULL);

      ck_assert_msg (names != NULL && names[0] == NULL, "%s is not empty", folder);
    }
}

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

/* In a child: run until it dies or ends; TRUE if it was killed. */
static gboolean
run_and_die (const char *place, const char *const *set)
{
  pid_t child = fork ();
  int status;

  if (child == 0)
    {
      PrSweepSummary summary = { 0 };

      run (place, set, &summary, NULL);
      _exit (0);
    }
  ck_assert_int_eq (waitpid (child, &status, 0), child);
  ck_assert (WIFSIGNALED (status) ? WTERMSIG (status) == SIGKILL : WEXITSTATUS (status) == 0);
  return WIFSIGNALED (status);
}

START_TEST (killed_at_any_event_it_ends_the_same)
{
  PrSweepSummary summary = { 0 };
  g_autofree char *reference = NULL;
  int n = 0;

  must_run ("reference", &summary);
  reference = digests ("reference");
  n = n_events;
  ck_assert_int_gt (n, 20);
  for (int at = 0; at < n; at += 2)
    {
      g_autofree char *place = g_strdup_printf ("k%d", at), *found = NULL;

      n_events = 0;
      die_at = at;
      ck_assert (run_and_die (place, NULL));
      die_at = -1;
      must_run (place, &summary);
      found = digests (place);
      ck_assert_str_eq (found, reference);
      check_clean (place);
    }
  pr_sweep_summary_clear (&summary);
}
END_TEST

/* The process of a run is killed: the machine's fault, told, and the other runs go on. */
START_TEST (killed_in_a_stage_it_goes_on_from_the_checkpoint)
{
  PrSweepSummary summary = { 0 };
  g_autofree char *reference = NULL, *unused = NULL;
  /* Steps before which every walk dies (13: a short one has written its output), and where it goes on. */
  const struct
  {
    const char *at;
    int resumed;
  } cases[] = { { "walk.kill_at=0", 0 },
                { "walk.kill_at=3", 0 },
                { "walk.kill_at=4", 4 },
                { "walk.kill_at=11", 8 },
                { "walk.kill_at=13", 12 } };

  must_run ("reference", &summary);
  reference = digests ("reference");
  unused = tallied ();
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const char *const set[] = { cases[i].at, NULL };
      g_autofree char *place = g_strdup_printf ("c%d", (int)i), *found = NULL, *calls = NULL, *again = NULL;
      g_autofree char *expected = g_strdup_printf ("walk:%d\nwalk:%d\nwalk:%d\nwalk:%d\n", cases[i].resumed,
                                                   cases[i].resumed, cases[i].resumed, cases[i].resumed);
      g_autoptr (GError) error = NULL;

      pr_sweep_summary_clear (&summary);
      ck_assert (!run (place, set, &summary, &error));
      ck_assert_pr_error (error, PR_ERROR_IO, "short, seed 1: stage 'walk': its process was killed (signal 9)");
      ck_assert_ptr_nonnull (strstr (error->message, "long, seed 2: stage 'walk': its process was killed"));
      ck_assert_uint_eq (summary.report.n_failed, 4);
      ck_assert_uint_eq (summary.report.n_computed, 1);
      calls = tallied ();
      ck_assert_str_eq (calls, "seed:0\nwalk:0\nwalk:0\nwalk:0\nwalk:0\n");
      must_run (place, &summary);
      again = tallied ();
      ck_assert_str_eq (again, expected);
      found = digests (place);
      ck_assert_str_eq (found, reference);
      check_clean (place);
    }
  pr_sweep_summary_clear (&summary);
}
END_TEST

START_TEST (cancelled_it_says_so_and_goes_on_later)
{
  PrSweepSummary summary = { 0 };
  g_autofree char *reference = NULL, *found = NULL;
  g_autoptr (GError) error = NULL;

  must_run ("reference", &summary);
  reference = digests ("reference");
  for (int at = 0; at < 20; at += 3)
    {
      g_autofree char *place = g_strdup_printf ("s%d", at);

      n_events = 0;
      stop_at = at;
      pr_sweep_summary_clear (&summary);
      ck_assert (!run (place, NULL, &summary, &error));
      ck_assert_pr_error (error, PR_ERROR_CANCELLED, "cancelled");
      ck_assert_ptr_null (summary.results);
      g_clear_error (&error);
      stop_at = -1;
      cancel = 0;
      must_run (place, &summary);
      g_free (found);
      found = digests (place);
      ck_assert_str_eq (found, reference);
      check_clean (place);
    }
  pr_sweep_summary_clear (&summary);
}
END_TEST

START_TEST (cancelled_before_it_begins_it_begins_nothing)
{
  PrSweepSummary summary = { 0 };
  g_autofree char *out = g_build_filename (dir, "a-out", NULL);
  g_autoptr (GError) error = NULL;

  must_run ("a", &summary);
  pr_sweep_summary_clear (&summary);
  pr_check_rmdir (out);
  cancel = 1;
  ck_assert (!run ("a", NULL, &summary, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "cancelled; what is done is kept");
  ck_assert_uint_eq (summary.report.n_written, 0);
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

/* Change the last byte. */
static void
damage (const char *path)
{
  g_autofree char *data = NULL;
  gsize length;

  ck_assert (g_file_get_contents (path, &data, &length, NULL));
  data[length - 1] ^= 1;
  ck_assert (g_file_set_contents (path, data, (gssize)length, NULL));
}

/* Damage every file called NAME below BASE; how many there were. */
static guint
damage_all (const char *base, const char *name)
{
  g_auto (GStrv) names = pr_folder_list (base, NULL);
  guint n = 0;

  for (char **entry = names; entry != NULL && *entry != NULL; entry++)
    {
      g_autofree char *path = g_build_filename (base, *entry, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        n += damage_all (path, name);
      else if (g_str_has_suffix (*entry, name))
        {
          damage (path);
          n++;
        }
    }
  return n;
}

START_TEST (damaged_outputs_and_results_are_made_again)
{
  PrSweepSummary summary = { 0 };
  g_autofree char *objects = g_build_filename (dir, "a-store", "objects", NULL),
                  *out = g_build_filename (dir, "a-out", NULL);
  g_autofree char *before = NULL, *after = NULL, *calls = NULL, *unused = NULL;

  must_run ("a", &summary);
  unused = tallied ();
  before = digests ("a");
  /* Results alone: read from the store again. */
  ck_assert_uint_eq (damage_all (out, "1-aaaaaaaa.h5"), 0);
  ck_assert_uint_ge (damage_all (out, ".h5"), 5);
  must_run ("a", &summary);
  ck_assert_ptr_nonnull (strstr (seen->str, "note: written again: "));
  ck_assert_uint_eq (summary.report.n_written, 4);
  ck_assert_uint_eq (summary.report.n_computed, 0);
  after = digests ("a");
  ck_assert_str_eq (before, after);
  /* Results gone and outputs damaged: computed again. */
  g_string_truncate (seen, 0);
  pr_check_rmdir (out);
  ck_assert_uint_eq (damage_all (objects, "end"), 4);
  must_run ("a", &summary);
  calls = tallied ();
  ck_assert_str_eq (calls, "walk:0\nwalk:0\nwalk:0\nwalk:0\n");
  ck_assert_ptr_nonnull (strstr (seen->str, "note: damaged in the store"));
  g_free (after);
  after = digests ("a");
  ck_assert_str_eq (before, after);
  pr_sweep_summary_clear (&summary);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("experiment-run");
  TCase *tc = tcase_create ("experiment-run");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, the_second_time_there_is_nothing_to_do);
  tcase_add_test (tc, stages_of_the_store_cost_what_they_cost_then);
  tcase_add_test (tc, killed_at_any_event_it_ends_the_same);
  tcase_add_test (tc, killed_in_a_stage_it_goes_on_from_the_checkpoint);
  tcase_add_test (tc, cancelled_it_says_so_and_goes_on_later);
  tcase_add_test (tc, cancelled_before_it_begins_it_begins_nothing);
  tcase_add_test (tc, a_failed_stage_does_not_stop_runs_that_do_not_need_it);
  tcase_add_test (tc, what_is_refused_later_costs_no_other_stage);
  tcase_add_test (tc, what_failed_is_tried_again_by_retry_alone);
  tcase_add_test (tc, damaged_outputs_and_results_are_made_again);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
