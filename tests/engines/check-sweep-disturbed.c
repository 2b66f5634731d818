/* check-sweep-disturbed.c - a sweep that is killed, cancelled or damaged anywhere ends in the same results as one that
 * was left alone. */
#include "watched-sweep.h"

#include <sys/wait.h>

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
  Suite *suite = suite_create ("sweep-disturbed");
  TCase *tc = tcase_create ("sweep-disturbed");

  tcase_add_checked_fixture (tc, watched_setup, watched_teardown);
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, killed_at_any_event_it_ends_the_same);
  tcase_add_test (tc, killed_in_a_stage_it_goes_on_from_the_checkpoint);
  tcase_add_test (tc, cancelled_it_says_so_and_goes_on_later);
  tcase_add_test (tc, cancelled_before_it_begins_it_begins_nothing);
  tcase_add_test (tc, damaged_outputs_and_results_are_made_again);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
