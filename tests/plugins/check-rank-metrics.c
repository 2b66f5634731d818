#include "config.h"

#include "pr-check.h"

#include "../../plugins/rank-metrics/metrics.h"

#include <pauserec/rng.h>

#include <math.h>

START_TEST (ranks_and_metrics_are_as_computed_by_hand)
{
  const gint32 items[] = { 7, 3, 9, -1, -1 };

  ck_assert_int_eq (metrics_rank (items, 5, 7), 1);
  ck_assert_int_eq (metrics_rank (items, 5, 9), 3);
  ck_assert_int_eq (metrics_rank (items, 2, 9), 0);
  ck_assert_int_eq (metrics_rank (items, 5, 4), 0);

  ck_assert_float_eq (metrics_hit (5, 5), 1);
  ck_assert_float_eq (metrics_hit (6, 5), 0);
  ck_assert_float_eq (metrics_hit (0, 5), 0);
  ck_assert_float_eq (metrics_ndcg (1, 5), 1);
  ck_assert_float_eq_tol (metrics_ndcg (2, 5), 0.63092975, 1e-7);
  ck_assert_float_eq (metrics_ndcg (3, 5), 0.5);
  ck_assert_float_eq (metrics_ndcg (6, 5), 0);
  ck_assert_float_eq (metrics_ndcg (0, 5), 0);
  ck_assert_float_eq (metrics_mrr (4, 5), 0.25);
  ck_assert_float_eq (metrics_mrr (6, 5), 0);
}
END_TEST

START_TEST (coverage_counts_each_item_once)
{
  const gint32 items[] = { 0, 1, 2, 1, 0, -1 };

  ck_assert_double_eq (metrics_coverage (items, 2, 3, 1, 10), 0.2);
  ck_assert_double_eq (metrics_coverage (items, 2, 3, 3, 10), 0.3);
  ck_assert_double_eq (metrics_coverage (items, 2, 3, 99, 10), 0.3);
  ck_assert_double_eq (metrics_coverage (items, 0, 3, 3, 10), 0);
}
END_TEST

START_TEST (random_rankings_score_chance)
{
  enum
  {
    USERS = 4000,
    ITEMS = 50,
    K = 10
  };
  PrRng rng = pr_rng_new (1, "chance");
  double hits = 0, ndcg = 0, ideal = 0;

  for (int u = 0; u < USERS; u++)
    {
      g_autofree guint32 *order = pr_rng_permutation (rng, (guint64)u, ITEMS);
      gint64 rank = metrics_rank ((const gint32 *)order, K, u % ITEMS);

      hits += metrics_hit (rank, K);
      ndcg += metrics_ndcg (rank, K);
    }
  for (int r = 1; r <= K; r++)
    ideal += 1 / log2 (1.0 + r) / ITEMS;
  /* Four standard deviations of a mean of 4,000 draws at p = .2. */
  ck_assert_double_eq_tol (hits / USERS, (double)K / ITEMS, 0.0253);
  ck_assert_double_eq_tol (ndcg / USERS, ideal, 0.0253);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("rank-metrics");
  TCase *tc = tcase_create ("metrics");

  tcase_add_test (tc, ranks_and_metrics_are_as_computed_by_hand);
  tcase_add_test (tc, coverage_counts_each_item_once);
  tcase_add_test (tc, random_rankings_score_chance);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
