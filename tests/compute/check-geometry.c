/* check-geometry.c - vectors of which the measures are known: by hand, by construction, and from numpy and
 * scikit-learn. */
#include "pr-check.h"

#include "compute/geometry-private.h"

#include <pauserec/rng.h>
#include <pauserec/tensors.h>
#include <pauserec/threads.h>

#include <math.h>

static const PrGeometryParams usual = { .vectors = 2000, .neighbours = 10, .folds = 5 };

/* N(0, 1) around CENTRE along the first dimension. */
static PrMatrix *
gaussian (gint64 rows, gint64 columns, float centre, guint64 seed)
{
  PrMatrix *x = pr_matrix_new (rows, columns, NULL);
  PrRng rng = pr_rng_new (seed, "check-geometry");

  for (gint64 i = 0; i < rows * columns; i++)
    x->data[i] = (float)pr_rng_normal (rng, 0, (guint64)i) + (i % columns == 0 ? centre : 0);
  return x;
}

static PrMatrix *
matrix_of (gint64 rows, gint64 columns, const float *values)
{
  PrMatrix *x = pr_matrix_new (rows, columns, NULL);

  memcpy (x->data, values, sizeof (float) * (gsize)(rows * columns));
  return x;
}

static void
measure (const PrMatrix *text, const PrMatrix *sid, const PrGeometryParams *params, double *values)
{
  GError *error = NULL;
  gboolean ok = pr_geometry_measure (text, sid, params, values, &error);

  ck_assert_no_error (error);
  ck_assert (ok);
}

START_TEST (every_measure_has_a_name) { ck_assert_uint_eq (g_strv_length ((char **)pr_geometry_names), PR_N_GEOMETRY); }
END_TEST

/* Means (2, 0) and (0, 4), variance 1 around both. */
START_TEST (four_vectors_by_hand)
{
  const float right[] = { 1, 0, 3, 0 }, up[] = { 0, 3, 0, 5 };
  g_autoptr (PrMatrix) text = matrix_of (2, 2, right), sid = matrix_of (2, 2, up);
  double v[PR_N_GEOMETRY];

  measure (text, sid, &usual, v);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_CENTROID_DISTANCE], sqrt (20), 1e-6);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_COSINE_BETWEEN], 0, 1e-12);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_COSINE_TEXT], 1, 1e-12);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_COSINE_SID], 1, 1e-12);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_NORM_TEXT], 2, 1e-12);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_NORM_SID], 4, 1e-12);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_RANK_TEXT], 1, 1e-6);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_RANK_SID], 1, 1e-6);
  ck_assert_double_eq (v[PR_GEOMETRY_MIXING], 0); /* one neighbour each, since a group has one other vector */
}
END_TEST

START_TEST (far_groups_are_apart)
{
  g_autoptr (PrMatrix) text = gaussian (300, 16, 20, 1), sid = gaussian (200, 16, -20, 2);
  double v[PR_N_GEOMETRY];

  measure (text, sid, &usual, v);
  ck_assert_double_eq (v[PR_GEOMETRY_PROBE_ACCURACY], 1);
  ck_assert_double_eq (v[PR_GEOMETRY_MIXING], 0);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_CENTROID_DISTANCE], 40 / sqrt (16), 0.3);
  ck_assert_double_lt (v[PR_GEOMETRY_COSINE_BETWEEN], -0.9);
  ck_assert_double_gt (v[PR_GEOMETRY_COSINE_TEXT], 0.9);
  /* Sixteen equal directions, seen by so many vectors. */
  ck_assert_double_gt (v[PR_GEOMETRY_RANK_TEXT], 14);
  ck_assert_double_le (v[PR_GEOMETRY_RANK_TEXT], 16);
}
END_TEST

/* The labels say nothing: as if they had been shuffled. */
START_TEST (one_group_is_mixed)
{
  g_autoptr (PrMatrix) text = gaussian (1000, 16, 0, 1), sid = gaussian (1000, 16, 0, 2);
  double v[PR_N_GEOMETRY];

  measure (text, sid, &usual, v);
  /* Four standard deviations of a coin thrown 2000 times; of neighbours, that share vectors, some more. */
  ck_assert_double_eq_tol (v[PR_GEOMETRY_PROBE_ACCURACY], 0.5, 4 * 0.5 / sqrt (2000));
  ck_assert_double_eq_tol (v[PR_GEOMETRY_MIXING], 1, 0.04);
  ck_assert_double_lt (v[PR_GEOMETRY_CENTROID_DISTANCE], 0.1);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_COSINE_BETWEEN], 0, 0.01);
}
END_TEST

/* No direction, no spread: what is undefined is NaN, and equal vectors are no plane's to separate. */
START_TEST (equal_vectors_have_no_spread)
{
  g_autoptr (PrMatrix) text = pr_matrix_new (40, 3, NULL), sid = pr_matrix_new (40, 3, NULL);
  double v[PR_N_GEOMETRY];

  measure (text, sid, &usual, v);
  ck_assert_double_nan (v[PR_GEOMETRY_CENTROID_DISTANCE]);
  ck_assert_double_nan (v[PR_GEOMETRY_COSINE_BETWEEN]);
  ck_assert_double_nan (v[PR_GEOMETRY_RANK_SID]);
  ck_assert_double_eq (v[PR_GEOMETRY_PROBE_ACCURACY], 0.5);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_MIXING], 1, 0.05);
  for (gint64 i = 0; i < 40 * 3; i++)
    text->data[i] = sid->data[i] = 0.1f;
  measure (text, sid, &usual, v);
  ck_assert_double_nan (v[PR_GEOMETRY_CENTROID_DISTANCE]);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_COSINE_BETWEEN], 1, 1e-12);
  ck_assert_double_eq (v[PR_GEOMETRY_PROBE_ACCURACY], 0.5);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_MIXING], 1, 0.05);
}
END_TEST

/* More vectors than are asked for: as if only the sampled ones were there; always the same, for any number of threads.
 */
START_TEST (samples_are_fixed)
{
  const PrGeometryParams few = { .vectors = 150, .neighbours = 10, .folds = 5 };
  g_autoptr (PrMatrix) text = gaussian (400, 70, 0.5, 1), sid = gaussian (400, 70, -0.5, 2),
                       some = pr_matrix_new (150, 70, NULL);
  double v[PR_N_GEOMETRY], again[PR_N_GEOMETRY], alone[PR_N_GEOMETRY];
  gint64 n;
  g_autofree guint32 *chosen = pr_geometry_sample (400, 150, &n);

  ck_assert_int_eq (n, 150);
  for (gint64 i = 0; i < n; i++)
    memcpy (some->data + i * 70, text->data + (gsize)chosen[i] * 70, 70 * sizeof (float));
  measure (text, sid, &few, v);
  pr_threads_set (3);
  measure (text, sid, &few, again);
  pr_threads_set (1);
  ck_assert_mem_eq (v, again, sizeof v);
  measure (some, sid, &few, alone);
  ck_assert_double_eq_tol (alone[PR_GEOMETRY_NORM_TEXT], v[PR_GEOMETRY_NORM_TEXT], 1e-12);
  measure (text, sid, &usual, again);
  ck_assert_double_ne (again[PR_GEOMETRY_NORM_TEXT], v[PR_GEOMETRY_NORM_TEXT]);
}
END_TEST

/* Two covariances, two folds of four vectors and a factor each, eight vectors against eight. */
START_TEST (operations_are_counted_from_shapes)
{
  const PrGeometryParams params = { .vectors = 5, .neighbours = 3, .folds = 2 };

  ck_assert_double_eq_tol (pr_geometry_flops (9, 4, 3, &params),
                           2 * (5 + 4) * 9 + 2 * (2 * 4 * 9) + 2 * 27 / 3.0 + 2 * 8 * 8 * 3, 1e-9);
}
END_TEST

/* A plane that separates the training vectors by chance does not separate the others: fewer vectors than dimensions. */
START_TEST (learning_by_heart_does_not_help)
{
  g_autoptr (PrMatrix) text = gaussian (60, 200, 0, 1), sid = gaussian (60, 200, 0, 2);
  double v[PR_N_GEOMETRY];

  measure (text, sid, &usual, v);
  ck_assert_double_eq_tol (v[PR_GEOMETRY_PROBE_ACCURACY], 0.5, 4 * 0.5 / sqrt (120));
}
END_TEST

START_TEST (bad_vectors_are_refused)
{
  g_autoptr (PrMatrix) text = gaussian (5, 3, 0, 1), sid = gaussian (5, 3, 0, 2), one = gaussian (1, 3, 0, 3);
  g_autoptr (GError) few = NULL, nan = NULL, lost = NULL;
  double v[PR_N_GEOMETRY] = { 7 }, xy[10], share = 7;

  ck_assert (!pr_geometry_measure (text, one, &usual, v, &few));
  ck_assert_pr_error (few, PR_ERROR_DATA, "one of SIDs");
  sid->data[4] = NAN;
  ck_assert (!pr_geometry_measure (text, sid, &usual, v, &nan));
  ck_assert_pr_error (nan, PR_ERROR_NUMERIC, "SIDs holds NaN");
  ck_assert (!pr_geometry_project (sid, xy, &share, &lost));
  ck_assert_pr_error (lost, PR_ERROR_NUMERIC, "NaN");
  ck_assert_double_eq (v[0], 7);
  ck_assert_double_eq (share, 7);
}
END_TEST

/* Points on a line through (1, 2) along (-3, 4): one direction, whose larger component shall be positive. */
START_TEST (a_line_is_seen_along_itself)
{
  const float points[] = { 1, 2, -2, 6, 4, -2 };
  g_autoptr (PrMatrix) line = matrix_of (3, 2, points);
  const double along[] = { 0, 5, -5 };
  double xy[6], share;

  ck_assert (pr_geometry_project (line, xy, &share, NULL));
  ck_assert_double_eq_tol (share, 1, 1e-6);
  for (int i = 0; i < 3; i++)
    {
      ck_assert_double_eq_tol (xy[2 * i], along[i], 1e-5);
      ck_assert_double_eq_tol (xy[2 * i + 1], 0, 1e-5);
    }

  g_autoptr (PrMatrix) thin = matrix_of (3, 1, points), same = pr_matrix_new (4, 2, NULL);
  double plane[8];

  ck_assert (pr_geometry_project (thin, xy, &share, NULL));
  ck_assert_double_eq_tol (share, 1, 1e-6);
  ck_assert_double_eq (xy[3], 0);
  ck_assert (pr_geometry_project (same, plane, &share, NULL));
  ck_assert_double_nan (share);
}
END_TEST

/* Golden values ----------------------------------------------------------------------------------------------- */

static const double *
golden_values (const PrTensors *golden, const char *name, gint64 n)
{
  const PrTensor *tensor = pr_tensors_lookup (golden, name);

  ck_assert_msg (tensor != NULL && tensor->dtype == PR_DTYPE_F64 && tensor->n == n, "golden '%s' is missing", name);
  return tensor->data;
}

static PrMatrix *
golden_matrix (const PrTensors *golden, const char *name)
{
  const PrTensor *tensor = pr_tensors_lookup (golden, name);

  ck_assert_msg (tensor != NULL && tensor->dtype == PR_DTYPE_F32, "golden '%s' is missing", name);
  return matrix_of (tensor->dims[0], tensor->dims[1], tensor->data);
}

START_TEST (agrees_with_numpy_and_scikit_learn)
{
  const double tolerance = 1e-6; /* covariances are summed in single precision */
  g_autofree char *path = g_build_filename (g_getenv ("PR_SOURCE_DIR") ? g_getenv ("PR_SOURCE_DIR") : ".", "tests",
                                            "golden", "geometry.safetensors", NULL);
  g_autoptr (PrTensors) golden = pr_tensors_open (path, NULL);

  ck_assert_ptr_nonnull (golden);
  g_autoptr (PrMatrix) text = golden_matrix (golden, "text"), sids = golden_matrix (golden, "sids"),
                       pooled = golden_matrix (golden, "pooled");
  const double *moments = golden_values (golden, "moments", PR_GEOMETRY_RANK_SID + 1);
  const double *projection = golden_values (golden, "projection", pooled->rows * 2);
  g_autofree double *xy = g_new (double, pooled->rows * 2);
  double v[PR_N_GEOMETRY], probe, mixing, share;

  measure (text, sids, &usual, v);
  for (int i = 0; i <= PR_GEOMETRY_RANK_SID; i++)
    ck_assert_double_eq_tol (v[i], moments[i], tolerance * MAX (1, fabs (moments[i])));
  ck_assert (pr_geometry_probe (pooled, 5, &probe, NULL));
  ck_assert_double_eq_tol (probe, golden_values (golden, "probe", 1)[0], 1e-12);
  ck_assert (pr_geometry_mixing (pooled, 7, &mixing, NULL));
  ck_assert_double_eq_tol (mixing, golden_values (golden, "mixing", 1)[0], 1e-12);
  ck_assert (pr_geometry_project (pooled, xy, &share, NULL));
  ck_assert_double_eq_tol (share, golden_values (golden, "share", 1)[0], tolerance);
  for (gint64 i = 0; i < pooled->rows * 2; i++)
    ck_assert_double_eq_tol (xy[i], projection[i], 1e-5);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("geometry");
  TCase *tcase = tcase_create ("geometry");

  tcase_set_timeout (tcase, 60);
  tcase_add_test (tcase, every_measure_has_a_name);
  tcase_add_test (tcase, four_vectors_by_hand);
  tcase_add_test (tcase, far_groups_are_apart);
  tcase_add_test (tcase, one_group_is_mixed);
  tcase_add_test (tcase, equal_vectors_have_no_spread);
  tcase_add_test (tcase, samples_are_fixed);
  tcase_add_test (tcase, operations_are_counted_from_shapes);
  tcase_add_test (tcase, learning_by_heart_does_not_help);
  tcase_add_test (tcase, bad_vectors_are_refused);
  tcase_add_test (tcase, a_line_is_seen_along_itself);
  tcase_add_test (tcase, agrees_with_numpy_and_scikit_learn);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
