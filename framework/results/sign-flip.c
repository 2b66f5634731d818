/* Sign-flip permutation test.  Of every four units all sixteen sums with signs are made once and then looked up by four
 * random bits, draw after draw. */
#include "config.h"

#include "stats.h"

#include "compute/cpu.h"

#include <float.h>
#include <math.h>
#include <pauserec/threads.h>
#include <string.h>

#define TILE 128 /* draws */
#define BLOCK 64 /* units: a word of random bits, and tables that stay in the first cache */
#define LANES 8  /* series side by side */
#define SUMS 16  /* of four units */

typedef double Lanes __attribute__ ((vector_size (LANES * sizeof (double)), aligned (8)));

typedef struct
{
  const double *strips; /* [n_strips, n_blocks, BLOCK, LANES], 0 where no unit is */
  gsize n_blocks, m, n_strips, draws;
  PrRng rng;
  void (*add) (const double *values, const guint64 *bits, gsize n_draws, double *sums);
  const double *observed; /* [m] */
  guint32 *counts;        /* [n_tiles, m]: draws that are at least as extreme */
} Flips;

/* All sums +-v0 +-v1 +-v2 +-v3: bit k of the index turns v_k. */
static inline __attribute__ ((always_inline)) void
make_sums (const Lanes *v, Lanes *ret)
{
  const Lanes low[4] = { v[0] + v[1], v[1] - v[0], v[0] - v[1], -v[0] - v[1] };
  const Lanes high[4] = { v[2] + v[3], v[3] - v[2], v[2] - v[3], -v[2] - v[3] };

#pragma GCC unroll 16
  for (gsize i = 0; i < SUMS; i++)
    ret[i] = low[i % 4] + high[i / 4];
}

/* Add a block's values [BLOCK, LANES] to SUMS [n_draws, LANES], with the signs of BITS [n_draws].  Sums are taken in
 * the same order on every machine. */
static inline __attribute__ ((always_inline)) void
add_block (const double *values, const guint64 *bits, gsize n_draws, double *sums)
{
  Lanes tables[BLOCK / 4][SUMS] __attribute__ ((aligned (64))); /* a look-up reads one line of the cache */

  for (gsize k = 0; k < BLOCK / 4; k++)
    make_sums ((const Lanes *)(const void *)values + 4 * k, tables[k]);
  for (gsize d = 0; d < n_draws; d++)
    {
      Lanes even = tables[0][bits[d] & 15], odd = tables[1][bits[d] >> 4 & 15],
            *sum = (Lanes *)(void *)(sums + d * LANES);

#pragma GCC unroll 8
      for (gsize k = 2; k < BLOCK / 4; k += 2)
        {
          even += tables[k][bits[d] >> (4 * k) & 15];
          odd += tables[k + 1][bits[d] >> (4 * k + 4) & 15];
        }
      *sum += even + odd;
    }
}

static void
add_plain (const double *values, const guint64 *bits, gsize n_draws, double *sums)
{
  add_block (values, bits, n_draws, sums);
}

#if defined(__x86_64__)
__attribute__ ((target ("avx2"))) static void
add_avx2 (const double *values, const guint64 *bits, gsize n_draws, double *sums)
{
  add_block (values, bits, n_draws, sums);
}

__attribute__ ((target ("avx512f"))) static void
add_avx512 (const double *values, const guint64 *bits, gsize n_draws, double *sums)
{
  add_block (values, bits, n_draws, sums);
}
#endif

static void
choose_add (Flips *f)
{
  f->add = add_plain;
#if defined(__x86_64__)
  if (pr_cpu_kernels () == &pr_cpu_avx512)
    f->add = add_avx512;
  else if (pr_cpu_kernels () == &pr_cpu_avx2)
    f->add = add_avx2;
#endif
}

/* BITS [n_blocks (rounded up to even), TILE] of draws FIRST ..; unit i has bit i % 32 of word i / 32 % 4 of index i /
 * 128. */
static void
toss (const Flips *f, gsize first, gsize n_draws, guint64 *bits)
{
  for (gsize b = 0; b < f->n_blocks; b += 2)
    for (gsize d = 0; d < n_draws; d++)
      {
        guint32 words[4];

        pr_rng_draw4 (f->rng, first + d, b / 2, words);
        bits[b * TILE + d] = (guint64)words[1] << 32 | words[0];
        bits[(b + 1) * TILE + d] = (guint64)words[3] << 32 | words[2];
      }
}

static void
flip_tile (gpointer ctx, gsize tile, guint worker)
{
  const Flips *f = ctx;
  gsize first = tile * TILE, n_draws = MIN (TILE, f->draws - first);
  g_autofree guint64 *bits = g_new (guint64, (f->n_blocks + 1) * TILE);
  double sums[TILE * LANES];

  (void)worker;
  toss (f, first, n_draws, bits);
  for (gsize s = 0; s < f->n_strips; s++)
    {
      memset (sums, 0, sizeof sums);
      for (gsize b = 0; b < f->n_blocks; b++)
        f->add (f->strips + (s * f->n_blocks + b) * BLOCK * LANES, bits + b * TILE, n_draws, sums);
      for (gsize j = s * LANES; j < MIN (f->m, (s + 1) * LANES); j++)
        for (gsize d = 0; d < n_draws; d++)
          f->counts[tile * f->m + j] += fabs (sums[d * LANES + j % LANES]) >= f->observed[j];
    }
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
  gsize n_tiles = (draws + TILE - 1) / TILE, n_blocks = (n + BLOCK - 1) / BLOCK, n_strips = (m + LANES - 1) / LANES;
  g_autofree double *strips = g_new0 (double, MAX (n_strips * n_blocks * BLOCK * LANES, 1));
  g_autofree guint32 *counts = g_new0 (guint32, MAX (n_tiles * m, 1));
  g_autofree double *observed = g_new (double, MAX (m, 1));
  Flips f = { strips, n_blocks, m, n_strips, draws, rng, NULL, observed, counts };

  for (gsize j = 0; j < m; j++)
    {
      observed[j] = observed_sum (values[j], n);
      for (gsize i = 0; i < n; i++)
        strips[(j / LANES * n_blocks * BLOCK + i) * LANES + j % LANES] = values[j][i];
    }
  choose_add (&f);
  pr_parallel (n_tiles, flip_tile, &f);
  for (gsize j = 0; j < m; j++)
    {
      guint64 extreme = 0;

      for (gsize t = 0; t < n_tiles; t++)
        extreme += counts[t * m + j];
      ret_p[j] = (1 + (double)extreme) / (1 + (double)draws);
    }
}
