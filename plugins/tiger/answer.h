/* answer.h - the next items of users: the encoder once, then a beam search over the catalogue with the decoder.
 *
 * The decoder reads a beam's few codes again at every level: its sequences are at most `levels` long, and what is
 * costly of it, the keys and values of the history, is kept.
 */
#ifndef TIGER_ANSWER_H
#define TIGER_ANSWER_H

#include "examples.h"

#include <pauserec/decode.h>
#include <pauserec/fit.h>

typedef struct
{
  const TigerModel *model;
  const TigerExamples *examples; /* how users are asked */
  PrTrie *trie;                  /* owned */
  PrTape *tape;                  /* owned */
  PrBeamParams search;           /* PR_NORMALISE_VOCAB: over the codes of the level */

  /* What it cost since costs were taken; operations before. */
  double encoder_tokens, decoder_tokens, generated, flops_taken;

  /* The group at hand. */
  TigerBatch batch;
  GArray *kept; /* float: keys and values of the decoder's layers, [layers][k, v][rows, width] */
  GArray *tokens, *offsets, *user_ends; /* gint32: of the decoder */
  GArray *last;                         /* gint32: last row of every sequence */
} TigerAnswers;

void tiger_answers_init (TigerAnswers *answers, const TigerModel *model, const TigerExamples *examples,
                         const PrBeamParams *search);
void tiger_answers_clear (TigerAnswers *answers);

/* The best leaves of the trie for USERS [n] given their history of SPLIT, [n, beams], and their log probabilities.  All
 * users together if n is at most search.users_at_once, otherwise in such groups.  TICK (may be NULL) comes before each.
 * NUMERIC: the model's weights are broken, naming users. */
gboolean tiger_answer (TigerAnswers *answers, PrSplit split, const gint32 *users, gsize n, PrTickFunc tick,
                       gpointer tick_ctx, gint32 *ret_leaves, float *ret_scores, GError **error);
/* Costs since the last call, added to COSTS [PR_N_COSTS]. */
void tiger_answers_take_costs (TigerAnswers *answers, double *costs);

/* Memory for a group, from shapes. */
double tiger_answers_bytes (const TigerShape *shape, const PrBeamParams *search, double history_tokens);

#endif
