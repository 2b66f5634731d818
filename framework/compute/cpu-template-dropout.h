/* cpu-template-dropout.h - the part of cpu-template.h that draws random numbers in every lane. */

/* Philox 4x32-10 in every lane: the same numbers as pr_rng_draw4() at index + lane. */
INLINE void
philox (PrRng rng, guint64 step, guint64 index, U out[4])
{
  U c0 = (U)lane () + (guint32)index, c1, c2, c3;
  guint32 k0 = rng.key[0], k1 = rng.key[1];

  /* A carry out of the lower half shows as a sum below what was added; true lanes are -1. */
  c1 = (U){ 0 } + (guint32)(index >> 32) - (U)(c0 < (U){ 0 } + (guint32)index);
  c2 = (U){ 0 } + (guint32)step;
  c3 = (U){ 0 } + (guint32)(step >> 32);
  for (int round = 0; round < 10; round++)
    {
      U low0, high0, low1, high1;

      pr_mul_wide (c0, 0xD2511F53u, &low0, &high0);
      pr_mul_wide (c2, 0xCD9E8D57u, &low1, &high1);
      c0 = high1 ^ c1 ^ k0;
      c1 = low1;
      c2 = high0 ^ c3 ^ k1;
      c3 = low0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

static void
dropout (const PrDropout *d, gint64 rows, gint64 n, guint64 first_row, const float *x, const float *residual, float *y)
{
  guint32 threshold = pr_cpu_dropout_threshold (d);
  float scale = pr_cpu_dropout_scale (threshold);

  for (gint64 r = 0; r < rows; r++, x += n, y += n, residual = residual != NULL ? residual + n : NULL)
    for (gint64 b = 0; b * PR_CPU_DROPOUT_BLOCK < n; b++)
      for (gint64 part = 0; part < 16; part += W)
        {
          U draws[4];

          philox (d->rng, d->step, pr_cpu_dropout_index (d, n, first_row + (guint64)r, b) + (guint64)part, draws);
          for (gint64 q = 0; q < 8; q++)
            {
              gint64 i = b * PR_CPU_DROPOUT_BLOCK + q * 16 + part;
              U draw = q & 1 ? draws[q / 2] >> 16 : draws[q / 2] & 0xffff;
              V v;

              if (i >= n)
                break;
              v = (V)((I)(load (x + i, n - i) * scale) & (I)(draw >= threshold));
              if (residual != NULL)
                v += load (residual + i, n - i);
              store (y + i, n - i, v);
            }
        }
}
