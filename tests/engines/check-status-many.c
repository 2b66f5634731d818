/* How a sweep of a thousand runs stands. */
#include "config.h"

#include "engines/status.h"
#include "sweep-fixture.h"

static char *out;
static PrSweepPlan plan;

static void
setup (void)
{
  out = pr_check_tmpdir ();
  fixture_folders (out);
  fixture_plan_init (&plan, 200, 5, 10);
}

static void
teardown (void)
{
  fixture_plan_clear (&plan);
  pr_check_rmdir (out);
  g_free (out);
}

/* 200 arms, 5 seeds, 10 stages.  Of four runs one is done, one goes on, one failed, one was killed. */
START_TEST (a_thousand_runs_are_told_apart)
{
  enum
  {
    N = 1000,
    STEPS = 200
  };
  static const char before_key[] = "\nrun_key ";
  g_autofree int *locks = g_new (int, N);
  g_autofree char *result = NULL, *data = NULL;
  g_autoptr (PrSweepStatus) status = NULL;
  g_autoptr (GError) error = NULL;
  gint64 before;
  gsize length;

  for (guint i = 0; i < N; i++)
    {
      const PrPlannedRun *run = fixture_run (&plan, i);
      g_autofree char *path = pr_sweep_run_path (out, run);

      locks[i] = i % 4 == 1 ? fixture_lock (&plan, out, i) : -1;
      if (i % 4 == 0 && result == NULL)
        {
          result = fixture_write_result (&plan, out, i);
          ck_assert (g_file_get_contents (result, &data, &length, NULL));
        }
      else if (i % 4 == 0)
        {
          /* The seal names the run. */
          char *key = memmem (data, 512, before_key, strlen (before_key));

          ck_assert_ptr_nonnull (key);
          memcpy (key + strlen (before_key), run->key, strlen (run->key));
          ck_assert (g_file_set_contents (path, data, (gssize)length, NULL));
        }
      if (i % 4 == 2)
        fixture_fail (out, fixture_stage (&plan, i, 3)->key, "no file", PR_ERROR_DATA);
      fixture_event (&plan, out, i, "stage_end", 2, ",\"seconds\":7");
      for (int step = 0; step < STEPS; step++)
        fixture_step (&plan, out, i, 3, step, 2 * STEPS, 2.0 * step, 402);
    }
  before = g_get_monotonic_time ();
  status = pr_sweep_status_new (&plan, out, FALSE, &error);
  g_print ("status of %d runs of 10 stages: %.3f s\n", N, (double)(g_get_monotonic_time () - before) * 1e-6);
  ck_assert_no_error (error);
  ck_assert_uint_eq (status->counts[PR_RUN_DONE], N / 4);
  ck_assert_uint_eq (status->counts[PR_RUN_RUNNING], N / 4);
  ck_assert_uint_eq (status->counts[PR_RUN_FAILED], N / 4);
  ck_assert_uint_eq (status->counts[PR_RUN_MISSING], N / 4);
  for (guint i = 1; i < N; i += 4)
    {
      ck_assert_str_eq (status->runs[i].stage, "s3");
      ck_assert_double_eq_tol (status->runs[i].stage_eta, 402, 1e-6);
      ck_assert_double_gt (status->runs[i].eta, 402);
    }
  for (guint i = 0; i < N; i++)
    if (locks[i] >= 0)
      pr_lock_release (locks[i]);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("status-many");
  TCase *tc = tcase_create ("status-many");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, a_thousand_runs_are_told_apart);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
