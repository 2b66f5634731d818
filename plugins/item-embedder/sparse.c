#include "config.h"

#include "sparse.h"

#include <pauserec/threads.h>

#include <math.h>
#include <string.h>

#define TILE 64 /* rows */

Sparse *
sparse_new (gint64 rows, gint64 columns, gint64 n_values)
{
  Sparse *a = g_new0 (Sparse, 1);

  a->rows = rows;
  a->columns = columns;
  a->offsets = g_new0 (gint64, rows + 1);
  a->index = g_new (gint32, MAX (n_values, 1));
  a->values = g_new (float, MAX (n_values, 1));
  return a;
}

void
sparse_free (Sparse *a)
{
  if (a == NULL)
    return;
  g_free (a->offsets);
  g_free (a->index);
  g_free (a->values);
  g_free (a);
}

Sparse *
sparse_transpose (const Sparse *a)
{
  Sparse *t = sparse_new (a->columns, a->rows, a->offsets[a->rows]);
  g_autofree gint64 *next = g_new (gint64, MAX (a->columns, 1));

  for (gint64 e = 0; e < a->offsets[a->rows]; e++)
    t->offsets[a->index[e] + 1]++;
  for (gint64 c = 0; c < a->columns; c++)
    {
      next[c] = t->offsets[c];
      t->offsets[c + 1] += t->offsets[c];
    }
  for (gint64 r = 0; r < a->rows; r++)
    for (gint64 e = a->offsets[r]; e < a->offsets[r + 1]; e++)
      {
        gint64 to = next[a->index[e]]++;

        t->index[to] = (gint32)r;
        t->values[to] = a->values[e];
      }
  return t;
}

void
sparse_normalise_rows (Sparse *a)
{
  for (gint64 r = 0; r < a->rows; r++)
    {
      double sum = 0;

      for (gint64 e = a->offsets[r]; e < a->offsets[r + 1]; e++)
        sum += (double)a->values[e] * a->values[e];
      for (gint64 e = a->offsets[r]; sum > 0 && e < a->offsets[r + 1]; e++)
        a->values[e] = (float)(a->values[e] / sqrt (sum));
    }
}

typedef struct
{
  const Sparse *a;
  const float *x;
  float *y;
  gint64 l;
} Product;

static void
multiply_tile (gpointer ctx, gsize tile, guint worker)
{
  const Product *p = ctx;
  const Sparse *a = p->a;
  gint64 end = MIN (a->rows, (gint64)(tile + 1) * TILE);

  (void)worker;
  for (gint64 r = (gint64)tile * TILE; r < end; r++)
    {
      float *restrict y = p->y + r * p->l;

      memset (y, 0, sizeof (float) * p->l);
      for (gint64 e = a->offsets[r]; e < a->offsets[r + 1]; e++)
        {
          const float *x = p->x + a->index[e] * p->l;
          float v = a->values[e];

          for (gint64 j = 0; j < p->l; j++)
            y[j] += v * x[j];
        }
    }
}

void
sparse_multiply (const Sparse *a, const float *x, gint64 l, float *y)
{
  Product p = { a, x, y, l };

  pr_parallel ((gsize)((a->rows + TILE - 1) / TILE), multiply_tile, &p);
}
