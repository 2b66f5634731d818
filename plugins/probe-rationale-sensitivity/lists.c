#include "config.h"

#include "lists.h"

#include <math.h>

/* Place of ITEM from 0; K if it is not there. */
static gint64
place_of (const gint32 *items, gint64 k, gint32 item)
{
  gint64 i = 0;

  while (i < k && items[i] != item)
    i++;
  return i;
}

static gint64
length_of (const gint32 *items, gint64 k)
{
  gint64 n = 0;

  while (n < k && items[n] >= 0)
    n++;
  return n;
}

float
list_hit (const gint32 *items, gint64 k, gint32 target)
{
  return place_of (items, k, target) < k;
}

float
list_ndcg (const gint32 *items, gint64 k, gint32 target)
{
  gint64 place = place_of (items, k, target);

  return place < k ? (float)(1 / log2 ((double)place + 2)) : 0;
}

float
lists_differ (const gint32 *a, const gint32 *b, gint64 n)
{
  for (gint64 i = 0; i < n; i++)
    if (a[i] != b[i])
      return 1;
  return 0;
}

/* What the pair of A's items at places I < J costs; B has N items. */
static double
pair_penalty (const gint32 *a, gint64 i, gint64 j, const gint32 *b, gint64 n)
{
  gint64 x = place_of (b, n, a[i]), y = place_of (b, n, a[j]);

  if (x == n && y == n)
    return 0.5; /* B says nothing of either */
  return x > y; /* one that B lacks stands behind all it has */
}

float
lists_kendall (const gint32 *a, const gint32 *b, gint64 k)
{
  gint64 n = length_of (a, k), m = length_of (b, k), common = 0;
  double distance = 0, most;

  if (n == 0 || m == 0)
    return NAN;
  for (gint64 i = 0; i < n; i++)
    common += place_of (b, m, a[i]) < m;
  for (gint64 i = 0; i < n; i++)
    for (gint64 j = i + 1; j < n; j++)
      distance += pair_penalty (a, i, j, b, m);
  /* Of B's pairs those with both in A are counted already. */
  for (gint64 i = 0; i < m; i++)
    for (gint64 j = i + 1; j < m; j++)
      if (place_of (a, n, b[i]) == n || place_of (a, n, b[j]) == n)
        distance += pair_penalty (b, i, j, a, n);
  distance += (double)((n - common) * (m - common)); /* one in A only, one in B only */
  most = (double)(n * m) + 0.25 * (double)(n * (n - 1) + m * (m - 1));
  return (float)(1 - distance / most);
}

float
lists_overlap (const gint32 *a, const gint32 *b, gint64 k)
{
  gint64 n = length_of (a, k), m = length_of (b, k), common = 0;
  double sum = 0;

  if (n == 0 || m == 0)
    return NAN;
  for (gint64 d = 0; d < k; d++)
    {
      common += d < n && place_of (b, MIN (d + 1, m), a[d]) < MIN (d + 1, m);
      common += d < m && place_of (a, MIN (d, n), b[d]) < MIN (d, n);
      sum += (double)common / (double)(d + 1);
    }
  return (float)(sum / (double)k);
}
