/* rqvae.h - the residual-quantised autoencoder: encoder, codebooks, decoder; no data, no schedule.
 *
 * TIGER (Rajput et al. 2023, section 3.1): x -> encoder -> z -> codes e_0 .. e_{L-1} -> decoder (sum of e_l) -> x'.
 * Loss = mean over rows and dimensions of |x - x'|^2, plus that of codebooks.h.  Straight-through: the gradient of the
 * decoder's input goes to z as it is and to no code.
 */
#ifndef PR_RQVAE_H
#define PR_RQVAE_H

#include "codebooks.h"
#include "mlp.h"

#define RQVAE_MAX_HIDDEN 8

typedef struct
{
  gint64 d;                        /* of the embeddings */
  gint64 n_hidden;                 /* at most RQVAE_MAX_HIDDEN */
  gint64 hidden[RQVAE_MAX_HIDDEN]; /* widths of the encoder's hidden layers; the decoder has them backwards */
  gint64 latent;
  gint32 levels;
  gint32 sizes[PR_SID_MAX_LEVELS];
  double beta;
  gint64 max_rows; /* of a batch */
} RqvaeShape;

typedef struct
{
  RqvaeShape shape;
  Mlp encoder, decoder;
  Codebooks books;
  float *quantised;   /* [max_rows, latent] of the latest batch */
  float *d_quantised; /* its gradient */
} Rqvae;

typedef struct
{
  double reconstruction; /* mean of |x - x'|^2 over rows and dimensions */
  double commitment;     /* codebooks_loss() */
  double total;          /* reconstruction + (1 + beta) commitment */
} RqvaeLoss;

/* Networks drawn from SEED; codebooks zero until codebooks_start(). */
void rqvae_init (Rqvae *model, const RqvaeShape *shape, guint64 seed);
void rqvae_clear (Rqvae *model);

/* Loss of X [rows, d]; then the gradients of all weights from the same X. */
RqvaeLoss rqvae_forward (Rqvae *model, gint64 rows, const float *x);
void rqvae_backward (Rqvae *model, gint64 rows, const float *x);
/* One step of AdamW; only the matrices decay. */
void rqvae_update (Rqvae *model, double lr, double weight_decay, guint64 step);

/* Floating-point operations of encoding, choosing codes and decoding one row. */
double rqvae_row_flops (const RqvaeShape *shape);
/* Bytes of weights, gradients, moments and of one batch. */
double rqvae_bytes (const RqvaeShape *shape);

#endif
