/* Products with weights and tables: linear maps, rows of a table, scores of a few of its rows. */
#include "config.h"

#include "net/tape-private.h"

#include <string.h>

#define COLUMN_TILE 16 /* columns of a table's gradient a tile */

typedef struct
{
  Node *x, *weight, *bias, *y;
  gint64 k;
  gint32 *index; /* [rows, k] */
  float *grad;
} Linear;

/* Rows ---------------------------------------------------------------------------- */

static void
gather_rows (gpointer ctx, gint64 from, gint64 to)
{
  const Linear *l = ctx;
  gint64 n = l->y->var.n;

  for (gint64 r = from; r < to; r++)
    if (l->index[r] >= 0)
      memcpy (l->y->value + r * n, l->x->value + l->index[r] * n, (gsize)n * sizeof (float));
    else
      memset (l->y->value + r * n, 0, (gsize)n * sizeof (float));
}

/* Rows repeat, so they are added in order; tiles share out the columns. */
static void
gather_grad (gpointer ctx, gsize tile, guint worker)
{
  const Linear *l = ctx;
  gint64 n = l->y->var.n, from = (gint64)tile * COLUMN_TILE, to = MIN (from + COLUMN_TILE, n);

  (void)worker;
  for (gint64 r = 0; r < l->y->var.rows; r++)
    if (l->index[r] >= 0)
      for (gint64 i = from; i < to; i++)
        l->grad[l->index[r] * n + i] += l->y->grad[r * n + i];
}

static void
gather_backward (PrTape *tape, gpointer op)
{
  Linear *l = op;

  if (!l->y->written)
    return;
  l->grad = pr_node_grad_cleared (tape, l->x);
  pr_parallel ((gsize)((l->y->var.n + COLUMN_TILE - 1) / COLUMN_TILE), gather_grad, l);
}

static gint32 *
copy_index (PrTape *tape, gint64 n, const gint32 *index, gint64 rows)
{
  gint32 *copy = pr_tape_copy (tape, index, (gsize)n * sizeof (gint32));

  for (gint64 i = 0; i < n; i++)
    pr_tape_require (copy[i] < rows);
  return copy;
}

PrVar *
pr_tape_gather (PrTape *tape, PrVar *x, gint64 rows, const gint32 *index)
{
  Linear *l = pr_tape_alloc (tape, sizeof *l);

  *l = (Linear){ .x = node (x), .index = copy_index (tape, rows, index, x->rows) };
  l->y = pr_tape_node (tape, rows, x->n, l->x->needs);
  pr_tape_rows (rows, gather_rows, l);
  if (l->y->needs)
    pr_tape_record (tape, gather_backward, l);
  return &l->y->var;
}

/* Linear maps --------------------------------------------------------------------- */

static void
add_bias (gpointer ctx, gint64 from, gint64 to)
{
  const Linear *l = ctx;
  gint64 n = l->y->var.n;

  pr_cpu_kernels ()->bias_forward (to - from, n, l->bias->value, l->y->value + from * n, n);
}

static void
linear_backward (PrTape *tape, gpointer op)
{
  Linear *l = op;
  gint64 rows = l->x->var.rows, in = l->x->var.n, out = l->y->var.n;
  const float *dy = l->y->grad;
  gboolean add;
  float *grad;

  if (!l->y->written)
    return;
  if (l->x->needs)
    {
      grad = pr_node_grad (tape, l->x, &add);
      pr_tape_count (tape, 2.0 * (double)rows * (double)in * (double)out);
      pr_cpu_gemm (FALSE, FALSE, rows, in, out, 1, dy, out, l->weight->value, in, add ? 1 : 0, grad, in);
    }
  if (l->weight->needs)
    {
      grad = pr_node_grad (tape, l->weight, &add);
      pr_tape_sum_products (tape, out, in, rows, dy, out, l->x->value, in, add, grad);
    }
  if (l->bias != NULL && l->bias->needs)
    {
      grad = pr_node_grad (tape, l->bias, &add);
      pr_tape_sum_rows (tape, rows, out, dy, out, add, grad);
    }
}

PrVar *
pr_tape_linear (PrTape *tape, PrVar *x, PrVar *weight, PrVar *bias)
{
  gint64 rows = x->rows, in = x->n, out = weight->rows;
  Linear *l = pr_tape_alloc (tape, sizeof *l);

  pr_tape_require (weight->n == in && (bias == NULL || (bias->rows == 1 && bias->n == out)));
  *l = (Linear){ .x = node (x), .weight = node (weight), .bias = bias != NULL ? node (bias) : NULL };
  l->y = pr_tape_node (tape, rows, out, l->x->needs || l->weight->needs || (bias != NULL && l->bias->needs));
  pr_tape_count (tape, 2.0 * (double)rows * (double)in * (double)out);
  pr_cpu_gemm (FALSE, TRUE, rows, out, in, 1, x->value, in, weight->value, in, 0, l->y->value, out);
  if (bias != NULL)
    pr_tape_rows (rows, add_bias, l);
  if (l->y->needs)
    pr_tape_record (tape, linear_backward, l);
  return &l->y->var;
}

/* Scores of a few rows ------------------------------------------------------------ */

static void
dots_rows (gpointer ctx, gint64 from, gint64 to)
{
  const Linear *l = ctx;
  const PrCpuKernels *cpu = pr_cpu_kernels ();
  gint64 n = l->x->var.n;

  for (gint64 r = from; r < to; r++)
    for (gint64 j = r * l->k; j < (r + 1) * l->k; j++)
      {
        gint32 i = l->index[j];

        l->y->value[j] = i < 0 ? 0.0f
                               : cpu->dot (n, l->x->value + r * n, l->weight->value + i * n)
                                     + (l->bias != NULL ? l->bias->value[i] : 0.0f);
      }
}

static void
dots_dx (gpointer ctx, gint64 from, gint64 to)
{
  const Linear *l = ctx;
  gint64 n = l->x->var.n;

  for (gint64 r = from; r < to; r++)
    for (gint64 j = r * l->k; j < (r + 1) * l->k; j++)
      if (l->index[j] >= 0)
        for (gint64 i = 0; i < n; i++)
          l->grad[r * n + i] += l->y->grad[j] * l->weight->value[l->index[j] * n + i];
}

static void
dots_dtable (gpointer ctx, gsize tile, guint worker)
{
  const Linear *l = ctx;
  gint64 n = l->x->var.n, from = (gint64)tile * COLUMN_TILE, to = MIN (from + COLUMN_TILE, n);

  (void)worker;
  for (gint64 r = 0; r < l->x->var.rows; r++)
    for (gint64 j = r * l->k; j < (r + 1) * l->k; j++)
      if (l->index[j] >= 0)
        for (gint64 i = from; i < to; i++)
          l->grad[l->index[j] * n + i] += l->y->grad[j] * l->x->value[r * n + i];
}

static void
dots_backward (PrTape *tape, gpointer op)
{
  Linear *l = op;
  gint64 n = l->x->var.n;

  if (!l->y->written)
    return;
  if (l->x->needs)
    {
      l->grad = pr_node_grad_cleared (tape, l->x);
      pr_tape_rows (l->x->var.rows, dots_dx, l);
    }
  if (l->weight->needs)
    {
      l->grad = pr_node_grad_cleared (tape, l->weight);
      pr_parallel ((gsize)((n + COLUMN_TILE - 1) / COLUMN_TILE), dots_dtable, l);
    }
  if (l->bias != NULL && l->bias->needs)
    {
      l->grad = pr_node_grad_cleared (tape, l->bias);
      for (gint64 j = 0; j < l->x->var.rows * l->k; j++)
        if (l->index[j] >= 0)
          l->grad[l->index[j]] += l->y->grad[j];
    }
  pr_tape_count (tape, 4.0 * (double)(l->x->var.rows * l->k) * (double)n);
}

PrVar *
pr_tape_dots (PrTape *tape, PrVar *x, PrVar *table, PrVar *bias, gint64 k, const gint32 *index)
{
  Linear *l = pr_tape_alloc (tape, sizeof *l);

  pr_tape_require (k > 0 && table->n == x->n && (bias == NULL || (bias->rows == 1 && bias->n == table->rows)));
  *l = (Linear){ .x = node (x), .weight = node (table), .bias = bias != NULL ? node (bias) : NULL, .k = k };
  l->index = copy_index (tape, x->rows * k, index, table->rows);
  l->y = pr_tape_node (tape, x->rows, k, l->x->needs || l->weight->needs || (bias != NULL && l->bias->needs));
  pr_tape_count (tape, 2.0 * (double)(x->rows * k) * (double)x->n);
  pr_tape_rows (x->rows, dots_rows, l);
  if (l->y->needs)
    pr_tape_record (tape, dots_backward, l);
  return &l->y->var;
}
