/* decode.h - trie-constrained beam search over semantic ids.
 *
 * The trie holds the SIDs of the catalogue, so that every beam is a real item by construction. Beams of a user are
 * distinct.  All beams of a user attend to one cache of the prompt's keys and values; the first level is read off the prompt's last
 * position without a decode step; the last layer runs only at positions that are read; only head rows that the trie
 * allows are scored.
 */
#ifndef PAUSEREC_DECODE_H
#define PAUSEREC_DECODE_H

#include <pauserec/lm.h>
#include <pauserec/sids.h>

G_BEGIN_DECLS

typedef struct PrTrie PrTrie;
/* Borrows SIDS.  PROMPTER gives the token ids of codes. */
PrTrie *pr_trie_new (const PrSids *sids, const PrPrompter *prompter);
void pr_trie_free (PrTrie *trie);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrTrie, pr_trie_free)

typedef enum
{
  PR_NORMALISE_TRIE,  /* log-softmax over the codes that the trie allows: a distribution over items */
  PR_NORMALISE_VOCAB, /* log-softmax over the whole vocabulary, as transformers with prefix_allowed_tokens_fn */
} PrNormalise;

typedef struct
{
  gint64 beams;          /* beams kept at every level */
  PrNormalise normalise;
  gint64 users_at_once;  /* prompts decoded together; bounds memory; part of the result only by rounding */
} PrBeamParams;

/* Search for N_USERS prompts (packed: OFFSETS into TOKENS).  For user u the found tuples, best first:
 * ret_leaves [n_users, beams] leaf numbers of the trie (-1: fewer tuples than beams), ret_scores their summed log probabilities. */
gboolean pr_beam_search (PrLm *lm, const PrTrie *trie, const PrBeamParams *params, const gint32 *tokens, const gint32 *offsets,
                         gsize n_users, gint32 *ret_leaves, float *ret_scores, GError **error);

/* Items of a leaf (several where SIDs collide), by increasing item number. */
const gint32 *pr_trie_leaf_items (const PrTrie *trie, gint32 leaf, gsize *ret_n);

/* Leaves to items: the K best distinct items of a user; items of one leaf share its score, ordered by ITEM_PRIOR
 * descending (training popularity; NULL: item number), then item number. Fills with -1 / -inf. */
void pr_beams_to_items (const PrTrie *trie, const gint32 *leaves, const float *scores, gint64 beams, const float *item_prior,
                        gint64 k, gint32 *ret_items, float *ret_scores);

G_END_DECLS

#endif
