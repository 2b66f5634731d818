#include "config.h"

#include "svd.h"

#include <pauserec/error.h>
#include <pauserec/linalg.h>
#include <pauserec/threads.h>

#include <math.h>
#include <string.h>

#define PANEL 32 /* columns made orthonormal among themselves before the product with what follows */
#define DEPENDENT 1e-5 /* of a column's length left after projection: float noise, not a direction */

/* Panels: [PANEL][n] in double, transposed so that columns are contiguous ----------------------------------- */

static void
copy_panel (const float *y, gint64 n, gint64 l, gint64 width, double *panel)
{
  for (gint64 i = 0; i < n; i++)
    for (gint64 j = 0; j < width; j++)
      panel[j * n + i] = y[i * l + j];
}

/* Modified Gram-Schmidt, each column twice ("twice is enough", Kahan and Parlett). */
static void
orthonormalise_panel (double *panel, gint64 n, gint64 width, const double *norms)
{
  for (gint64 j = 0; j < width; j++)
    {
      double *x = panel + j * n, norm;

      for (int round = 0; round < 2; round++)
        for (gint64 i = 0; i < j; i++)
          {
            const double *q = panel + i * n;
            double factor = pr_dot (q, x, n);

            for (gint64 k = 0; k < n; k++)
              x[k] -= factor * q[k];
          }
      norm = sqrt (pr_dot (x, x, n));
      if (norm <= DEPENDENT * norms[j])
        memset (x, 0, sizeof (double) * n);
      else
        for (gint64 k = 0; k < n; k++)
          x[k] /= norm;
    }
}

void
svd_orthonormalise (float *y, gint64 n, gint64 l)
{
  g_autofree double *panel = g_new (double, n *PANEL);
  g_autofree float *c = g_new (float, l *PANEL);

  for (gint64 first = 0; first < l; first += PANEL)
    {
      gint64 width = MIN (PANEL, l - first);
      double norms[PANEL];

      copy_panel (y + first, n, l, width, panel);
      for (gint64 j = 0; j < width; j++)
        norms[j] = sqrt (pr_dot (panel + j * n, panel + j * n, n));
      for (int round = 0; first > 0 && round < 2; round++)
        {
          pr_gemm (TRUE, FALSE, first, width, n, 1, y, l, y + first, l, 0, c, width);
          pr_gemm (FALSE, FALSE, n, width, first, -1, y, l, c, width, 1, y + first, l);
        }
      if (first > 0)
        copy_panel (y + first, n, l, width, panel);
      orthonormalise_panel (panel, n, width, norms);
      for (gint64 i = 0; i < n; i++)
        for (gint64 j = 0; j < width; j++)
          y[i * l + first + j] = (float)panel[j * n + i];
    }
}

typedef struct
{
  float *x;
  gint64 l;
  PrRng rng;
} Gaussian;

static void
gaussian_row (gpointer ctx, gsize tile, guint worker)
{
  const Gaussian *g = ctx;

  (void)worker;
  for (gint64 j = 0; j < g->l; j++)
    g->x[(gint64)tile * g->l + j] = (float)pr_rng_normal (g->rng, tile, (guint64)j);
}

/* RET = Y W diag (S) with S W the decomposition of the Gram matrix of B' = A'Y: the left singular vectors of A times
 * its singular values.  GRAM [l, l] of B'. */
static gboolean
rotate_basis (const float *y, gint64 n, gint64 l, const float *gram, gint64 dims, float *ret, gint64 ld,
              double *ret_values, GError **error)
{
  g_autofree double *g = g_new (double, l *l), *values = g_new (double, l), *vectors = g_new (double, l *l);
  g_autofree float *w = g_new (float, l *dims);

  for (gint64 i = 0; i < l; i++)
    for (gint64 j = 0; j < l; j++)
      g[i * l + j] = ((double)gram[i * l + j] + gram[j * l + i]) / 2;
  if (!pr_eigen_symmetric (g, l, values, vectors))
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_NUMERIC,
                           "the eigenvalues of the projected matrix do not converge");
      return FALSE;
    }
  for (gint64 j = 0; j < dims; j++)
    {
      ret_values[j] = sqrt (MAX (values[j], 0));
      for (gint64 i = 0; i < l; i++)
        w[i * dims + j] = (float)(vectors[j * l + i] * ret_values[j]);
    }
  /* Column j of Y W S has length s_j already: Y is orthonormal and W a rotation. */
  pr_gemm (FALSE, FALSE, n, dims, l, 1, y, l, w, dims, 0, ret, ld);
  return TRUE;
}

static void
fix_signs (float *x, gint64 n, gint64 dims, gint64 ld)
{
  for (gint64 j = 0; j < dims; j++)
    {
      float largest = 0;

      for (gint64 i = 0; i < n; i++)
        if (fabsf (x[i * ld + j]) > fabsf (largest))
          largest = x[i * ld + j];
      for (gint64 i = 0; largest < 0 && i < n; i++)
        x[i * ld + j] = -x[i * ld + j];
    }
}

static gint64
basis_width (const Sparse *a, const SvdOptions *o)
{
  return MIN (o->dims + o->oversample, MIN (a->rows, a->columns));
}

double
svd_flops (const Sparse *a, const SvdOptions *o)
{
  double rows = (double)a->rows, columns = (double)a->columns, l = (double)basis_width (a, o);
  double rounds = (double)o->power + 1, product = 2 * (double)a->offsets[a->rows] * l;
  /* Column c is made orthogonal to c others twice, for two products of a column each time. */
  double orthonormal = 4 * l * (l - 1);

  return 2 * rounds * product + orthonormal * (rounds * rows + (rounds - 1) * columns) + 2 * columns * l * l
         + 2 * rows * l * (double)o->dims;
}

gboolean
svd_rows (const Sparse *a, const SvdOptions *o, float *ret, gint64 ld, double *ret_values, GError **error)
{
  gint64 l = basis_width (a, o);
  g_autoptr (Sparse) t = sparse_transpose (a);
  g_autofree float *y = g_new (float, a->rows *l), *z = g_new (float, a->columns *l);
  g_autofree float *gram = g_new (float, l *l);
  Gaussian gaussian = { z, l, o->rng };

  g_return_val_if_fail (o->dims >= 1 && o->dims <= l, FALSE);
  pr_parallel ((gsize)a->columns, gaussian_row, &gaussian);
  for (gint64 round = 0; round <= o->power; round++)
    {
      if (o->tick != NULL && !o->tick (o->tick_ctx, error))
        return FALSE;
      if (round > 0)
        {
          sparse_multiply (t, y, l, z);
          svd_orthonormalise (z, a->columns, l);
        }
      sparse_multiply (a, z, l, y);
      svd_orthonormalise (y, a->rows, l);
    }
  if (o->tick != NULL && !o->tick (o->tick_ctx, error))
    return FALSE;
  sparse_multiply (t, y, l, z);
  pr_gemm (TRUE, FALSE, l, l, a->columns, 1, z, l, z, l, 0, gram, l);
  if (!rotate_basis (y, a->rows, l, gram, o->dims, ret, ld, ret_values, error))
    return FALSE;
  fix_signs (ret, a->rows, o->dims, ld);
  return TRUE;
}
