/* Householder reduction to tridiagonal form, then QL with implicit shifts (Golub and Van Loan, sections 8.3.1 and
 * 8.3.3; the loop is that of EISPACK's tql2).  Vectors are kept as rows, so that every inner loop is contiguous. */
#include "config.h"

#include <pauserec/linalg.h>
#include <pauserec/threads.h>

#include <float.h>
#include <math.h>
#include <string.h>

#define QL_ROUNDS 60 /* 2 or 3 an eigenvalue are usual */

/* Row k of A keeps the reflector's vector right of the diagonal, BETA[k] its factor: H = 1 - beta v v'.  D and E get
 * the diagonal and, from E[1] on, the one beside it. */
static void
tridiagonalise (double *a, gint64 n, double *d, double *e, double *beta)
{
  g_autofree double *p = g_new (double, n);

  for (gint64 k = 0; k + 2 < n; k++)
    {
      gint64 m = n - k - 1;
      double *v = a + k * n + k + 1;
      double norm = sqrt (pr_dot (v, v, m)), alpha = v[0] > 0 ? -norm : norm, half;

      d[k] = a[k * n + k];
      e[k + 1] = alpha;
      beta[k] = 0;
      if (norm == 0)
        continue;
      v[0] -= alpha;
      beta[k] = 2 / pr_dot (v, v, m);
      for (gint64 i = 0; i < m; i++)
        p[i] = beta[k] * pr_dot (a + (k + 1 + i) * n + k + 1, v, m);
      half = beta[k] / 2 * pr_dot (p, v, m);
      for (gint64 i = 0; i < m; i++)
        p[i] -= half * v[i];
      for (gint64 i = 0; i < m; i++)
        {
          double *row = a + (k + 1 + i) * n + k + 1;

          for (gint64 j = 0; j < m; j++)
            row[j] -= v[i] * p[j] + p[i] * v[j];
        }
    }
  if (n > 1)
    {
      d[n - 2] = a[(n - 2) * n + n - 2];
      e[n - 1] = a[(n - 2) * n + n - 1];
    }
  d[n - 1] = a[n * n - 1];
  e[0] = 0;
}

/* Rows I and I + 1 of Z turned by (C, S). */
static void
rotate (double *z, gint64 n, gint64 i, double c, double s)
{
  double *restrict x = z + i * n;
  double *restrict y = z + (i + 1) * n;

  for (gint64 k = 0; k < n; k++)
    {
      double f = y[k];

      y[k] = s * x[k] + c * f;
      x[k] = c * x[k] - s * f;
    }
}

/* One QL sweep with implicit shift over the unreduced block [l, m]; e[i] couples i and i + 1 here. */
static void
ql_sweep (double *d, double *e, double *z, gint64 n, gint64 l, gint64 m)
{
  double g = (d[l + 1] - d[l]) / (2 * e[l]), r = hypot (g, 1), s = 1, c = 1, p = 0;
  gint64 i;

  g = d[m] - d[l] + e[l] / (g + copysign (r, g));
  for (i = m - 1; i >= l; i--)
    {
      double f = s * e[i], b = c * e[i];

      r = hypot (f, g);
      e[i + 1] = r;
      if (r == 0)
        {
          d[i + 1] -= p;
          e[m] = 0;
          return;
        }
      s = f / r;
      c = g / r;
      g = d[i + 1] - p;
      r = (d[i] - g) * s + 2 * c * b;
      p = s * r;
      d[i + 1] = g + p;
      g = c * r - b;
      rotate (z, n, i, c, s);
    }
  d[l] -= p;
  e[l] = g;
  e[m] = 0;
}

static gboolean
ql (double *d, double *e, double *z, gint64 n)
{
  for (gint64 i = 1; i < n; i++)
    e[i - 1] = e[i];
  e[n - 1] = 0;
  for (gint64 l = 0; l < n; l++)
    for (int round = 0;; round++)
      {
        gint64 m = l;

        while (m + 1 < n && fabs (e[m]) > DBL_EPSILON * (fabs (d[m]) + fabs (d[m + 1])))
          m++;
        if (m == l)
          break;
        if (round == QL_ROUNDS)
          return FALSE;
        ql_sweep (d, e, z, n, l, m);
      }
  return TRUE;
}

typedef struct
{
  const double *a, *beta, *z;
  const gint64 *order;
  double *vectors;
  gint64 n;
} Back;

/* Undo the reflections on eigenvector number TILE. */
static void
reflect_back (gpointer ctx, gsize tile, guint worker)
{
  const Back *b = ctx;
  gint64 n = b->n;
  double *x = b->vectors + tile * n;

  (void)worker;
  memcpy (x, b->z + b->order[tile] * n, sizeof (double) * n);
  for (gint64 k = n - 3; k >= 0; k--)
    {
      const double *v = b->a + k * n + k + 1;
      double factor = b->beta[k] == 0 ? 0 : b->beta[k] * pr_dot (v, x + k + 1, n - k - 1);

      for (gint64 i = 0; factor != 0 && i < n - k - 1; i++)
        x[k + 1 + i] -= factor * v[i];
    }
}

static gint
descending (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const double *d = user_data;
  gint64 i = *(const gint64 *)a, j = *(const gint64 *)b;

  if (d[i] != d[j])
    return d[i] > d[j] ? -1 : 1;
  return i < j ? -1 : i > j;
}

gboolean
pr_eigen_symmetric (double *a, gint64 n, double *ret_values, double *ret_vectors)
{
  g_autofree double *d = g_new (double, n), *e = g_new (double, n), *beta = g_new0 (double, n);
  g_autofree double *z = g_new0 (double, n *n);
  g_autofree gint64 *order = g_new (gint64, n);
  Back back = { a, beta, z, order, ret_vectors, n };

  tridiagonalise (a, n, d, e, beta);
  for (gint64 i = 0; i < n; i++)
    {
      z[i * n + i] = 1;
      order[i] = i;
    }
  if (!ql (d, e, z, n))
    return FALSE;
  g_qsort_with_data (order, (gint)n, sizeof (gint64), descending, d);
  for (gint64 i = 0; i < n; i++)
    ret_values[i] = d[order[i]];
  pr_parallel ((gsize)n, reflect_back, &back);
  return TRUE;
}
