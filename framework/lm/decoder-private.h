/* decoder-private.h - the memory that decoder.c, decoder-run.c and decoder-head.c share. */
#ifndef PR_DECODER_PRIVATE_H
#define PR_DECODER_PRIVATE_H

#include "lm/decoder.h"
#include "lm/layer.h"

/* Rows of prompts that run through a layer at once: their activations stay in the second-level cache. */
#define PR_DECODER_PROMPT_ROWS 512

/* Neighbouring rows of a step that one attention call serves. */
typedef struct
{
  gint32 place, first, n_suffix; /* n_suffix: own row included */
  gint64 list;                   /* where their suffix rows begin */
} PrDecoderGroup;

struct PrDecoder
{
  const PrLm *lm;
  const PrBackend *be;
  PrDecoderSize size;
  PrLayer *layers;
  gint64 width, q_width, kv_width;   /* hidden, heads head_dim, 2 kv_heads head_dim */
  gint64 layer_prompt, layer_suffix; /* floats of a layer in the caches */

  /* Backend memory. */
  float *prompt_kv; /* [layers, prompts, longest, kv_width]: keys, then values of a token */
  float *suffix_kv; /* [layers, suffix, kv_width] */
  float *kv, *x, *mid, *h, *q, *attended, *gate_up, *act; /* [rows at once, .]; h ends as the hidden states */
  float *last;      /* [prompts, hidden] stream at the last position of every prompt before the last layer */
  float *kept;      /* [kept, hidden] */
  float *cos, *sin; /* [positions, head_dim / 2] */
  float *logits, *losses;
  float *dots; /* [scores] */
  gint32 *tokens, *positions, *index, *suffix_rows;

  /* Host. */
  gint32 *host;    /* [rows at once] staging for index arrays */
  gint32 *lengths; /* [prompts] */
  float *host_dots, *host_logits, *host_losses;
  double flops;

  /* The step that is being put together. */
  gint32 slot, next_slot; /* its first row in the suffix cache, and the next step's */
  gint32 n_rows, n_groups, n_latent;
  gint64 n_listed;
  gint32 *step_tokens, *step_positions, *latent_rows, *latent_sources; /* [rows] */
  gint32 *step_suffix;                                                 /* [listed] */
  PrDecoderGroup *groups;                                              /* [rows + 1]: the last says where all end */
};

static inline void
pr_decoder_upload (PrDecoder *d, gint32 *to, const gint32 *host, gint64 n)
{
  d->be->upload (to, host, (gsize)n * sizeof *to);
}

#endif
