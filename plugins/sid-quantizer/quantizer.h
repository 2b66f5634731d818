/* quantizer.h - what every way of turning embeddings into codes is given, and what it gives. */
#ifndef PR_QUANTIZER_H
#define PR_QUANTIZER_H

#include <pauserec/pauserec.h>

enum
{
  METHOD_RKMEANS,
  METHOD_RANDOM,
  METHOD_RQVAE
};
enum
{
  POLICY_DIGIT,
  POLICY_REASSIGN,
  POLICY_KEEP
};

typedef struct
{
  int method, collisions;
  PrInts sizes;
  int64_t iterations, restarts, rounds;
  bool normalise_residuals;

  PrInts rqvae_hidden;
  int64_t rqvae_latent, rqvae_epochs, rqvae_batch_size, rqvae_dead_steps;
  double rqvae_lr, rqvae_weight_decay, rqvae_beta;
} Params;

typedef struct
{
  const Params *params;
  PrRun *run;
  PrMatrix *embeddings; /* [n_items, d]; a method may overwrite them */
  PrSids *sids;         /* codes to be filled in, level by level */

  /* For reassign, by the method: what the last level coded, [n_items, width] (NULL: the method has no distances), and
   * its code vectors, [size, width].  Owned. */
  float *last_inputs, *last_codes;
  gint64 width;
} Quantizer;

/* Fill q->sids and what reassign needs, and add one value a level to column "unexplained" of table "codebook". */
gboolean rkmeans_quantize (Quantizer *q, GError **error);
gboolean rqvae_quantize (Quantizer *q, GError **error);

/* Memory and operations that n embeddings of width d will need at most, from the shapes. */
void rkmeans_estimate (const Params *params, gint64 n, gint64 d, double *ret_bytes, double *ret_flops);
void rqvae_estimate (const Params *params, gint64 n, gint64 d, double *ret_bytes, double *ret_flops);

#endif
