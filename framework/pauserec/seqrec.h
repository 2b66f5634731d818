/* seqrec.h - models that read a user's purchases as item numbers and rank the whole catalogue: SASRec, GRU4Rec, ...
 *
 * A model gives its weights, its forward pass on a tape (net.h) and, if it has one of its own, its loss; the examples,
 * the training (fit.h), validation, ranking, batches and costs are here.
 *
 * Training purchases of a user: s_1 .. s_m, all but the last two (dataset.h).  A sequence shows at most `length` of
 * them: s_(m-length) .. s_(m-1), and at each place the model predicts the purchase that follows; with targets = last
 * only the last place does.  Users with fewer than two training purchases are left out.  An example is a user.
 * Validation targets are second-last purchases of a fixed sample of users (the same for every seed and model, and the
 * one of sft.h); the value is NDCG@10 over the whole catalogue, and the best weights rank.
 *
 * Sequences are packed, never padded (net.h).  Scores of items are dot products of the state at the last place with a
 * table, plus a bias.  Equal scores are ordered by item number.
 */
#ifndef PAUSEREC_SEQREC_H
#define PAUSEREC_SEQREC_H

#include <pauserec/dataset.h>
#include <pauserec/fit.h>
#include <pauserec/net.h>
#include <pauserec/plugin.h>
#include <pauserec/ranking.h>

G_BEGIN_DECLS

typedef enum
{
  PR_SEQ_TARGETS_LAST,
  PR_SEQ_TARGETS_ALL,
} PrSeqTargets;
extern const char *const pr_seq_targets_names[]; /* as sft.h calls them: "last", "all-prefixes" */

typedef struct
{
  int64_t length;
  int targets; /* PrSeqTargets */
  int64_t valid_users;
  PrRankingParams list;
} PrSeqParams;

/* Rows for a stage's table: TYPE has a member `PrSeqParams seq`. */
#define PR_SEQ_PARAMS(type)                                                                                            \
  PR_PARAM_INT_AT (type, "length", seq.length, 1, 10000, 50,                                                           \
                   "Purchases that the model sees, the last ones (SASRec: 50 for Amazon)."),                           \
      PR_PARAM_CHOICE_AT (type, "targets", seq.targets, pr_seq_targets_names, PR_SEQ_TARGETS_ALL,                      \
                          "Train every training purchase but the first (`all-prefixes`, as these models' papers), or " \
                          "each user's third-last only (`last`, as PauseRec)."),                                       \
      PR_PARAM_INT_AT (type, "valid_users", seq.valid_users, 0, G_MAXINT32, 5000,                                      \
                       "Users asked at each validation; 0: none."),                                                    \
      PR_RANKING_PARAMS (type, seq.list)

#define PR_SEQ_SLOTS                                                                                                   \
  { PR_SLOT_IN, "dataset", "dataset/1", "Whose purchases are learned and continued.", FALSE },                         \
  {                                                                                                                    \
    PR_SLOT_OUT, "ranking", "ranking/1", "The best items for every user, ties by item number.", FALSE                  \
  }

/* Sequences laid end to end: a chunk of an update's, or some users who are to be answered. */
typedef struct
{
  gint64 rows;
  gsize n_sequences;
  const gint32 *offsets; /* [n_sequences + 1] */
  const gint32 *users;   /* [n_sequences] */
  const gint32 *items;   /* [rows] what was bought at each place */
  const gint32 *places; /* [rows] length - n, ..., length - 1 in a sequence of n: the latest purchase stands at the same
                         * place in all, as if they were padded in front (SASRec) */
  const gint32 *targets; /* [rows] what was bought next, -1 where it is not to be predicted; NULL: not in training */
  float scale;           /* 1 / targets of the whole update: losses with it add up to the mean */
  guint64 step;          /* the update, from 0 */
  guint64 first_row;     /* rows of the update before this chunk: for dropout and other draws */
} PrSeqBatch;

typedef struct
{
  PrNet *net; /* with its start values */
  gpointer ctx;
  /* States [rows, d] at every place, from that place and those before it in its sequence. */
  PrVar *(*forward) (gpointer ctx, PrTape *tape, const PrSeqBatch *batch);
  gint32 table; /* parameter [n_items, d] ... */
  gint32 bias;  /* ... and [1, n_items], or -1: what scores are made of */
  /* The sum of the losses over the batch's targets, each added to the tape with batch->scale.  NULL: cross-entropy of
   * the softmax over the whole catalogue. */
  double (*loss) (gpointer ctx, PrTape *tape, PrVar *states, const PrSeqBatch *batch);
  const char *fingerprint; /* all that forward and loss depend on but the weights: PrFit.fingerprint */
} PrSeqModel;

/* run() of a stage once its model has weights: train, then rank for the split, into slot "ranking".  DATASET is what is
 * connected to slot "dataset".  Metrics train_examples, valid_users and n_params; curves of pr_fit(), "ndcg_10" for
 * the validation.
 * Errors of pr_fit(); DATA: nobody has two training purchases. */
gboolean pr_seqrec_run (PrRun *run, const PrDataset *dataset, const PrSeqModel *model, const PrSeqParams *params,
                        const PrTrainParams *train, GError **error);

/* For losses with sampled negatives: N items for every place with a target, drawn evenly from those that its user has
 * not bought in training, into ret_items [rows, n]; -1 at other places.  A pure function of SEED and the place in the
 * update. */
void pr_seq_negatives (const PrDataset *dataset, const PrSeqBatch *batch, guint64 seed, gint64 n, gint32 *ret_items);

/* What plan() knows of a model. */
typedef struct
{
  gint64 n_weights;  /* besides the item table ... */
  gint64 dims;       /* ... [n_items, dims]; 2 tables: twice that */
  gint64 n_tables;   /* 0 counts as 1 */
  double row_floats; /* numbers that a pass keeps for a place */
  double row_flops;  /* of a forward pass through a place, without the scores */
} PrSeqShape;
/* plan() of such a stage: dimensions of slot "ranking", memory and work. */
void pr_seqrec_plan (PrPlan *plan, const PrSeqParams *params, const PrTrainParams *train, const PrSeqShape *shape);

G_END_DECLS

#endif
