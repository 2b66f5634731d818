/* trainer.h - the pieces of pr_train(): batches of examples, and what the training loop (fit.h) asks of a language
 * model. */
#ifndef PR_TRAINER_H
#define PR_TRAINER_H

#include <pauserec/train.h>

#include "fit/fit-private.h"
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

/* The trainer -------------------------------------------------------------- */

typedef struct
{
  PrLm *lm;
  const PrTraining *training;
  const PrTrainParams *params;
  guint64 seed;
  PrModel *model;
  gint64 model_rows;
  PrBatch *batch;
  gsize round_examples; /* that the round made */
  GArray *losses;       /* float: of a validation chunk */
  char **series;        /* curves of the training and, behind them, those of its geometry */
} PrTrainer;

/* A workspace of at least ROWS rows. */
gboolean pr_trainer_reserve (PrTrainer *trainer, gint64 rows, GError **error);

/* round.c: the hooks that are due before STEP, and its examples into the batch. */
gboolean pr_trainer_begin_step (PrTrainer *trainer, const PrFitStep *step, PrTrainLog *log, GError **error);
gboolean pr_trainer_build_batch (PrTrainer *trainer, const PrFitStep *step, GError **error);

/* validation.c: PrFit.validate with CTX = PrTrainer, as the training asks: its score, or the mean loss of its
 * validation examples. */
gboolean pr_trainer_validate (gpointer ctx, PrTrainLog *log, double *ret_value, GError **error);

/* geometry-curve.c: whether the embedding is measured, names of curves with those of the measures (g_strfreev()), the
 * measures as points of LOG, and PrFit.end_epoch, which takes them where they are due. */
gboolean pr_trainer_measures (const PrTrainer *trainer);
char **pr_trainer_series (const PrTrainer *trainer);
gboolean pr_trainer_measure (PrTrainer *trainer, PrTrainLog *log, GError **error);
gboolean pr_trainer_end_epoch (gpointer ctx, PrTrainLog *log, GError **error);

#endif
