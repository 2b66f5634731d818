/* seqrec-private.h - what sequences.c, train.c and rank.c share. */
#ifndef PR_SEQREC_PRIVATE_H
#define PR_SEQREC_PRIVATE_H

#include <pauserec/ranking.h>
#include <pauserec/seqrec.h>

/* Sequences on their way into a PrSeqBatch. */
typedef struct
{
  GArray *offsets, *users, *items, *places, *targets; /* gint32 */
} PrSeqRows;

PrSeqRows *pr_seq_rows_new (void);
void pr_seq_rows_free (PrSeqRows *rows);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrSeqRows, pr_seq_rows_free)
void pr_seq_rows_clear (PrSeqRows *rows);
/* ITEMS [n] of USER, 0 < n <= LENGTH. */
void pr_seq_rows_add (PrSeqRows *rows, gint32 user, const gint32 *items, gint64 n, gint64 length);
/* The sequence that USER, who has two training purchases, is trained with. */
void pr_seq_rows_add_training (PrSeqRows *rows, const PrDataset *dataset, const PrSeqParams *params, gint32 user);
gint64 pr_seq_rows_n (const PrSeqRows *rows);
/* Borrows from ROWS; without targets. */
PrSeqBatch pr_seq_rows_batch (const PrSeqRows *rows);

/* Users with two training purchases, gint32; DATA error if there are none. */
GArray *pr_seq_training_users (const PrDataset *dataset, GError **error);

/* Scores of whole catalogues, some users at a time. */
typedef struct
{
  const PrDataset *dataset;
  const PrSeqModel *model;
  const PrSeqParams *params;
  gint64 chunk_tokens;
  PrTape *tape; /* whose FLOPs are the caller's to count */
  PrSeqRows *rows;
  guint64 n_tokens; /* read so far */
} PrSeqScorer;

/* Answers the next of USERS [n], from *AT on, and moves *AT on; sets *RET_SCORES [users, n_items], the tape's. */
void pr_seq_scorer_next (PrSeqScorer *scorer, const gint32 *users, gsize n, PrSplit split, gsize *at,
                         const float **ret_scores);

/* Mean NDCG@10 for the second-last purchases of USERS [n]. */
gboolean pr_seq_valid_ndcg (PrSeqScorer *scorer, const gint32 *users, gsize n, PrTrainLog *log, double *ret_ndcg,
                            GError **error);
/* The lists of all users with a history; NUMERIC error if a score is not a number. */
gboolean pr_seq_rank (PrSeqScorer *scorer, PrRun *run, PrRanking *ranking, GError **error);

#endif
