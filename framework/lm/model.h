/* model.h - the transformer itself: forward and backward over one chunk of packed sequences.
 *
 * A chunk is a list of whole sequences laid end to end; each attends to itself alone (causal), positions count
 * from 0 in each.  No padding.  Logits exist only where a target is.
 *
 * A token may be PR_TOKEN_LATENT (lm.h), except a sequence's first, in a workspace made for training: neighbouring
 * sequences with at most k of them, in any places, cost k forward passes more, and in training k passes of the
 * gradients of activations.
 */
#ifndef PR_MODEL_H
#define PR_MODEL_H

#include "lm/layout.h"

#include <pauserec/train.h>

typedef struct
{
  const gint32 *tokens;  /* [offsets[n_sequences]]; may be PR_TOKEN_LATENT */
  const gint32 *offsets; /* [n_sequences + 1], offsets[0] = 0 */
  gsize n_sequences;
  const gint32 *sources; /* [n_targets] row whose hidden state predicts; strictly increasing */
  const gint32 *targets; /* [n_targets] token predicted there */
  gsize n_targets;
  const float *loss_weights; /* [n_targets]; NULL: all 1 */
  gsize first_target;        /* number of the first target in the batch: for an objective */
} PrChunk;

typedef struct PrModel PrModel; /* workspace for one configuration and at most max_rows rows */

/* TRAINING: also what backward needs.  IO error if memory does not suffice. */
PrModel *pr_model_new (const PrLmConfig *config, gint64 max_rows, gboolean training, GError **error);
void pr_model_free (PrModel *model);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrModel, pr_model_free)
guint64 pr_model_bytes (const PrLmConfig *config, gint64 max_rows, gboolean training);

/* Final normed hidden states of every row into ret_hidden [rows, hidden]. */
void pr_model_hidden (PrModel *model, const float *weights, const PrChunk *chunk, float *ret_hidden);
/* -log p of each target (natural log) into ret_losses [n_targets], p of softmax (logits / TEMPERATURE). */
void pr_model_losses (PrModel *model, const float *weights, const PrChunk *chunk, double temperature,
                      float *ret_losses);

typedef struct
{
  float scale;               /* gradient of (scale x sum of the chunk's losses, each times its weight) is added */
  PrObjectiveFunc objective; /* NULL: cross-entropy; otherwise the loss is the sum of its values */
  gpointer objective_ctx;
  double temperature;   /* of the objective; 0 counts as 1 */
  float dropout;        /* 0: none */
  guint64 dropout_seed; /* with (dropout_step, row counted from first_row): pure */
  guint64 dropout_step;
  guint64 first_row; /* rows of this batch that stood in chunks before */
  /* NULL: gradients of everything are added to grads (layout of the weights); otherwise only those of these
   * embedding rows, to grads [n_rows, hidden], and no other weight gradient is computed. */
  const gint32 *rows;
  gsize n_rows;
} PrBackward;

/* Forward and backward; adds to GRADS, returns the sum of the chunk's losses, each times its weight, or of its
 * objective (double). */
double pr_model_train (PrModel *model, const float *weights, float *grads, const PrChunk *chunk,
                       const PrBackward *backward);

#endif
