#include "config.h"

#include "pr-check.h"

#include <math.h>
#include <pauserec/rng.h>

START_TEST (draws_are_pure_and_streams_differ)
{
  PrRng a = pr_rng_new (7, "a"), b = pr_rng_new (7, "b"), c = pr_rng_new (8, "a");

  ck_assert_uint_eq (pr_rng_u64 (a, 3, 5), pr_rng_u64 (pr_rng_new (7, "a"), 3, 5));
  ck_assert_uint_ne (pr_rng_u64 (a, 3, 5), pr_rng_u64 (b, 3, 5));
  ck_assert_uint_ne (pr_rng_u64 (a, 3, 5), pr_rng_u64 (c, 3, 5));
  ck_assert_uint_ne (pr_rng_u64 (a, 3, 5), pr_rng_u64 (a, 5, 3));
}
END_TEST

START_TEST (normal_has_mean_0_and_variance_1)
{
  PrRng rng = pr_rng_new (1, "normal");
  double sum = 0, square = 0;
  const int n = 100000;

  for (int i = 0; i < n; i++)
    {
      double x = pr_rng_normal (rng, 0, (guint64)i);

      sum += x;
      square += x * x;
    }
  ck_assert_double_lt (fabs (sum / n), 5.0 / sqrt (n));
  ck_assert_double_lt (fabs (square / n - 1), 5.0 * sqrt (2.0 / n));
}
END_TEST

START_TEST (permutation_holds_every_number_once)
{
  g_autofree guint32 *order = pr_rng_permutation (pr_rng_new (1, "p"), 0, 1000);
  g_autofree guint8 *seen = g_new0 (guint8, 1000);

  for (int i = 0; i < 1000; i++)
    {
      ck_assert_uint_lt (order[i], 1000);
      ck_assert_uint_eq (seen[order[i]]++, 0);
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("rng");
  TCase *tc = tcase_create ("rng");

  tcase_add_test (tc, draws_are_pure_and_streams_differ);
  tcase_add_test (tc, normal_has_mean_0_and_variance_1);
  tcase_add_test (tc, permutation_holds_every_number_once);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
