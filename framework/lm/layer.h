/* layer.h - one transformer layer on a tile of rows, in the pieces that training and decoding share.
 *
 * Everything runs on the calling thread: callers spread tiles with backend->parallel().
 */
#ifndef PR_LAYER_H
#define PR_LAYER_H

#include "lm/layout.h"

#include <pauserec/backend.h>

/* Widths of a row in floats. */
typedef struct
{
  gint64 hidden, q, kv, qk, qkv, ffn; /* qk = q + kv, qkv = q + 2 kv */
  gint64 heads;                       /* heads + kv_heads: rstd of the QK norm */
} PrLayerWidths;

typedef struct
{
  const PrBackend *backend;
  PrLayerWidths width;
  float eps;
  PrRope rope; /* with this layer's norms */
  PrAttentionShape attention;
  const float *in_norm, *qkv, *qkv_bias, *o, *post_norm, *gate_up, *down; /* qkv_bias may be NULL */
} PrLayer;

PrLayerWidths pr_layer_widths (const PrLmConfig *config);

/* Pointers into WEIGHTS for layer L.  COS, SIN as pr_layer_rope_tables() gives; attention strides are those of q and k
 * in a [., qk] array, v in a [., qkv] array and out in a [., q] array. */
void pr_layer_init (PrLayer *layer, const PrBackend *backend, const PrLmConfig *config, const PrLmLayout *layout,
                    const float *weights, gint32 l, const float *cos, const float *sin);

/* cos and sin [positions, head_dim / 2], in single precision as transformers computes them; host memory. */
void pr_layer_rope_tables (const PrLmConfig *config, gint64 positions, float *ret_cos, float *ret_sin);

/* x [rows, hidden] -> normed [rows, hidden], qkv [rows, qkv] before rotation (v is final), qk [rows, qk] rotated.
 * rstd [rows] and qk_rstd [rows, heads] are for backward and may be NULL. */
void pr_layer_attention_in (const PrLayer *layer, gint64 rows, const gint32 *positions, const float *x, float *normed,
                            float *rstd, float *qkv, float *qk, float *qk_rstd);
/* mid = x + dropout(attended W_o): attended [rows, q]; mid must not be x.  DROPOUT NULL: none. */
void pr_layer_attention_out (const PrLayer *layer, gint64 rows, const float *attended, const float *x, float *mid,
                             const PrDropout *dropout, guint64 first_row);
/* y = mid + dropout(mlp(mid)); normed [rows, hidden], gate_up [rows, 2 ffn], act [rows, ffn], y not mid. */
void pr_layer_mlp (const PrLayer *layer, gint64 rows, const float *mid, float *normed, float *rstd, float *gate_up,
                   float *act, float *y, const PrDropout *dropout, guint64 first_row);

/* What backward reads and writes for a tile of rows ROW .. ROW + ROWS - 1; arrays are those of the whole chunk. */
typedef struct
{
  gint64 rows, row;
  const gint32 *positions; /* of the tile's rows */
  const gint32 *offsets;   /* host: the tile's sequences, as rows of the chunk */
  gsize n_sequences;
  guint64 first_row;                                /* of the tile in the batch, for dropout */
  const PrDropout *attention_dropout, *mlp_dropout; /* NULL: none */

  /* Forward's. */
  const float *x, *rstd, *qkv, *qk_rstd, *attended, *lse, *mid, *mid_rstd, *gate_up;
  /* Scratch. */
  float *qk, *d_qk, *d_attended, *d_act, *d_normed;
  /* In: dy, gradient of the layer's output.  Out: dx.  The others are operands of the weight gradients:
   * down += d_mlp^T act, gate_up += d_gate_up^T mid_normed, o += d_out^T attended, qkv += d_qkv^T normed.
   * Without dropout dy stands for d_mlp and d_mid for d_out.  act, normed, mid_normed NULL: no weight gradients. */
  float *dy, *d_mlp, *act, *d_gate_up, *mid_normed, *d_mid, *d_out, *d_qkv, *normed, *dx;
  /* This tile's share of the gradients of norms and biases, added to; NULL: not wanted. */
  float *d_in_norm, *d_post_norm, *d_q_norm, *d_k_norm, *d_qkv_bias;
} PrLayerBackward;

void pr_layer_backward (const PrLayer *layer, const PrLayerBackward *b);

#endif
