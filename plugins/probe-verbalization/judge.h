/* judge.h - questions answered in two ways: written by the model, and by the probabilities of all that can be answered.
 */
#ifndef VERBALIZATION_JUDGE_H
#define VERBALIZATION_JUDGE_H

#include "questions.h"

/* About one question. */
typedef struct
{
  gint32 truth;              /* name of the right answer */
  gint32 said;               /* name that the model wrote, -1: none that there is */
  gint32 levels, n_levels;   /* of the truth's path: right from the first on in what was written; in all */
  gint32 rank, n_candidates; /* of the truth by its score, from 1: equal scores count against it */
  double score;              /* of the truth: log probability, per token if so asked */
} Verdict;

typedef struct
{
  gint64 candidates;  /* names compared, the true one included; 0: all */
  gboolean drawn;     /* which others: drawn; FALSE: the most frequent */
  gboolean per_token; /* scores are divided by the number of tokens, the end included */
  gint64 rows_at_once;
  guint64 seed;
  PrTickFunc tick;
  gpointer tick_ctx;
} Judging;

/* Fill truth, said and levels of VERDICTS [questions->n]. */
gboolean judge_free (PrLm *lm, const Answers *answers, const Questions *questions, const Judging *judging, gint32 end,
                     Verdict *verdicts, PrGenerateStats *stats, GError **error);
/* Fill rank, n_candidates and score, once truth is known. */
gboolean judge_scored (PrLm *lm, const Answers *answers, const Questions *questions, const Judging *judging,
                       Verdict *verdicts, PrScoreStats *stats, GError **error);

#endif
