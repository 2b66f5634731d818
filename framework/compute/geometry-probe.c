/* geometry-probe.c - does a plane separate two groups?  Ridge regression on their labels, cross-validated. */
#include "config.h"

#include <pauserec/error.h>
#include <pauserec/linalg.h>
#include <pauserec/threads.h>

#include "compute/geometry-private.h"

#include <math.h>

#define RIDGE 0.01 /* penalty for each training vector */

/* Rows 2i and 2i + 1, labels 1 and -1, are tested by fold i mod folds. */
typedef struct
{
  const PrMatrix *pooled;
  gint64 folds, fold;
  double *mean, *scale;     /* [d] of the training rows; scale is 1 where a column does not vary */
  PrMatrix *train, *gram;   /* standardised training rows, and their products [d, d] */
  double *system, *weights; /* [d, d], [d] */
} Probe;

static gboolean
is_tested (const Probe *p, gint64 row)
{
  return row / 2 % p->folds == p->fold;
}

static void
standardise (Probe *p)
{
  const PrMatrix *x = p->pooled;
  gint64 d = x->columns, n = 0;

  for (gint64 j = 0; j < d; j++)
    p->mean[j] = p->scale[j] = 0;
  for (gint64 i = 0; i < x->rows; i++)
    for (gint64 j = 0; j < d && !is_tested (p, i); j++)
      p->mean[j] += (double)x->data[i * d + j];
  for (gint64 i = 0; i < x->rows; i++)
    n += !is_tested (p, i);
  for (gint64 j = 0; j < d; j++)
    p->mean[j] /= (double)n;
  for (gint64 i = 0; i < x->rows; i++)
    for (gint64 j = 0; j < d && !is_tested (p, i); j++)
      p->scale[j] += ((double)x->data[i * d + j] - p->mean[j]) * ((double)x->data[i * d + j] - p->mean[j]);
  for (gint64 j = 0; j < d; j++)
    {
      double sd = sqrt (p->scale[j] / (double)n);

      p->scale[j] = sd > 1e-7 * fabs (p->mean[j]) ? sd : 1;
    }
  p->train->rows = n;
  n = 0;
  for (gint64 i = 0; i < x->rows; i++)
    {
      for (gint64 j = 0; j < d && !is_tested (p, i); j++)
        p->train->data[n * d + j] = (float)(((double)x->data[i * d + j] - p->mean[j]) / p->scale[j]);
      n += !is_tested (p, i);
    }
}

/* A row of the triangle, below its diagonal: needs the rows of the block's columns and nothing else. */
typedef struct
{
  double *a;
  gint64 d, from, to; /* columns [from, to) are done, by themselves */
} Panel;

#define PANEL 32

static void
solve_row (gpointer ctx, gsize tile, guint worker G_GNUC_UNUSED)
{
  const Panel *p = ctx;
  double *row = p->a + (p->to + (gint64)tile) * p->d;

  for (gint64 j = p->from; j < p->to; j++)
    row[j] = (row[j] - pr_dot (row, p->a + j * p->d, j)) / p->a[j * p->d + j];
}

/* A = L L' in place, below the diagonal and on it; A is positive definite. */
static void
cholesky (double *a, gint64 d)
{
  for (gint64 from = 0; from < d; from += PANEL)
    {
      Panel panel = { a, d, from, MIN (from + PANEL, d) };

      for (gint64 i = from; i < panel.to; i++)
        {
          double *row = a + i * d;

          for (gint64 j = from; j < i; j++)
            row[j] = (row[j] - pr_dot (row, a + j * d, j)) / a[j * d + j];
          row[i] = sqrt (row[i] - pr_dot (row, row, i));
        }
      pr_parallel ((gsize)(d - panel.to), solve_row, &panel);
    }
}

/* L L' x = x. */
static void
solve (const double *l, gint64 d, double *x)
{
  for (gint64 i = 0; i < d; i++)
    x[i] = (x[i] - pr_dot (l + i * d, x, i)) / l[i * d + i];
  for (gint64 i = d - 1; i >= 0; i--)
    {
      x[i] /= l[i * d + i];
      for (gint64 j = 0; j < i; j++)
        x[j] -= l[i * d + j] * x[i];
    }
}

/* The mean of labels is 0, since a fold takes as many of both groups, and that of columns too: no intercept. */
static void
fit (Probe *p)
{
  gint64 d = p->pooled->columns, n = p->train->rows;

  pr_gemm (TRUE, FALSE, d, d, n, 1, p->train->data, d, p->train->data, d, 0, p->gram->data, d);
  for (gint64 i = 0; i < d * d; i++)
    p->system[i] = (double)p->gram->data[i];
  for (gint64 j = 0; j < d; j++)
    {
      p->system[j * d + j] += RIDGE * (double)n;
      p->weights[j] = 0;
    }
  for (gint64 i = 0; i < n; i++)
    for (gint64 j = 0; j < d; j++)
      p->weights[j] += (i % 2 == 0 ? 1 : -1) * (double)p->train->data[i * d + j];
  cholesky (p->system, d);
  solve (p->system, d, p->weights);
}

/* How many of the tested rows stand on their side of the plane. */
static double
test (const Probe *p)
{
  const PrMatrix *x = p->pooled;
  double right = 0;

  for (gint64 i = 0; i < x->rows; i++)
    {
      double score = 0;

      if (!is_tested (p, i))
        continue;
      for (gint64 j = 0; j < x->columns; j++)
        score += p->weights[j] * ((double)x->data[i * x->columns + j] - p->mean[j]) / p->scale[j];
      right += score == 0 ? 0.5 : (score > 0) == (i % 2 == 0);
    }
  return right;
}

gboolean
pr_geometry_probe (const PrMatrix *pooled, gint64 folds, double *ret_accuracy, GError **error)
{
  gint64 d = pooled->columns;
  g_autofree double *mean = g_new (double, d), *scale = g_new (double, d), *weights = g_new (double, d);
  g_autoptr (PrMatrix) train = NULL, gram = NULL;
  g_autofree double *system = NULL;
  Probe probe = {
    .pooled = pooled, .folds = MIN (folds, pooled->rows / 2), .mean = mean, .scale = scale, .weights = weights
  };
  double right = 0;

  if (probe.folds < 2)
    {
      *ret_accuracy = NAN;
      return TRUE;
    }
  if ((train = pr_matrix_new (pooled->rows, d, error)) == NULL || (gram = pr_matrix_new (d, d, error)) == NULL)
    return FALSE;
  probe.train = train;
  probe.gram = gram;
  probe.system = system = g_new (double, d *d);
  for (probe.fold = 0; probe.fold < probe.folds; probe.fold++)
    {
      standardise (&probe);
      fit (&probe);
      right += test (&probe);
    }
  *ret_accuracy = right / (double)pooled->rows;
  return TRUE;
}
