/* geometry-mixing.c - whose are the nearest neighbours? */
#include "config.h"

#include <pauserec/linalg.h>
#include <pauserec/threads.h>

#include "compute/geometry-private.h"

#include <math.h>

#define BLOCK 256 /* rows whose similarities are held at once */

typedef struct
{
  gint64 n, k;          /* rows in all; neighbours */
  gint64 first;         /* row of the block */
  const float *similar; /* [BLOCK, n] */
  gint64 others[BLOCK]; /* of the k nearest, those of the other group */
} Block;

/* The k most similar rows, without the row itself; of equal ones the first.  Rows of both groups alternate, so that
 * equal ones favour neither. */
static void
count_others (gpointer ctx, gsize tile, guint worker G_GNUC_UNUSED)
{
  Block *block = ctx;
  gint64 row = block->first + (gint64)tile, n_found = 0;
  const float *similar = block->similar + (gint64)tile * block->n;
  g_autofree gint64 *nearest = g_new (gint64, block->k + 1);

  for (gint64 j = 0; j < block->n; j++)
    {
      gint64 place = n_found;

      if (j == row || (n_found == block->k && similar[j] <= similar[nearest[n_found - 1]]))
        continue;
      for (; place > 0 && similar[nearest[place - 1]] < similar[j]; place--)
        nearest[place] = nearest[place - 1];
      nearest[place] = j;
      n_found = MIN (n_found + 1, block->k);
    }
  block->others[tile] = 0;
  for (gint64 i = 0; i < n_found; i++)
    block->others[tile] += nearest[i] % 2 != row % 2;
}

/* Rows of length 1; those without a length stay as they are. */
static PrMatrix *
directions (const PrMatrix *x, GError **error)
{
  PrMatrix *unit = pr_matrix_new (x->rows, x->columns, error);

  for (gint64 i = 0; unit != NULL && i < x->rows; i++)
    {
      const float *row = x->data + i * x->columns;
      double squares = 0;

      for (gint64 j = 0; j < x->columns; j++)
        squares += (double)row[j] * (double)row[j];
      for (gint64 j = 0; j < x->columns && squares > 0; j++)
        unit->data[i * x->columns + j] = (float)((double)row[j] / sqrt (squares));
    }
  return unit;
}

gboolean
pr_geometry_mixing (const PrMatrix *pooled, gint64 neighbours, double *ret_mixing, GError **error)
{
  gint64 n = pooled->rows, d = pooled->columns, pairs = n / 2, others = 0;
  /* With more neighbours than a group has others, even far groups would seem mixed. */
  Block block = { .n = n, .k = MIN (neighbours, pairs - 1) };
  g_autoptr (PrMatrix) unit = NULL, similar = NULL;

  if (block.k < 1)
    {
      *ret_mixing = NAN;
      return TRUE;
    }
  if ((unit = directions (pooled, error)) == NULL || (similar = pr_matrix_new (MIN (BLOCK, n), n, error)) == NULL)
    return FALSE;
  block.similar = similar->data;
  for (block.first = 0; block.first < n; block.first += BLOCK)
    {
      gint64 rows = MIN (BLOCK, n - block.first);

      pr_gemm (FALSE, TRUE, rows, n, d, 1, unit->data + block.first * d, d, unit->data, d, 0, similar->data, n);
      pr_parallel ((gsize)rows, count_others, &block);
      for (gint64 i = 0; i < rows; i++)
        others += block.others[i];
    }
  *ret_mixing = (double)others / (double)(n * block.k) / ((double)pairs / (double)(n - 1));
  return TRUE;
}
