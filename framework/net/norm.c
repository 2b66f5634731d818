/* Normalisation of rows. */
#include "config.h"

#include "net/tape-private.h"

#include <math.h>

typedef struct
{
  Node *x, *weight, *bias, *y; /* bias NULL: RMS norm */
  float eps;
  float *mean, *rstd; /* [rows] */
  float *dweight;     /* [tiles, n] of backward */
  float *dx;
  gboolean add;
} Norm;

#define LANES 8

/* Eight sums side by side, in an order that the width of the processor's vectors does not change. */
static inline float
sum (const float lanes[LANES])
{
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static float
row_mean (gint64 n, const float *x)
{
  float s[LANES] = { 0 };

  for (gint64 i = 0; i < n; i++)
    s[i % LANES] += x[i];
  return sum (s) / (float)n;
}

static float
row_variance (gint64 n, const float *x, float mean)
{
  float s[LANES] = { 0 };

  for (gint64 i = 0; i < n; i++)
    s[i % LANES] += (x[i] - mean) * (x[i] - mean);
  return sum (s) / (float)n;
}

static void
layer_norm_rows (gpointer ctx, gint64 from, gint64 to)
{
  const Norm *m = ctx;
  gint64 n = m->x->var.n;
  const float *w = m->weight->value, *b = m->bias->value;

  for (gint64 r = from; r < to; r++)
    {
      const float *x = m->x->value + r * n;
      float *y = m->y->value + r * n, mean = row_mean (n, x);
      float rstd = 1.0f / sqrtf (row_variance (n, x, mean) + m->eps);

      for (gint64 i = 0; i < n; i++)
        y[i] = (x[i] - mean) * rstd * w[i] + b[i];
      m->mean[r] = mean;
      m->rstd[r] = rstd;
    }
}

/* One row of dx, and its share of dweight. */
static void
layer_norm_row_grad (const Norm *m, gint64 r, float *dweight)
{
  gint64 n = m->x->var.n;
  const float *x = m->x->value + r * n, *dy = m->y->grad + r * n, *w = m->weight->value;
  float mean = m->mean[r], rstd = m->rstd[r], a[LANES] = { 0 }, b[LANES] = { 0 }, along, across;

  for (gint64 i = 0; i < n; i++)
    {
      float g = dy[i] * w[i], xs = (x[i] - mean) * rstd;

      dweight[i] += dy[i] * xs;
      a[i % LANES] += g;
      b[i % LANES] += g * xs;
    }
  if (m->dx == NULL)
    return;
  across = sum (a) / (float)n;
  along = sum (b) / (float)n;
  for (gint64 i = 0; i < n; i++)
    {
      float d = rstd * (dy[i] * w[i] - across - (x[i] - mean) * rstd * along), *dx = m->dx + r * n + i;

      *dx = m->add ? *dx + d : d;
    }
}

static float *
tile_dweight (const Norm *m, gint64 from)
{
  float *dweight = m->dweight + from / PR_TAPE_ROWS * m->x->var.n;

  for (gint64 i = 0; i < m->x->var.n; i++)
    dweight[i] = 0;
  return dweight;
}

static void
layer_norm_grads (gpointer ctx, gint64 from, gint64 to)
{
  const Norm *m = ctx;
  float *dweight = tile_dweight (m, from);

  for (gint64 r = from; r < to; r++)
    layer_norm_row_grad (m, r, dweight);
}

static void
norm_backward (PrTape *tape, Norm *m, RowsFunc f)
{
  gint64 rows = m->x->var.rows, n = m->x->var.n, tiles = (rows + PR_TAPE_ROWS - 1) / PR_TAPE_ROWS;
  Mark mark;

  if (!m->y->written)
    return;
  m->dx = m->x->needs ? pr_node_grad (tape, m->x, &m->add) : NULL;
  /* A gradient that is not there yet must outlive the partial sums. */
  if (m->weight->needs)
    (void)pr_node_grad_cleared (tape, m->weight);
  mark = pr_tape_mark (tape);
  m->dweight = pr_tape_floats (tape, tiles * n);
  pr_tape_rows (rows, f, m);
  pr_tape_add_partial (tape, tiles, n, m->dweight, m->weight);
  pr_tape_release (tape, mark);
}

static void
layer_norm_backward (PrTape *tape, gpointer op)
{
  Norm *m = op;

  norm_backward (tape, m, layer_norm_grads);
  if (m->y->written && m->bias->needs)
    {
      gboolean add;
      float *grad = pr_node_grad (tape, m->bias, &add);

      pr_tape_sum_rows (tape, m->y->var.rows, m->y->var.n, m->y->grad, m->y->var.n, add, grad);
    }
}

PrVar *
pr_tape_layer_norm (PrTape *tape, PrVar *x, PrVar *weight, PrVar *bias, float eps)
{
  Norm *m = pr_tape_alloc (tape, sizeof *m);

  pr_tape_require (weight->rows == 1 && weight->n == x->n && bias->rows == 1 && bias->n == x->n);
  *m = (Norm){ node (x), node (weight), node (bias), NULL, eps, NULL, NULL, NULL, NULL, FALSE };
  m->y = pr_tape_node (tape, x->rows, x->n, m->x->needs || m->weight->needs || m->bias->needs);
  m->mean = pr_tape_floats (tape, x->rows);
  m->rstd = pr_tape_floats (tape, x->rows);
  pr_tape_rows (x->rows, layer_norm_rows, m);
  if (m->y->needs)
    pr_tape_record (tape, layer_norm_backward, m);
  return &m->y->var;
}

static void
rms_norm_rows (gpointer ctx, gint64 from, gint64 to)
{
  const Norm *m = ctx;
  gint64 n = m->x->var.n;

  pr_cpu_kernels ()->rmsnorm_forward (to - from, n, m->x->value + from * n, m->weight->value, m->eps,
                                      m->y->value + from * n, m->rstd + from);
}

static void
rms_norm_grads (gpointer ctx, gint64 from, gint64 to)
{
  const Norm *m = ctx;
  gint64 n = m->x->var.n;
  float *dweight = tile_dweight (m, from);

  /* Inputs without a gradient: the kernel wants somewhere to put dx, and dy is no longer needed. */
  float *dx = (m->dx != NULL ? m->dx : m->y->grad) + from * n;

  pr_cpu_kernels ()->rmsnorm_backward (to - from, n, m->x->value + from * n, m->weight->value, m->rstd + from,
                                       m->y->grad + from * n, m->dx != NULL && m->add ? dx : NULL, dx, dweight, NULL);
}

static void
rms_norm_backward (PrTape *tape, gpointer op)
{
  norm_backward (tape, op, rms_norm_grads);
}

PrVar *
pr_tape_rms_norm (PrTape *tape, PrVar *x, PrVar *weight, float eps)
{
  Norm *m = pr_tape_alloc (tape, sizeof *m);

  pr_tape_require (weight->rows == 1 && weight->n == x->n);
  *m = (Norm){ node (x), node (weight), NULL, NULL, eps, NULL, NULL, NULL, NULL, FALSE };
  m->y = pr_tape_node (tape, x->rows, x->n, m->x->needs || m->weight->needs);
  m->rstd = pr_tape_floats (tape, x->rows);
  pr_tape_rows (x->rows, rms_norm_rows, m);
  if (m->y->needs)
    pr_tape_record (tape, rms_norm_backward, m);
  return &m->y->var;
}
