/* fit.h - the training loop: whatever has weights, examples and a gradient is fitted here.
 *
 * A PrFit describes what is trained; the loop does the rest: order of examples, schedule, clipping, AdamW, NaN
 * detection, validation, the best weights, curves, costs, status, cancellation and checkpoints.  pr_train() (train.h) is this
 * loop around a language model, seqrec.h this loop around a model over item numbers.
 *
 * An epoch is every example once; its last batch may be smaller.  What a step does depends on its number alone, so a
 * training that was killed and started again gives the same bytes.
 */
#ifndef PAUSEREC_FIT_H
#define PAUSEREC_FIT_H

#include <pauserec/params.h>
#include <pauserec/run.h>

G_BEGIN_DECLS

/* Parameters ----------------------------------------------------------------- */

/* Settings that every training stage shares, as manifest parameters. */
typedef struct
{
  double epochs;       /* may be fractional */
  int64_t max_steps;   /* 0: no limit */
  int64_t batch_size;  /* examples an optimizer step */
  double lr;           /* peak */
  int schedule;        /* PrSchedule */
  double warmup;       /* share of all steps */
  double min_lr;       /* share of lr at the end of cosine and linear */
  double weight_decay; /* decoupled; matrices only, not norms and biases */
  double beta1, beta2, eps;
  double clip;              /* largest global gradient norm; 0: off */
  double dropout;           /* on embeddings' output and on each residual branch, as GPT-2 */
  int64_t chunk_tokens;     /* tokens processed at once */
  int64_t checkpoint_steps; /* optimizer steps between checkpoints; 0: none.  Not part of the result */
  int64_t eval_every;       /* epochs between validations; 0: never */
  bool keep_best;           /* return the weights of the best validation instead of the last */
  int64_t geometry_every;   /* of language models with SIDs (train.h): epochs between measures; 0: never */
} PrTrainParams;

typedef enum
{
  PR_SCHEDULE_COSINE,
  PR_SCHEDULE_LINEAR,
  PR_SCHEDULE_CONSTANT,
} PrSchedule;
extern const char *const pr_schedule_names[];

/* Rows for a stage's table: TYPE has a member `PrTrainParams train`. */
#define PR_TRAIN_PARAMS_WITH_DROPOUT(type, epochs_, lr_, batch_, wd_, dropout_)                                                                \
  PR_PARAM_REAL_AT (type, "epochs", train.epochs, 0, 10000, epochs_, "Passes over the examples; may be fractional."),         \
  PR_PARAM_INT_AT (type, "max_steps", train.max_steps, 0, G_MAXINT32, 0, "Stop after this many optimizer steps; 0: no limit."), \
  PR_PARAM_INT_AT (type, "batch_size", train.batch_size, 1, 1 << 20, batch_, "Examples an optimizer step."),                  \
  PR_PARAM_REAL_AT (type, "lr", train.lr, 0, 10, lr_, "Peak learning rate of AdamW."),                                        \
  PR_PARAM_CHOICE_AT (type, "schedule", train.schedule, pr_schedule_names, 0, "Learning rate after the warm-up."),            \
  PR_PARAM_REAL_AT (type, "warmup", train.warmup, 0, 1, 0.1, "Share of all steps in which the learning rate rises linearly from 0."), \
  PR_PARAM_REAL_AT (type, "min_lr", train.min_lr, 0, 1, 0.0, "Learning rate at the end of cosine and linear, as a share of lr."), \
  PR_PARAM_REAL_AT (type, "weight_decay", train.weight_decay, 0, 10, wd_, "Decoupled weight decay of matrices."),             \
  PR_PARAM_REAL_AT (type, "beta1", train.beta1, 0, 0.999999, 0.9, "AdamW's decay of the first moment."),                      \
  PR_PARAM_REAL_AT (type, "beta2", train.beta2, 0, 0.999999, 0.999, "AdamW's decay of the second moment."),                   \
  PR_PARAM_REAL_AT (type, "eps", train.eps, 1e-30, 1, 1e-8, "AdamW's epsilon."),                                              \
  PR_PARAM_REAL_AT (type, "clip", train.clip, 0, 1e9, 1.0, "Largest global gradient norm; 0: no clipping."),                  \
  PR_PARAM_REAL_AT (type, "dropout", train.dropout, 0, 0.95, dropout_, "Dropout on the embeddings' output and on every residual branch."), \
  PR_PARAM_INT_AT (type, "chunk_tokens", train.chunk_tokens, 16, 1 << 20, 2048, "Tokens processed at once; bounds memory."),   \
  PR_PARAM_INT_NOT_IN_KEY_AT (type, "checkpoint_steps", train.checkpoint_steps, 0, G_MAXINT32, 200, "Optimizer steps between checkpoints; 0: none."), \
  PR_PARAM_INT_AT (type, "eval_every", train.eval_every, 0, 100000, 1, "Epochs between validations; 0: never."),              \
  PR_PARAM_BOOL_AT (type, "keep_best", train.keep_best, true, "Return the weights with the best validation value, not the last.")
#define PR_TRAIN_PARAMS(type, epochs_, lr_, batch_, wd_) PR_TRAIN_PARAMS_WITH_DROPOUT (type, epochs_, lr_, batch_, wd_, 0.0)

gboolean pr_train_params_check (const PrTrainParams *params, GError **error); /* for validate() */
/* Optimizer steps that PARAMS give for N_EXAMPLES with ROUND_STEPS (0 counts as 1) updates a batch: for plan(). */
guint64 pr_train_n_steps (const PrTrainParams *params, gsize n_examples, gint64 round_steps);

/* The log -------------------------------------------------------------------- */

/* What the functions of a training may tell while it is under way.  It is kept in checkpoints and told again by a resumed
 * training, unlike what is said to the run directly: so they must say nothing to the run. */
typedef struct PrTrainLog PrTrainLog;
/* A point of the curve that `series` of the training names at SERIES; its step is that of the update that the call
 * precedes or, in a score and at the end of an epoch, follows. */
void pr_train_log_point (PrTrainLog *log, gsize series, double value);
void pr_train_log_cost (PrTrainLog *log, PrCost cost, double amount);
/* As pr_run_step(): for what takes long. */
gboolean pr_train_log_tick (PrTrainLog *log, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What is fitted --------------------------------------------------------------- */

/* A run of weights that move and decay alike.  Gradients, moments and checkpoints see all pieces laid end to end. */
typedef struct
{
  float *weights; /* moved in place; backend memory of the CPU, or any that is aligned as malloc() does */
  gint64 n;
  gboolean decays; /* weight_decay applies: matrices */
} PrFitPiece;

/* One update. */
typedef struct
{
  guint64 step;          /* updates before this one */
  guint epoch;           /* it belongs to */
  gboolean begins_epoch; /* it is the first of its epoch ... */
  gboolean begins_round; /* ... and of its round; without rounds every update is one */
  guint64 round;         /* its number, from 0 */
  const guint32 *picked; /* [n_picked] examples, in the epoch's order: those of the round */
  gsize n_picked;
} PrFitStep;

/* What a gradient function found. */
typedef struct
{
  double loss;     /* shown as it is: a mean over what was predicted, say */
  guint64 n_used;  /* examples that teach something; 0: there is no update */
  guint64 n_empty; /* examples that do not */
} PrFitLoss;

typedef struct
{
  const char *name; /* "train": curves are "loss", "lr", ...; any other identifier stands before them: "warm_loss" */
  /* All that the result depends on besides PARAMS, the seed, the start values of the pieces and this struct's numbers: the
   * model's configuration, other weights, ...  Checkpoints of another text are passed over. */
  const char *fingerprint;
  const PrFitPiece *pieces;
  gsize n_pieces;
  gsize n_examples; /* 1 .. 2^32 - 1 */
  gboolean shuffle; /* a new permutation each epoch */
  gpointer ctx;     /* of all functions below */

  /* The loss of STEP's examples, and its gradient into GRADS [sum of the pieces' n], which is 0 before.  Must be a pure
   * function of its arguments, the weights, and `state`.  Says costs (tokens, FLOPs) to LOG and ticks when it takes
   * long; after a tick that failed whatever it said of this step is forgotten, and `state` is what it was. */
  gboolean (*gradient) (gpointer ctx, const PrFitStep *step, float *grads, PrTrainLog *log, PrFitLoss *ret_loss,
                        GError **error);

  /* All below are optional.
   * Validation: every eval_every epochs and at the end; NULL: none, the last weights are returned.  Not called again by a
   * resumed training. */
  gboolean (*validate) (gpointer ctx, PrTrainLog *log, double *ret_value, GError **error);
  const char *valid_name;   /* its curve: "ndcg_10" */
  gboolean lower_is_better; /* a loss rather than a score */
  /* After the last update of every epoch, and of the training, before the validation: for curves of the stage's own. */
  gboolean (*end_epoch) (gpointer ctx, PrTrainLog *log, GError **error);

  const char *const *series; /* names of further curves, NULL-terminated */
  guint8 *state;             /* [state_bytes] of the caller's that checkpoints keep */
  gsize state_bytes;
  gint64 round_steps; /* updates made from one batch of indices; 0 counts as 1.  Checkpoints are taken between rounds */
  gboolean may_teach_nothing; /* an epoch without one example that teaches something is no error */
  /* For messages: a name of weight INDEX of all pieces; the caller frees. */
  char *(*weight_name) (gpointer ctx, gint64 index);
} PrFit;

/* Fit in place.  Learning rate of step s (from 0) of S with w = round(warmup x S): lr (s + 1) / (w + 1) up to w,
 * then the schedule over (s - w) / (S - w).  Clipping and AdamW as in PyTorch.
 *
 * Checkpoints go to the run's scratch folder after the validation of their step, and when the user cancels; the last two
 * are kept.  A resumed training gives the bytes of an uninterrupted one, in weights, curves and costs.  One that is torn, altered or of
 * another training is passed over, for the one before it.  A full disk is an IO error that leaves those there.
 *
 * Curves: loss, lr, grad_norm (per step, from 1), valid_name (per validation), empty_examples (per epoch, where there
 * are any).  Costs are added at the end, PR_COST_OPTIMIZER_STEPS by the loop itself.
 *
 * Errors: NaN or Inf in loss, gradient, validation or the final weights: NUMERIC, naming training, step and learning
 * rate (the runtime adds the stage); nothing that teaches in a whole epoch, no example or too many: DATA; a missing name, piece
 * or function: PLUGIN; parameters out of range: MANIFEST; no memory: IO; and those of the functions.  After an error the weights are
 * half-trained. */
gboolean pr_fit (PrRun *run, const PrFit *fit, const PrTrainParams *params, guint64 seed, GError **error);

G_END_DECLS

#endif
