#include "config.h"

#include "stats.h"

#include <math.h>
#include <stdlib.h>

double
pr_stats_mean (const double *values, gsize n)
{
  double sum = 0;
  gsize defined = 0;

  for (gsize i = 0; i < n; i++)
    if (!isnan (values[i]))
      {
        sum += values[i];
        defined++;
      }
  return defined > 0 ? sum / (double)defined : NAN;
}

double
pr_stats_sd (const double *values, gsize n)
{
  double mean = pr_stats_mean (values, n), sum = 0;
  gsize defined = 0;

  for (gsize i = 0; i < n; i++)
    if (!isnan (values[i]))
      {
        sum += (values[i] - mean) * (values[i] - mean);
        defined++;
      }
  return defined > 1 ? sqrt (sum / (double)(defined - 1)) : NAN;
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

static double
quantile (const double *sorted, gsize n, double q)
{
  double at = q * (double)(n - 1);
  gsize below = (gsize)at;

  return below + 1 < n ? sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]) : sorted[n - 1];
}

void
pr_stats_interval (double *values, gsize n, double level, double *ret_low, double *ret_high)
{
  gboolean defined = n > 0;

  for (gsize i = 0; i < n; i++)
    defined = defined && !isnan (values[i]);
  if (defined)
    qsort (values, n, sizeof (double), compare_doubles);
  *ret_low = defined ? quantile (values, n, (1 - level) / 2) : NAN;
  *ret_high = defined ? quantile (values, n, (1 + level) / 2) : NAN;
}

typedef struct
{
  double p;
  gsize index;
} Ranked;

static int
compare_ranked (const void *a, const void *b)
{
  const Ranked *x = a, *y = b;

  return x->p != y->p ? (x->p > y->p) - (x->p < y->p) : (x->index > y->index) - (x->index < y->index);
}

gsize
pr_stats_holm (const double *p, gsize n, double *ret)
{
  g_autofree Ranked *ranked = g_new (Ranked, MAX (n, 1));
  gsize m = 0;
  double least = 0;

  for (gsize i = 0; i < n; i++)
    if (!isnan (p[i]))
      ranked[m++] = (Ranked){ p[i], i };
    else
      ret[i] = NAN;
  qsort (ranked, m, sizeof *ranked, compare_ranked);
  for (gsize i = 0; i < m; i++)
    {
      least = MAX (least, MIN (1, ranked[i].p * (double)(m - i)));
      ret[ranked[i].index] = least;
    }
  return m;
}

double
pr_stats_normal_quantile (double q)
{
  double low = -40, high = 40;

  g_return_val_if_fail (q > 0 && q < 1, NAN);
  /* Halving gives all digits without a table of constants; erfc keeps them in the lower tail, and the upper one is its
   * mirror. */
  if (q > 0.5)
    return -pr_stats_normal_quantile (1 - q);
  for (int i = 0; i < 100; i++)
    {
      double middle = (low + high) / 2;

      if (erfc (-middle / G_SQRT2) / 2 < q)
        low = middle;
      else
        high = middle;
    }
  return (low + high) / 2;
}

double
pr_stats_detectable (double alpha, double power)
{
  return pr_stats_normal_quantile (1 - alpha / 2) + pr_stats_normal_quantile (power);
}
