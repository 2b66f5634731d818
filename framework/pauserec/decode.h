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
/* PROMPTER gives the token ids of codes; nothing is borrowed. */
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
  gint64 users_at_once;  /* prompts that one thread decodes together; bounds memory; part of the result only by rounding */
} PrBeamParams;

/* What a search cost. */
typedef struct
{
  gint64 prompt_tokens;    /* went through the model once */
  gint64 decoded_tokens;   /* rows of decode steps: beams that had something left to decide */
  gint64 generated_tokens; /* codes of the tuples found */
  double flops;            /* counted from shapes, multiply and add as two */
} PrBeamStats;

/* Search for N_USERS prompts (packed: OFFSETS into TOKENS).  For user u the found tuples, best first:
 * ret_leaves [n_users, beams] leaf numbers of the trie (-1: fewer tuples than beams), ret_scores their summed log
 * probabilities; equal scores: the tuple whose parent stood higher, then the lower code.  Users are taken in groups of
 * users_at_once from the first on, one group a thread: same bits for any number of threads, and the same bits for
 * a call cut at a multiple of users_at_once.
 * ret_stats may be NULL; the call's cost is added to it.
 * DATA: an empty catalogue, a token outside the vocabulary, an empty prompt or one too long for the model ("prompt U",
 * counted from 0).  NUMERIC: a score that is not finite.  IO: memory. */
gboolean pr_beam_search (PrLm *lm, const PrTrie *trie, const PrBeamParams *params, const gint32 *tokens,
                         const gint32 *offsets, gsize n_users, gint32 *ret_leaves, float *ret_scores,
                         PrBeamStats *ret_stats, GError **error);
/* Memory of a search with N_THREADS, beyond the model itself, for prompts of at most PROMPT tokens. */
guint64 pr_beam_search_bytes (const PrLmConfig *config, const PrBeamParams *params, gint32 levels, gint64 prompt,
                              guint n_threads);

gint32 pr_trie_n_leaves (const PrTrie *trie); /* distinct tuples */
/* Items of a leaf (several where SIDs collide), by increasing item number. */
const gint32 *pr_trie_leaf_items (const PrTrie *trie, gint32 leaf, gsize *ret_n);

/* Leaves to items: the K best distinct items of a user; items of one leaf share its score, ordered by ITEM_PRIOR
 * descending (training popularity; NULL: item number), then item number. Fills with -1 / -inf. */
void pr_beams_to_items (const PrTrie *trie, const gint32 *leaves, const float *scores, gint64 beams, const float *item_prior,
                        gint64 k, gint32 *ret_items, float *ret_scores);

G_END_DECLS

#endif
