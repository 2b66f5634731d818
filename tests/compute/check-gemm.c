#include "pr-check.h"

#include <pauserec/linalg.h>
#include <pauserec/rng.h>
#include <pauserec/threads.h>

#include <math.h>

static float *
draw (gint64 n, guint64 seed)
{
  PrRng rng = pr_rng_new (seed, "check-gemm");
  float *x = g_new (float, n);

  for (gint64 i = 0; i < n; i++)
    x[i] = (float)pr_rng_normal (rng, 0, (guint64)i);
  return x;
}

/* Every layout against sums in double, with strides wider than the matrices and sizes that do not fill tiles. */
START_TEST (agrees_with_sums_in_double)
{
  const gint64 m = 300, n = 517, k = 33, lda = 340, ldb = 530, ldc = 520;
  const double tolerance = 1e-4; /* sums of 33 products of unit normals in single precision */
  g_autofree float *a = draw (m * lda + lda * lda, 1), *b = draw (n * ldb + ldb * ldb, 2), *c0 = draw (m * ldc, 3);

  for (int variant = 0; variant < 4; variant++)
    {
      gboolean ta = variant & 1, tb = variant >> 1;
      g_autofree float *c = g_memdup2 (c0, sizeof (float) * (gsize)(m * ldc));

      pr_gemm (ta, tb, m, n, k, 0.5f, a, lda, b, ldb, 2.0f, c, ldc);
      for (gint64 i = 0; i < m; i++)
        for (gint64 j = 0; j < ldc; j++)
          {
            double sum = 0;

            for (gint64 p = 0; p < k && j < n; p++)
              sum += (double)(ta ? a[p * lda + i] : a[i * lda + p]) * (tb ? b[j * ldb + p] : b[p * ldb + j]);
            ck_assert_double_le (fabs (c[i * ldc + j] - (j < n ? 0.5 * sum + 2.0 * c0[i * ldc + j] : c0[i * ldc + j])),
                                 tolerance);
          }
    }
}
END_TEST

START_TEST (threads_do_not_change_bits)
{
  const gint64 m = 700, n = 600, k = 129;
  g_autofree float *a = draw (m * k, 1), *b = draw (n * k, 2);
  g_autofree float *one = g_new (float, m *n), *three = g_new (float, m *n);

  pr_gemm (FALSE, TRUE, m, n, k, 1, a, k, b, k, 0, one, n);
  pr_threads_set (3);
  pr_gemm (FALSE, TRUE, m, n, k, 1, a, k, b, k, 0, three, n);
  ck_assert_mem_eq (one, three, sizeof (float) * (gsize)(m * n));
}
END_TEST

START_TEST (the_library_has_a_name)
{
  g_autofree char *name = pr_blas_description ();

  ck_assert_ptr_nonnull (strstr (name, "core "));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("gemm");
  TCase *tc = tcase_create ("gemm");

  tcase_add_test (tc, agrees_with_sums_in_double);
  tcase_add_test (tc, threads_do_not_change_bits);
  tcase_add_test (tc, the_library_has_a_name);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
