#include "pr-check.h"

#include <pauserec/linalg.h>
#include <pauserec/rng.h>

#include <math.h>

START_TEST (eigenvectors_solve_their_equation)
{
  enum
  {
    N = 57
  };
  PrRng rng = pr_rng_new (3, "eigen");
  double a[N * N], copy[N * N], values[N], vectors[N * N];

  for (int i = 0; i < N; i++)
    for (int j = 0; j <= i; j++)
      a[i * N + j] = a[j * N + i] = pr_rng_normal (rng, (guint64)i, (guint64)j);
  memcpy (copy, a, sizeof a);
  ck_assert (pr_eigen_symmetric (a, N, values, vectors));
  for (int v = 0; v < N; v++)
    {
      double length = 0;

      ck_assert (v == 0 || values[v] <= values[v - 1]);
      for (int i = 0; i < N; i++)
        {
          double sum = 0;

          for (int j = 0; j < N; j++)
            sum += copy[i * N + j] * vectors[v * N + j];
          ck_assert_double_eq_tol (sum, values[v] * vectors[v * N + i], 1e-11);
          length += vectors[v * N + i] * vectors[v * N + i];
        }
      ck_assert_double_eq_tol (length, 1, 1e-12);
    }
}
END_TEST

START_TEST (eigenvalues_of_small_and_special_matrices)
{
  double one[] = { 5 }, two[] = { 2, 1, 1, 2 }, zero[9] = { 0 }, diagonal[] = { 1, 0, 0, 0, 3, 0, 0, 0, 2 };
  double values[3], vectors[9];

  ck_assert (pr_eigen_symmetric (one, 1, values, vectors));
  ck_assert_double_eq (values[0], 5);
  ck_assert_double_eq (vectors[0], 1);
  ck_assert (pr_eigen_symmetric (two, 2, values, vectors));
  ck_assert_double_eq_tol (values[0], 3, 1e-14);
  ck_assert_double_eq_tol (values[1], 1, 1e-14);
  ck_assert_double_eq_tol (fabs (vectors[0]), sqrt (0.5), 1e-14);
  ck_assert (pr_eigen_symmetric (zero, 3, values, vectors));
  ck_assert_double_eq (values[2], 0);
  ck_assert (pr_eigen_symmetric (diagonal, 3, values, vectors));
  ck_assert_double_eq_tol (values[0], 3, 1e-14);
  ck_assert_double_eq_tol (values[2], 1, 1e-14);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("eigen");
  TCase *tcase = tcase_create ("eigen");

  tcase_add_test (tcase, eigenvectors_solve_their_equation);
  tcase_add_test (tcase, eigenvalues_of_small_and_special_matrices);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
