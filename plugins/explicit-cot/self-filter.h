/* self-filter.h - between epochs: which rationales does the model not get anywhere with?  (OneRec-Think)
 *
 * For every training target that still has its rationale the model writes a few thoughts of its own; if no beam below
 * any of them reaches the target, the rationale is emptied for good. */
#ifndef PR_EXPLICIT_COT_SELF_FILTER_H
#define PR_EXPLICIT_COT_SELF_FILTER_H

#include "thoughts.h"

typedef struct
{
  const PrDataset *dataset;
  const PrSft *sft;
  const PrPrompter *prompter;
  const PrTrie *trie;
  Thoughts *thoughts;
  PrThinkParams think;
  gint64 beams;
  guint64 seed;
} SelfFilter;

/* Points of the log: share of targets without a rationale, share of malformed thoughts.  EPOCH keys the draws. */
enum
{
  FILTER_EMPTIED,
  FILTER_MALFORMED,
};
gboolean self_filter_run (SelfFilter *filter, PrLm *lm, guint epoch, PrTrainLog *log, GError **error);

#endif
