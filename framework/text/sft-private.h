/* sft-private.h - what sft.c and sft-valid.c share. */
#ifndef PR_SFT_PRIVATE_H
#define PR_SFT_PRIVATE_H

#include <pauserec/sft.h>

struct PrSft
{
  const PrDataset *dataset;
  const PrSids *sids;
  PrPrompter *prompter;
  PrSftParams params;
  gint64 history;
  GArray *windows; /* Window of sft.c */
  GArray *valid;   /* gint32: users */
  PrTrie *trie;    /* made when first needed */

  PrSftThoughtFunc thought; /* cot mode only */
  gpointer thought_ctx;
  double thought_weight;
  PrThinkParams think;
};

#endif
