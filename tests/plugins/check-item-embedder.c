#include "config.h"

#include "pr-check.h"

#include "../../plugins/item-embedder/cooccurrence.h"
#include "../../plugins/item-embedder/eigen.h"
#include "../../plugins/item-embedder/svd.h"
#include "../../plugins/item-embedder/tfidf.h"

#include <pauserec/threads.h>

#include <math.h>

/* What is left of a unit vector in float after sums over a few hundred products. */
#define FLOAT_TOL 2e-5

START_TEST (words_are_letters_and_digits_in_lower_case)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);

  tfidf_split ("L'Oréal--Vitamin B12 (ÜBER)!", words);
  ck_assert_uint_eq (words->len, 5);
  ck_assert_str_eq (words->pdata[0], "l");
  ck_assert_str_eq (words->pdata[1], "oréal");
  ck_assert_str_eq (words->pdata[2], "vitamin");
  ck_assert_str_eq (words->pdata[3], "b12");
  ck_assert_str_eq (words->pdata[4], "über");
}
END_TEST

static PrDataset *
make_dataset (const char *dir)
{
  static const char *const none[] = { NULL }, *const hair[] = { "hair", NULL };
  const PrItem items[] = {
    { "i0", "red soap", "", "soap soap", none },
    { "i1", "red comb", "", "", hair },
    { "i2", "comb", "", "", hair },
    { "i3", "", "", "", none },
  };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("tiny");
  GError *error = NULL;
  PrDataset *dataset;

  for (gsize i = 0; i < G_N_ELEMENTS (items); i++)
    pr_dataset_builder_add_item (builder, &items[i]);
  pr_dataset_builder_add_user (builder, "u0", (gint32[]){ 0, 1, 2, 3, 3 }, 5);
  pr_dataset_builder_add_user (builder, "u1", (gint32[]){ 0, 1, 2, 3 }, 4);
  pr_dataset_builder_write (builder, dir, &error);
  ck_assert_no_error (error);
  dataset = pr_dataset_load (dir, &error);
  ck_assert_no_error (error);
  return dataset;
}

START_TEST (weights_are_as_computed_by_hand)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autoptr (PrDataset) dataset = make_dataset (dir);
  FieldWeights weights = { 1, 1, 2, 0.5 };
  g_autoptr (Sparse) a = tfidf_new (dataset, &weights, 1, 1.0);
  double idf2 = log (5.0 / 3.0) + 1, idf1 = log (5.0 / 2.0) + 1; /* words in two items, in one */
  double red = idf2, soap = (1 + 0.5 * (1 + log (2.0))) * idf1, length = sqrt (red * red + soap * soap);

  ck_assert_int_eq (a->rows, 4);
  ck_assert_int_eq (a->columns, 4); /* red, soap, comb, hair */
  ck_assert_int_eq (a->offsets[1], 2);
  ck_assert_int_eq (a->index[0], 0);
  ck_assert_double_eq_tol (a->values[0], red / length, 1e-6);
  ck_assert_double_eq_tol (a->values[1], soap / length, 1e-6);
  /* Item 2: comb 1, hair 2, both in two items. */
  ck_assert_int_eq (a->offsets[3] - a->offsets[2], 2);
  ck_assert_double_eq_tol (a->values[a->offsets[2]], 1 / sqrt (5.0), 1e-6);
  ck_assert_int_eq (a->offsets[4], a->offsets[3]);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (rare_and_common_words_are_left_out)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autoptr (PrDataset) dataset = make_dataset (dir);
  FieldWeights weights = { 1, 1, 1, 1 }, categories = { 0, 0, 1, 0 };
  g_autoptr (Sparse) twice = tfidf_new (dataset, &weights, 2, 1.0);
  g_autoptr (Sparse) rare = tfidf_new (dataset, &weights, 1, 0.3);
  g_autoptr (Sparse) field = tfidf_new (dataset, &categories, 1, 1.0);

  ck_assert_int_eq (twice->columns, 3);
  ck_assert_int_eq (rare->columns, 1);
  ck_assert_int_eq (field->columns, 1);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (cooccurrence_sees_training_purchases_only)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autoptr (PrDataset) dataset = make_dataset (dir);
  g_autoptr (Sparse) a = cooccurrence_new (dataset, 2);

  /* Training: u0 0 1 2, u1 0 1.  Weights (both ways): 01 2, 12 1, 02 1/2; row sums 2.5, 3, 1.5; in all 7. */
  ck_assert_int_eq (a->offsets[4], a->offsets[3]); /* item 3 is a target only */
  ck_assert_int_eq (a->index[0], 1);
  ck_assert_double_eq_tol (a->values[0], log (2 * 7 / (2.5 * 3)), 1e-6);
  ck_assert_int_eq (a->offsets[1], 1 + (0.5 * 7 / (2.5 * 1.5) > 1));
  ck_assert_double_eq_tol (a->values[a->offsets[3] - 1], log (1 * 7 / (1.5 * 3)), 1e-6);
  pr_check_rmdir (dir);
}
END_TEST

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
  ck_assert (eigen_symmetric (a, N, values, vectors));
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

  ck_assert (eigen_symmetric (one, 1, values, vectors));
  ck_assert_double_eq (values[0], 5);
  ck_assert_double_eq (vectors[0], 1);
  ck_assert (eigen_symmetric (two, 2, values, vectors));
  ck_assert_double_eq_tol (values[0], 3, 1e-14);
  ck_assert_double_eq_tol (values[1], 1, 1e-14);
  ck_assert_double_eq_tol (fabs (vectors[0]), sqrt (0.5), 1e-14);
  ck_assert (eigen_symmetric (zero, 3, values, vectors));
  ck_assert_double_eq (values[2], 0);
  ck_assert (eigen_symmetric (diagonal, 3, values, vectors));
  ck_assert_double_eq_tol (values[0], 3, 1e-14);
  ck_assert_double_eq_tol (values[2], 1, 1e-14);
}
END_TEST

START_TEST (columns_become_orthonormal)
{
  enum
  {
    N = 300,
    L = 70
  };
  g_autofree float *y = g_new (float, N *L);
  PrRng rng = pr_rng_new (3, "qr");

  /* Columns of very different length, and number 40 a sum of two others. */
  for (int i = 0; i < N; i++)
    for (int j = 0; j < L; j++)
      y[i * L + j] = (float)(pr_rng_normal (rng, (guint64)i, (guint64)j) * pow (0.8, j));
  for (int i = 0; i < N; i++)
    y[i * L + 40] = y[i * L + 3] + y[i * L + 35];
  svd_orthonormalise (y, N, L);
  for (int j = 0; j < L; j++)
    for (int k = 0; k <= j; k++)
      {
        double sum = 0;

        for (int i = 0; i < N; i++)
          sum += (double)y[i * L + j] * y[i * L + k];
        ck_assert_double_eq_tol (sum, j == k && j != 40, FLOAT_TOL);
      }
}
END_TEST

/* Rank R: A = sum_r s_r u_r v_r' with u_r, v_r orthogonal by construction (blocks of equal entries). */
enum
{
  ROWS = 60,
  COLUMNS = 90,
  RANK = 3
};
static const double singular[RANK] = { 9, 4, 1 };

static Sparse *
make_low_rank (void)
{
  Sparse *a = sparse_new (ROWS, COLUMNS, ROWS * COLUMNS / RANK);
  gint64 e = 0;

  for (int i = 0; i < ROWS; i++)
    {
      int r = i / (ROWS / RANK);

      for (int j = r * (COLUMNS / RANK); j < (r + 1) * (COLUMNS / RANK); j++)
        {
          a->index[e] = j;
          a->values[e++] = (float)(-singular[r] / sqrt ((double)(ROWS / RANK) * (COLUMNS / RANK)));
        }
      a->offsets[i + 1] = e;
    }
  return a;
}

START_TEST (low_rank_matrices_are_found_exactly)
{
  g_autoptr (Sparse) a = make_low_rank ();
  SvdOptions options = { .dims = 5, .oversample = 4, .power = 1, .rng = pr_rng_new (1, "svd") };
  float u[ROWS * 6];
  double values[5];
  GError *error = NULL;

  ck_assert (svd_rows (a, &options, u, 6, values, &error));
  for (int r = 0; r < 5; r++)
    ck_assert_double_eq_tol (values[r], r < RANK ? singular[r] : 0, 1e-3);
  for (int i = 0; i < ROWS; i++)
    for (int r = 0; r < RANK; r++)
      ck_assert_double_eq_tol (u[i * 6 + r], i / (ROWS / RANK) == r ? singular[r] / sqrt (ROWS / RANK) : 0, 1e-4);
}
END_TEST

START_TEST (threads_and_repeats_change_no_bit)
{
  g_autoptr (Sparse) a = make_low_rank ();
  SvdOptions options = { .dims = 3, .oversample = 10, .power = 2, .rng = pr_rng_new (1, "svd") };
  float u[ROWS * 3], again[ROWS * 3];
  double values[3];
  GError *error = NULL;

  ck_assert (svd_rows (a, &options, u, 3, values, &error));
  pr_threads_set (3);
  ck_assert (svd_rows (a, &options, again, 3, values, &error));
  ck_assert_mem_eq (u, again, sizeof u);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("item-embedder");
  TCase *words = tcase_create ("words"), *algebra = tcase_create ("algebra");

  tcase_add_test (words, words_are_letters_and_digits_in_lower_case);
  tcase_add_test (words, weights_are_as_computed_by_hand);
  tcase_add_test (words, rare_and_common_words_are_left_out);
  tcase_add_test (words, cooccurrence_sees_training_purchases_only);
  tcase_add_test (algebra, eigenvectors_solve_their_equation);
  tcase_add_test (algebra, eigenvalues_of_small_and_special_matrices);
  tcase_add_test (algebra, columns_become_orthonormal);
  tcase_add_test (algebra, low_rank_matrices_are_found_exactly);
  tcase_add_test (algebra, threads_and_repeats_change_no_bit);
  suite_add_tcase (suite, words);
  suite_add_tcase (suite, algebra);
  return pr_check_main (suite);
}
