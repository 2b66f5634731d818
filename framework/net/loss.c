/* Losses whose value and gradient are made row by row. */
#include "config.h"

#include "net/tape-private.h"

#include <math.h>
#include <string.h>

typedef struct
{
  Node *x;
  PrRowLoss f;
  gconstpointer ctx;
  float scale;
  double *losses; /* [rows] */
  float *dx;      /* [rows, n]; NULL: not wanted */
} Loss;

static void
loss_rows (gpointer ctx, gint64 from, gint64 to)
{
  const Loss *l = ctx;
  gint64 n = l->x->var.n;

  for (gint64 r = from; r < to; r++)
    {
      float *dx = l->dx != NULL ? l->dx + r * n : NULL;

      l->losses[r] = l->f (l->ctx, r, n, l->x->value + r * n, dx);
      for (gint64 i = 0; dx != NULL && i < n; i++)
        dx[i] *= l->scale;
    }
}

static void
loss_backward (PrTape *tape, gpointer op)
{
  Loss *l = op;
  gint64 n = l->x->var.rows * l->x->var.n;
  gboolean add;
  float *grad = pr_node_grad (tape, l->x, &add);

  for (gint64 i = 0; i < n; i++)
    grad[i] = add ? grad[i] + l->dx[i] : l->dx[i];
}

double
pr_tape_row_loss (PrTape *tape, PrVar *x, PrRowLoss f, gconstpointer ctx, float scale)
{
  Loss *l = pr_tape_alloc (tape, sizeof *l);
  double sum = 0;

  *l = (Loss){ node (x), f, ctx, scale, pr_tape_alloc (tape, (gsize)x->rows * sizeof (double)), NULL };
  if (pr_tape_wants (tape) && l->x->needs)
    l->dx = pr_tape_floats (tape, x->rows * x->n);
  pr_tape_rows (x->rows, loss_rows, l);
  for (gint64 r = 0; r < x->rows; r++)
    sum += l->losses[r];
  if (l->dx != NULL)
    pr_tape_record (tape, loss_backward, l);
  return sum;
}

typedef struct
{
  const float *labels, *weights;
} Binary;

/* max(x, 0) - x label + log(1 + exp(-|x|)): never overflows. */
static double
binary_row (gconstpointer ctx, gint64 row, gint64 n, const float *x, float *dx)
{
  const Binary *b = ctx;
  double sum = 0;

  for (gint64 i = 0; i < n; i++)
    {
      float label = b->labels[row * n + i], weight = b->weights != NULL ? b->weights[row * n + i] : 1.0f;
      float e = expf (-fabsf (x[i])), sigmoid = x[i] >= 0 ? 1 / (1 + e) : e / (1 + e);

      sum += (double)weight * ((double)(x[i] > 0 ? x[i] : 0) - (double)x[i] * (double)label + log1p ((double)e));
      if (dx != NULL)
        dx[i] = weight * (sigmoid - label);
    }
  return sum;
}

double
pr_tape_binary_loss (PrTape *tape, PrVar *x, const float *labels, const float *weights, float scale)
{
  Binary b = { labels, weights };

  return pr_tape_row_loss (tape, x, binary_row, &b, scale);
}

static double
square_row (gconstpointer ctx, gint64 row, gint64 n, const float *x, float *dx)
{
  double sum = 0;

  (void)ctx, (void)row;
  for (gint64 i = 0; i < n; i++)
    {
      sum += 0.5 * (double)x[i] * (double)x[i];
      if (dx != NULL)
        dx[i] = x[i];
    }
  return sum;
}

double
pr_tape_square_loss (PrTape *tape, PrVar *x, float scale)
{
  return pr_tape_row_loss (tape, x, square_row, NULL, scale);
}
