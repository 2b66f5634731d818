/* The tape: its memory, its records, and what the operations share. */
#include "config.h"

#include "net/tape-private.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK (4 << 20) /* bytes of the smallest block of memory */
#define SUM_ROWS 512    /* rows of a partial sum of products */
#define FLAT_TILE 16384

typedef struct
{
  guint8 *memory;
  gsize bytes;
} Block;

typedef struct Record Record;
struct Record
{
  Backward backward;
  gpointer op;
  Record *before;
};

struct PrTape
{
  PrNet *net;
  float *grads;
  gboolean drops;
  PrDropout dropout; /* of the next site */
  GArray *blocks;    /* Block */
  Mark at;           /* where memory is free */
  Record *last;
  Node **params; /* [n_params]; NULL where not yet used in this pass */
  double flops;
};

PrTape *
pr_tape_new (PrNet *net)
{
  PrTape *tape = g_new0 (PrTape, 1);

  tape->net = net;
  (void)pr_net_weights (net); /* no more parameters */
  tape->blocks = g_array_new (FALSE, FALSE, sizeof (Block));
  tape->params = g_new0 (Node *, MAX (pr_net_n_params (net), 1));
  return tape;
}

static void
free_blocks (PrTape *tape)
{
  for (guint i = 0; i < tape->blocks->len; i++)
    free (g_array_index (tape->blocks, Block, i).memory);
  g_array_set_size (tape->blocks, 0);
}

void
pr_tape_free (PrTape *tape)
{
  if (tape == NULL)
    return;
  free_blocks (tape);
  g_array_unref (tape->blocks);
  g_free (tape->params);
  g_free (tape);
}

guint64
pr_tape_memory (const PrTape *tape)
{
  guint64 sum = 0;

  for (guint i = 0; i < tape->blocks->len; i++)
    sum += g_array_index (tape->blocks, Block, i).bytes;
  return sum;
}

static void
add_block (PrTape *tape, gsize bytes)
{
  Block block = { pr_cpu_alloc (bytes), bytes };

  if (block.memory == NULL)
    g_error ("no memory for %" G_GSIZE_FORMAT " bytes of a network's values", bytes);
  g_array_append_val (tape->blocks, block);
}

/* What a pass needed in pieces the next one gets in one. */
void
pr_tape_begin (PrTape *tape, float *grads, const PrDropout *dropout)
{
  if (tape->blocks->len > 1)
    {
      gsize bytes = (gsize)pr_tape_memory (tape);

      free_blocks (tape);
      add_block (tape, bytes);
    }
  tape->at = (Mark){ 0, 0 };
  tape->last = NULL;
  tape->grads = grads;
  tape->drops = dropout != NULL;
  if (dropout != NULL)
    tape->dropout = *dropout;
  tape->dropout.site = 0;
  memset (tape->params, 0, pr_net_n_params (tape->net) * sizeof (Node *));
}

gpointer
pr_tape_alloc (PrTape *tape, gsize bytes)
{
  const Block *block;

  bytes = (MAX (bytes, 1) + 63) / 64 * 64;
  for (;; tape->at = (Mark){ tape->at.block + 1, 0 })
    {
      if (tape->at.block == tape->blocks->len)
        add_block (tape, MAX (MAX (bytes, BLOCK), (gsize)pr_tape_memory (tape) / 2));
      block = &g_array_index (tape->blocks, Block, tape->at.block);
      if (block->bytes - tape->at.used >= bytes)
        break;
    }
  tape->at.used += bytes;
  return block->memory + tape->at.used - bytes;
}

float *
pr_tape_floats (PrTape *tape, gint64 n)
{
  return pr_tape_alloc (tape, (gsize)n * sizeof (float));
}

gpointer
pr_tape_copy (PrTape *tape, gconstpointer from, gsize bytes)
{
  gpointer to = pr_tape_alloc (tape, bytes);

  if (bytes > 0)
    memcpy (to, from, bytes);
  return to;
}

Mark
pr_tape_mark (PrTape *tape)
{
  return tape->at;
}

void
pr_tape_release (PrTape *tape, Mark mark)
{
  tape->at = mark;
}

Node *
pr_tape_node (PrTape *tape, gint64 rows, gint64 n, gboolean needs)
{
  Node *x = pr_tape_alloc (tape, sizeof *x);

  *x = (Node){ .value = pr_tape_floats (tape, rows * n), .needs = needs };
  x->var = (PrVar){ rows, n, x->value };
  return x;
}

void
pr_tape_record (PrTape *tape, Backward backward, gpointer op)
{
  Record *record = pr_tape_alloc (tape, sizeof *record);

  *record = (Record){ backward, op, tape->last };
  tape->last = record;
}

gboolean
pr_tape_wants (const PrTape *tape)
{
  return tape->grads != NULL;
}

const PrDropout *
pr_tape_drops (PrTape *tape, float rate)
{
  PrDropout *dropout;

  if (!tape->drops)
    return NULL;
  tape->dropout.rate = rate;
  dropout = pr_tape_copy (tape, &tape->dropout, sizeof tape->dropout);
  tape->dropout.site++;
  return rate > 0 ? dropout : NULL;
}

void
pr_tape_count (PrTape *tape, double flops)
{
  tape->flops += flops;
}

double
pr_tape_flops (const PrTape *tape)
{
  return tape->flops;
}

void
pr_tape_backward (PrTape *tape)
{
  for (; tape->last != NULL; tape->last = tape->last->before)
    tape->last->backward (tape, tape->last->op);
}

PrVar *
pr_tape_param (PrTape *tape, gint32 param)
{
  const PrNetParam *p;
  Node *x;

  pr_tape_require (param >= 0 && (gsize)param < pr_net_n_params (tape->net));
  if (tape->params[param] != NULL)
    return &tape->params[param]->var;
  p = pr_net_param (tape->net, (gsize)param);
  x = pr_tape_alloc (tape, sizeof *x);
  *x = (Node){ .value = pr_net_weights (tape->net) + p->offset, .needs = tape->grads != NULL, .written = TRUE };
  x->var = (PrVar){ p->rows, p->columns, x->value };
  x->grad = x->needs ? tape->grads + p->offset : NULL;
  tape->params[param] = x;
  return &x->var;
}

PrVar *
pr_tape_input (PrTape *tape, gint64 rows, gint64 n, const float *values)
{
  Node *x = pr_tape_node (tape, rows, n, FALSE);

  if (rows * n > 0)
    memcpy (x->value, values, (gsize)(rows * n) * sizeof (float));
  return &x->var;
}

float *
pr_node_grad (PrTape *tape, Node *x, gboolean *ret_add)
{
  if (x->grad == NULL)
    x->grad = pr_tape_floats (tape, x->var.rows * x->var.n);
  *ret_add = x->written;
  x->written = TRUE;
  return x->grad;
}

float *
pr_node_grad_cleared (PrTape *tape, Node *x)
{
  gboolean add;
  float *grad = pr_node_grad (tape, x, &add);

  if (!add)
    memset (grad, 0, (gsize)(x->var.rows * x->var.n) * sizeof (float));
  return grad;
}

typedef struct
{
  gint64 rows;
  RowsFunc f;
  gpointer ctx;
} Rows;

static void
rows_tile (gpointer ctx, gsize tile, guint worker)
{
  const Rows *r = ctx;
  gint64 from = (gint64)tile * PR_TAPE_ROWS;

  (void)worker;
  r->f (r->ctx, from, MIN (from + PR_TAPE_ROWS, r->rows));
}

void
pr_tape_rows (gint64 rows, RowsFunc f, gpointer ctx)
{
  Rows r = { rows, f, ctx };

  pr_parallel ((gsize)((rows + PR_TAPE_ROWS - 1) / PR_TAPE_ROWS), rows_tile, &r);
}

typedef struct
{
  gint64 m, n, k, lda, ldb;
  const float *a, *b;
  float *partial;
} Sum;

static void
products_tile (gpointer ctx, gsize tile, guint worker)
{
  const Sum *s = ctx;
  gint64 from = (gint64)tile * SUM_ROWS;

  (void)worker;
  pr_cpu_gemm (TRUE, FALSE, s->m, s->n, MIN (SUM_ROWS, s->k - from), 1, s->a + from * s->lda, s->lda,
               s->b + from * s->ldb, s->ldb, 0, s->partial + (gint64)tile * s->m * s->n, s->n);
}

typedef struct
{
  gint64 tiles, n;
  const float *partial;
  gboolean add;
  float *out;
} Fold;

static void
fold_tile (gpointer ctx, gsize tile, guint worker)
{
  const Fold *f = ctx;
  gint64 from = (gint64)tile * FLAT_TILE, n = MIN (FLAT_TILE, f->n - from);
  float *out = f->out + from;

  (void)worker;
  if (!f->add)
    memset (out, 0, (gsize)n * sizeof (float));
  for (gint64 t = 0; t < f->tiles; t++)
    for (gint64 i = 0; i < n; i++)
      out[i] += f->partial[t * f->n + from + i];
}

static void
fold (gint64 tiles, gint64 n, const float *partial, gboolean add, float *out)
{
  Fold f = { tiles, n, partial, add, out };

  pr_parallel ((gsize)((n + FLAT_TILE - 1) / FLAT_TILE), fold_tile, &f);
}

void
pr_tape_sum_products (PrTape *tape, gint64 m, gint64 n, gint64 k, const float *a, gint64 lda, const float *b,
                      gint64 ldb, gboolean add, float *c)
{
  gint64 tiles = (k + SUM_ROWS - 1) / SUM_ROWS;
  Sum s = { m, n, k, lda, ldb, a, b, NULL };
  Mark mark = pr_tape_mark (tape);

  pr_tape_count (tape, 2.0 * (double)m * (double)n * (double)k);
  /* Large results have tiles of their own. */
  if (tiles <= 1 || m * n > 512 * 1024)
    {
      if (k == 0 && !add)
        memset (c, 0, (gsize)(m * n) * sizeof (float));
      else
        pr_cpu_gemm (TRUE, FALSE, m, n, k, 1, a, lda, b, ldb, add ? 1 : 0, c, n);
      return;
    }
  s.partial = pr_tape_floats (tape, tiles * m * n);
  pr_parallel ((gsize)tiles, products_tile, &s);
  fold (tiles, m * n, s.partial, add, c);
  pr_tape_release (tape, mark);
}

static void
sum_tile (gpointer ctx, gsize tile, guint worker)
{
  const Sum *s = ctx;
  gint64 from = (gint64)tile * SUM_ROWS;
  float *out = s->partial + (gint64)tile * s->n;

  (void)worker;
  memset (out, 0, (gsize)s->n * sizeof (float));
  pr_cpu_kernels ()->bias_backward (MIN (SUM_ROWS, s->k - from), s->n, s->a + from * s->lda, s->lda, out);
}

void
pr_tape_sum_rows (PrTape *tape, gint64 rows, gint64 n, const float *x, gint64 stride, gboolean add, float *out)
{
  gint64 tiles = (rows + SUM_ROWS - 1) / SUM_ROWS;
  Mark mark = pr_tape_mark (tape);
  Sum s = { 0, n, rows, stride, 0, x, NULL, pr_tape_floats (tape, tiles * n) };

  pr_parallel ((gsize)tiles, sum_tile, &s);
  fold (tiles, n, s.partial, add, out);
  pr_tape_release (tape, mark);
}

void
pr_tape_add_partial (PrTape *tape, gint64 tiles, gint64 n, const float *partial, Node *x)
{
  gboolean add;
  float *grad;

  if (x == NULL || !x->needs)
    return;
  grad = pr_node_grad (tape, x, &add);
  fold (tiles, n, partial, add, grad);
}
