/* How a sweep stands, told from files that tests made: every state, whatever is wrong with the files, and no clock. */
#include "config.h"

#include "engines/status.h"
#include "sweep-fixture.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static char *out;
static PrSweepPlan plan;

static void
setup (void)
{
  out = pr_check_tmpdir ();
  fixture_folders (out);
  fixture_plan_init (&plan, 3, 2, 3);
}

static void
teardown (void)
{
  fixture_plan_clear (&plan);
  pr_check_rmdir (out);
  g_free (out);
}

static PrSweepStatus *
look (gboolean verify)
{
  g_autoptr (GError) error = NULL;
  PrSweepStatus *status = pr_sweep_status_new (&plan, out, verify, &error);

  ck_assert_no_error (error);
  ck_assert_uint_eq (status->n_runs, plan.runs->len);
  return status;
}

/* "done missing+ running", a word a run; a plus: it was begun. */
static void
check_states (gboolean verify, const char *wanted)
{
  g_autoptr (PrSweepStatus) status = look (verify);
  g_autoptr (GString) found = g_string_new ("");
  guint counts[PR_N_RUN_STATES] = { 0 };

  for (guint i = 0; i < status->n_runs; i++)
    {
      const PrRunStatus *run = &status->runs[i];

      counts[run->state]++;
      g_string_append_printf (found, "%s%s%s", i > 0 ? " " : "", pr_run_state_name (run->state), run->begun ? "+" : "");
      ck_assert (run->node <= run->n_nodes && run->n_nodes == 3);
      ck_assert (isfinite (run->eta) && isfinite (run->stage_eta));
    }
  ck_assert_str_eq (found->str, wanted);
  ck_assert_mem_eq (counts, status->counts, sizeof counts);
}

START_TEST (every_state_comes_from_its_file)
{
  g_autofree char *result = NULL;
  int lock;

  check_states (FALSE, "missing missing missing missing missing missing");
  result = fixture_write_result (&plan, out, 0);
  lock = fixture_lock (&plan, out, 1);
  fixture_fail (out, fixture_stage (&plan, 2, 1)->key, "no file", PR_ERROR_DATA);
  fixture_fail (out, fixture_stage (&plan, 3, 2)->key, "loss is NaN", PR_ERROR_NUMERIC);
  fixture_event (&plan, out, 4, "stage_begin", 1, "");
  check_states (FALSE, "done running failed diverged missing+ missing");
  check_states (TRUE, "done running failed diverged missing+ missing");
  {
    g_autoptr (PrSweepStatus) status = look (FALSE);

    ck_assert_str_eq (status->runs[2].text, "no file");
    ck_assert_str_eq (status->runs[2].stage, "s1");
    ck_assert_uint_eq (status->runs[2].node, 2);
    ck_assert_str_eq (status->runs[3].text, "loss is NaN");
    ck_assert_str_eq (status->runs[4].stage, "s1");
    ck_assert_str_eq (status->runs[4].text, "interrupted");
    ck_assert_ptr_null (status->runs[5].stage);
    ck_assert_ptr_null (status->runs[5].text);
    /* A stage that ended was not interrupted: the run waits for its turn. */
    fixture_event (&plan, out, 4, "stage_end", 1, ",\"seconds\":1");
    pr_sweep_status_free (g_steal_pointer (&status));
    status = look (FALSE);
    ck_assert (status->runs[4].begun);
    ck_assert_ptr_null (status->runs[4].text);
  }
  /* Let go, it is a run that nobody does: the lock file that stays means nothing. */
  pr_lock_release (lock);
  check_states (FALSE, "done missing failed diverged missing+ missing");
  ck_assert_int_eq (g_unlink (result), 0);
  check_states (FALSE, "missing missing failed diverged missing+ missing");
}
END_TEST

START_TEST (what_is_sure_comes_first)
{
  g_autofree char *first = NULL, *second = NULL;
  int lock;

  /* A failed stage that all runs share; the failure of one run alone; results in spite of both; a run being retried. */
  fixture_fail (out, fixture_stage (&plan, 0, 0)->key, "shared", PR_ERROR_NUMERIC);
  fixture_fail (out, fixture_run (&plan, 1)->key, "alone", PR_ERROR_IO);
  check_states (FALSE, "diverged diverged diverged diverged diverged diverged");
  lock = fixture_lock (&plan, out, 2);
  first = fixture_write_result (&plan, out, 0);
  check_states (FALSE, "done diverged running diverged diverged diverged");
  second = fixture_write_result (&plan, out, 2);
  check_states (FALSE, "done diverged done diverged diverged diverged");
  pr_lock_release (lock);
  ck_assert (pr_failure_remove (out, fixture_stage (&plan, 0, 0)->key, NULL));
  check_states (FALSE, "done failed done missing missing missing");
  {
    g_autoptr (PrSweepStatus) status = look (FALSE);

    ck_assert_str_eq (status->runs[1].text, "alone");
    ck_assert_ptr_null (status->runs[1].stage);
  }
}
END_TEST

START_TEST (results_that_are_not_whole_are_missing)
{
  g_autofree char *path = fixture_write_result (&plan, out, 0), *data = NULL, *other = NULL;
  gsize length;

  ck_assert (g_file_get_contents (path, &data, &length, NULL));
  /* One byte is wrong: only reading the whole file shows it. */
  data[length - 1] ^= 1;
  ck_assert (g_file_set_contents (path, data, (gssize)length, NULL));
  check_states (FALSE, "done missing missing missing missing missing");
  check_states (TRUE, "missing missing missing missing missing missing");
  {
    g_autoptr (PrSweepStatus) status = look (TRUE);

    ck_assert_ptr_nonnull (strstr (status->runs[0].text, "damaged"));
  }
  ck_assert (g_file_set_contents (path, data, 100, NULL));
  check_states (FALSE, "missing missing missing missing missing missing");
  ck_assert (g_file_set_contents (path, "", 0, NULL));
  check_states (FALSE, "missing missing missing missing missing missing");
  ck_assert_int_eq (g_unlink (path), 0);
  ck_assert_int_eq (mkfifo (path, 0600), 0);
  check_states (FALSE, "missing missing missing missing missing missing");
}
END_TEST

/* What run 0, which goes on, says of itself. */
static void
check_run (const char *stage, guint64 done, guint64 total, double stage_eta, const char *text)
{
  g_autoptr (PrSweepStatus) status = look (FALSE);
  const PrRunStatus *run = &status->runs[0];

  ck_assert_int_eq (run->state, PR_RUN_RUNNING);
  ck_assert_msg (g_strcmp0 (run->stage, stage) == 0, "at %s, not %s", run->stage, stage);
  ck_assert_uint_eq (run->done, done);
  ck_assert_uint_eq (run->total, total);
  ck_assert_double_eq_tol (run->stage_eta, stage_eta, 1e-9);
  ck_assert_msg (g_strcmp0 (run->text, text) == 0, "says %s, not %s", run->text, text);
}

START_TEST (progress_is_that_of_the_last_whole_line)
{
  int lock = fixture_lock (&plan, out, 0);
  g_autofree char *huge = g_strnfill (100000, 'x'), *deep = g_strnfill (5000, '[');
  static const char bytes[] = "\xff\xfe\x01 {\n";

  check_run (NULL, 0, 0, -1, NULL);
  fixture_append (&plan, out, 0, "{\"event\":\"run_begin\",\"arm\":\"a0\"}\n");
  check_run (NULL, 0, 0, -1, NULL);
  fixture_event (&plan, out, 0, "stage_begin", 1, ",\"elapsed\":0");
  check_run ("s1", 0, 0, -1, NULL);
  fixture_step (&plan, out, 0, 1, 10, 40, 1, -1);
  check_run ("s1", 10, 40, -1, "loss 10");
  fixture_step (&plan, out, 0, 1, 20, 40, 6, 10);
  check_run ("s1", 20, 40, 10, "loss 20");
  /* Notes, lines of nothing, lines of others, and a last line that is torn. */
  fixture_event (&plan, out, 0, "note", 1, ",\"text\":\"by the way\"");
  fixture_append (&plan, out, 0,
                  "\n{}\n[]\n\"event\"\n{\"event\":7}\n{\"event\":\"stage_step\"\n{\"event\":\"unheard\"}\n");
  fixture_append (&plan, out, 0, bytes);
  fixture_append (&plan, out, 0, "{\"event\":\"run_end\",\"event\":\"run_end\"}\n");
  fixture_append (&plan, out, 0, deep);
  fixture_append (&plan, out, 0, "\n{\"event\":\"run_failed\",\"text\":\"to");
  check_run ("s1", 20, 40, 10, "loss 20");
  /* The torn line swallows what another process appends to it; steps go on after that. */
  fixture_step (&plan, out, 0, 1, 25, 40, 8, -1);
  check_run ("s1", 20, 40, 10, "loss 20");
  fixture_step (&plan, out, 0, 1, 30, 40, 11, 5);
  check_run ("s1", 30, 40, 5, "loss 30");
  /* A line that is too long to be ours is skipped as long as the one before it is near the end. */
  fixture_append (&plan, out, 0, "{\"event\":\"run_end\",\"text\":\"");
  huge[20000] = '\0';
  fixture_append (&plan, out, 0, huge);
  fixture_append (&plan, out, 0, "\"}\n");
  check_run ("s1", 30, 40, 5, "loss 30");
  huge[20000] = 'x';
  fixture_append (&plan, out, 0, huge);
  check_run (NULL, 0, 0, -1, NULL);
  fixture_append (&plan, out, 0, "\n");
  check_run (NULL, 0, 0, -1, NULL);
  fixture_event (&plan, out, 0, "stage_end", 1, ",\"seconds\":12.5");
  check_run ("s1", 0, 0, -1, NULL);
  fixture_append (&plan, out, 0,
                  "{\"event\":\"stage_step\",\"stage\":\"s1\",\"key\":\"another\",\"done\":1,\"total\":2}\n");
  check_run (NULL, 0, 0, -1, NULL);
  pr_lock_release (lock);
}
END_TEST

START_TEST (stages_that_do_the_same_are_told_apart_by_name)
{
  int lock = fixture_lock (&plan, out, 0);
  PrPlannedNode *first = (PrPlannedNode *)fixture_stage (&plan, 0, 1),
                *second = (PrPlannedNode *)fixture_stage (&plan, 0, 2);

  g_free (second->key);
  second->key = g_strdup (first->key);
  fixture_event (&plan, out, 0, "stage_begin", 2, "");
  check_run ("s2", 0, 0, -1, NULL);
  fixture_event (&plan, out, 0, "stage_begin", 1, "");
  check_run ("s1", 0, 0, -1, NULL);
  pr_lock_release (lock);
}
END_TEST

START_TEST (only_the_end_of_a_huge_file_is_read)
{
  g_autofree char *path = pr_sweep_progress_path (out, fixture_run (&plan, 0));
  int lock = fixture_lock (&plan, out, 0);

  fixture_append (&plan, out, 0, "{");
  if (truncate (path, (off_t)1 << 36) != 0)
    {
      pr_lock_release (lock);
      pr_check_skip ("the file system has no room for a file of 64 GiB with a hole");
    }
  fixture_append (&plan, out, 0, "\n");
  fixture_step (&plan, out, 0, 1, 10, 40, 1, -1);
  fixture_step (&plan, out, 0, 1, 20, 40, 6, 10);
  check_run ("s1", 20, 40, 10, "loss 20");
  ck_assert_int_eq (g_unlink (path), 0);
  ck_assert_int_eq (mkfifo (path, 0600), 0);
  check_run (NULL, 0, 0, -1, NULL);
  pr_lock_release (lock);
  g_free (path);
  path = pr_sweep_lock_path (out, fixture_run (&plan, 0));
  ck_assert_int_eq (g_unlink (path), 0);
  ck_assert_int_eq (mkfifo (path, 0600), 0);
  check_states (FALSE, "missing missing missing missing missing missing");
}
END_TEST

START_TEST (time_is_what_the_line_says_or_unknown)
{
  static const struct
  {
    const char *fields;
    double eta;
  } cases[] = {
    { "\"done\":10,\"total\":40,\"elapsed\":9,\"eta\":10.5", 10.5 },
    { "\"done\":40,\"total\":40,\"eta\":0", 0 },
    /* Negative, text, nothing, beyond all bounds, overflowing, of steps beyond the end or without one. */
    { "\"done\":10,\"total\":40,\"eta\":-10", -1 },
    { "\"done\":10,\"total\":40,\"eta\":\"10\"", -1 },
    { "\"done\":10,\"total\":40,\"eta\":null", -1 },
    { "\"done\":10,\"total\":40", -1 },
    { "\"done\":10,\"total\":40,\"eta\":1e10", -1 },
    { "\"done\":10,\"total\":40,\"eta\":1e300", -1 },
    { "\"done\":50,\"total\":40,\"eta\":10", -1 },
    { "\"done\":50,\"total\":0,\"eta\":10", -1 },
  };
  int lock = fixture_lock (&plan, out, 0);
  g_autofree char *path = pr_sweep_progress_path (out, fixture_run (&plan, 0));

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *more = g_strconcat (",", cases[i].fields, NULL);
      g_autoptr (PrSweepStatus) status = NULL;

      g_unlink (path);
      fixture_event (&plan, out, 0, "stage_step", 1, more);
      status = look (FALSE);
      ck_assert_msg (fabs (status->runs[0].stage_eta - cases[i].eta) < 1e-9, "case %d: %g", (int)i,
                     status->runs[0].stage_eta);
    }
  pr_lock_release (lock);
}
END_TEST

START_TEST (the_clock_may_go_backwards)
{
  int lock = fixture_lock (&plan, out, 0);

  for (int i = 0; i < 50; i++)
    {
      g_autofree char *line = g_strdup_printf (
          "{\"time\":\"20%02d-01-01T00:00:00Z\",\"event\":\"stage_step\",\"stage\":\"s1\",\"key\":\"%s\","
          "\"done\":%d,\"total\":100,\"elapsed\":%d,\"eta\":%d}\n",
          99 - i, fixture_stage (&plan, 0, 1)->key, i, 2 * i, 200 - 2 * i);

      fixture_append (&plan, out, 0, line);
    }
  check_run ("s1", 49, 100, 102, NULL);
  pr_lock_release (lock);
}
END_TEST

static double
eta_of (guint i)
{
  g_autoptr (PrSweepStatus) status = look (FALSE);

  return status->runs[i].eta;
}

START_TEST (the_rest_of_a_run_takes_what_other_runs_took)
{
  g_autofree char *result = NULL;
  int lock = fixture_lock (&plan, out, 0);

  /* At s1 of s0, s1, s2, with 10 s to go there; nothing is known of s2. */
  fixture_step (&plan, out, 0, 1, 10, 40, 1, -1);
  fixture_step (&plan, out, 0, 1, 20, 40, 6, 10);
  ck_assert_double_eq (eta_of (0), -1);
  /* Another kind with 100 operations took 4 s: 200 take 8. */
  fixture_event (&plan, out, 1, "stage_end", 1, ",\"seconds\":4");
  ck_assert_double_eq_tol (eta_of (0), 18, 1e-9);
  /* Its own kind counts more; two of them: 200 + 200 operations in 60 s. */
  fixture_event (&plan, out, 1, "stage_end", 2, ",\"seconds\":20");
  ck_assert_double_eq_tol (eta_of (0), 30, 1e-9);
  fixture_event (&plan, out, 2, "stage_end", 2, ",\"seconds\":40");
  ck_assert_double_eq_tol (eta_of (0), 40, 1e-9);
  /* What cannot be a time is none; nor is a stage of no plan. */
  fixture_event (&plan, out, 2, "stage_end", 2, ",\"seconds\":-40");
  fixture_event (&plan, out, 2, "stage_end", 2, ",\"seconds\":1e300");
  fixture_append (&plan, out, 2, "{\"event\":\"stage_end\",\"key\":\"xx\",\"seconds\":1000}\n");
  ck_assert_double_eq_tol (eta_of (0), 40, 1e-9);
  /* Without a pace of its own, the stage takes what its kind took, less what has passed: 4 - 3 s. */
  fixture_event (&plan, out, 0, "stage_begin", 1, ",\"elapsed\":0");
  fixture_step (&plan, out, 0, 1, 20, 40, 3, -1);
  ck_assert_double_eq_tol (eta_of (0), 31, 1e-9);
  /* Past its last stage there is nothing left. */
  fixture_event (&plan, out, 0, "stage_end", 2, ",\"seconds\":30");
  ck_assert_double_eq (eta_of (0), 0);
  pr_lock_release (lock);
}
END_TEST

START_TEST (stages_that_are_there_take_no_time)
{
  int lock = fixture_lock (&plan, out, 0);

  /* Of s0, s1, s2: s1 was cached when the plan was made, s2 ended in this run before it was killed. */
  ((PrPlannedNode *)fixture_stage (&plan, 0, 1))->cached = TRUE;
  fixture_event (&plan, out, 0, "stage_end", 2, ",\"seconds\":7");
  fixture_event (&plan, out, 0, "stage_begin", 0, ",\"elapsed\":0");
  fixture_step (&plan, out, 0, 0, 10, 40, 1, -1);
  fixture_step (&plan, out, 0, 0, 20, 40, 6, 10);
  ck_assert_double_eq_tol (eta_of (0), 10, 1e-9);
  ((PrPlannedNode *)fixture_stage (&plan, 0, 1))->cached = FALSE;
  ck_assert_double_eq_tol (eta_of (0), 13.5, 1e-9);
  pr_lock_release (lock);
}
END_TEST

START_TEST (who_waits_is_as_far_as_who_computes)
{
  int first = fixture_lock (&plan, out, 0), second = fixture_lock (&plan, out, 3);

  fixture_event (&plan, out, 0, "stage_wait", 0, "");
  check_run ("s0", 0, 0, -1, "waits for another process");
  fixture_step (&plan, out, 3, 0, 10, 40, 1, -1);
  fixture_step (&plan, out, 3, 0, 20, 40, 6, 10);
  check_run ("s0", 20, 40, 10, "waits for a1 s2");
  pr_lock_release (second);
  check_run ("s0", 0, 0, -1, "waits for another process");
  pr_lock_release (first);
  {
    g_autoptr (PrSweepStatus) status = look (FALSE);

    ck_assert_int_eq (status->runs[3].state, PR_RUN_MISSING);
    ck_assert (status->runs[3].begun);
    ck_assert_uint_eq (status->runs[3].done, 20);
    ck_assert_str_eq (status->runs[3].text, "interrupted");
    ck_assert_double_eq (status->runs[3].stage_eta, -1);
  }
}
END_TEST

START_TEST (a_folder_that_is_not_there_is_an_error)
{
  g_autofree char *none = g_build_filename (out, "none", NULL);
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pr_sweep_status_new (&plan, none, FALSE, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, none);
}
END_TEST

START_TEST (an_empty_folder_has_only_missing_runs)
{
  static const char *const folders[] = { "runs", "progress", "failed", "locks" };

  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *folder = g_build_filename (out, folders[i], NULL);

      ck_assert_int_eq (g_rmdir (folder), 0);
    }
  check_states (FALSE, "missing missing missing missing missing missing");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("status");
  TCase *tc = tcase_create ("status");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, every_state_comes_from_its_file);
  tcase_add_test (tc, what_is_sure_comes_first);
  tcase_add_test (tc, results_that_are_not_whole_are_missing);
  tcase_add_test (tc, progress_is_that_of_the_last_whole_line);
  tcase_add_test (tc, stages_that_do_the_same_are_told_apart_by_name);
  tcase_add_test (tc, only_the_end_of_a_huge_file_is_read);
  tcase_add_test (tc, time_is_what_the_line_says_or_unknown);
  tcase_add_test (tc, the_clock_may_go_backwards);
  tcase_add_test (tc, the_rest_of_a_run_takes_what_other_runs_took);
  tcase_add_test (tc, stages_that_are_there_take_no_time);
  tcase_add_test (tc, who_waits_is_as_far_as_who_computes);
  tcase_add_test (tc, a_folder_that_is_not_there_is_an_error);
  tcase_add_test (tc, an_empty_folder_has_only_missing_runs);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
