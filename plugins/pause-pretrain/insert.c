#include "config.h"

#include "insert.h"

#include <math.h>

gsize
pause_count (gsize n, double share)
{
  return n < 2 || share <= 0 ? 0 : (gsize)MAX (1, llround (share * (double)n));
}

void
pause_insert (PrExample *example, gint32 pause, double share, PrRng rng, guint64 step, guint64 index)
{
  gsize n = example->tokens->len, k = pause_count (n, share), to;
  g_autofree guint32 *before = g_new0 (guint32, n + 1); /* pauses in front of token i */

  for (gsize i = 0; i < k; i++)
    before[1 + pr_rng_below (rng, step, index << 20 | i, n - 1)]++;
  g_array_set_size (example->tokens, (guint)(n + k));
  g_array_set_size (example->loss, (guint)(n + k));
  gint32 *tokens = (gint32 *)(void *)example->tokens->data;
  float *loss = (float *)(void *)example->loss->data;

  /* From the end, so that everything moves once and in place. */
  to = n + k;
  for (gsize from = n; k > 0 && from-- > 0;)
    {
      to--;
      tokens[to] = tokens[from];
      loss[to] = loss[from];
      for (; before[from] > 0; before[from]--)
        {
          to--;
          tokens[to] = pause;
          loss[to] = 0;
        }
    }
}
