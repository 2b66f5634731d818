#include "config.h"

#include "lm/sampling.h"

#define BLOCK 64 /* tokens that are summed together, so that most of them need no walk */

typedef float Four __attribute__ ((vector_size (16), aligned (4), may_alias));
typedef gint32 FourInt __attribute__ ((vector_size (16)));

typedef struct
{
  float p;
  gint32 token;
} Candidate;

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
  return (gsize)MAX (n, BLOCK) * sizeof (Candidate);
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

/* Tokens that can be chosen, as a heap with the best at its head. */
static gint32
candidates (const float *p, gint32 n, float least, Candidate *heap)
{
  gint32 count = 0;

  for (gint32 i = 0; i < n; i++)
    {
      heap[count] = (Candidate){ p[i], i };
      count += p[i] >= least && p[i] > 0;
    }
  for (gint32 i = count / 2 - 1; i >= 0; i--)
    sift (heap, count, i);
  return count;
}

/* The best go from the head of the heap to its end, in order: the first of them ends up at heap[count - 1]. */
static gint32
draw_from_best (const float *p, gint32 n, gint64 top_k, double top_p, double uniform, Candidate *heap)
{
  gint32 count, kept = 0;
  double total = 1, sum = 0, reached = 0, left;

  if (top_k == 0)
    total = block_sums (p, n, (double *)(gpointer)heap);
  /* Tokens below the bound sum up to less than 1 - top_p: those above it suffice.  A little slack for rounding. */
  count = candidates (p, n, top_k > 0 ? 0 : (float)(.999 * (1 - top_p) * total / n), heap);
  while (kept < count && (top_k > 0 ? kept < top_k : kept == 0 || sum < top_p * total))
    {
      Candidate best = heap[0];

      heap[0] = heap[count - 1 - kept];
      sift (heap, count - 1 - kept, 0);
      heap[count - 1 - kept++] = best;
      sum += (double)best.p;
    }
  if (top_k > 0 && top_p < 1)
    {
      total = sum;
      for (kept = 0, sum = 0; kept < count && (kept == 0 || sum < top_p * total); kept++)
        sum += (double)heap[count - 1 - kept].p;
    }
  left = uniform * sum;
  for (gint32 i = 0; i < kept - 1; i++)
    {
      reached += (double)heap[count - 1 - i].p;
      if (left < reached)
        return heap[count - 1 - i].token;
    }
  return heap[count - kept].token;
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
