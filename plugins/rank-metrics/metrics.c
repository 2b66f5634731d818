#include "config.h"

#include "metrics.h"

#include <math.h>

gint64
metrics_rank (const gint32 *items, gint64 k, gint32 target)
{
  for (gint64 i = 0; i < k; i++)
    if (items[i] == target)
      return i + 1;
  return 0;
}

float
metrics_hit (gint64 rank, gint64 k)
{
  return rank >= 1 && rank <= k;
}

float
metrics_ndcg (gint64 rank, gint64 k)
{
  return rank >= 1 && rank <= k ? (float)(1 / log2 (1 + (double)rank)) : 0;
}

float
metrics_mrr (gint64 rank, gint64 k)
{
  return rank >= 1 && rank <= k ? (float)(1 / (double)rank) : 0;
}

double
metrics_coverage (const gint32 *items, gint64 n_users, gint64 stride, gint64 k, gint64 n_items)
{
  g_autofree guint8 *seen = g_new0 (guint8, MAX (n_items, 1));
  gint64 n = 0;

  for (gint64 u = 0; u < n_users; u++)
    for (gint64 i = 0; i < MIN (k, stride); i++)
      {
        gint32 item = items[u * stride + i];

        if (item < 0 || item >= n_items || seen[item])
          continue;
        seen[item] = 1;
        n++;
      }
  return n_items > 0 ? (double)n / (double)n_items : 0;
}
