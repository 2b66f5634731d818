#include "config.h"

#include "pr-check.h"
#include "stage-check.h"
#include "tiny-world.h"

#include "../../plugins/item-embedder/cooccurrence.h"
#include "../../plugins/item-embedder/svd.h"
#include "../../plugins/item-embedder/tfidf.h"

#include <pauserec/io.h>
#include <pauserec/matrix.h>
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

START_TEST (operations_are_counted_from_shapes)
{
  g_autoptr (Sparse) a = make_low_rank ();
  const SvdOptions once = { .dims = 5, .oversample = 4, .power = 0 }, more = { .dims = 5, .oversample = 4, .power = 2 };
  /* 1,800 values and 9 columns: a product with A takes 2 x 1,800 x 9; column c of 9 takes 8 n c to stand upright. */
  const double product = 32400, rows = 8 * ROWS * 36, columns = 8 * COLUMNS * 36;

  ck_assert_double_eq (svd_flops (a, &once), 2 * product + rows + 2 * COLUMNS * 81 + 2 * ROWS * 9 * 5);
  ck_assert_double_eq (svd_flops (a, &more) - svd_flops (a, &once), 4 * product + 2 * rows + 2 * columns);
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

/* The stage --------------------------------------------------------------------------------------------------- */

/* The data set of make_dataset() in DIR/dataset. */
static void
put_dataset (const char *dir)
{
  g_autofree char *folder = g_build_filename (dir, "dataset", NULL);

  g_mkdir (folder, 0700);
  pr_dataset_free (make_dataset (folder));
}

static PrMatrix *
run_stage (StageCheck *check, const char *const *set, const char *lm)
{
  g_autofree char *folder = g_build_filename (check->dir, "out", "embeddings", NULL);
  const char *in[] = { "dataset", lm };
  GError *error = NULL;
  PrMatrix *m;

  check->stage = pr_plugin.stages[0];
  check->set = set;
  check->in = in;
  stage_check_run (check, &error);
  ck_assert_no_error (error);
  m = pr_embeddings_load (folder, &error);
  ck_assert_no_error (error);
  return m;
}

static double
cosine (const PrMatrix *m, gint64 a, gint64 b)
{
  double sum = 0;

  for (gint64 j = 0; j < m->columns; j++)
    sum += (double)m->data[a * m->columns + j] * m->data[b * m->columns + j];
  return sum;
}

START_TEST (all_dimensions_keep_all_angles)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (PrMatrix) m = NULL;
  g_autoptr (Sparse) words = NULL;
  g_autofree char *folder = g_build_filename (dir, "dataset", NULL);
  g_autoptr (PrDataset) dataset = NULL;
  FieldWeights weights = { 1, 1, 1, 0.5 };
  double expected = 0;

  put_dataset (dir);
  m = run_stage (&check, (const char *const[]){ "dims=4", "min_df=1", "max_share=1", NULL }, NULL);
  ck_assert_double_gt (check.record->costs[PR_COST_FLOPS], 0);
  ck_assert_int_eq (m->rows, 4);
  ck_assert_int_eq (m->columns, 4);
  dataset = pr_dataset_load (folder, NULL);
  words = tfidf_new (dataset, &weights, 1, 1);
  for (gint64 e = words->offsets[1]; e < words->offsets[2]; e++)
    for (gint64 f = words->offsets[2]; f < words->offsets[3]; f++)
      expected += words->index[e] == words->index[f] ? (double)words->values[e] * words->values[f] : 0;
  ck_assert_double_gt (expected, 0.5);
  ck_assert_double_eq_tol (cosine (m, 1, 2), expected, 1e-5);
  ck_assert_double_eq_tol (cosine (m, 0, 2), 0, 1e-5);
  ck_assert_double_eq_tol (cosine (m, 0, 0), 1, 1e-5);
  ck_assert_double_eq (cosine (m, 3, 3), 0);
  ck_assert_double_eq (stage_check_metric (&check, "words"), 4);
  ck_assert_double_eq (stage_check_metric (&check, "items_without_words"), 1);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (purchases_can_join_in)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (PrMatrix) m = NULL;
  double text = 0, pairs = 0;

  put_dataset (dir);
  m = run_stage (&check,
                 (const char *const[]){ "dims=3", "min_df=1", "max_share=1", "cooccurrence_weight=0.5",
                                        "cooccurrence_dims=2", "normalise=false", NULL },
                 NULL);
  ck_assert_int_eq (m->columns, 5);
  for (int j = 0; j < 5; j++)
    *(j < 3 ? &text : &pairs) += pow (m->data[5 + j], 2);
  ck_assert_double_eq_tol (text, 1, 1e-5);
  ck_assert_double_eq_tol (pairs, 0.25, 1e-5);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_model_is_pooled_over_tokens)
{
  g_autofree char *dir = pr_check_tmpdir (), *folder = g_build_filename (dir, "lm", NULL);
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (PrMatrix) m = NULL, small = NULL;
  g_autoptr (PrLm) lm = tiny_lm (32, FALSE);
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  gint32 offsets[2] = { 0 };
  float hidden[32 * 16];
  GError *error = NULL;
  double flops;

  put_dataset (dir);
  g_mkdir (folder, 0700);
  ck_assert (pr_lm_save (lm, folder, &error));
  m = run_stage (&check, (const char *const[]){ "method=lm", "normalise=false", "batch_tokens=1", NULL }, "lm");
  flops = check.record->costs[PR_COST_FLOPS];
  ck_assert_double_ge (flops,
                       check.record->costs[PR_COST_INFER_TOKENS] * pr_lm_config_token_flops (pr_lm_config (lm), 1));
  ck_assert_int_eq (m->columns, 16);
  pr_tokenizer_encode (pr_lm_tokenizer (lm), "comb. hair", -1, tokens);
  offsets[1] = (gint32)tokens->len;
  ck_assert (pr_lm_hidden (lm, (const gint32 *)(void *)tokens->data, offsets, 1, hidden, &error));
  for (int j = 0; j < 16; j++)
    {
      double mean = 0;

      for (guint t = 0; t < tokens->len; t++)
        mean += (double)hidden[t * 16 + (guint)j] / tokens->len;
      ck_assert_double_eq_tol (m->data[2 * 16 + j], mean, 1e-5);
      ck_assert_double_eq (m->data[3 * 16 + j], 0);
    }
  small = run_stage (&check, (const char *const[]){ "method=lm", "normalise=false", NULL }, "lm");
  ck_assert_double_eq (check.record->costs[PR_COST_FLOPS], flops);
  for (int i = 0; i < 4 * 16; i++)
    ck_assert_double_eq_tol (m->data[i], small->data[i], 1e-5);
  pr_check_rmdir (dir);
}
END_TEST

/* A .npy file of ROWS x 2 doubles. */
static void
put_npy (const char *dir, int rows)
{
  g_autofree char *path = g_build_filename (dir, "x.npy", NULL), *header = NULL;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  header = g_strdup_printf ("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, 2), }", rows);
  g_byte_array_append (bytes, (const guint8 *)"\x93NUMPY\x01\x00\x76\x00", 10);
  g_byte_array_append (bytes, (const guint8 *)header, (guint)strlen (header));
  while (bytes->len < 127)
    g_byte_array_append (bytes, (const guint8 *)" ", 1);
  g_byte_array_append (bytes, (const guint8 *)"\n", 1);
  for (int i = 0; i < rows * 2; i++)
    {
      double v = i;

      g_byte_array_append (bytes, (const guint8 *)&v, 8);
    }
  ck_assert (g_file_set_contents (path, (const char *)bytes->data, bytes->len, NULL));
}

START_TEST (a_file_can_be_given)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (PrMatrix) m = NULL;

  put_dataset (dir);
  put_npy (dir, 4);
  m = run_stage (&check, (const char *const[]){ "method=npy", "npy=x.npy", "normalise=false", NULL }, NULL);
  ck_assert_int_eq (m->columns, 2);
  ck_assert_float_eq (m->data[7], 7);
  pr_check_rmdir (dir);
}
END_TEST

static void
expect_failure (const char *dir, const char *const *set, PrError code, const char *part)
{
  const char *const in[] = { "dataset", NULL };
  g_auto (StageCheck) check = { .stage = pr_plugin.stages[0], .dir = dir, .set = set, .in = in };
  g_autoptr (GError) error = NULL;

  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, (int)code, part);
}

START_TEST (bad_input_is_refused)
{
  g_autofree char *dir = pr_check_tmpdir ();

  put_dataset (dir);
  put_npy (dir, 3);
  expect_failure (dir, (const char *const[]){ "dims=5", "min_df=1", NULL }, PR_ERROR_MANIFEST, "dims to at most");
  expect_failure (dir, (const char *const[]){ "method=npy", NULL }, PR_ERROR_MANIFEST, "npy");
  expect_failure (dir, (const char *const[]){ "npy=x.npy", NULL }, PR_ERROR_MANIFEST, "method = npy");
  expect_failure (dir, (const char *const[]){ "method=npy", "npy=x.npy", NULL }, PR_ERROR_DATA, "3 rows");
  expect_failure (
      dir,
      (const char *const[]){ "title_weight=0", "brand_weight=0", "categories_weight=0", "description_weight=0", NULL },
      PR_ERROR_MANIFEST, "field weights");
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("item-embedder");
  TCase *words = tcase_create ("words"), *algebra = tcase_create ("algebra");
  TCase *stage = tcase_create ("stage");

  tcase_add_test (words, words_are_letters_and_digits_in_lower_case);
  tcase_add_test (words, weights_are_as_computed_by_hand);
  tcase_add_test (words, rare_and_common_words_are_left_out);
  tcase_add_test (words, cooccurrence_sees_training_purchases_only);
  tcase_add_test (algebra, columns_become_orthonormal);
  tcase_add_test (algebra, low_rank_matrices_are_found_exactly);
  tcase_add_test (algebra, operations_are_counted_from_shapes);
  tcase_add_test (algebra, threads_and_repeats_change_no_bit);
  tcase_add_test (stage, all_dimensions_keep_all_angles);
  tcase_add_test (stage, purchases_can_join_in);
  tcase_add_test (stage, a_model_is_pooled_over_tokens);
  tcase_add_test (stage, a_file_can_be_given);
  tcase_add_test (stage, bad_input_is_refused);
  suite_add_tcase (suite, words);
  suite_add_tcase (suite, algebra);
  suite_add_tcase (suite, stage);
  return pr_check_main (suite);
}
