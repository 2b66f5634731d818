/* layout.h - where every weight of a language model lies in one flat array.
 *
 * Weights, gradients and both AdamW moments are arrays of the same layout, so the optimizer, checkpoints
 * and clipping see one vector.  Order: per layer (input norm, q, k, v, [biases q k v], [q norm, k norm], o, post norm,
 * gate, up, down), final norm, embedding last, so that adding tokens only appends.  q, k, v are adjacent (one GEMM of
 * (heads + 2 kv_heads) head_dim rows), so are their biases, and gate and up.  Matrices are [out, in] row-major as in
 * PyTorch.  Every tensor that does not continue its neighbour starts at a multiple of 16 floats; the gaps are no
 * parameters and stay 0.
 */
#ifndef PR_LAYOUT_H
#define PR_LAYOUT_H

#include <pauserec/lm.h>

typedef struct
{
  char name[64];        /* Hugging Face's name: "model.layers.0.self_attn.q_proj.weight" */
  gint64 offset;        /* in floats */
  gint64 rows, columns; /* vectors: rows = length, columns = 0 */
  gboolean decays;      /* weight decay applies: matrices */
} PrLmTensor;

typedef struct
{
  gint64 in_norm, q, k, v, q_bias, k_bias, v_bias, q_norm, k_norm, o, post_norm, gate, up,
      down; /* offsets; -1: absent */
} PrLmLayerOffsets;

typedef struct
{
  PrLmTensor *tensors; /* in layout order */
  gsize n_tensors;
  PrLmLayerOffsets *layers;
  gint64 final_norm, embedding;
  gint64 size; /* floats in all, a multiple of 16 */
} PrLmLayout;

PrLmLayout *pr_lm_layout_new (const PrLmConfig *config);
void pr_lm_layout_free (PrLmLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrLmLayout, pr_lm_layout_free)

/* What framework/lm shares about a model; plugins see the functions of lm.h only. */
struct PrLm
{
  PrLmConfig config;
  PrLmLayout *layout;
  float *weights;         /* layout->size floats, 64-byte aligned, owned (backend memory of the CPU) */
  PrTokenizer *tokenizer; /* owned */
  PrProtocol *protocol;   /* owned; may be NULL */
};

#endif
