/* tape-private.h - what the operations of a tape share.
 *
 * An operation computes its value at once and, where a gradient will be wanted, records how to make one.  Backward runs
 * through the records from the last to the first. */
#ifndef PR_TAPE_PRIVATE_H
#define PR_TAPE_PRIVATE_H

#include "compute/cpu.h"

#include <pauserec/net.h>

/* A variable as the operations see it. */
typedef struct
{
  PrVar var; /* first: a PrVar * is a Node * */
  float *value;
  float *grad;      /* [rows, n]; NULL until somebody adds to it */
  gboolean needs;   /* a gradient is wanted */
  gboolean written; /* grad holds something */
} Node;

typedef void (*Backward) (PrTape *tape, gpointer op);

/* A sum of products needs this many rows before it is worth a second thread; and rows of a tile of other work. */
#define PR_TAPE_ROWS 128

static inline Node *
node (PrVar *var)
{
  return (Node *)var;
}

/* For shapes, which only a program that is wrong gets wrong. */
#define pr_tape_require(condition)                                                                                     \
  do                                                                                                                   \
    if (G_UNLIKELY (!(condition)))                                                                                     \
      g_error ("%s: wrong shape: %s", __func__, #condition);                                                           \
  while (0)

/* 64-byte aligned memory until the next begin, not cleared. */
gpointer pr_tape_alloc (PrTape *tape, gsize bytes);
float *pr_tape_floats (PrTape *tape, gint64 n);
gpointer pr_tape_copy (PrTape *tape, gconstpointer from, gsize bytes);
/* Memory that was taken since the mark may be used again after the release. */
typedef struct
{
  gsize block, used;
} Mark;
Mark pr_tape_mark (PrTape *tape);
void pr_tape_release (PrTape *tape, Mark mark);

/* A result.  Its value is to be filled. */
Node *pr_tape_node (PrTape *tape, gint64 rows, gint64 n, gboolean needs);
/* How to make the gradients of what an operation took; OP is memory of the tape. */
void pr_tape_record (PrTape *tape, Backward backward, gpointer op);
gboolean pr_tape_wants (const PrTape *tape);               /* gradients */
const PrDropout *pr_tape_drops (PrTape *tape, float rate); /* a new site's; NULL: nothing is dropped */
void pr_tape_count (PrTape *tape, double flops);

/* Where to add X's gradient; *RET_ADD: it holds something already, otherwise it must be overwritten whole. */
float *pr_node_grad (PrTape *tape, Node *x, gboolean *ret_add);
/* The same, cleared where it held nothing. */
float *pr_node_grad_cleared (PrTape *tape, Node *x);

/* F over ROWS in tiles of PR_TAPE_ROWS. */
typedef void (*RowsFunc) (gpointer ctx, gint64 from, gint64 to);
void pr_tape_rows (gint64 rows, RowsFunc f, gpointer ctx);

/* C [m, n] (+)= A^T B, A [k, m] and B [k, n] of many rows. */
void pr_tape_sum_products (PrTape *tape, gint64 m, gint64 n, gint64 k, const float *a, gint64 lda, const float *b,
                           gint64 ldb, gboolean add, float *c);
/* out [n] (+)= column sums of X. */
void pr_tape_sum_rows (PrTape *tape, gint64 rows, gint64 n, const float *x, gint64 stride, gboolean add, float *out);
/* The gradient that rows of PARTIAL [tiles, n] give to X [1, n]. */
void pr_tape_add_partial (PrTape *tape, gint64 tiles, gint64 n, const float *partial, Node *x);

static inline gint64
pr_tape_pad (gint64 n)
{
  return (n + PR_CPU_PAD - 1) / PR_CPU_PAD * PR_CPU_PAD;
}

#endif
