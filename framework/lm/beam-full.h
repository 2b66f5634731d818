/* beam-full.h - the same beam search without a cache: every step runs every beam's whole sequence again.
 *
 * Shares nothing with pr_beam_search() but the trie; the oracle of its tests and what `bench decode` compares with.
 */
#ifndef PR_BEAM_FULL_H
#define PR_BEAM_FULL_H

#include "lm/trie.h"

gboolean pr_beam_search_full (PrLm *lm, const PrTrie *trie, const PrBeamParams *params, const gint32 *tokens,
                              const gint32 *offsets, gsize n_users, gint32 *ret_leaves, float *ret_scores,
                              GError **error);

#endif
