/* Bootstrap and sign flips as what both are: W V, weights [draws, units] that chance makes, times values [units,
 * series].  A weight is the number of times that a unit was drawn, or its sign. */
#include "config.h"

#include "stats.h"

#include <float.h>
#include <math.h>
#include <pauserec/threads.h>
#include <string.h>

#define TILE 32    /* draws */
#define BLOCK 512  /* units: their weights stay in the cache while all series pass; a multiple of 128 random bits */
#define LANES 8    /* series side by side */
#define QUARTET 4  /* draws at once */

typedef double Lanes __attribute__ ((vector_size (LANES * sizeof (double)), aligned (8)));

typedef struct Resample Resample;
struct Resample
{
  const double *strips; /* [n_strips, n, LANES] */
  gsize n, m, n_strips, draws;
  PrRng rng;
  void (*sum) (const double *values, const double *weights, gsize n, double *sums);
  double *means;          /* bootstrap: [m, draws]; NULL: sign flips */
  const double *observed; /* [m]: |sums| less what rounding can do */
  guint32 *counts;        /* [n_tiles, m] */
};

/* Add the products of N units to SUMS [QUARTET, LANES]: VALUES [n, LANES], WEIGHTS [n, QUARTET].  A lane is a series,
 * so each sum is taken in the order of the units on every machine. */
static inline __attribute__ ((always_inline)) void
sum_quartet (const double *values, const double *weights, gsize n, double *sums)
{
  Lanes a = *(Lanes *)(void *)sums, b = *(Lanes *)(void *)(sums + LANES);
  Lanes c = *(Lanes *)(void *)(sums + 2 * LANES), d = *(Lanes *)(void *)(sums + 3 * LANES);

  for (gsize i = 0; i < n; i++)
    {
      Lanes v = *(const Lanes *)(const void *)(values + i * LANES);
      const double *w = weights + i * QUARTET;

      a += w[0] * v;
      b += w[1] * v;
      c += w[2] * v;
      d += w[3] * v;
    }
  *(Lanes *)(void *)sums = a;
  *(Lanes *)(void *)(sums + LANES) = b;
  *(Lanes *)(void *)(sums + 2 * LANES) = c;
  *(Lanes *)(void *)(sums + 3 * LANES) = d;
}

static void
sum_plain (const double *values, const double *weights, gsize n, double *sums)
{
  sum_quartet (values, weights, n, sums);
}

#if defined(__x86_64__)
__attribute__ ((target ("avx2"))) static void
sum_avx2 (const double *values, const double *weights, gsize n, double *sums)
{
  sum_quartet (values, weights, n, sums);
}

__attribute__ ((target ("avx512f"))) static void
sum_avx512 (const double *values, const double *weights, gsize n, double *sums)
{
  sum_quartet (values, weights, n, sums);
}
#endif

static void
choose_sum (Resample *r)
{
  r->sum = sum_plain;
#if defined(__x86_64__)
  if (__builtin_cpu_supports ("avx512f"))
    r->sum = sum_avx512;
  else if (__builtin_cpu_supports ("avx2"))
    r->sum = sum_avx2;
#endif
}

/* Weights ----------------------------------------------------------------------------------------------------- */

/* How often draws FIRST .. have each unit: COUNTS [n_draws, n]. A count of 65,536 would need as many draws of one unit
 * out of at least as many. */
static void
count_units (const Resample *r, gsize first, gsize n_draws, guint16 *counts)
{
  memset (counts, 0, sizeof (guint16) * n_draws * r->n);
  for (gsize d = 0; d < n_draws; d++)
    for (gsize i = 0; i < r->n; i += 4)
      {
        guint32 words[4];

        pr_rng_draw4 (r->rng, first + d, i / 4, words);
        /* A 32-bit word scaled to [0, n): off uniform by n / 2^32 at most. */
        for (gsize k = 0; k < MIN (4, r->n - i); k++)
          counts[d * r->n + (gsize)(((guint64)words[k] * r->n) >> 32)]++;
      }
}

/* Where the weight of draw D for unit I of a block stands. */
static inline gsize
place (gsize d, gsize i)
{
  return d / QUARTET * (QUARTET * BLOCK) + i * QUARTET + d % QUARTET;
}

static void
weigh_by_counts (const Resample *r, const guint16 *counts, gsize n_draws, gsize start, gsize n, double *weights)
{
  for (gsize d = 0; d < n_draws; d++)
    for (gsize i = 0; i < n; i++)
      weights[place (d, i)] = counts[d * r->n + start + i];
}

/* Unit i has bit i % 32 of the words of its draw. */
static void
weigh_by_signs (const Resample *r, gsize first, gsize n_draws, gsize start, gsize n, double *weights)
{
  for (gsize d = 0; d < n_draws; d++)
    for (gsize i = 0; i < n; i += 128)
      {
        guint32 words[4];

        pr_rng_draw4 (r->rng, first + d, (start + i) / 128, words);
        for (gsize k = 0; k < MIN (128, n - i); k++)
          weights[place (d, i + k)] = (words[k / 32] >> (k % 32) & 1) != 0 ? -1.0 : 1.0;
      }
}

/* Sums -------------------------------------------------------------------------------------------------------- */

static void
take_means (const Resample *r, gsize first, gsize n_draws, const double *sums)
{
  for (gsize j = 0; j < r->m; j++)
    for (gsize d = 0; d < n_draws; d++)
      r->means[j * r->draws + first + d] = sums[(j / LANES * TILE + d) * LANES + j % LANES] / (double)r->n;
}

static void
count_extremes (const Resample *r, gsize tile, gsize n_draws, const double *sums)
{
  for (gsize j = 0; j < r->m; j++)
    for (gsize d = 0; d < n_draws; d++)
      r->counts[tile * r->m + j] += fabs (sums[(j / LANES * TILE + d) * LANES + j % LANES]) >= r->observed[j];
}

static void
resample_tile (gpointer ctx, gsize tile, guint worker)
{
  const Resample *r = ctx;
  gsize first = tile * TILE, n_draws = MIN (TILE, r->draws - first);
  g_autofree guint16 *counts = r->means != NULL ? g_new (guint16, n_draws * r->n) : NULL;
  g_autofree double *weights = g_new0 (double, TILE * BLOCK);
  g_autofree double *sums = g_new0 (double, r->n_strips * TILE * LANES);

  (void)worker;
  if (counts != NULL)
    count_units (r, first, n_draws, counts);
  for (gsize start = 0; start < r->n; start += BLOCK)
    {
      gsize n = MIN (BLOCK, r->n - start);

      if (counts != NULL)
        weigh_by_counts (r, counts, n_draws, start, n, weights);
      else
        weigh_by_signs (r, first, n_draws, start, n, weights);
      for (gsize s = 0; s < r->n_strips; s++)
        for (gsize d = 0; d < n_draws; d += QUARTET)
          r->sum (r->strips + (s * r->n + start) * LANES, weights + d * BLOCK, n, sums + (s * TILE + d) * LANES);
    }
  if (r->means != NULL)
    take_means (r, first, n_draws, sums);
  else
    count_extremes (r, tile, n_draws, sums);
}

/* Series side by side, LANES at a time. */
static double *
pack (const double *const *values, gsize n, gsize m)
{
  gsize n_strips = (m + LANES - 1) / LANES;
  double *strips = g_new0 (double, MAX (n_strips * n * LANES, 1));

  for (gsize j = 0; j < m; j++)
    for (gsize i = 0; i < n; i++)
      strips[(j / LANES * n + i) * LANES + j % LANES] = values[j][i];
  return strips;
}

static void
resample (Resample *r, const double *const *values)
{
  g_autofree double *strips = pack (values, r->n, r->m);

  r->strips = strips;
  r->n_strips = (r->m + LANES - 1) / LANES;
  choose_sum (r);
  pr_parallel ((r->draws + TILE - 1) / TILE, resample_tile, r);
}

void
pr_stats_bootstrap (const double *const *values, gsize n, gsize m, gsize draws, PrRng rng, double *ret)
{
  Resample r = { .n = n, .m = m, .draws = draws, .rng = rng, .means = ret };

  g_return_if_fail (n >= 1 && n <= G_MAXUINT32);
  resample (&r, values);
}

/* |sum| of a series less a bound of its rounding and of that of a sum with other signs: n eps sum |v|. */
static double
observed_sum (const double *values, gsize n)
{
  double sum = 0, absolute = 0;

  for (gsize i = 0; i < n; i++)
    {
      sum += values[i];
      absolute += fabs (values[i]);
    }
  return fabs (sum) - (double)n * DBL_EPSILON * absolute;
}

void
pr_stats_sign_flip (const double *const *values, gsize n, gsize m, gsize draws, PrRng rng, double *ret_p)
{
  gsize n_tiles = (draws + TILE - 1) / TILE;
  g_autofree guint32 *counts = g_new0 (guint32, MAX (n_tiles * m, 1));
  g_autofree double *observed = g_new (double, MAX (m, 1));
  Resample r = { .n = n, .m = m, .draws = draws, .rng = rng, .observed = observed, .counts = counts };

  g_return_if_fail (n >= 1);
  for (gsize j = 0; j < m; j++)
    observed[j] = observed_sum (values[j], n);
  resample (&r, values);
  for (gsize j = 0; j < m; j++)
    {
      guint64 extreme = 0;

      for (gsize t = 0; t < n_tiles; t++)
        extreme += counts[t * m + j];
      ret_p[j] = (1 + (double)extreme) / (1 + (double)draws);
    }
}
