/* scorer.h - one thread scores given texts behind prompts, a load at a time.
 *
 * The texts of a load form a forest: a tree of tokens below each of its prompts, in which texts that begin alike share
 * the way.  It goes through the model depth by depth; a node's token is scored from its parent, so leaves never go.
 */
#ifndef PR_SCORER_H
#define PR_SCORER_H

#include "lm/decoder.h"

#include <pauserec/decode.h>

/* What all loads of a call share. */
typedef struct
{
  const PrLm *lm;
  const gint32 *tokens, *offsets; /* prompts */
  const PrCandidates *candidates;
  const PrChoice *choice; /* NULL: all */
  /* Texts sorted by their tokens, so that those that begin alike are neighbours: numbers of candidates [n], or, with a
   * choice, places in `chosen` [first[n]], sorted within each prompt. */
  const gint32 *order;
  gint32 longest, longest_text, most_prompts; /* of a load: tokens of a prompt, of a text; prompts */
  gint64 most_nodes;                          /* of a load */
  float *log_probs;
} PrScorerJob;

/* Texts FROM .. TO - 1, in their order, of one prompt, or all texts of several. */
typedef struct
{
  gint32 prompt, n_prompts;
  gint32 from, to;
} PrScorerLoad;

typedef struct PrScorer PrScorer;
/* IO error if memory does not suffice. */
PrScorer *pr_scorer_new (const PrScorerJob *job, GError **error);
void pr_scorer_free (PrScorer *scorer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrScorer, pr_scorer_free)
/* Memory of a scorer whose JOB has the last four numbers only. */
guint64 pr_scorer_bytes (const PrLmConfig *config, const PrScorerJob *job);

/* Write the load's part of job->log_probs.  A load with from > 0 goes on with the prompt of the load before it.  The
 * cost is added to STATS. */
gboolean pr_scorer_run (PrScorer *scorer, const PrScorerLoad *load, PrScoreStats *stats, GError **error);

/* Texts that PROMPT is asked for, and the K-th of them in sorted order: its tokens, and where its score stands. */
gint32 pr_scorer_n_texts (const PrScorerJob *job, gint32 prompt);
const gint32 *pr_scorer_text (const PrScorerJob *job, gint32 prompt, gint32 k, gint32 *ret_n, gsize *ret_place);
/* How many tokens text K begins with that text K - 1 begins with too. */
gint32 pr_scorer_shared (const PrScorerJob *job, gint32 prompt, gint32 k);

#endif
