/* train.h - training a language model: a stage describes, the framework trains.
 *
 * A stage says where examples come from and what may move; the loop, packing, AdamW, schedules,
 * clipping, dropout, checkpoints, validation, NaN detection, curves and cost are here.
 *
 * Loss: weighted mean cross-entropy over all positions with loss in the batch (weights times losses summed over the
 * batch's examples, divided by the sum of the weights), so the same batch gives the same gradient however it is cut into
 * chunks; or an objective of the stage's own.
 * Tokens after an example's last position with loss cannot change anything and are left out, of the cost too.
 * An epoch is every example once; its last batch may be smaller.
 * Batches are processed in chunks of at most chunk_tokens tokens of whole examples, always in order: memory
 * does not grow with the batch, and the bits do not depend on the number of threads.
 */
#ifndef PAUSEREC_TRAIN_H
#define PAUSEREC_TRAIN_H

#include <pauserec/fit.h>
#include <pauserec/lm.h>
#include <pauserec/tokengroups.h>

G_BEGIN_DECLS

/* One training sequence.  loss[i] != 0: token i is a target (predicted from tokens before it) whose cross-entropy has
 * this weight, at least 0; loss[0] is ignored.  A token may be PR_TOKEN_LATENT (lm.h).
 * The arrays are reused from call to call: set sizes to 0 and append. */
typedef struct
{
  GArray *tokens; /* gint32 */
  GArray *loss;   /* float, same length */
} PrExample;
void pr_example_clear (PrExample *example); /* to length 0 */
void pr_example_add (PrExample *example, gint32 token, float loss);
void pr_example_add_text (PrExample *example, const PrTokenizer *tokenizer, const char *text, float loss);
/* Mark what was appended to example->tokens directly since the last call: pads loss with LOSS up to tokens->len. */
void pr_example_mark (PrExample *example, float loss);

/* Where examples come from: INDEX in [0, n), pure in (epoch, index), called from one thread at a time. Randomness by
 * rng.h with step = epoch. An example without any loss position is skipped (counted in the curve "empty_examples"). */
typedef gboolean (*PrExampleFunc) (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error);

/* An objective of the stage's own, a sum over positions with loss: what position TARGET adds when its token has the log
 * probability LOG_PROB, and its slope, the derivative by LOG_PROB.  Positions are numbered over the examples of the batch,
 * in order.  Called once a position and update from any thread; the loss flags' values do not count.  A result that is not finite ends the
 * training with a NUMERIC error. */
typedef double (*PrObjectiveFunc) (gpointer hook_ctx, gsize target, double log_prob, double *ret_slope);

/* A further row for the table of a stage whose model has SID tokens: TYPE has a member `PrTrainParams train`. */
#define PR_TRAIN_GEOMETRY_PARAM(type)                                                                                  \
  PR_PARAM_INT_AT (type, "geometry_every", train.geometry_every, 0, 100000, 0,                                         \
                   "Epochs between measures of how far words and SIDs are apart in the embedding (curves "             \
                   "embedding_..., as probe-geometry); 0: never.")

typedef struct
{
  const char *name; /* "train": curves are "loss", "lr", ...; any other identifier stands before them: "warm_loss" */
  gsize n_examples;
  PrExampleFunc example;
  gpointer ctx;
  gboolean shuffle; /* a new permutation each epoch */

  /* What moves: NULL, all weights; otherwise these embedding rows only (n_rows token ids; tied head moves with them).
   */
  const gint32 *rows;
  gsize n_rows;

  /* Validation: either mean loss over examples (valid_example, pure, epoch 0) ... */
  gsize n_valid;
  PrExampleFunc valid_example;
  /* ... or a score of the stage's own, higher is better; called between epochs, and not again after a resumption: so it
   * must not record anything with the run.  Both NULL: none, last weights are returned. */
  gboolean (*score) (gpointer ctx, PrLm *lm, PrTrainLog *log, double *ret_score, GError **error);
  const char *score_name; /* series of the curve, "ndcg_10" */

  /* Hooks, all optional, called with hook_ctx and the weights of the moment; they must be pure functions of these, `state`
   * and their arguments: then a resumed training gives the same bytes.
   * Before the first update of every epoch.  What it decides belongs into `state`, which checkpoints keep. */
  gpointer hook_ctx;
  gboolean (*begin_epoch) (gpointer hook_ctx, PrLm *lm, guint epoch, PrTrainLog *log, GError **error);
  guint8 *state; /* [state_bytes] of the stage's; NULL: none */
  gsize state_bytes;
  /* The model makes its own examples (reinforcement learning): before the first of every `round_steps` updates, PICKED
   * [n_picked] are the next indices below n_examples in the epoch's order; from them it makes *RET_N examples (may be 0),
   * and `example` is then asked for the numbers below *RET_N instead, at every update of the round.  An epoch is as many
   * rounds as there are batches.  Checkpoints are taken between rounds. */
  gboolean (*make_round) (gpointer hook_ctx, PrLm *lm, guint64 round, const guint32 *picked, gsize n_picked, PrTrainLog *log,
                          gsize *ret_n, GError **error);
  gint64 round_steps; /* 0 counts as 1 */
  PrObjectiveFunc objective;
  double temperature;        /* log probabilities of the objective are those of logits / temperature; 0 counts as 1 */
  const char *const *series; /* names of further curves, NULL-terminated; NULL: none */

  /* With geometry_every: whose rows of the embedding are measured, before the first update, after every so many epochs and
   * at the end.  Weights, costs and all other curves are those of a training that is not measured. */
  const PrTokenGroups *groups;
} PrTraining;

/* Train LM in place.  Learning rate of step s (from 0) of S with w = round(warmup x S): lr (s + 1) / (w + 1) up to w,
 * then the schedule over (s - w) / (S - w).  Clipping and AdamW as in PyTorch.
 *
 * Checkpoints go to the run's scratch folder after the validation of their step, and when the user cancels; the last two
 * are kept.  A resumed training gives the bytes of an uninterrupted one, in weights, curves and costs.  One that is torn, altered or of
 * another training (any parameter, seed, or the weights at the start differ) is passed over, for the one before it.  A
 * full disk is an IO error that leaves those there.
 *
 * Curves: loss, lr, grad_norm (per step, from 1), valid_loss or score_name (per validation: every eval_every epochs and
 * at the end), empty_examples (per epoch, where there are any), and with geometry_every those of pr_geometry_names behind
 * "embedding_", of at most 1000 vectors of words and of SIDs, from step 0.  Costs are added at the end.
 *
 * Errors: NaN or Inf in loss, gradient or the final weights: NUMERIC, naming training, step and learning rate (the
 * runtime adds the stage); examples that are too long or have ids outside the vocabulary: DATA, naming the example; no position with loss in a
 * whole epoch: DATA; a row listed twice or a missing name: PLUGIN; parameters out of range: MANIFEST.  After an error
 * LM is half-trained. */
gboolean pr_train (PrRun *run, PrLm *lm, const PrTraining *training, const PrTrainParams *params, guint64 seed,
                   GError **error);

G_END_DECLS

#endif
