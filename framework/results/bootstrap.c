/* Bootstrap as a product of matrices: how often each draw has each unit, times the values of units. */
#include "config.h"

#include "stats.h"

#include "compute/cpu.h"

#include <pauserec/threads.h>
#include <string.h>

#define TILE 32   /* draws */
#define BLOCK 512 /* units, whose values and counts stay in the cache; sums of so many are single precision */
#define LANES 16  /* series side by side */
#define OCTET 8   /* draws side by side */

typedef float Lanes __attribute__ ((vector_size (LANES * sizeof (float)), aligned (4)));

typedef struct
{
  const float *strips; /* [n_strips, n, LANES] */
  gsize n, m, n_strips, draws;
  PrRng rng;
  void (*sum) (const float *values, const float *counts, gsize n, float *ret_sums);
  double *means; /* [m, draws] */
} Bootstrap;

/* RET_SUMS [N_DRAWS, LANES] of N units: VALUES [n, LANES] times COUNTS [n, OCTET] of the draws from FIRST.  A lane is a
 * series: each sum is taken in the order of the units, wherever the series stands. */
static inline __attribute__ ((always_inline)) void
sum_draws (const float *values, const float *counts, gsize n, gsize first, gsize n_draws, float *ret_sums)
{
  Lanes sums[OCTET] = { { 0 } };

  for (gsize i = 0; i < n; i++)
    {
      Lanes v = *(const Lanes *)(const void *)(values + i * LANES);

#pragma GCC unroll 8
      for (gsize d = 0; d < n_draws; d++)
        sums[d] += counts[i * OCTET + first + d] * v;
    }
  memcpy (ret_sums + first * LANES, sums, sizeof (Lanes) * n_draws);
}

/* All eight draws of COUNTS; half of them at a time where that many sums are more than there are registers. */
static void
sum_plain (const float *values, const float *counts, gsize n, float *ret_sums)
{
  sum_draws (values, counts, n, 0, OCTET / 2, ret_sums);
  sum_draws (values, counts, n, OCTET / 2, OCTET / 2, ret_sums);
}

#if defined(__x86_64__)
__attribute__ ((target ("avx2,fma"))) static void
sum_avx2 (const float *values, const float *counts, gsize n, float *ret_sums)
{
  sum_draws (values, counts, n, 0, OCTET / 2, ret_sums);
  sum_draws (values, counts, n, OCTET / 2, OCTET / 2, ret_sums);
}

__attribute__ ((target ("avx512f"))) static void
sum_avx512 (const float *values, const float *counts, gsize n, float *ret_sums)
{
  sum_draws (values, counts, n, 0, OCTET, ret_sums);
}
#endif

static void
choose_sum (Bootstrap *b)
{
  b->sum = sum_plain;
#if defined(__x86_64__)
  if (pr_cpu_kernels () == &pr_cpu_avx512)
    b->sum = sum_avx512;
  else if (pr_cpu_kernels () == &pr_cpu_avx2)
    b->sum = sum_avx2;
#endif
}

/* How often draws FIRST .. have each unit: COUNTS [n_draws, n].  A byte is enough: 256 draws of one unit out of more
 * than 255 do not happen. */
static void
count_units (const Bootstrap *b, gsize first, gsize n_draws, guint8 *counts)
{
  for (gsize d = 0; d < n_draws; d++)
    for (gsize i = 0; i < b->n; i += 4)
      {
        guint32 words[4];

        pr_rng_draw4 (b->rng, first + d, i / 4, words);
        /* A 32-bit word scaled to [0, n): off uniform by n / 2^32 at most. */
        for (gsize k = 0; k < MIN (4, b->n - i); k++)
          counts[d * b->n + (gsize)(((guint64)words[k] * b->n) >> 32)]++;
      }
}

/* RET [n, OCTET] of units START .. of the eight draws that begin at COUNTS. */
static void
interleave (const guint8 *counts, gsize stride, gsize start, gsize n, float *restrict ret)
{
  for (gsize i = 0; i < n; i++)
    for (gsize d = 0; d < OCTET; d++)
      ret[i * OCTET + d] = counts[d * stride + start + i];
}

static void
draw_tile (gpointer ctx, gsize tile, guint worker)
{
  const Bootstrap *b = ctx;
  gsize first = tile * TILE, n_draws = MIN (TILE, b->draws - first), n_sums = b->n_strips * LANES;
  g_autofree guint8 *counts = g_new0 (guint8, TILE * b->n);
  g_autofree float *weights = g_new (float, TILE *BLOCK);
  g_autofree double *sums = g_new0 (double, TILE *n_sums);

  (void)worker;
  count_units (b, first, n_draws, counts);
  for (gsize start = 0; start < b->n; start += BLOCK)
    {
      gsize n = MIN (BLOCK, b->n - start);

      for (gsize d = 0; d < TILE; d += OCTET)
        interleave (counts + d * b->n, b->n, start, n, weights + d * BLOCK);
      for (gsize s = 0; s < b->n_strips; s++)
        for (gsize d = 0; d < n_draws; d += OCTET)
          {
            float part[OCTET * LANES];

            b->sum (b->strips + (s * b->n + start) * LANES, weights + d * BLOCK, n, part);
            for (gsize k = 0; k < OCTET * LANES; k++)
              sums[(s * TILE + d) * LANES + k] += (double)part[k];
          }
    }
  for (gsize j = 0; j < b->m; j++)
    for (gsize d = 0; d < n_draws; d++)
      b->means[j * b->draws + first + d] = sums[(j / LANES * TILE + d) * LANES + j % LANES] / (double)b->n;
}

void
pr_stats_bootstrap (const double *const *values, gsize n, gsize m, gsize draws, PrRng rng, double *ret)
{
  gsize n_strips = (m + LANES - 1) / LANES;
  g_autofree float *strips = g_new0 (float, MAX (n_strips * n * LANES, 1));
  Bootstrap b = { .strips = strips, .n = n, .m = m, .n_strips = n_strips, .draws = draws, .rng = rng, .means = ret };

  g_return_if_fail (n >= 1 && n <= G_MAXUINT32);
  for (gsize j = 0; j < m; j++)
    for (gsize i = 0; i < n; i++)
      strips[(j / LANES * n + i) * LANES + j % LANES] = (float)values[j][i];
  choose_sum (&b);
  pr_parallel ((draws + TILE - 1) / TILE, draw_tile, &b);
}
