#include "config.h"

#include "lm/sampling.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define BLOCK 64 /* tokens that are summed together, so that most of them need no walk */

typedef float Four __attribute__ ((vector_size (16), aligned (4), may_alias));
typedef gint32 FourInt __attribute__ ((vector_size (16)));

typedef struct
{
  float p;
  gint32 token;
} Candidate;

#define BUCKETS 2048

typedef struct
{
  double sums[BUCKETS];
  gint32 counts[BUCKETS];
  Candidate heap[];
} Scratch;

gint32
pr_sampling_greedy (const float *values, gint32 n)
{
  Four lanes = values[0] - (Four){ 0 };
  float most = values[0];
  gint32 i = 0;

  for (; i + 4 <= n; i += 4)
    {
      Four x = *(const Four *)(values + i);
      FourInt above = x > lanes;

      lanes = (Four)(((FourInt)x & above) | ((FourInt)lanes & ~above));
    }
  for (; i < n; i++)
    most = MAX (most, values[i]);
  for (i = 0; i < 4; i++)
    most = MAX (most, lanes[i]);
  for (i = 0; i < n - 1 && values[i] != most; i++)
    ;
  return i;
}

gsize
pr_sampling_scratch (gint32 n)
{
  return sizeof (Scratch) + (gsize)MAX (n, BLOCK) * sizeof (Candidate);
}

/* SUMS [n / BLOCK, rounded up] of blocks; returns the sum of all. */
static double
block_sums (const float *p, gint32 n, double *sums)
{
  double total = 0;

  for (gint32 first = 0; first < n; first += BLOCK)
    {
      gint32 end = MIN (first + BLOCK, n), i = first;
      Four lanes = { 0 };
      double sum;

      for (; i + 4 <= end; i += 4)
        lanes += *(const Four *)(p + i);
      sum = ((double)lanes[0] + (double)lanes[1]) + ((double)lanes[2] + (double)lanes[3]);
      for (; i < end; i++)
        sum += (double)p[i];
      sums[first / BLOCK] = sum;
      total += sum;
    }
  return total;
}

/* From all tokens, in their order. */
static gint32
draw_from_all (const float *p, gint32 n, double uniform, double *sums)
{
  double left = uniform * block_sums (p, n, sums);
  gint32 first = 0, last = 0;

  for (; first + BLOCK < n && left >= sums[first / BLOCK]; first += BLOCK)
    left -= sums[first / BLOCK];
  for (gint32 i = first; i < MIN (first + BLOCK, n); i++)
    {
      if (p[i] > 0)
        last = i;
      left -= (double)p[i];
      if (left < 0)
        return i;
    }
  if (p[last] > 0)
    return last;
  /* Rounding led past the end into a block of zeros. */
  for (last = n - 1; last > 0 && p[last] <= 0; last--)
    ;
  return last;
}

static gboolean
goes_before (Candidate a, Candidate b)
{
  return a.p > b.p || (a.p == b.p && a.token < b.token);
}

/* HEAP [n] is in order but for its element I. */
static void
sift (Candidate *heap, gint32 n, gint32 i)
{
  Candidate moved = heap[i];

  for (gint32 child; (child = 2 * i + 1) < n; i = child)
    {
      if (child + 1 < n && goes_before (heap[child + 1], heap[child]))
        child++;
      if (!goes_before (heap[child], moved))
        break;
      heap[i] = heap[child];
    }
  heap[i] = moved;
}

/* Positive floats are ordered as their bits: exponent and three bits behind it are a bucket. */
static gint32
bucket (float p)
{
  guint32 bits;

  memcpy (&bits, &p, sizeof bits);
  return (gint32)(bits >> 20);
}

static void
fill_buckets (const float *p, gint32 n, Scratch *s)
{
  memset (s->sums, 0, sizeof s->sums);
  memset (s->counts, 0, sizeof s->counts);
  for (gint32 i = 0; i < n; i++)
    {
      s->sums[bucket (p[i])] += (double)p[i];
      s->counts[bucket (p[i])] += p[i] > 0;
    }
}

/* The best tokens of bucket B, one after the other, until K are found or SUM reaches TARGET; the last of them. */
static Candidate
last_of_bucket (const float *p, gint32 n, gint32 b, gint64 k, double target, double *sum, Candidate *heap)
{
  gint32 count = 0;
  Candidate best = { 0, 0 };

  for (gint32 i = 0; i < n; i++)
    if (bucket (p[i]) == b && p[i] > 0)
      heap[count++] = (Candidate){ p[i], i };
  for (gint32 i = count / 2 - 1; i >= 0; i--)
    sift (heap, count, i);
  do
    {
      best = heap[0];
      heap[0] = heap[--count];
      sift (heap, count, 0);
      *sum += (double)best.p;
    }
  while (--k > 0 && *sum < target && count > 0);
  return best;
}

/* From the best token on, the one at which there are K or their sum reaches TARGET.  Only its own bucket needs sorting.
 */
static Candidate
find_last (const float *p, gint32 n, gint64 k, double target, double *ret_sum, Scratch *s)
{
  const Candidate all = { FLT_TRUE_MIN, G_MAXINT32 };

  *ret_sum = 0;
  for (gint32 b = BUCKETS - 1; b >= 0; b--)
    {
      if (s->counts[b] > 0 && (s->counts[b] >= k || *ret_sum + s->sums[b] >= target))
        return last_of_bucket (p, n, b, k, target, ret_sum, s->heap);
      k -= s->counts[b];
      *ret_sum += s->sums[b];
    }
  return all;
}

/* From the best tokens, in the order of all. */
static gint32
draw_from_best (const float *p, gint32 n, gint64 top_k, double top_p, double uniform, Scratch *s)
{
  double sum, left;
  Candidate end;
  gint32 last = 0;

  fill_buckets (p, n, s);
  end = find_last (p, n, top_k > 0 ? top_k : n, INFINITY, &sum, s);
  if (top_p < 1)
    end = find_last (p, n, n, top_p * sum, &sum, s);
  left = uniform * sum;
  for (gint32 i = 0; i < n; i++)
    {
      if (p[i] < end.p || (p[i] == end.p && i > end.token))
        continue;
      last = i;
      left -= (double)p[i];
      if (left < 0)
        break;
    }
  return last;
}

gint32
pr_sampling_draw (const float *p, gint32 n, gint64 top_k, double top_p, double uniform, gpointer scratch)
{
  if (top_k >= n)
    top_k = 0;
  if (top_k == 0 && top_p >= 1)
    return draw_from_all (p, n, uniform, scratch);
  return draw_from_best (p, n, top_k, top_p, uniform, scratch);
}
