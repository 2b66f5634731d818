/* trainer.h - the pieces of pr_train(): batches, updates, validation and checkpoints. */
#ifndef PR_TRAINER_H
#define PR_TRAINER_H

#include <pauserec/train.h>

#include "lm/model.h"

/* Batches ------------------------------------------------------------------ */

/* Examples of one optimizer step, packed and cut: rows after the last target of an example can change nothing
 * (attention is causal) and are dropped. */
typedef struct
{
  GArray *tokens;  /* gint32 [rows] */
  GArray *offsets; /* gint32 [examples + 1] */
  GArray *sources; /* gint32 [targets]: row that predicts, counted in the batch */
  GArray *targets; /* gint32 [targets] */
  GArray *weights; /* float [targets] */
  double weight_sum;
  gboolean weighted; /* some weight is not 1 */
  GArray *ends;      /* guint [examples]: targets up to and with this example */
  guint64 n_empty;   /* examples without a loss position, which were left out */
  PrExample example;

  guint next;                            /* first example of the next chunk */
  GArray *chunk_offsets, *chunk_sources; /* gint32: what the last chunk points to */
} PrBatch;

PrBatch *pr_batch_new (void);
void pr_batch_free (PrBatch *batch);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrBatch, pr_batch_free)
void pr_batch_clear (PrBatch *batch);
/* Build and append one example; DATA error naming it if it is too long or has ids outside the vocabulary. */
gboolean pr_batch_add (PrBatch *batch, const PrLmConfig *config, PrExampleFunc build, gpointer ctx, guint epoch,
                       gsize index, GError **error);
/* The next whole examples of at most CHUNK_TOKENS rows, at least one; valid until the next call.  RET_FIRST_ROW: rows
 * of the batch before it. */
gboolean pr_batch_next_chunk (PrBatch *batch, gint64 chunk_tokens, PrChunk *ret_chunk, gint64 *ret_first_row);
gint64 pr_batch_rows (const PrBatch *batch);
/* Floating-point operations over the batch, head included.  PASSES, in units of a forward pass: 1, forward; 2, with the
 * gradients of activations; 3, with those of weights too.  Each sequence counts its own latent positions. */
double pr_batch_flops (const PrBatch *batch, const PrLmConfig *config, int passes);

/* Schedule ----------------------------------------------------------------- */

guint64 pr_train_steps_per_epoch (const PrTrainParams *params, gsize n_examples);
/* Learning rate of the update that follows STEP updates of TOTAL. */
double pr_train_lr (const PrTrainParams *params, guint64 step, guint64 total);

/* The trainer -------------------------------------------------------------- */

typedef enum
{
  PR_SERIES_LOSS,
  PR_SERIES_LR,
  PR_SERIES_GRAD_NORM,
  PR_SERIES_VALID, /* valid_loss or the score's name */
  PR_SERIES_EMPTY,
  PR_N_SERIES /* those of PrTraining.series follow */
} PrSeries;

/* What was said to the run, so that a resumed training can say it again.  Numbers of one type: a row of a tensor. */
typedef struct
{
  double series, step, value;
} PrPoint;

/* Everything that changes from step to step; what a checkpoint holds. */
typedef struct
{
  guint64 step;            /* updates done */
  guint64 n_empty, n_seen; /* examples of this epoch without loss; examples with loss so far */
  gboolean has_best;
  double best;
  guint64 best_step;
  double costs[PR_N_COSTS];
  GArray *points;      /* PrPoint */
  float *m, *v;        /* [n_moving] */
  float *best_weights; /* [n_moving]; NULL unless the best weights are kept */
} PrTrainState;

typedef struct PrTrainer PrTrainer;

struct PrTrainLog
{
  PrTrainer *trainer;
  guint64 step; /* of the points that come */
};

struct PrTrainer
{
  PrRun *run;
  PrLm *lm;
  const PrTraining *training;
  const PrTrainParams *params;
  guint64 seed;

  guint64 total_steps, steps_per_epoch;
  gint64 n_moving; /* floats that move: the whole layout, or n_rows x hidden */
  float *grads;    /* [n_moving] */
  PrModel *model;
  gint64 model_rows;
  PrBatch *batch;
  guint32 *order; /* of the epoch; NULL unless shuffled */
  guint64 order_epoch;
  gsize round_steps, round_examples; /* updates of a round, examples that it made */
  GArray *picked;                    /* guint32: what the round was made from */
  PrTrainLog log;
  /* What hooks may have changed since the coming step began: undone if the user interrupts before its update. */
  struct
  {
    gboolean set;
    guint n_points;
    double costs[PR_N_COSTS];
    guint8 *state; /* [state_bytes] */
  } mark;
  GArray *losses;    /* float: of a validation chunk */
  char *fingerprint; /* SHA-256 of all that the result depends on */
  PrTrainState state;
};

/* Say a point of a curve to the run and remember it. */
void pr_trainer_point (PrTrainer *trainer, gsize series, guint64 step, double value);
/* Say all points again that a checkpoint brought. */
void pr_trainer_repeat_points (PrTrainer *trainer);
/* A workspace of at least ROWS rows. */
gboolean pr_trainer_reserve (PrTrainer *trainer, gint64 rows, GError **error);

/* What moves, gathered into ret_values [n_moving], and put back. */
void pr_trainer_gather (const PrTrainer *trainer, float *ret_values);
void pr_trainer_scatter (PrTrainer *trainer, const float *values);

double pr_trainer_grad_norm (const PrTrainer *trainer);
/* AdamW with gradients times GRAD_SCALE; state.step is the number of updates before this one. */
void pr_trainer_update (PrTrainer *trainer, double lr, double grad_scale);

/* round.c: hooks.  Points of the log now belong to update STEP. */
void pr_trainer_log_at (PrTrainer *trainer, guint64 step);
/* Undo what hooks said and decided before an update that did not come. */
void pr_trainer_forget_hooks (PrTrainer *trainer);
/* begin_epoch and make_round where they are due before the coming update. */
gboolean pr_trainer_begin_step (PrTrainer *trainer, GError **error);
/* The examples of the coming update into the batch. */
gboolean pr_trainer_build_batch (PrTrainer *trainer, GError **error);
/* Between rounds, where nothing but the state has to be kept. */
gboolean pr_trainer_between_rounds (const PrTrainer *trainer);

/* Validation as TRAINING asks; keeps the best weights.  No-op where there is none. */
gboolean pr_trainer_validates (const PrTrainer *trainer);
gboolean pr_trainer_validate (PrTrainer *trainer, GError **error);

/* Checkpoints: NAME-<fingerprint>-<step>.safetensors in the run's scratch folder. */
char *pr_checkpoint_fingerprint (const PrTrainer *trainer);
gboolean pr_checkpoint_save (const PrTrainer *trainer, GError **error);
/* The newest that is whole and of this training; FALSE without an error if there is none. */
gboolean pr_checkpoint_load (PrTrainer *trainer);

#endif
