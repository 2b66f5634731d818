/* geometry.c - two groups of vectors: centres, angles, lengths, directions; and the plane that shows most of them. */
#include "config.h"

#include <pauserec/error.h>
#include <pauserec/linalg.h>
#include <pauserec/rng.h>

#include "compute/geometry-private.h"

#include <math.h>
#include <string.h>

const char *const pr_geometry_names[] = {
  [PR_GEOMETRY_CENTROID_DISTANCE] = "centroid_distance",
  [PR_GEOMETRY_COSINE_BETWEEN] = "cosine_between",
  [PR_GEOMETRY_COSINE_TEXT] = "cosine_text",
  [PR_GEOMETRY_COSINE_SID] = "cosine_sid",
  [PR_GEOMETRY_NORM_TEXT] = "norm_text",
  [PR_GEOMETRY_NORM_SID] = "norm_sid",
  [PR_GEOMETRY_RANK_TEXT] = "rank_text",
  [PR_GEOMETRY_RANK_SID] = "rank_sid",
  [PR_GEOMETRY_PROBE_ACCURACY] = "probe_accuracy",
  [PR_GEOMETRY_MIXING] = "mixing",
  [PR_N_GEOMETRY] = NULL,
};

/* One group, as far as its vectors can be looked at alone. */
typedef struct
{
  double *mean;       /* [d] */
  double *directions; /* [d]: sum of the vectors, each divided by its length */
  double n_directed;  /* vectors with a length */
  double norm;        /* mean length */
  double trace, rank; /* of the covariance */
} Moments;

static void
moments_clear (Moments *moments)
{
  g_free (moments->mean);
  g_free (moments->directions);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Moments, moments_clear)

guint32 *
pr_geometry_sample (gint64 n, gint64 most, gint64 *ret_n)
{
  *ret_n = MIN (n, most);
  return pr_rng_permutation (pr_rng_new (0, "geometry"), 0, (guint32)n);
}

static PrMatrix *
pick_rows (const PrMatrix *from, const guint32 *rows, gint64 n, GError **error)
{
  PrMatrix *picked = pr_matrix_new (n, from->columns, error);

  for (gint64 i = 0; picked != NULL && i < n; i++)
    memcpy (picked->data + i * from->columns, from->data + (gint64)rows[i] * from->columns,
            (gsize)from->columns * sizeof (float));
  return picked;
}

static double *
column_means (const PrMatrix *x)
{
  double *mean = g_new0 (double, x->columns);

  for (gint64 i = 0; i < x->rows; i++)
    for (gint64 j = 0; j < x->columns; j++)
      mean[j] += (double)x->data[i * x->columns + j];
  for (gint64 j = 0; j < x->columns; j++)
    mean[j] /= (double)x->rows;
  return mean;
}

/* X minus MEAN; its products X' X [d, d] over the number of rows. */
static gboolean
covariance (const PrMatrix *x, const double *mean, PrMatrix **ret_centred, PrMatrix **ret_covariance, GError **error)
{
  gint64 d = x->columns;
  g_autoptr (PrMatrix) centred = pr_matrix_new (x->rows, d, error);
  PrMatrix *products = centred != NULL ? pr_matrix_new (d, d, error) : NULL;

  if (products == NULL)
    return FALSE;
  for (gint64 i = 0; i < x->rows; i++)
    for (gint64 j = 0; j < d; j++)
      centred->data[i * d + j] = (float)((double)x->data[i * d + j] - mean[j]);
  pr_gemm (TRUE, FALSE, d, d, x->rows, 1 / (float)x->rows, centred->data, d, centred->data, d, 0, products->data, d);
  *ret_centred = g_steal_pointer (&centred);
  *ret_covariance = products;
  return TRUE;
}

/* Numbers too close to be told apart in single precision are no spread. */
#define SAME 1e-12

static gboolean
find_spread (const PrMatrix *x, Moments *moments, GError **error)
{
  g_autoptr (PrMatrix) centred = NULL, covariances = NULL;
  double trace = 0, squares = 0, length = 0;

  if (!covariance (x, moments->mean, &centred, &covariances, error))
    return FALSE;
  for (gint64 i = 0; i < x->rows * x->columns; i++)
    {
      trace += (double)centred->data[i] * (double)centred->data[i];
      length += (double)x->data[i] * (double)x->data[i];
    }
  for (gint64 i = 0; i < x->columns * x->columns; i++)
    squares += (double)covariances->data[i] * (double)covariances->data[i];
  moments->trace = trace > SAME * length ? trace / (double)x->rows : 0;
  moments->rank = moments->trace > 0 ? moments->trace * moments->trace / squares : NAN;
  return TRUE;
}

static gboolean
find_moments (const PrMatrix *x, Moments *ret_moments, GError **error)
{
  gint64 d = x->columns;

  ret_moments->mean = column_means (x);
  ret_moments->directions = g_new0 (double, d);
  for (gint64 i = 0; i < x->rows; i++)
    {
      const float *row = x->data + i * d;
      double squares = 0, length;

      for (gint64 j = 0; j < d; j++)
        squares += (double)row[j] * (double)row[j];
      length = sqrt (squares);
      ret_moments->norm += length / (double)x->rows;
      if (length == 0)
        continue;
      ret_moments->n_directed++;
      for (gint64 j = 0; j < d; j++)
        ret_moments->directions[j] += (double)row[j] / length;
    }
  return find_spread (x, ret_moments, error);
}

/* Over all pairs of two: the square of the sum has every pair twice, and every vector with itself. */
static double
cosine_within (const Moments *m, gint64 d)
{
  return (pr_dot (m->directions, m->directions, d) - m->n_directed) / (m->n_directed * (m->n_directed - 1));
}

static gboolean
compare_moments (const PrMatrix *text, const PrMatrix *sid, double *values, GError **error)
{
  g_auto (Moments) a = { 0 }, b = { 0 };
  gint64 d = text->columns;
  double distance = 0, spread;

  if (!find_moments (text, &a, error) || !find_moments (sid, &b, error))
    return FALSE;
  for (gint64 j = 0; j < d; j++)
    distance += (a.mean[j] - b.mean[j]) * (a.mean[j] - b.mean[j]);
  spread = (a.trace + b.trace) / 2;
  values[PR_GEOMETRY_CENTROID_DISTANCE] = spread > 0 ? sqrt (distance / spread) : NAN;
  values[PR_GEOMETRY_COSINE_BETWEEN] = pr_dot (a.directions, b.directions, d) / (a.n_directed * b.n_directed);
  values[PR_GEOMETRY_COSINE_TEXT] = cosine_within (&a, d);
  values[PR_GEOMETRY_COSINE_SID] = cosine_within (&b, d);
  values[PR_GEOMETRY_NORM_TEXT] = a.norm;
  values[PR_GEOMETRY_NORM_SID] = b.norm;
  values[PR_GEOMETRY_RANK_TEXT] = a.rank;
  values[PR_GEOMETRY_RANK_SID] = b.rank;
  /* 0 / 0, without vectors that have a length, has a sign that depends on the machine. */
  for (int i = 0; i < PR_N_GEOMETRY; i++)
    if (!isfinite (values[i]))
      values[i] = NAN;
  return TRUE;
}

/* As many rows of both, one after the other. */
static PrMatrix *
pool (const PrMatrix *text, const PrMatrix *sid, GError **error)
{
  gint64 n = MIN (text->rows, sid->rows), d = text->columns;
  PrMatrix *pooled = pr_matrix_new (2 * n, d, error);

  for (gint64 i = 0; pooled != NULL && i < n; i++)
    {
      memcpy (pooled->data + 2 * i * d, text->data + i * d, (gsize)d * sizeof (float));
      memcpy (pooled->data + (2 * i + 1) * d, sid->data + i * d, (gsize)d * sizeof (float));
    }
  return pooled;
}

static gboolean
check_vectors (const PrMatrix *x, const char *what, GError **error)
{
  if (x->rows < 2)
    {
      g_set_error (
          error, PR_ERROR, PR_ERROR_DATA,
          "geometry needs two vectors of text and of SIDs at least, there is one of %s; lower min_count or take "
          "more users",
          what);
      return FALSE;
    }
  for (gint64 i = 0; i < x->rows * x->columns; i++)
    if (!isfinite (x->data[i]))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC, "a vector of %s holds NaN or infinity: the model has diverged",
                     what);
        return FALSE;
      }
  return TRUE;
}

gboolean
pr_geometry_measure (const PrMatrix *text, const PrMatrix *sid, const PrGeometryParams *params,
                     double ret_values[PR_N_GEOMETRY], GError **error)
{
  double values[PR_N_GEOMETRY] = { 0 };
  gint64 n_text, n_sid;
  g_autofree guint32 *text_rows = pr_geometry_sample (text->rows, params->vectors, &n_text);
  g_autofree guint32 *sid_rows = pr_geometry_sample (sid->rows, params->vectors, &n_sid);
  g_autoptr (PrMatrix) some_text = NULL, some_sid = NULL, pooled = NULL;

  if (!check_vectors (text, "text", error) || !check_vectors (sid, "SIDs", error)
      || (some_text = pick_rows (text, text_rows, n_text, error)) == NULL
      || (some_sid = pick_rows (sid, sid_rows, n_sid, error)) == NULL
      || !compare_moments (some_text, some_sid, values, error) || (pooled = pool (some_text, some_sid, error)) == NULL
      || !pr_geometry_probe (pooled, params->folds, &values[PR_GEOMETRY_PROBE_ACCURACY], error)
      || !pr_geometry_mixing (pooled, params->neighbours, &values[PR_GEOMETRY_MIXING], error))
    return FALSE;
  memcpy (ret_values, values, sizeof values);
  return TRUE;
}

double
pr_geometry_flops (gint64 n_text, gint64 n_sid, gint64 width, const PrGeometryParams *params)
{
  double a = (double)MIN (n_text, params->vectors), b = (double)MIN (n_sid, params->vectors), d = (double)width;
  double pooled = 2 * MIN (a, b), folds = MIN ((double)params->folds, pooled / 2);

  /* Covariances; products of the training vectors and their factors, a fold; similarities of all to all. */
  return 2 * (a + b) * d * d + 2 * (folds - 1) * pooled * d * d + folds * d * d * d / 3 + 2 * pooled * pooled * d;
}

/* A direction and its opposite are the same to a covariance. */
static void
fix_sign (double *direction, gint64 d)
{
  gint64 largest = 0;

  for (gint64 j = 1; j < d; j++)
    if (fabs (direction[j]) > fabs (direction[largest]))
      largest = j;
  if (direction[largest] < 0)
    for (gint64 j = 0; j < d; j++)
      direction[j] = -direction[j];
}

gboolean
pr_geometry_project (const PrMatrix *vectors, double *ret_xy, double *ret_share, GError **error)
{
  gint64 d = vectors->columns, n_axes = MIN (d, 2);
  g_autofree double *mean = NULL, *a = NULL, *values = NULL, *axes = NULL;
  g_autoptr (PrMatrix) centred = NULL, covariances = NULL;
  double trace = 0;

  if (!check_vectors (vectors, "text and SIDs", error))
    return FALSE;
  mean = column_means (vectors);
  if (!covariance (vectors, mean, &centred, &covariances, error))
    return FALSE;
  a = g_new (double, d *d);
  values = g_new (double, d);
  axes = g_new (double, d *d);
  for (gint64 i = 0; i < d * d; i++)
    a[i] = (double)covariances->data[i];
  for (gint64 i = 0; i < d; i++)
    trace += a[i * d + i];
  if (!pr_eigen_symmetric (a, d, values, axes))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC, "the principal components of the vectors do not converge");
      return FALSE;
    }
  for (gint64 axis = 0; axis < 2; axis++)
    {
      if (axis < n_axes)
        fix_sign (axes + axis * d, d);
      for (gint64 i = 0; i < vectors->rows; i++)
        {
          double sum = 0;

          for (gint64 j = 0; axis < n_axes && j < d; j++)
            sum += (double)centred->data[i * d + j] * axes[axis * d + j];
          ret_xy[2 * i + axis] = sum;
        }
    }
  *ret_share = trace > 0 ? MIN (1, (values[0] + (n_axes > 1 ? values[1] : 0)) / trace) : NAN;
  return TRUE;
}
