/* model-private.h - the workspace that model.c, head.c, latent.c and backward.c share. */
#ifndef PR_MODEL_PRIVATE_H
#define PR_MODEL_PRIVATE_H

#include "lm/layer.h"
#include "lm/model.h"

/* A tile: whole sequences of a chunk, about tile_rows rows; one thread takes it through all layers. */
typedef struct
{
  gint64 row, rows;
  gsize sequence, n_sequences;
  gsize n_latents; /* most latent positions in one of its sequences */
} PrModelTile;

/* Operands of the weight gradients of one layer; two sets, because the gradients of layer l + 1 are computed beside the
 * backward of layer l. */
typedef struct
{
  float *d_mlp, *act, *d_gate_up, *mid_normed, *d_mid, *d_out, *d_qkv, *normed;
} PrModelGradients;

struct PrModel
{
  PrLmConfig config;
  PrLmLayout *layout;
  const PrBackend *backend;
  PrLayerWidths width;
  gint64 max_rows;
  gboolean training;
  gpointer memory;

  float *cos, *sin;
  gint32 *tokens, *positions, *sources, *targets; /* of the chunk, backend memory */

  /* Activations; layer l's begin at l x stride, and without training all layers share one. */
  gint64 stride; /* in rows: max_rows or 0 */
  float *x, *rstd, *qkv, *qk_rstd, *attended, *lse, *mid, *mid_rstd, *gate_up;
  float *normed, *qk, *act; /* scratch */

  /* Head: a group of head_rows targets at a time, in tiles of head_tile. */
  gint64 head_rows, head_tile;
  float *head_x, *head_normed, *head_rstd, *head_d, *head_scales, *logits, *losses;
  double *values; /* host [max_rows]: what a target adds to the loss; training only */
  double temperature;

  /* Backward. */
  float *dx[3]; /* gradients of layers' outputs, in turn: one is read by the weight gradients of the layer above */
  PrModelGradients gradients[2];
  float *d_qk, *d_attended, *d_act, *d_normed;
  float *latent_rstd; /* [max_rows] of the final norm in the row before a latent one */
  gint64 n_partial;   /* floats of a tile's share of the gradients of norms and biases */
  gint64 max_tiles;
  float *partial[2]; /* [max_tiles, n_partial] */

  /* The chunk at hand. */
  const float *weights;
  const PrChunk *chunk;
  const PrBackward *backward; /* NULL: inference */
  PrLayer *layers;            /* [layers] */
  PrModelTile *tiles;         /* [max_tiles] */
  gsize n_tiles;
  gboolean latent; /* the chunk has latent positions */
  gint32 *host;    /* [max_rows] */

  /* Called inside each tile after layer L has rotated its queries and keys (qk); NULL: nobody looks. */
  void (*watch) (gpointer ctx, const PrModelTile *tile, gint32 l);
  gpointer watch_ctx;
};

/* Uploads what CHUNK says and cuts it into tiles. */
void pr_model_start (PrModel *model, const float *weights, const PrChunk *chunk, const PrBackward *backward);
/* Dropout of a site (0: embedding; 1 + 2 l, 2 + 2 l: branches of layer l) into STORAGE, or NULL where there is none. */
const PrDropout *pr_model_dropout (const PrModel *model, guint64 site, PrDropout *storage);
/* Output of the last layer, [rows, hidden]. */
float *pr_model_top (const PrModel *model);
void pr_model_forward (PrModel *model);

/* head.c: losses into model->losses [n_targets].  With model->backward the gradient of the last layer's output into DX
 * and the head's own into GRADS. */
void pr_model_head (PrModel *model, float *dx, float *grads);
/* backward.c: from DX of the top (model->dx[0]) down to the embedding. */
void pr_model_backward (PrModel *model, float *grads);
/* The rows of tile INDEX through layer L, from dx[depth % 3] to dx[(depth + 1) % 3], depth counted from the top;
 * WEIGHTS: leaves the operands of the weight gradients and the tile's partial sums behind. */
void pr_model_backward_rows (PrModel *model, gint32 l, gsize index, gboolean weights);

/* latent.c */
gsize pr_model_count_latents (const PrChunk *chunk, gsize sequence);
/* Inputs of latent J (from 0) of each sequence of the tile, from the pass just made. */
void pr_model_feed (PrModel *model, const PrModelTile *tile, gsize j);
/* Adds to model->dx[0] what reaches the top of rows by way of the latents that they feed; to GRADS the final norm's. */
void pr_model_complete_top (PrModel *model, float *grads);

#endif
