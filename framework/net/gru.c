/* Gated recurrent units over packed sequences.
 *
 * What depends on the inputs alone is one product over all rows.  The rest goes step by step: a tile is a few
 * sequences, longest first, so that those still running at a step are the first rows of a dense state. */
#include "config.h"

#include "net/tape-private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TILE 48 /* sequences; a multiple of PR_CPU_BLOCK */

typedef struct
{
  Node *x, *w_ih, *w_hh, *b_ih, *b_hh, *y;
  gint64 h, hp, gp; /* width; padded: h, 3 h */
  gsize n_sequences;
  const gint32 *offsets; /* [n_sequences + 1] */
  const gint32 *order;   /* [n_sequences]: within each tile longest first */
  float *gates;          /* [rows, 4 h]: reset, update, new, and the state's part of new */
  float *wt;             /* w_hh^T [h, gp]; of backward: w_hh [3 h, hp] */
  float *dgates;         /* [rows, 4 h]: of reset, update, new, and of the state's part of new */
  float *scratch;        /* [tiles, ...] */
  gint64 n_scratch;
} Gru;

static gint64
length (const Gru *g, gsize i)
{
  return g->offsets[g->order[i] + 1] - g->offsets[g->order[i]];
}

static float
sigmoid (float x)
{
  return 1.0f / (1.0f + expf (-x));
}

/* One unit's step: GATES holds what the inputs give, HIDDEN [3 h] what the state gives. */
static void
step_row (const Gru *g, float *gates, const float *hidden, float *state, float *y)
{
  gint64 h = g->h;
  const float *b = g->b_hh != NULL ? g->b_hh->value : NULL;

  for (gint64 i = 0; i < h; i++)
    {
      float r = sigmoid (gates[i] + hidden[i] + (b != NULL ? b[i] : 0.0f));
      float z = sigmoid (gates[h + i] + hidden[h + i] + (b != NULL ? b[h + i] : 0.0f));
      float from_state = hidden[2 * h + i] + (b != NULL ? b[2 * h + i] : 0.0f);
      float new = tanhf (gates[2 * h + i] + r * from_state);

      gates[i] = r;
      gates[h + i] = z;
      gates[2 * h + i] = new;
      gates[3 * h + i] = from_state;
      y[i] = state[i] = (1 - z) * new + z *state[i];
    }
}

static void
forward_tile (gpointer ctx, gsize tile, guint worker)
{
  const Gru *g = ctx;
  const PrCpuKernels *cpu = pr_cpu_kernels ();
  gsize from = tile * TILE, n = MIN (TILE, g->n_sequences - from);
  float *state = g->scratch + (gint64)tile * g->n_scratch, *hidden = state + TILE * g->h;

  (void)worker;
  memset (state, 0, (gsize)(TILE * g->h) * sizeof (float));
  for (gint64 t = 0;; t++)
    {
      while (n > 0 && length (g, from + n - 1) <= t)
        n--;
      if (n == 0)
        return;
      cpu->block ((gint64)n, g->gp, g->h, state, g->h, 1, g->wt, g->gp, FALSE, hidden, g->gp);
      for (gsize i = 0; i < n; i++)
        {
          gint64 row = g->offsets[g->order[from + i]] + t;

          step_row (g, g->gates + row * 4 * g->h, hidden + (gint64)i * g->gp, state + (gint64)i * g->h,
                    g->y->value + row * g->h);
        }
    }
}

/* Gradients of one unit's step: D [h] that of its output, then the part of the gradient of the state before it that
 * does not pass the gates; HIDDEN [3 h] what passes w_hh. */
static void
step_row_back (const Gru *g, const float *gates, const float *before, float *d, float *hidden, float *dgates)
{
  gint64 h = g->h;

  for (gint64 i = 0; i < h; i++)
    {
      float r = gates[i], z = gates[h + i], new = gates[2 * h + i], from_state = gates[3 * h + i];
      float state = before != NULL ? before[i] : 0.0f;
      float dnew = d[i] * (1 - z) * (1 - new *new);

      hidden[i] = dgates[i] = dnew * from_state * r * (1 - r);
      hidden[h + i] = dgates[h + i] = d[i] * (state - new) * z * (1 - z);
      dgates[2 * h + i] = dnew;
      hidden[2 * h + i] = dgates[3 * h + i] = dnew * r;
      d[i] *= z;
    }
}

static void
backward_tile (gpointer ctx, gsize tile, guint worker)
{
  const Gru *g = ctx;
  const PrCpuKernels *cpu = pr_cpu_kernels ();
  gsize from = tile * TILE, most = MIN (TILE, g->n_sequences - from), n = 0;
  gint64 h = g->h, hp = g->hp;
  float *d = g->scratch + (gint64)tile * g->n_scratch, *hidden = d + TILE * hp;

  (void)worker;
  memset (d, 0, (gsize)(TILE * hp) * sizeof (float));
  for (gint64 t = length (g, from) - 1; t >= 0; t--)
    {
      while (n < most && length (g, from + n) > t)
        n++;
      for (gsize i = 0; i < n; i++)
        {
          gint64 row = g->offsets[g->order[from + i]] + t;
          float *di = d + (gint64)i * hp;

          for (gint64 j = 0; j < h; j++)
            di[j] += g->y->grad[row * h + j];
          step_row_back (g, g->gates + row * 4 * h, t > 0 ? g->y->value + (row - 1) * h : NULL, di,
                         hidden + (gint64)i * 3 * h, g->dgates + row * 4 * h);
        }
      cpu->block ((gint64)n, hp, 3 * h, hidden, 3 * h, 1, g->wt, hp, TRUE, d, hp);
    }
}

static gsize
n_tiles (const Gru *g)
{
  return (g->n_sequences + TILE - 1) / TILE;
}

/* States before each row: rows of y moved by one, zeros where a sequence begins. */
static float *
states_before (PrTape *tape, const Gru *g)
{
  gint64 rows = g->y->var.rows, h = g->h;
  float *before = pr_tape_floats (tape, rows * h);

  if (rows > 1)
    memcpy (before + h, g->y->value, (gsize)((rows - 1) * h) * sizeof (float));
  for (gsize s = 0; s < g->n_sequences; s++)
    if (g->offsets[s] < rows)
      memset (before + g->offsets[s] * h, 0, (gsize)h * sizeof (float));
  return before;
}

/* Rows [FIRST, FIRST + N) of the gates' weights, whose gradients are at COLUMN of dgates. */
static void
hidden_grads (PrTape *tape, const Gru *g, const float *before, gint64 first, gint64 n, gint64 column)
{
  gint64 rows = g->y->var.rows, h = g->h;
  const float *dg = g->dgates + column;

  if (g->w_hh->needs)
    pr_tape_sum_products (tape, n, h, rows, dg, 4 * h, before, h, TRUE,
                          pr_node_grad_cleared (tape, g->w_hh) + first * h);
  if (g->b_hh != NULL && g->b_hh->needs)
    pr_tape_sum_rows (tape, rows, n, dg, 4 * h, TRUE, pr_node_grad_cleared (tape, g->b_hh) + first);
}

static void
gru_backward (PrTape *tape, gpointer op)
{
  Gru *g = op;
  gint64 rows = g->y->var.rows, h = g->h, in = g->x->var.n;
  const float *before;
  gboolean add;
  float *grad;

  if (!g->y->written || rows == 0)
    return;
  g->wt = pr_tape_floats (tape, 3 * h * g->hp);
  pr_cpu_kernels ()->pack (3 * h, h, 1, g->w_hh->value, h, g->wt, g->hp);
  g->dgates = pr_tape_floats (tape, rows * 4 * h);
  g->n_scratch = TILE * (g->hp + 3 * h);
  g->scratch = pr_tape_floats (tape, (gint64)n_tiles (g) * g->n_scratch);
  pr_parallel (n_tiles (g), backward_tile, g);
  before = states_before (tape, g);
  hidden_grads (tape, g, before, 0, 2 * h, 0);
  hidden_grads (tape, g, before, 2 * h, h, 3 * h);
  if (g->w_ih->needs)
    {
      grad = pr_node_grad (tape, g->w_ih, &add);
      pr_tape_sum_products (tape, 3 * h, in, rows, g->dgates, 4 * h, g->x->value, in, add, grad);
    }
  if (g->b_ih != NULL && g->b_ih->needs)
    {
      grad = pr_node_grad (tape, g->b_ih, &add);
      pr_tape_sum_rows (tape, rows, 3 * h, g->dgates, 4 * h, add, grad);
    }
  if (g->x->needs)
    {
      grad = pr_node_grad (tape, g->x, &add);
      pr_cpu_gemm (FALSE, FALSE, rows, in, 3 * h, 1, g->dgates, 4 * h, g->w_ih->value, in, add ? 1 : 0, grad, in);
    }
  pr_tape_count (tape, 2.0 * (double)rows * (double)(3 * h) * (double)(h + in));
}

/* Offsets are copied; sequences of each tile by length, and where equal by number. */
static void
order_sequences (PrTape *tape, Gru *g, const gint32 *offsets)
{
  gint32 *order = pr_tape_alloc (tape, g->n_sequences * sizeof *order);

  g->offsets = pr_tape_copy (tape, offsets, (g->n_sequences + 1) * sizeof *offsets);
  g->order = order;
  for (gsize i = 0; i < g->n_sequences; i++)
    {
      gint32 n = offsets[i + 1] - offsets[i];
      gsize j = i;

      for (; j % TILE > 0 && offsets[order[j - 1] + 1] - offsets[order[j - 1]] < n; j--)
        order[j] = order[j - 1];
      order[j] = (gint32)i;
    }
}

static void
add_bias (gpointer ctx, gint64 from, gint64 to)
{
  const Gru *g = ctx;

  pr_cpu_kernels ()->bias_forward (to - from, 3 * g->h, g->b_ih->value, g->gates + from * 4 * g->h, 4 * g->h);
}

PrVar *
pr_tape_gru (PrTape *tape, PrVar *x, PrVar *w_ih, PrVar *w_hh, PrVar *b_ih, PrVar *b_hh, const gint32 *offsets,
             gsize n_sequences)
{
  Gru *g = pr_tape_alloc (tape, sizeof *g);
  gint64 h = w_hh->n;

  pr_tape_require (w_ih->rows == 3 * h && w_hh->rows == 3 * h && w_ih->n == x->n && offsets[n_sequences] == x->rows);
  pr_tape_require ((b_ih == NULL) == (b_hh == NULL)
                   && (b_ih == NULL || (b_ih->rows * b_ih->n == 3 * h && b_hh->rows * b_hh->n == 3 * h)));
  *g = (Gru){ .x = node (x), .w_ih = node (w_ih), .w_hh = node (w_hh), .h = h, .n_sequences = n_sequences };
  g->hp = pr_tape_pad (h);
  g->gp = pr_tape_pad (3 * h);
  g->b_ih = b_ih != NULL ? node (b_ih) : NULL;
  g->b_hh = b_hh != NULL ? node (b_hh) : NULL;
  g->y = pr_tape_node (tape, x->rows, h,
                       g->x->needs || g->w_ih->needs || g->w_hh->needs
                           || (b_ih != NULL && (g->b_ih->needs || g->b_hh->needs)));
  order_sequences (tape, g, offsets);
  g->gates = pr_tape_floats (tape, x->rows * 4 * h);
  g->wt = pr_tape_floats (tape, h * g->gp);
  pr_cpu_kernels ()->transpose (3 * h, h, w_hh->value, h, g->wt, g->gp);
  g->n_scratch = TILE * (h + g->gp);
  g->scratch = pr_tape_floats (tape, (gint64)n_tiles (g) * g->n_scratch);
  pr_cpu_gemm (FALSE, TRUE, x->rows, 3 * h, x->n, 1, x->value, x->n, w_ih->value, x->n, 0, g->gates, 4 * h);
  if (b_ih != NULL)
    pr_tape_rows (x->rows, add_bias, g);
  pr_parallel (n_tiles (g), forward_tile, g);
  pr_tape_count (tape, 2.0 * (double)x->rows * (double)(3 * h) * (double)(h + x->n));
  if (g->y->needs)
    pr_tape_record (tape, gru_backward, g);
  return &g->y->var;
}
