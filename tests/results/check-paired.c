/* Arms against the baseline, user by user and seed by seed. */
#include "config.h"

#include "results-check.h"
#include "stats-golden.h"
#include "sweep-file.h"

#include "results/comparison.h"

#include <pauserec/rng.h>
#include <pauserec/threads.h>

/* Merge the N run files of PATHS (consumed). */
static char *
merge (const char *dir, char **paths, gsize n)
{
  char *out = g_build_filename (dir, "results.h5", NULL);
  GError *error = NULL;

  pr_results_merge ((const char *const *)paths, n, "tiny", "hit_10", "base", out, &error);
  ck_assert_no_error (error);
  for (gsize i = 0; i < n; i++)
    g_free (paths[i]);
  return out;
}

static PrComparison *
compare (const char *path)
{
  GError *error = NULL;
  PrComparison *c = pr_comparison_new (path, NULL, NULL, &error);

  ck_assert_no_error (error);
  return c;
}

static const PrCell *
cell_of (const PrComparison *c, const char *arm)
{
  for (gsize a = 0; a < c->n_arms; a++)
    if (strcmp (c->arms[a], arm) == 0)
      return &c->cells[a * c->n_metrics];
  ck_abort_msg ("no arm %s", arm);
  return NULL;
}

static gboolean
has_note (const PrComparison *c, const char *part)
{
  for (char **note = c->notes; *note != NULL; note++)
    if (strstr (*note, part) != NULL)
      return TRUE;
  return FALSE;
}

/* Against numbers made elsewhere ------------------------------------------------------------------------------ */

/* results.h5 of the golden experiment; REVERSE: seeds the other way round. */
static char *
make_golden (const char *dir, const json_t *runs, gboolean reverse)
{
  gsize n = json_array_size (runs);
  g_autofree char **paths = g_new (char *, n);
  const json_t *run;
  gsize i;

  json_array_foreach (runs, i, run)
  {
    gsize n_users, at = reverse ? n - 1 - i : i;
    g_autofree double *values = golden_numbers (json_object_get (run, "values"), &n_users);
    g_autofree float *hits = g_new (float, n_users);

    for (gsize u = 0; u < n_users; u++)
      hits[u] = (float)values[u];
    paths[at] = made_run_write (dir, json_string_value (json_object_get (run, "arm")),
                                (guint64)golden_get (run, "seed"), hits, n_users);
  }
  return merge (dir, paths, n);
}

static void
check_golden_arm (const PrCell *cell, const char *arm, const json_t *expected, double draws)
{
  static const char *const verdicts[] = { "", "better", "worse", "not significant" };
  double p = golden_get (expected, "p"), p_holm = golden_get (expected, "p_holm");

  ck_assert_double_eq_tol (cell->difference, golden_get (expected, "difference"), 1e-9);
  ck_assert_double_eq_tol (cell->detectable, golden_get (expected, "detectable"), 1e-9);
  ck_assert_uint_eq (cell->paired_users, (gsize)golden_get (expected, "paired_users"));
  ck_assert_uint_eq (cell->n_paired, (gsize)golden_get (expected, "paired_seeds"));
  ck_assert_uint_eq (cell->n_better, (gsize)golden_get (expected, "better_seeds"));
  ck_assert_msg (fabs (cell->p - p) <= golden_p_error (p, draws), "%s: p %g, exactly %g", arm, cell->p, p);
  /* Five arms: what the adjustment multiplies it multiplies by five at most. */
  ck_assert_msg (fabs (cell->p_holm - p_holm) <= 5 * golden_p_error (p_holm / 5, draws), "%s: adjusted %g, exactly %g",
                 arm, cell->p_holm, p_holm);
  ck_assert_str_eq (verdicts[cell->verdict], json_string_value (json_object_get (expected, "verdict")));
}

START_TEST (differences_are_those_of_numpy)
{
  json_t *golden = stats_golden_load ();
  json_t *experiment = json_object_get (golden, "experiment");
  const char *arm;
  json_t *expected;

  if (golden == NULL)
    return;
  for (int reverse = 0; reverse < 2; reverse++)
    {
      g_autofree char *dir = pr_check_tmpdir ();
      g_autofree char *path = make_golden (dir, json_object_get (experiment, "runs"), reverse);
      g_autoptr (PrComparison) c = compare (path);

      ck_assert_uint_eq (c->n_compared[0], 5);
      json_object_foreach (json_object_get (experiment, "expected"), arm, expected)
          check_golden_arm (cell_of (c, arm), arm, expected, golden_get (golden, "draws"));
      ck_assert_int_eq (cell_of (c, "base")->verdict, PR_VERDICT_NONE);
      ck_assert (isnan (cell_of (c, "base")->p));
      ck_assert (has_note (c, reverse ? "arm 'partial' is paired with 'base' in seeds 3, 2 alone"
                                      : "arm 'partial' is paired with 'base' in seeds 2, 3 alone"));
      ck_assert (has_note (c, "arm 'noisy' is paired with 'base' in seed 1 alone"));
      ck_assert (!has_note (c, "'ahead'"));
      pr_check_rmdir (dir);
    }
  json_decref (golden);
}
END_TEST

START_TEST (threads_change_no_comparison)
{
  json_t *golden = stats_golden_load ();
  g_autofree char *dir = pr_check_tmpdir (), *path = NULL, *one = NULL, *three = NULL;
  g_autoptr (PrComparison) a = NULL, b = NULL;

  if (golden == NULL)
    return;
  path = make_golden (dir, json_object_get (json_object_get (golden, "experiment"), "runs"), FALSE);
  a = compare (path);
  pr_threads_set (3);
  b = compare (path);
  pr_threads_set (1);
  one = pr_comparison_csv (a);
  three = pr_comparison_csv (b);
  ck_assert_str_eq (one, three);
  json_decref (golden);
  pr_check_rmdir (dir);
}
END_TEST

/* What pairing is for ----------------------------------------------------------------------------------------- */

enum
{
  N_USERS = 400
};

/* Users differ by far more than arms do: only who is compared with himself shows that "pause" is a little better. */
START_TEST (a_small_gain_of_the_same_users_is_found)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = NULL;
  g_autoptr (PrComparison) c = NULL;
  PrRng rng = pr_rng_new (2, "pairing");
  float base[N_USERS], better[N_USERS], others[N_USERS];
  char *paths[3];

  for (guint64 i = 0; i < N_USERS; i++)
    {
      base[i] = (float)pr_rng_uniform (rng, 0, i);
      better[i] = base[i] + (float)(0.01 + 0.05 * pr_rng_normal (rng, 1, i));
    }
  for (int i = 0; i < N_USERS; i++)
    others[i] = better[(i + 1) % N_USERS]; /* the same values, of other users */
  paths[0] = made_run_write (dir, "base", 1, base, N_USERS);
  paths[1] = made_run_write (dir, "pause", 1, better, N_USERS);
  paths[2] = made_run_write (dir, "shuffled", 1, others, N_USERS);
  path = merge (dir, paths, 3);
  c = compare (path);
  ck_assert_int_eq (cell_of (c, "pause")->verdict, PR_VERDICT_BETTER);
  ck_assert_double_lt (cell_of (c, "pause")->p_holm, 0.01);
  ck_assert_double_gt (cell_of (c, "pause")->difference_low, 0);
  ck_assert_int_eq (cell_of (c, "shuffled")->verdict, PR_VERDICT_OPEN);
  ck_assert_double_eq_tol (cell_of (c, "shuffled")->difference, cell_of (c, "pause")->difference, 1e-6);
  ck_assert_double_gt (cell_of (c, "shuffled")->detectable, 5 * cell_of (c, "pause")->detectable);
  pr_check_rmdir (dir);
}
END_TEST

/* Seed 2 is a hard one for everybody: an arm that lacks it must not look better for it. */
START_TEST (a_seed_that_only_one_arm_has_is_left_out)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = NULL;
  g_autoptr (PrComparison) c = NULL;
  float easy[100], hard[100];
  char *paths[4];

  for (int i = 0; i < 100; i++)
    {
      easy[i] = i < 60;
      hard[i] = i < 20;
    }
  paths[0] = made_run_write (dir, "base", 1, easy, 100);
  paths[1] = made_run_write (dir, "base", 2, hard, 100);
  paths[2] = made_run_write (dir, "lucky", 1, easy, 100);
  paths[3] = made_run_write (dir, "stranger", 3, easy, 100);
  path = merge (dir, paths, 4);
  c = compare (path);
  ck_assert_double_eq_tol (cell_of (c, "base")->mean, 0.4, 1e-6);
  ck_assert_double_eq (cell_of (c, "lucky")->difference, 0);
  ck_assert_double_eq (cell_of (c, "lucky")->p, 1);
  ck_assert_int_eq (cell_of (c, "lucky")->verdict, PR_VERDICT_OPEN);
  ck_assert_double_eq (cell_of (c, "lucky")->detectable, 0);
  ck_assert (has_note (c, "arm 'lucky' is paired with 'base' in seed 1 alone"));
  ck_assert (isnan (cell_of (c, "stranger")->difference) && isnan (cell_of (c, "stranger")->p));
  ck_assert (!isnan (cell_of (c, "stranger")->low));
  ck_assert_int_eq (cell_of (c, "stranger")->verdict, PR_VERDICT_NONE);
  ck_assert (has_note (c, "arm 'stranger' and 'base' have no seed in common"));
  ck_assert_uint_eq (c->n_compared[0], 1);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_baseline_of_nothing_has_a_sign_and_no_ratio)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = NULL, *text = NULL;
  g_autoptr (PrComparison) c = NULL;
  float none[50] = { 0 }, some[50];
  char *paths[2];

  for (int i = 0; i < 50; i++)
    some[i] = i < 20;
  paths[0] = made_run_write (dir, "base", 1, none, 50);
  paths[1] = made_run_write (dir, "pause", 1, some, 50);
  path = merge (dir, paths, 2);
  c = compare (path);
  ck_assert (isnan (cell_of (c, "pause")->difference) && isnan (cell_of (c, "pause")->difference_low));
  ck_assert (isnan (cell_of (c, "pause")->detectable));
  ck_assert_int_eq (cell_of (c, "pause")->verdict, PR_VERDICT_BETTER);
  text = pr_comparison_text (c);
  ck_assert_ptr_null (strstr (text, "nan"));
  pr_check_rmdir (dir);
}
END_TEST

/* All arms are the baseline with a gain of their own; in seed 2 everybody is worse. */
static float
gain (gsize arm, gsize seed, gsize metric, gsize user)
{
  PrRng rng = pr_rng_new (metric, "arms");
  double own = 0.1 * pr_rng_normal (rng, 10 * arm + seed, user);

  return (float)(pr_rng_uniform (rng, 0, user) + (arm == 0 ? 0 : 0.01 * (double)(arm % 3) + own) - 0.3 * (double)seed);
}

/* The last arm in the place of the second. */
static float
gain_of_last (gsize arm, gsize seed, gsize metric, gsize user)
{
  return gain (arm == 0 ? 0 : 299, seed, metric, user);
}

/* More arms than are taken at a time. */
START_TEST (many_arms_are_like_few)
{
  static const char *const metrics[] = { "hit_10", "ndcg_10", NULL };
  g_autofree char *dir = pr_check_tmpdir (), *many = g_build_filename (dir, "many.h5", NULL);
  g_autofree char *few = g_build_filename (dir, "few.h5", NULL);
  g_autoptr (PrComparison) all = NULL, two = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert (sweep_file_write (&(SweepFile){ 300, 2, 40, metrics, gain }, many, &error));
  ck_assert (sweep_file_write (&(SweepFile){ 2, 2, 40, metrics, gain_of_last }, few, &error));
  all = compare (many);
  two = compare (few);
  ck_assert_uint_eq (all->n_metrics, 2);
  for (gsize m = 0; m < 2; m++)
    {
      const PrCell *last = cell_of (all, "arm299") + m, *second = cell_of (two, "arm1") + m;

      ck_assert_uint_eq (all->n_compared[m], 299);
      ck_assert_uint_eq (last->n_paired, 2);
      ck_assert_double_eq (last->p, second->p);
      ck_assert_double_eq (last->difference, second->difference);
      ck_assert_double_eq (last->difference_low, second->difference_low);
      ck_assert_double_eq (last->difference_high, second->difference_high);
      ck_assert_double_eq (last->low, second->low);
      ck_assert_double_ge (last->p_holm, second->p_holm);
      ck_assert_double_gt (last->detectable, 1.3 * second->detectable);
    }
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("paired");
  TCase *golden = tcase_create ("golden"), *pairing = tcase_create ("pairing");

  tcase_add_test (golden, differences_are_those_of_numpy);
  tcase_add_test (golden, threads_change_no_comparison);
  tcase_add_test (pairing, a_small_gain_of_the_same_users_is_found);
  tcase_add_test (pairing, a_seed_that_only_one_arm_has_is_left_out);
  tcase_add_test (pairing, a_baseline_of_nothing_has_a_sign_and_no_ratio);
  tcase_add_test (pairing, many_arms_are_like_few);
  suite_add_tcase (suite, golden);
  suite_add_tcase (suite, pairing);
  return pr_check_main (suite);
}
