#include "config.h"

#include "rewards.h"

#include <math.h>

static gint32
matches (const gint32 *a, const gint32 *b, gint32 levels)
{
  gint32 n = 0;

  for (gint32 l = 0; l < levels; l++)
    n += a[l] == b[l];
  return n;
}

double
reward_of_beams (Reward reward, const PrTrie *trie, const PrSids *sids, gint32 target, const gint32 *leaves,
                 gint64 beams)
{
  const gint32 *wanted = pr_sids_item (sids, target);
  gint32 best = 0;

  for (gint64 b = 0; b < beams && leaves[b] >= 0; b++)
    {
      gsize n_items;
      const gint32 *items = pr_trie_leaf_items (trie, leaves[b], &n_items);
      gint32 n = matches (wanted, pr_sids_item (sids, items[0]), sids->levels);

      best = MAX (best, n);
      if (n == sids->levels && reward != REWARD_MATCH)
        return reward == REWARD_HIT ? 1 : 1 / log2 ((double)b + 2);
    }
  return reward == REWARD_MATCH ? (double)best / sids->levels : 0;
}

double
reward_of_tuple (Reward reward, const PrPrompter *prompter, const PrSids *sids, gint32 target, const gint32 *tokens,
                 gsize n, gboolean *ret_valid)
{
  const gint32 *wanted = pr_sids_item (sids, target);
  gboolean valid = n == (gsize)sids->levels;
  gint32 same = 0;

  for (gint32 l = 0; l < MIN ((gint32)n, sids->levels); l++)
    {
      gint32 code = tokens[l] - pr_prompter_sid_token (prompter, l, 0);

      valid = valid && code >= 0 && code < sids->sizes[l];
      same += code == wanted[l];
    }
  *ret_valid = valid;
  return reward == REWARD_MATCH ? (double)same / sids->levels : same == sids->levels;
}
