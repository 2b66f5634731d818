/* check-kmeans.c - k-means of sid-quantizer: what it must find, and that it goes downhill. */
#include "clusters.h"
#include "pr-check.h"

#include "../../plugins/sid-quantizer/kmeans.h"

#include <pauserec/threads.h>

#include <math.h>

static KmeansFit *
fit (const float *x, gint64 n, gint64 d, gint32 k, gint64 iterations, guint64 seed)
{
  KmeansProblem problem = {
    .x = x, .n = n, .d = d, .k = k, .iterations = iterations, .rng = pr_rng_new (seed, "test")
  };
  GError *error = NULL;
  KmeansFit *result = kmeans_fit (&problem, &error);

  ck_assert_no_error (error);
  return result;
}

START_TEST (separated_clusters_are_found)
{
  g_autofree float *x = make_clusters (0.02);
  g_autoptr (KmeansFit) f = fit (x, N_CLUSTERS * PER_CLUSTER, D, N_CLUSTERS, 50, 1);
  gboolean seen[N_CLUSTERS] = { 0 };

  for (int i = 0; i < N_CLUSTERS * PER_CLUSTER; i++)
    ck_assert_int_eq (f->codes[i], f->codes[i % N_CLUSTERS]);
  for (int c = 0; c < N_CLUSTERS; c++)
    {
      ck_assert (!seen[f->codes[c]]);
      seen[f->codes[c]] = TRUE;
    }
}
END_TEST

START_TEST (objective_never_increases)
{
  g_autofree float *x = make_clusters (0.8);

  for (guint64 seed = 0; seed < 5; seed++)
    {
      g_autoptr (KmeansFit) f = fit (x, N_CLUSTERS * PER_CLUSTER, D, 64, 40, seed);

      ck_assert_int_gt (f->n_objective, 3);
      for (gint64 i = 1; i < f->n_objective; i++)
        ck_assert_double_le (f->objective[i], f->objective[i - 1] * (1 + 1e-6));
      ck_assert_double_lt (f->objective[f->n_objective - 1], f->objective[0]);
    }
}
END_TEST

START_TEST (codes_are_of_the_nearest_centroid)
{
  g_autofree float *x = make_clusters (1.5);
  g_autoptr (KmeansFit) f = fit (x, N_CLUSTERS * PER_CLUSTER, D, 33, 10, 3);
  double sum = 0;

  for (int i = 0; i < N_CLUSTERS * PER_CLUSTER; i++)
    {
      double distances[33];

      kmeans_distances (x + i * D, f->centroids, 33, D, distances);
      for (int c = 0; c < 33; c++)
        ck_assert_double_ge (distances[c], distances[f->codes[i]] - 1e-3);
      sum += distances[f->codes[i]];
    }
  ck_assert_double_eq_tol (sum, f->objective[f->n_objective - 1], 1e-3 * sum);
}
END_TEST

START_TEST (more_codes_than_items)
{
  g_autofree float *x = make_clusters (0.5);
  g_autoptr (KmeansFit) f = fit (x, 5, D, 64, 25, 1);

  for (int i = 0; i < 5; i++)
    for (int j = 0; j < i; j++)
      ck_assert_int_ne (f->codes[i], f->codes[j]);
  ck_assert_double_lt (f->objective[f->n_objective - 1], 1e-3);
}
END_TEST

START_TEST (duplicates_share_a_code)
{
  float x[100 * 3];
  g_autoptr (KmeansFit) f = NULL;

  for (int i = 0; i < 100; i++)
    for (int j = 0; j < 3; j++)
      x[i * 3 + j] = (float)(0.1 + (i % 4) * (j + 1));
  f = fit (x, 100, 3, 16, 25, 1);
  for (int i = 0; i < 100; i++)
    {
      ck_assert_int_eq (f->codes[i], f->codes[i % 4]);
      ck_assert (isfinite (f->centroids[f->codes[i] * 3]));
    }
  ck_assert_int_ne (f->codes[0], f->codes[1]);
}
END_TEST

START_TEST (zero_rows_are_harmless)
{
  float x[8 * 2] = { 0 };
  g_autoptr (KmeansFit) f = fit (x, 8, 2, 3, 25, 1);

  for (int i = 0; i < 8; i++)
    ck_assert_int_eq (f->codes[i], f->codes[0]);
  ck_assert_double_eq (f->objective[0], 0);
}
END_TEST

START_TEST (threads_change_no_bit)
{
  g_autofree float *x = make_clusters (1.0);
  g_autoptr (KmeansFit) one = fit (x, N_CLUSTERS * PER_CLUSTER, D, 64, 20, 9);
  g_autoptr (KmeansFit) three = NULL;

  pr_threads_set (3);
  three = fit (x, N_CLUSTERS * PER_CLUSTER, D, 64, 20, 9);
  ck_assert_mem_eq (one->codes, three->codes, sizeof (gint32) * N_CLUSTERS * PER_CLUSTER);
  ck_assert_mem_eq (one->centroids, three->centroids, sizeof (float) * 64 * D);
  ck_assert_int_eq (one->n_objective, three->n_objective);
  ck_assert_mem_eq (one->objective, three->objective, sizeof (double) * one->n_objective);
}
END_TEST

static gboolean
stop_at_third (gpointer ctx, GError **error)
{
  if (++*(int *)ctx < 3)
    return TRUE;
  g_set_error_literal (error, PR_ERROR, PR_ERROR_CANCELLED, "cancelled");
  return FALSE;
}

START_TEST (a_tick_can_stop_the_fit)
{
  g_autofree float *x = make_clusters (1.0);
  int calls = 0;
  KmeansProblem problem = { .x = x,
                            .n = N_CLUSTERS * PER_CLUSTER,
                            .d = D,
                            .k = 64,
                            .iterations = 20,
                            .rng = pr_rng_new (1, "t"),
                            .tick = stop_at_third,
                            .tick_ctx = &calls };
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (kmeans_fit (&problem, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "cancelled");
  ck_assert_int_eq (calls, 3);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("kmeans");
  TCase *tcase = tcase_create ("kmeans");

  tcase_add_test (tcase, separated_clusters_are_found);
  tcase_add_test (tcase, objective_never_increases);
  tcase_add_test (tcase, codes_are_of_the_nearest_centroid);
  tcase_add_test (tcase, more_codes_than_items);
  tcase_add_test (tcase, duplicates_share_a_code);
  tcase_add_test (tcase, zero_rows_are_harmless);
  tcase_add_test (tcase, threads_change_no_bit);
  tcase_add_test (tcase, a_tick_can_stop_the_fit);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
