#include "config.h"

#include <pauserec/rng.h>

#include <Random123/philox.h>
#include <math.h>

PrRng
pr_rng_new (guint64 seed, const char *stream)
{
  /* FNV-1a of the name, then one Philox round trip with the seed: distinct names and
   * seeds land on unrelated keys. */
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);
  philox4x32_ctr_t ctr;
  philox4x32_key_t key;
  philox4x32_ctr_t out;

  for (const char *c = stream; *c != '\0'; c++)
    hash = (hash ^ (guint8)*c) * G_GUINT64_CONSTANT (0x100000001b3);
  ctr = (philox4x32_ctr_t){ { (guint32)hash, (guint32)(hash >> 32), 0, 0 } };
  key = (philox4x32_key_t){ { (guint32)seed, (guint32)(seed >> 32) } };
  out = philox4x32 (ctr, key);
  return (PrRng){ { out.v[0], out.v[1] } };
}

void
pr_rng_draw4 (PrRng rng, guint64 step, guint64 index, guint32 ret_draws[4])
{
  philox4x32_ctr_t ctr = { { (guint32)index, (guint32)(index >> 32), (guint32)step, (guint32)(step >> 32) } };
  philox4x32_key_t key = { { rng.key[0], rng.key[1] } };
  philox4x32_ctr_t out = philox4x32 (ctr, key);

  for (int i = 0; i < 4; i++)
    ret_draws[i] = out.v[i];
}

guint32
pr_rng_u32 (PrRng rng, guint64 step, guint64 index)
{
  guint32 draws[4];

  pr_rng_draw4 (rng, step, index, draws);
  return draws[0];
}

guint64
pr_rng_u64 (PrRng rng, guint64 step, guint64 index)
{
  guint32 draws[4];

  pr_rng_draw4 (rng, step, index, draws);
  return (guint64)draws[1] << 32 | draws[0];
}

double
pr_rng_uniform (PrRng rng, guint64 step, guint64 index)
{
  return (double)(pr_rng_u64 (rng, step, index) >> 11) * 0x1p-53;
}

double
pr_rng_normal (PrRng rng, guint64 step, guint64 index)
{
  guint32 d[4];
  double u, v;

  pr_rng_draw4 (rng, step, index, d);
  /* u in (0, 1], so the logarithm is finite. */
  u = (double)((((guint64)d[1] << 32 | d[0]) >> 11) + 1) * 0x1p-53;
  v = (double)(((guint64)d[3] << 32 | d[2]) >> 11) * 0x1p-53;
  return sqrt (-2.0 * log (u)) * cos (2.0 * G_PI * v);
}

guint64
pr_rng_below (PrRng rng, guint64 step, guint64 index, guint64 n)
{
  return (guint64)(((unsigned __int128)pr_rng_u64 (rng, step, index) * n) >> 64);
}

guint32 *
pr_rng_permutation (PrRng rng, guint64 step, guint32 n)
{
  guint32 *order = g_new (guint32, MAX (n, 1));

  for (guint32 i = 0; i < n; i++)
    order[i] = i;
  for (guint32 i = n; i > 1; i--)
    {
      guint32 j = (guint32)pr_rng_below (rng, step, i, i);
      guint32 t = order[i - 1];

      order[i - 1] = order[j];
      order[j] = t;
    }
  return order;
}
