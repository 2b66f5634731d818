/* rollouts.h - what the model of the moment does with a few prompts: sampled actions and their rewards.
 *
 * Of a model that thinks in words the actions are the tokens of a thought and </think>, and the reward is that of the
 * beams below it; a malformed thought (answer.h) has no beams and the reward 0.  Of all other models the actions are
 * the codes of a sampled SID, drawn from the whole vocabulary so that the policy that moves is the one that was
 * sampled, and the reward is that of the tuple.  Roll-outs of a prompt share its keys and values, and so do the beams
 * below them.
 */
#ifndef PR_RL_ROLLOUTS_H
#define PR_RL_ROLLOUTS_H

#include "rewards.h"

typedef struct
{
  const PrSft *sft;
  const PrDataset *dataset;
  const PrSids *sids;
  const PrPrompter *prompter;
  const PrTrie *trie;
  Reward reward;
  gint64 group, beams, thought_tokens;
  double temperature;
} RolloutSettings;

typedef struct
{
  gsize n_prompts, n;       /* roll-outs of prompt p: p x group .. */
  GArray *tokens, *offsets; /* gint32: prompts, packed */
  GArray *actions, *starts; /* gint32: actions of roll-outs, packed */
  double *rewards;          /* [n] */
  gsize malformed;          /* thoughts, or tuples that are no codes */
  gint64 action_tokens;
  double costs[PR_N_COSTS];
} Rollouts;

/* PICKED [n_prompts]: examples of settings->sft; SEED names the draws.  LOG is for ticks. */
gboolean rollouts_make (const RolloutSettings *settings, PrLm *lm, const guint32 *picked, gsize n_prompts, guint64 seed,
                        PrTrainLog *log, Rollouts *ret, GError **error);
void rollouts_clear (Rollouts *rollouts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Rollouts, rollouts_clear)

#endif
