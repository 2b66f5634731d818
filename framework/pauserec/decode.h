/* decode.h - trie-constrained beam search over semantic ids; texts, written or scored.
 *
 * The trie holds the SIDs of the catalogue, so that every beam is a real item by construction. Beams of a user are
 * distinct.  All beams of a user attend to one cache of the prompt's keys and values; the first level is read off the prompt's last
 * position without a decode step; the last layer runs only at positions that are read; only head rows that the trie
 * allows are scored.
 */
#ifndef PAUSEREC_DECODE_H
#define PAUSEREC_DECODE_H

#include <pauserec/lm.h>
#include <pauserec/ranking.h>
#include <pauserec/sids.h>

G_BEGIN_DECLS

typedef struct PrTrie PrTrie;
/* PROMPTER gives the token ids of codes; nothing is borrowed. */
PrTrie *pr_trie_new (const PrSids *sids, const PrPrompter *prompter);
/* The same for pr_trie_search(), whose model has no tokenizer. */
PrTrie *pr_trie_new_codes (const PrSids *sids);
void pr_trie_free (PrTrie *trie);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrTrie, pr_trie_free)

typedef enum
{
  PR_NORMALISE_TRIE,  /* log-softmax over the codes that the trie allows: a distribution over items */
  PR_NORMALISE_VOCAB, /* log-softmax over the whole vocabulary, as transformers with prefix_allowed_tokens_fn */
} PrNormalise;
extern const char *const pr_normalise_names[]; /* "trie", "vocabulary", NULL */

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
  gint64 branch_tokens;    /* of branches, latent steps included */
  gint64 decoded_tokens;   /* rows of decode steps: beams that had something left to decide */
  gint64 generated_tokens; /* codes of the tuples found */
  double flops;            /* counted from shapes, multiply and add as two */
} PrBeamStats;

/* Continuations of prompts between the prompt and the SID: thoughts, latent steps.  All branches of a prompt share its
 * keys and values.  Branch i of prompt u, first[u] <= i < first[u + 1], is tokens[offsets[i]] .. tokens[offsets[i + 1] - 1];
 * it may be empty (alone: the same search as without branches); PR_TOKEN_LATENT stands for a latent step. */
typedef struct
{
  const gint32 *first;   /* [n_prompts + 1], first[0] = 0; every prompt has at least one branch */
  const gint32 *tokens;
  const gint32 *offsets; /* [first[n_prompts] + 1], offsets[0] = 0 */
} PrBranches;

/* Search for N_USERS prompts (packed: OFFSETS into TOKENS), or for each of their BRANCHES (NULL: none), which then stand
 * in the place of users in the outputs.  For user u the found tuples, best first:
 * ret_leaves [n_users, beams] leaf numbers of the trie (-1: fewer tuples than beams), ret_scores their summed log
 * probabilities; equal scores: the tuple whose parent stood higher, then the lower code.  Users are taken in groups of
 * users_at_once from the first on, one group a thread: same bits for any number of threads, and the same bits for
 * a call cut at a multiple of users_at_once.
 * ret_stats may be NULL; the call's cost is added to it.
 * DATA: an empty catalogue, a token outside the vocabulary, an empty prompt or one too long for the model ("prompt U",
 * counted from 0).  NUMERIC: a score that is not finite.  IO: memory. */
gboolean pr_beam_search (PrLm *lm, const PrTrie *trie, const PrBeamParams *params, const gint32 *tokens,
                         const gint32 *offsets, gsize n_users, const PrBranches *branches, gint32 *ret_leaves,
                         float *ret_scores, PrBeamStats *ret_stats, GError **error);
/* The same, and beside it the log probability of one tuple a search, whether the beams hold it or not: WANTED leaves and
 * ret_log_probs [n_users, or branches], the natural log of p (tuple | prompt, branch), normalised as PARAMS say.  WANTED
 * may be NULL.  DATA too: a leaf that the trie lacks. */
gboolean pr_beam_search_for (PrLm *lm, const PrTrie *trie, const PrBeamParams *params, const gint32 *tokens,
                             const gint32 *offsets, gsize n_users, const PrBranches *branches, const gint32 *wanted,
                             gint32 *ret_leaves, float *ret_scores, double *ret_log_probs, PrBeamStats *ret_stats,
                             GError **error);
/* Memory of a search with N_THREADS, beyond the model itself, for prompts of at most PROMPT tokens. */
guint64 pr_beam_search_bytes (const PrLmConfig *config, const PrBeamParams *params, gint32 levels, gint64 prompt,
                              guint n_threads);

/* The same search for any other model: it is asked for the scores of the codes that may follow. */
typedef struct
{
  gint32 depth;           /* codes chosen so far; 0: the users' own start */
  gint32 n_rows;          /* beams that have something left to decide, at least one; by user, then best first */
  const gint32 *users;    /* [n_rows] */
  const gint32 *prefixes; /* [n_rows, depth] codes chosen so far */
  const gsize *first;     /* [n_rows + 1] where the codes of a row start */
  const gint32 *codes;    /* [first[n_rows]] that may follow, in increasing order; every row has at least one */
} PrTrieStep;

/* Set RET_SCORES [first[n_rows]], one for each of STEP's codes.  All is borrowed for the call, which comes from the
 * thread that called the search. */
typedef gboolean (*PrTrieScoreFunc) (gpointer ctx, const PrTrieStep *step, float *ret_scores, GError **error);

/* Search for users 0 .. N_USERS - 1 together, once a level; outputs as pr_beam_search().  Scores are logits with
 * PR_NORMALISE_TRIE, and the log softmax over each row's codes is made here; with PR_NORMALISE_VOCAB they are log
 * probabilities.  params->users_at_once does not count: the caller forms the groups.
 * DATA: an empty catalogue.  NUMERIC: a score that is not finite ("user U", from 0).  IO: memory.  Errors of SCORE. */
gboolean pr_trie_search (const PrTrie *trie, const PrBeamParams *params, gsize n_users, PrTrieScoreFunc score,
                         gpointer ctx, gint32 *ret_leaves, float *ret_scores, GError **error);

gint32 pr_trie_n_leaves (const PrTrie *trie); /* distinct tuples */
gint32 pr_trie_levels (const PrTrie *trie);
/* The leaf of an item; -1 if the catalogue has no such item. */
gint32 pr_trie_item_leaf (const PrTrie *trie, gint32 item);
/* Items of a leaf (several where SIDs collide), by increasing item number. */
const gint32 *pr_trie_leaf_items (const PrTrie *trie, gint32 leaf, gsize *ret_n);

/* Leaves to items: the K best distinct items of a user; items of one leaf share its score, ordered by ITEM_PRIOR
 * descending (training popularity; NULL: item number), then item number. Fills with -1 / -inf. */
void pr_beams_to_items (const PrTrie *trie, const gint32 *leaves, const float *scores, gint64 beams, const float *item_prior,
                        gint64 k, gint32 *ret_items, float *ret_scores);

/* The same as USER's list of RANKING, without the items EXCLUDED [n_excluded]: those the user bought before, say. */
void pr_beams_to_ranking (const PrTrie *trie, const gint32 *leaves, const float *scores, gint64 beams,
                          const float *item_prior, const gint32 *excluded, gint64 n_excluded, gint64 user,
                          PrRanking *ranking);

/* Text -------------------------------------------------------------------- */

/* How texts are written. */
typedef struct
{
  gint64 samples;      /* texts a prompt; all share its keys and values */
  gint64 max_tokens;   /* of a text; the model's positions must suffice */
  double temperature;  /* 0: greedy, of equal logits the lower id; otherwise tokens are drawn from softmax (logits / temperature) */
  gint64 top_k;        /* draw among the k most probable tokens; 0: all */
  double top_p;        /* draw among the fewest tokens (of those k) whose probabilities reach top_p of all (of theirs); 1: all */
  gint32 stop;         /* token that ends a text, itself not part of it; -1: none, texts have max_tokens */
  guint64 seed;
  gint64 rows_at_once; /* texts that one thread writes together; bounds memory; part of the result by rounding only */
} PrGenerateParams;

/* Texts of prompts: number i = prompt x samples + sample. */
typedef struct
{
  gsize n;
  GArray *tokens;  /* gint32 */
  GArray *offsets; /* gint32 [n + 1] */
  GArray *stopped; /* guint8 [n]: 1 if the stop token came, 0 if max_tokens cut the text */
} PrTexts;
void pr_texts_init (PrTexts *texts);
void pr_texts_clear (PrTexts *texts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PrTexts, pr_texts_clear)

typedef struct
{
  gint64 prompt_tokens;    /* went through the model once a prompt */
  gint64 generated_tokens; /* chosen, stop tokens included */
  double flops;
} PrGenerateStats;

/* Write texts for N prompts (packed).  Finished texts make room for the next prompt at once (continuous batching).  A draw
 * is a pure function of (seed, id of the prompt, sample, position): IDS [n], NULL: the prompt's number.  Same bits for any
 * number of threads; RET (initialised) is replaced.  ret_stats may be NULL; the cost is added.
 * TICK (may be NULL) is called from the calling thread only, between batches of prompts: FALSE stops with its error.
 * DATA: a token outside the vocabulary, an empty prompt, or prompt and text do not fit the positions ("prompt U", from 0).
 * NUMERIC: logits that are not finite.  IO: memory. */
typedef gboolean (*PrTickFunc) (gpointer ctx, gsize done, gsize total, GError **error);
gboolean pr_generate (PrLm *lm, const PrGenerateParams *params, const gint32 *tokens, const gint32 *offsets, gsize n,
                      const guint64 *ids, PrTickFunc tick, gpointer tick_ctx, PrTexts *ret, PrGenerateStats *ret_stats,
                      GError **error);
/* Ranges of a stage's own parameters: MANIFEST naming the key. */
gboolean pr_generate_params_check (const PrGenerateParams *params, GError **error);
/* Memory with N_THREADS, beyond the model itself, for prompts of at most PROMPT tokens. */
guint64 pr_generate_bytes (const PrLmConfig *config, const PrGenerateParams *params, gint64 prompt, guint n_threads);

/* Texts that are given ----------------------------------------------------- */

/* Texts that might follow a prompt: text i is tokens[offsets[i]] .. tokens[offsets[i + 1] - 1], one token at least.  A
 * token that ends texts (<|endoftext|>) is one like any other: add it where its probability shall count. */
typedef struct
{
  const gint32 *tokens;
  const gint32 *offsets; /* [n + 1], offsets[0] = 0 */
  gsize n;
} PrCandidates;

/* Which of them each prompt is asked for: prompt u for chosen[first[u]] .. chosen[first[u + 1] - 1], in any order. */
typedef struct
{
  const gint32 *first;  /* [n_prompts + 1], first[0] = 0 */
  const gint32 *chosen; /* [first[n_prompts]] numbers of candidates */
} PrChoice;

typedef struct
{
  gint64 prompt_tokens; /* went through the model once a prompt */
  gint64 text_tokens;   /* the same of texts: a beginning that texts share went once */
  gint64 scored_tokens; /* of all texts asked for: what the log probabilities are sums over */
  double flops;
} PrScoreStats;

/* Natural log p(text | prompt), by softmax over the whole vocabulary, of all CANDIDATES for each of N prompts (packed),
 * ret_log_probs [n, candidates->n]; or of those that CHOICE (NULL: all) names, ret_log_probs [first[n]] in its order.
 * The texts of a prompt share its keys and values, and those of a common beginning; last tokens do not go through the
 * model.  ROWS_AT_ONCE (1 to 65536): tokens of texts that one thread holds at once; bounds memory; part of the result by
 * rounding only (a prompt with more is asked in parts).  Same bits for any number of threads.  TICK as of pr_generate().
 * ret_stats may be NULL; the cost is added.
 * DATA: a token outside the vocabulary, an empty prompt or text, a number that is no candidate's, or prompt and text do
 * not fit the positions ("prompt U", "candidate I", from 0).  NUMERIC: logits that are not finite.  MANIFEST:
 * rows_at_once.  IO: memory. */
gboolean pr_score_texts (PrLm *lm, gint64 rows_at_once, const gint32 *tokens, const gint32 *offsets, gsize n,
                         const PrCandidates *candidates, const PrChoice *choice, PrTickFunc tick, gpointer tick_ctx,
                         float *ret_log_probs, PrScoreStats *ret_stats, GError **error);
/* Memory with N_THREADS, beyond the model itself, for prompts and texts of at most PROMPT and TEXT tokens. */
guint64 pr_score_texts_bytes (const PrLmConfig *config, gint64 rows_at_once, gint64 prompt, gint64 text,
                              guint n_threads);

G_END_DECLS

#endif
