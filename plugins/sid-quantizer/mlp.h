/* mlp.h - a perceptron of several layers, ReLU between them, with its gradient. */
#ifndef PR_MLP_H
#define PR_MLP_H

#include "adamw.h"

#include <pauserec/rng.h>

typedef struct
{
  gint64 in, out;
  Weights matrix, bias;     /* [in, out], [out] */
  float *output, *d_output; /* [max_rows, out]: after ReLU, except in the last layer; and its gradient */
} MlpLayer;

typedef struct
{
  gint64 n_layers, max_rows;
  MlpLayer *layers;
} Mlp;

/* WIDTHS [n_layers + 1], inputs first.  Matrices are normal, of variance 2 / in before a ReLU (He et al. 2015) and 1 /
 * in in the last layer, which keeps the size of what passes through; biases are zero. */
void mlp_init (Mlp *mlp, const gint64 *widths, gint64 n_layers, gint64 max_rows, PrRng rng);
void mlp_clear (Mlp *mlp);

/* Y [rows, last width] of X [rows, first width], rows <= max_rows; belongs to the mlp, valid until the next call. */
const float *mlp_forward (Mlp *mlp, gint64 rows, const float *x);

/* Where the caller writes the gradient of the latest output, [rows, last width], before mlp_backward(). */
float *mlp_output_gradient (Mlp *mlp);

/* Gradients of all weights, which replace the old ones, and of X (NULL: not wanted).  X is that of the latest forward.
 */
void mlp_backward (Mlp *mlp, gint64 rows, const float *x, float *dx);

/* AdamW; biases do not decay. */
void mlp_update (Mlp *mlp, double lr, double weight_decay, guint64 step);

#endif
