/* learn.h - fitting TIGER: cross-entropy of the codes of targets, averaged over codes; the loop is fit.h's. */
#ifndef TIGER_LEARN_H
#define TIGER_LEARN_H

#include "answer.h"

typedef enum
{
  TIGER_VALID_LOSS,
  TIGER_VALID_NDCG_10, /* of the beam search of ANSWERS */
} TigerValidScore;
extern const char *const tiger_valid_score_names[];

typedef struct
{
  int score;     /* TigerValidScore */
  int64_t users; /* 0: no validation */
} TigerValidParams;

/* Fit the model of ANSWERS to its examples.  Curves, costs, checkpoints and errors as pr_fit(); metrics train_examples
 * and valid_users. */
gboolean tiger_learn (PrRun *run, TigerModel *model, TigerAnswers *answers, const PrTrainParams *train,
                      const TigerValidParams *valid, guint64 seed, GError **error);

/* The loss of a batch, summed over its codes, and SCALE times its gradient added to GRADS (NULL: none).  For tests too.
 */
double tiger_loss (const TigerModel *model, PrTape *tape, const TigerBatch *batch, float scale, float *grads,
                   const PrDropout *noise, const TigerDropout *dropout);

#endif
