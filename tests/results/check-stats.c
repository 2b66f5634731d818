/* The statistics alone: against exact values, and calibrated on data whose truth is known. */
#include "config.h"

#include "stats-golden.h"

#include "compute/cpu.h"
#include "results/stats.h"

#include <pauserec/threads.h>

/* Exact values ------------------------------------------------------------------------------------------------ */

START_TEST (means_and_deviations_leave_nan_out)
{
  double values[] = { 1, NAN, 3, 5 }, one[] = { NAN, 2 };

  ck_assert_double_eq (pr_stats_mean (values, 4), 3);
  ck_assert_double_eq (pr_stats_sd (values, 4), 2);
  ck_assert_double_eq (pr_stats_mean (one, 2), 2);
  ck_assert (isnan (pr_stats_sd (one, 2)));
  ck_assert (isnan (pr_stats_mean (one, 1)));
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

START_TEST (quantiles_are_those_of_scipy)
{
  json_t *golden = stats_golden_load ();
  const json_t *cases = json_object_get (golden, "quantiles"), *pair;
  gsize i;

  json_array_foreach (cases, i, pair)
  {
    double q = golden_number (json_array_get (pair, 0)), z = golden_number (json_array_get (pair, 1));

    ck_assert_double_eq_tol (pr_stats_normal_quantile (q), z, 1e-7);
  }
  cases = json_object_get (golden, "detectable");
  json_array_foreach (cases, i, pair)
  {
    double errors = pr_stats_detectable (golden_get (pair, "alpha"), golden_get (pair, "power"));

    ck_assert_double_eq_tol (errors, golden_get (pair, "errors"), 1e-9);
  }
  ck_assert (golden == NULL || i == 3);
  json_decref (golden);
}
END_TEST

START_TEST (holm_is_the_procedure_that_he_states)
{
  json_t *golden = stats_golden_load ();
  const json_t *cases = json_object_get (golden, "holm"), *one;
  gsize i;

  json_array_foreach (cases, i, one)
  {
    gsize n, compared = 0;
    g_autofree double *p = golden_numbers (json_object_get (one, "p"), &n);
    g_autofree double *adjusted = golden_numbers (json_object_get (one, "adjusted"), &n);
    gsize m = pr_stats_holm (p, n, p);

    for (gsize j = 0; j < n; j++)
      {
        compared += !isnan (adjusted[j]);
        ck_assert_int_eq (isnan (p[j]) != 0, isnan (adjusted[j]) != 0);
        if (!isnan (p[j]))
          ck_assert_double_eq_tol (p[j], adjusted[j], 1e-12);
      }
    ck_assert_uint_eq (m, compared);
  }
  ck_assert (golden == NULL || i == 7);
  json_decref (golden);
}
END_TEST

START_TEST (flips_come_near_to_all_flips)
{
  json_t *golden = stats_golden_load ();
  const json_t *cases = json_object_get (golden, "flips"), *one;
  double draws = golden_get (golden, "draws");
  gsize i;

  json_array_foreach (cases, i, one)
  {
    gsize n;
    g_autofree double *values = golden_numbers (json_object_get (one, "values"), &n);
    double exact = golden_get (one, "p"), p;

    pr_stats_sign_flip ((const double *const[]){ values }, n, 1, (gsize)draws, pr_rng_new (3, "flips"), &p);
    ck_assert_msg (fabs (p - exact) <= golden_p_error (exact, draws), "case %d: %g, exactly %g", (int)i, p, exact);
    if (exact == 1)
      ck_assert_double_eq (p, 1);
  }
  ck_assert (golden == NULL || i == 9);
  json_decref (golden);
}
END_TEST

START_TEST (shares_have_the_intervals_of_the_binomial_distribution)
{
  json_t *golden = stats_golden_load ();
  const json_t *cases = json_object_get (golden, "shares"), *one;
  gsize draws = (gsize)golden_get (golden, "draws"), i;

  json_array_foreach (cases, i, one)
  {
    gsize n = (gsize)golden_get (one, "n"), ones = (gsize)golden_get (one, "ones"), two;
    g_autofree double *values = g_new0 (double, n), *means = g_new (double, draws);
    g_autofree double *low = golden_numbers (json_object_get (one, "low"), &two);
    g_autofree double *high = golden_numbers (json_object_get (one, "high"), &two);
    double at, to;

    for (gsize k = 0; k < ones; k++)
      values[(k * 7) % n] = 1;
    pr_stats_bootstrap ((const double *const[]){ values }, n, 1, draws, pr_rng_new (5, "shares"), means);
    pr_stats_interval (means, draws, 0.95, &at, &to);
    ck_assert_msg (at >= low[0] - 1e-12 && at <= low[1] + 1e-12, "%g of %g .. %g", at, low[0], low[1]);
    ck_assert_msg (to >= high[0] - 1e-12 && to <= high[1] + 1e-12, "%g of %g .. %g", to, high[0], high[1]);
  }
  ck_assert (golden == NULL || i == 3);
  json_decref (golden);
}
END_TEST

/* Many at once ------------------------------------------------------------------------------------------------ */

enum
{
  MANY = 19,    /* more than a vector holds, and not a multiple */
  UNITS = 1237, /* more than a block of weights, and not a multiple */
  SOME_DRAWS = 333
};

/* Of values around 1 whose sums of 512 are single precision. */
#define SINGLE 1e-6

static double many_values[MANY][UNITS];
static const double *many[MANY];

static void
make_many (void)
{
  PrRng rng = pr_rng_new (21, "many");

  for (gsize j = 0; j < MANY; j++)
    for (gsize i = 0; i < UNITS; i++)
      many_values[j][i] = pr_rng_normal (rng, j, i) + 0.02 * (double)j;
  for (gsize j = 0; j < MANY; j++)
    many[j] = many_values[j];
}

START_TEST (series_are_resampled_as_if_alone)
{
  static double together[MANY * SOME_DRAWS], alone[SOME_DRAWS];
  double p[MANY], own;

  make_many ();
  pr_stats_bootstrap (many, UNITS, MANY, SOME_DRAWS, pr_rng_new (1, "x"), together);
  pr_stats_sign_flip (many, UNITS, MANY, SOME_DRAWS, pr_rng_new (1, "y"), p);
  for (gsize j = 0; j < MANY; j++)
    {
      pr_stats_bootstrap (many + j, UNITS, 1, SOME_DRAWS, pr_rng_new (1, "x"), alone);
      ck_assert_mem_eq (alone, together + j * SOME_DRAWS, sizeof alone);
      pr_stats_sign_flip (many + j, UNITS, 1, SOME_DRAWS, pr_rng_new (1, "y"), &own);
      ck_assert_double_eq (own, p[j]);
    }
  ck_assert_double_gt (p[0], p[MANY - 1]);
}
END_TEST

START_TEST (draws_are_those_of_philox)
{
  static double means[MANY * SOME_DRAWS];
  PrRng rng = pr_rng_new (1, "x");

  make_many ();
  pr_stats_bootstrap (many, UNITS, MANY, SOME_DRAWS, rng, means);
  for (gsize d = 0; d < SOME_DRAWS; d += 41)
    {
      double sum = 0;

      for (gsize i = 0; i < UNITS; i++)
        {
          guint32 words[4];

          pr_rng_draw4 (rng, d, i / 4, words);
          sum += many_values[5][(guint64)words[i % 4] * UNITS >> 32];
        }
      ck_assert_double_eq_tol (means[5 * SOME_DRAWS + d], sum / UNITS, SINGLE);
    }
}
END_TEST

START_TEST (flips_are_those_of_philox)
{
  PrRng rng = pr_rng_new (1, "y");
  double p[MANY];

  make_many ();
  pr_stats_sign_flip (many, UNITS, MANY, SOME_DRAWS, rng, p);
  for (gsize j = 0; j < MANY; j += 6)
    {
      double observed = 0;
      int extreme = 0;

      for (gsize i = 0; i < UNITS; i++)
        observed += many_values[j][i];
      for (gsize d = 0; d < SOME_DRAWS; d++)
        {
          double sum = 0;

          for (gsize i = 0; i < UNITS; i++)
            {
              guint32 words[4];

              pr_rng_draw4 (rng, d, i / 128, words);
              sum += words[i / 32 % 4] >> i % 32 & 1 ? -many_values[j][i] : many_values[j][i];
            }
          extreme += fabs (sum) >= fabs (observed);
        }
      ck_assert_double_eq (p[j], (1.0 + extreme) / (1.0 + SOME_DRAWS));
    }
}
END_TEST

START_TEST (every_kernel_draws_the_same)
{
  static double first[MANY * SOME_DRAWS], means[MANY * SOME_DRAWS];
  double p[2][MANY];

  make_many ();
  for (gsize k = 0; pr_cpu_all[k] != NULL; k++)
    {
      if (!pr_cpu_all[k]->supported ())
        continue;
      pr_cpu_set_kernels (pr_cpu_all[k]);
      pr_stats_bootstrap (many, UNITS, MANY, SOME_DRAWS, pr_rng_new (1, "x"), k == 0 ? first : means);
      pr_stats_sign_flip (many, UNITS, MANY, SOME_DRAWS, pr_rng_new (1, "y"), p[k > 0]);
      for (gsize i = 0; k > 0 && i < MANY * SOME_DRAWS; i++)
        ck_assert_double_eq_tol (means[i], first[i], SINGLE);
      if (k > 0)
        ck_assert_mem_eq (p[0], p[1], sizeof p[0]);
    }
}
END_TEST

START_TEST (threads_change_no_draw)
{
  static double one[MANY * SOME_DRAWS], three[MANY * SOME_DRAWS];
  double p[2][MANY];

  make_many ();
  pr_stats_bootstrap (many, UNITS, MANY, SOME_DRAWS, pr_rng_new (1, "x"), one);
  pr_stats_sign_flip (many, UNITS, MANY, SOME_DRAWS, pr_rng_new (1, "y"), p[0]);
  pr_threads_set (3);
  pr_stats_bootstrap (many, UNITS, MANY, SOME_DRAWS, pr_rng_new (1, "x"), three);
  pr_stats_sign_flip (many, UNITS, MANY, SOME_DRAWS, pr_rng_new (1, "y"), p[1]);
  pr_threads_set (1);
  ck_assert_mem_eq (one, three, sizeof one);
  ck_assert_mem_eq (p[0], p[1], sizeof p[0]);
}
END_TEST

/* Calibration: rates over many samples of a known distribution, within four standard errors ------------------- */

/* How often a 95 % interval covers the truth. */
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
  static double values[2][N], means[2 * DRAWS], one[DRAWS];
  double truth = paired ? 0.1 : binary ? 0.3 : 2;
  int covered = 0;

  for (guint64 t = 0; t < TRIALS; t++)
    {
      double low, high;

      for (guint64 i = 0; i < N; i++)
        {
          double common = pr_rng_normal (rng, t, 3 * i), own = pr_rng_normal (rng, t, 3 * i + 1);

          values[0][i] = binary ? pr_rng_uniform (rng, t, 3 * i + 2) < 0.3 : 2 + common;
          values[1][i] = values[0][i] + 0.1 + 0.3 * own;
        }
      pr_stats_bootstrap ((const double *const[]){ values[0], values[1] }, N, 2, DRAWS, pr_rng_new (t, "draws"), means);
      for (int d = 0; d < DRAWS; d++)
        one[d] = paired ? means[DRAWS + d] - means[d] : means[d];
      pr_stats_interval (one, DRAWS, 0.95, &low, &high);
      covered += low <= truth && truth <= high;
    }
  return (double)covered / TRIALS;
}

START_TEST (intervals_cover_the_truth_as_often_as_they_say)
{
  /* And the 1 % that a percentile bootstrap of 150 loses. */
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
  static double values[2][N], means[2 * DRAWS], difference[DRAWS];
  double low, high, single_low, single_high;

  for (guint64 i = 0; i < N; i++)
    {
      values[0][i] = pr_rng_normal (rng, 0, i);
      values[1][i] = values[0][i] + 0.01;
    }
  pr_stats_bootstrap ((const double *const[]){ values[0], values[1] }, N, 2, DRAWS, rng, means);
  for (int d = 0; d < DRAWS; d++)
    difference[d] = means[DRAWS + d] - means[d];
  pr_stats_interval (difference, DRAWS, 0.95, &low, &high);
  pr_stats_interval (means, DRAWS, 0.95, &single_low, &single_high);
  ck_assert_double_gt (low, 0.0099);
  ck_assert_double_lt (high, 0.0101);
  ck_assert_double_gt (single_high - single_low, 0.1);
}
END_TEST

enum
{
  TRIALS = 500,
  USERS = 120,
  SEEDS = 3,
  ARMS = 8
};

static gboolean
within (double share, double expected)
{
  return fabs (share - expected) <= 4 * sqrt (expected * (1 - expected) / TRIALS);
}

/* A difference to the baseline of user I: EFFECT standard deviations of itself, noise the same for all arms and noise
 * of its own, averaged over seeds; HITS: of 0 and 1, so that most users do not differ at all (EFFECT is 0 then). */
static double
difference (guint64 trial, guint64 arm, guint64 i, double effect, gboolean hits)
{
  PrRng rng = pr_rng_new (trial, "users");
  double sum = 0;

  for (guint64 s = 0; hits && s < SEEDS; s++)
    sum += (pr_rng_uniform (rng, 100 * arm + s + 1, i) < 0.2) - (pr_rng_uniform (rng, s + 1, i + USERS) < 0.2);
  for (guint64 s = 0; !hits && s < SEEDS; s++)
    sum += pr_rng_normal (rng, 100 * arm + s + 1, i) - pr_rng_normal (rng, s + 1, i + USERS);
  return hits ? sum / SEEDS : sum / SEEDS + effect * sqrt (2.0 / SEEDS);
}

static void
test_trial (guint64 trial, gsize arms, double effect, gboolean hits, gsize draws, double *ret_p)
{
  static double d[ARMS][USERS];
  const double *rows[ARMS];

  for (gsize a = 0; a < arms; a++)
    {
      rows[a] = d[a];
      for (gsize i = 0; i < USERS; i++)
        d[a][i] = difference (trial, a + 1, i, a == 0 ? effect : 0, hits);
    }
  pr_stats_sign_flip (rows, USERS, arms, draws, pr_rng_new (trial, "flips"), ret_p);
}

START_TEST (arms_that_do_not_differ_are_rejected_as_often_as_alpha_says)
{
  for (int hits = 0; hits < 2; hits++)
    {
      int rejected = 0;

      for (guint64 t = 0; t < TRIALS; t++)
        {
          double p;

          test_trial (t, 1, 0, hits, 999, &p);
          rejected += p <= 0.05;
        }
      ck_assert_msg (within ((double)rejected / TRIALS, 0.05), "hits %d: %d of %d", hits, rejected, TRIALS);
    }
}
END_TEST

START_TEST (holm_keeps_the_chance_of_any_false_rejection)
{
  int any = 0, any_unadjusted = 0, kept = 0;

  for (guint64 t = 0; t < TRIALS; t++)
    {
      double p[ARMS], adjusted[ARMS], least = 1, least_adjusted = 1;

      test_trial (t, ARMS, 0, FALSE, 999, p);
      pr_stats_holm (p, ARMS, adjusted);
      for (int a = 0; a < ARMS; a++)
        {
          least = MIN (least, p[a]);
          least_adjusted = MIN (least_adjusted, adjusted[a]);
        }
      any += least_adjusted <= 0.05;
      any_unadjusted += least <= 0.05;
      /* One arm that is better by far, beside seven that are not, is found all the same. */
      test_trial (t, ARMS, 0.6, FALSE, 999, p);
      pr_stats_holm (p, ARMS, adjusted);
      kept += adjusted[0] <= 0.05;
    }
  ck_assert_msg ((double)any / TRIALS <= 0.05 + 4 * sqrt (0.05 * 0.95 / TRIALS), "%d of %d", any, TRIALS);
  ck_assert_msg ((double)any_unadjusted / TRIALS > 0.15, "%d of %d", any_unadjusted, TRIALS);
  ck_assert_int_gt (kept, TRIALS * 95 / 100);
}
END_TEST

START_TEST (a_detectable_effect_is_detected_four_times_of_five)
{
  for (int arms = 1; arms <= ARMS; arms += ARMS - 1)
    {
      double alpha = 0.05 / arms, effect = pr_stats_detectable (alpha, 0.8) / sqrt (USERS);
      int found = 0, half = 0;

      for (guint64 t = 0; t < TRIALS; t++)
        {
          double p;

          test_trial (t, 1, effect, FALSE, 1999, &p);
          found += p <= alpha;
          test_trial (t, 1, effect / 2, FALSE, 1999, &p);
          half += p <= alpha;
        }
      ck_assert_msg (within ((double)found / TRIALS, 0.8), "%d of %d at %d arms", found, TRIALS, arms);
      ck_assert_msg ((double)half / TRIALS < 0.5, "%d of %d at %d arms", half, TRIALS, arms);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("stats");
  TCase *exact = tcase_create ("exact"), *many_ = tcase_create ("many"), *calibration = tcase_create ("calibration");

  tcase_add_test (exact, means_and_deviations_leave_nan_out);
  tcase_add_test (exact, intervals_are_quantiles);
  tcase_add_test (exact, quantiles_are_those_of_scipy);
  tcase_add_test (exact, holm_is_the_procedure_that_he_states);
  tcase_add_test (exact, flips_come_near_to_all_flips);
  tcase_add_test (exact, shares_have_the_intervals_of_the_binomial_distribution);
  tcase_add_test (many_, series_are_resampled_as_if_alone);
  tcase_add_test (many_, draws_are_those_of_philox);
  tcase_add_test (many_, flips_are_those_of_philox);
  tcase_add_test (many_, every_kernel_draws_the_same);
  tcase_add_test (many_, threads_change_no_draw);
  tcase_add_test (calibration, intervals_cover_the_truth_as_often_as_they_say);
  tcase_add_test (calibration, pairing_takes_common_noise_out);
  tcase_add_test (calibration, arms_that_do_not_differ_are_rejected_as_often_as_alpha_says);
  tcase_add_test (calibration, holm_keeps_the_chance_of_any_false_rejection);
  tcase_add_test (calibration, a_detectable_effect_is_detected_four_times_of_five);
  suite_add_tcase (suite, exact);
  suite_add_tcase (suite, many_);
  suite_add_tcase (suite, calibration);
  return pr_check_main (suite);
}
