/* rewards.h - verifiable rewards: how near did an answer come to the purchase that followed?  All lie in [0, 1]. */
#ifndef PR_RL_REWARDS_H
#define PR_RL_REWARDS_H

#include <pauserec/pauserec.h>

typedef enum
{
  REWARD_MATCH, /* share of SID positions that match, of the best beam (OneRec-Think counts them) */
  REWARD_HIT,   /* 1 if a beam is the target's tuple */
  REWARD_NDCG,  /* 1 / log2 (1 + its rank among the beams) */
} Reward;

/* Of BEAMS leaves, best first (-1: none). */
double reward_of_beams (Reward reward, const PrTrie *trie, const PrSids *sids, gint32 target, const gint32 *leaves,
                        gint64 beams);
/* Of one sampled tuple, given as tokens; a token that is no code of its level matches nothing.  REWARD_NDCG is as
 * REWARD_HIT then.  *RET_VALID: all tokens are codes of their levels. */
double reward_of_tuple (Reward reward, const PrPrompter *prompter, const PrSids *sids, gint32 target,
                        const gint32 *tokens, gsize n, gboolean *ret_valid);

#endif
