#include "config.h"

#include "stats.h"

#include <math.h>
#include <pauserec/threads.h>
#include <string.h>

#define TILE 50 /* draws */

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

void
pr_stats_mean_rows (const float *seeds, gsize n_seeds, gsize n, float *ret)
{
  for (gsize i = 0; i < n; i++)
    {
      double sum = 0;
      gsize defined = 0;

      for (gsize s = 0; s < n_seeds; s++)
        if (!isnan (seeds[s * n + i]))
          {
            sum += (double)seeds[s * n + i];
            defined++;
          }
      ret[i] = defined > 0 ? (float)(sum / (double)defined) : NAN;
    }
}

typedef struct
{
  const float *values;
  gsize n, m, draws;
  PrRng rng;
  double *ret;
} Bootstrap;

static void
draw_tile (gpointer ctx, gsize tile, guint worker)
{
  const Bootstrap *b = ctx;

  (void)worker;
  for (gsize d = tile * TILE; d < MIN (b->draws, (tile + 1) * TILE); d++)
    {
      double *sums = b->ret + d * b->m;

      memset (sums, 0, sizeof (double) * b->m);
      for (gsize i = 0; i < b->n; i += 4)
        {
          guint32 words[4];

          pr_rng_draw4 (b->rng, d, i / 4, words);
          for (gsize k = 0; k < MIN (4, b->n - i); k++)
            {
              /* A 32-bit word scaled to [0, n): off uniform by n / 2^32 at most. */
              const float *row = b->values + (gsize)(((guint64)words[k] * b->n) >> 32) * b->m;

              for (gsize j = 0; j < b->m; j++)
                sums[j] += (double)row[j];
            }
        }
      for (gsize j = 0; j < b->m; j++)
        sums[j] /= (double)b->n;
    }
}

void
pr_stats_bootstrap (const float *values, gsize n, gsize m, gsize draws, PrRng rng, double *ret)
{
  Bootstrap b = { values, n, m, draws, rng, ret };

  g_return_if_fail (n >= 1 && n <= G_MAXUINT32);
  pr_parallel ((draws + TILE - 1) / TILE, draw_tile, &b);
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
