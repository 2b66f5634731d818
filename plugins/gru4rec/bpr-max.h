/* bpr-max.h - the loss of Hidasi and Karatzoglou 2018, equation 10 with its regularisation. */
#ifndef PR_BPR_MAX_H
#define PR_BPR_MAX_H

#include <glib.h>

typedef struct
{
  const gint32 *targets; /* [rows] negative: no loss at this row */
  double reg;
} BprMax;

/* r[0] is the target's score, the others those of N - 1 sampled items, s their softmax:
 * -log sum_j s_j sigmoid(r_0 - r_j) + reg sum_j s_j r_j^2.  A PrRowLoss whose CTX is a BprMax. */
double bpr_max_row (gconstpointer ctx, gint64 row, gint64 n, const float *r, float *dr);

#endif
