/* adamw.h - weights under training, and their update. */
#ifndef PR_ADAMW_H
#define PR_ADAMW_H

#include <glib.h>

/* N numbers with their gradient and the two moments of AdamW; all begin as zero. */
typedef struct
{
  gint64 n;
  float *values, *grads, *m, *v; /* one allocation, owned */
} Weights;

void weights_init (Weights *weights, gint64 n);
void weights_clear (Weights *weights);

/* One update as torch.optim.AdamW (Loshchilov and Hutter 2019) with its defaults, betas .9 and .999, eps 1e-8:
 * decoupled decay, bias-corrected moments.  STEP counts from 1. */
void weights_update (Weights *weights, double lr, double weight_decay, guint64 step);

#endif
