/* Cross-entropy against a whole table.  Logits exist for a group of rows at a time and become their own gradient in
 * place, as in the head of the language model; so the gradients of x and of the table are made with the loss. */
#include "config.h"

#include "net/tape-private.h"

#include <string.h>

#define TILE 128               /* rows whose logits one thread makes; more pack the table less often */
#define GROUP_FLOATS (8 << 20) /* logits at a time, about */
#define LABEL_TILE 512         /* rows of the table's gradient a tile */

typedef struct
{
  Node *x, *table, *bias;
  const float *labels; /* the rows of the table that are labels */
  gint64 m, n, first;  /* their number, width, number of the first */
  gint64 n_rows;       /* rows with a target */
  const gint32 *rows;  /* [n_rows] their numbers; NULL: all */
  const gint32 *targets;
  const float *weights; /* NULL: 1 */
  float *xs, *losses;   /* [n_rows, n], [n_rows] */
  float *dx;            /* [n_rows, n]; NULL: not wanted */
  float scale;          /* 0: no gradient at all */
  /* Of a group. */
  gint64 at, group;
  float *logits;   /* [group, m] */
  float *weighted; /* [group, n]: xs times weights */
  float *dtable;   /* of the labels; NULL: not wanted */
  float *dbias;
} Head;

static void
head_tile (gpointer ctx, gsize tile, guint worker)
{
  const Head *h = ctx;
  const PrCpuKernels *cpu = pr_cpu_kernels ();
  gint64 from = (gint64)tile * TILE, rows = MIN (TILE, h->group - from), row = h->at + from;
  float *logits = h->logits + from * h->m, *xs = h->xs + row * h->n;

  (void)worker;
  pr_cpu_gemm (FALSE, TRUE, rows, h->m, h->n, 1, xs, h->n, h->labels, h->n, 0, logits, h->m);
  if (h->bias != NULL)
    cpu->bias_forward (rows, h->m, h->bias->value + h->first, logits, h->m);
  cpu->cross_entropy (rows, h->m, logits, h->m, h->targets + row, h->scale, h->losses + row);
  if (h->scale == 0)
    return;
  if (h->weights != NULL)
    for (gint64 r = 0; r < rows; r++)
      for (gint64 i = 0; i < h->n; i++)
        h->weighted[(from + r) * h->n + i] = xs[r * h->n + i] * h->weights[row + r];
  if (h->dx == NULL)
    return;
  pr_cpu_gemm (FALSE, FALSE, rows, h->n, h->m, 1, logits, h->m, h->labels, h->n, 0, h->dx + row * h->n, h->n);
  if (h->weights != NULL)
    for (gint64 r = 0; r < rows; r++)
      for (gint64 i = 0; i < h->n; i++)
        h->dx[(row + r) * h->n + i] *= h->weights[row + r];
}

static void
label_tile (gpointer ctx, gsize tile, guint worker)
{
  const Head *h = ctx;
  gint64 from = (gint64)tile * LABEL_TILE, m = MIN (LABEL_TILE, h->m - from);

  (void)worker;
  if (h->dtable != NULL)
    pr_cpu_gemm (TRUE, FALSE, m, h->n, h->group, 1, h->logits + from, h->m,
                 h->weights != NULL ? h->weighted : h->xs + h->at * h->n, h->n, 1, h->dtable + from * h->n, h->n);
  for (gint64 r = 0; h->dbias != NULL && r < h->group; r++)
    {
      float weight = h->weights != NULL ? h->weights[h->at + r] : 1.0f;

      for (gint64 j = from; j < from + m; j++)
        h->dbias[j] += weight * h->logits[r * h->m + j];
    }
}

static void
run_groups (PrTape *tape, Head *h)
{
  /* An even number of tiles, so that two threads end together. */
  gint64 most = MIN (MAX (GROUP_FLOATS / h->m / (2 * TILE), 1) * 2 * TILE, MAX (h->n_rows, 1));
  Mark mark = pr_tape_mark (tape);

  h->logits = pr_tape_floats (tape, most * h->m);
  if (h->weights != NULL)
    h->weighted = pr_tape_floats (tape, most * h->n);
  for (h->at = 0; h->at < h->n_rows; h->at += most)
    {
      h->group = MIN (most, h->n_rows - h->at);
      pr_parallel ((gsize)((h->group + TILE - 1) / TILE), head_tile, h);
      if (h->dtable != NULL || h->dbias != NULL)
        pr_parallel ((gsize)((h->m + LABEL_TILE - 1) / LABEL_TILE), label_tile, h);
    }
  pr_tape_release (tape, mark);
  pr_tape_count (tape, 2.0 * (double)(h->n_rows * h->m) * (double)h->n
                           * (1 + (h->dx != NULL ? 1 : 0) + (h->dtable != NULL ? 1 : 0)));
}

static void
head_backward (PrTape *tape, gpointer op)
{
  Head *h = op;
  gboolean add;
  float *grad = h->rows == NULL ? pr_node_grad (tape, h->x, &add) : pr_node_grad_cleared (tape, h->x);

  if (h->rows == NULL && !add)
    memcpy (grad, h->dx, (gsize)(h->n_rows * h->n) * sizeof (float));
  else
    for (gint64 r = 0; r < h->n_rows; r++)
      for (gint64 i = 0; i < h->n; i++)
        grad[(h->rows == NULL ? r : h->rows[r]) * h->n + i] += h->dx[r * h->n + i];
}

/* Which rows have a target; these rows of x side by side, and their targets and weights. */
static void
pick_rows (PrTape *tape, Head *h, const gint32 *targets, const float *weights)
{
  gint64 rows = h->x->var.rows, n = h->n;
  gint32 *picked = pr_tape_alloc (tape, (gsize)rows * sizeof *picked),
         *labels = pr_tape_alloc (tape, (gsize)rows * sizeof *labels);
  float *factors = weights != NULL ? pr_tape_floats (tape, rows) : NULL;

  for (gint64 r = 0; r < rows; r++)
    if (targets[r] >= 0)
      {
        pr_tape_require (targets[r] >= h->first && targets[r] < h->first + h->m);
        picked[h->n_rows] = (gint32)r;
        labels[h->n_rows] = targets[r] - (gint32)h->first;
        if (weights != NULL)
          factors[h->n_rows] = weights[r];
        h->n_rows++;
      }
  h->targets = labels;
  h->weights = factors;
  h->xs = h->x->value;
  if (h->n_rows == rows)
    return;
  h->rows = picked;
  h->xs = pr_tape_floats (tape, h->n_rows * n);
  for (gint64 r = 0; r < h->n_rows; r++)
    memcpy (h->xs + r * n, h->x->value + picked[r] * n, (gsize)n * sizeof (float));
}

static double
sum_losses (const Head *h, float *ret_losses)
{
  double sum = 0;

  if (ret_losses != NULL)
    memset (ret_losses, 0, (gsize)h->x->var.rows * sizeof (float));
  for (gint64 r = 0; r < h->n_rows; r++)
    {
      sum += (double)h->losses[r] * (h->weights != NULL ? (double)h->weights[r] : 1.0);
      if (ret_losses != NULL)
        ret_losses[h->rows != NULL ? h->rows[r] : r] = h->losses[r];
    }
  return sum;
}

double
pr_tape_softmax_loss (PrTape *tape, PrVar *x, PrVar *table, PrVar *bias, const gint32 *targets,
                      const PrSoftmaxLoss *loss)
{
  Head *h = pr_tape_alloc (tape, sizeof *h);
  gint64 m = loss->n_rows > 0 ? loss->n_rows : table->rows - loss->first_row;

  pr_tape_require (table->n == x->n && loss->first_row >= 0 && m > 0 && loss->first_row + m <= table->rows);
  pr_tape_require (bias == NULL || (bias->rows == 1 && bias->n == table->rows));
  *h = (Head){ .x = node (x), .table = node (table), .bias = bias != NULL ? node (bias) : NULL, .m = m, .n = x->n };
  h->first = loss->first_row;
  h->labels = table->value + h->first * h->n;
  pick_rows (tape, h, targets, loss->weights);
  h->losses = pr_tape_floats (tape, h->n_rows);
  if (pr_tape_wants (tape) && (h->x->needs || h->table->needs || (bias != NULL && h->bias->needs)))
    h->scale = loss->scale;
  if (h->scale != 0)
    {
      h->dx = h->x->needs ? pr_tape_floats (tape, h->n_rows * h->n) : NULL;
      h->dtable = h->table->needs ? pr_node_grad_cleared (tape, h->table) + h->first * h->n : NULL;
      h->dbias = bias != NULL && h->bias->needs ? pr_node_grad_cleared (tape, h->bias) + h->first : NULL;
    }
  run_groups (tape, h);
  if (h->dx != NULL)
    pr_tape_record (tape, head_backward, h);
  return sum_losses (h, loss->losses);
}
