/* answer.h - ask a model for the next items of users: prompt, thinking, semantic id (paper section 3, step 4).
 *
 * What happens between the prompt and the beam search follows from the prompter's thinking mode (protocol.h):
 *   none, pause, note   nothing: all that stands there is part of the prompt
 *   latent              the latent steps run as a branch of the prompt
 *   cot                 the model writes `thoughts` thoughts up to </think> (OneRec-Think), a beam search runs below
 * each, and the tuples found are pooled
 *
 * A thought is malformed if it does not end within thought_tokens, or has a SID or a tag in it.  It is counted, and
 * never searched as if nothing had happened: by default it has no beams, and a user all of whose thoughts are malformed
 * gets no items.  An empty thought is well-formed and counted too.
 */
#ifndef PAUSEREC_ANSWER_H
#define PAUSEREC_ANSWER_H

#include <pauserec/decode.h>
#include <pauserec/params.h>
#include <pauserec/run.h>

G_BEGIN_DECLS

typedef enum
{
  PR_MALFORMED_MISS,  /* no beams below it */
  PR_MALFORMED_CLOSE, /* cut before the first token that may not stand there, closed, and searched; still counted */
} PrMalformed;
extern const char *const pr_malformed_names[]; /* "miss", "close", NULL */

typedef enum
{
  PR_POOL_MEAN, /* log of the mean over a user's thoughts of p (SID | thought): thoughts without it add 0 */
  PR_POOL_MAX,  /* the best of its scores */
} PrPool;
extern const char *const pr_pool_names[]; /* "mean", "max", NULL */

/* How a model thinks in words; meaningless in the other modes. */
typedef struct
{
  int64_t thoughts;       /* a user */
  int64_t thought_tokens; /* of a thought, at most; </think> comes on top */
  double temperature, top_p;
  int64_t top_k;
  int malformed, pool; /* PrMalformed, PrPool */
} PrThinkParams;

/* Rows for a stage's table: TYPE has a member `PrThinkParams think`. */
#define PR_THINK_PARAMS(type)                                                                                          \
  PR_PARAM_INT_AT (type, "thoughts", think.thoughts, 1, 1024, 1,                                                       \
                   "Thoughts a user, where the model thinks in words; the beams below all of them are pooled."),       \
      PR_PARAM_INT_AT (type, "thought_tokens", think.thought_tokens, 1, 65536, 64,                                     \
                       "Longest thought in tokens; one that is not closed by then is malformed."),                     \
      PR_PARAM_REAL_AT (type, "temperature", think.temperature, 0, 100, 0,                                             \
                        "Of sampled thoughts; 0: the most probable token each time (one thought then)."),              \
      PR_PARAM_INT_AT (type, "think_top_k", think.top_k, 0, G_MAXINT32, 0,                                             \
                       "Draw a thought's tokens among the k most probable; 0: all."),                                  \
      PR_PARAM_REAL_AT (type, "think_top_p", think.top_p, 0, 1, 1,                                                     \
                        "Draw a thought's tokens among the fewest whose probabilities reach this sum."),               \
      PR_PARAM_CHOICE_AT (                                                                                             \
          type, "malformed", think.malformed, pr_malformed_names, PR_MALFORMED_MISS,                                   \
          "A thought that is not closed or has SIDs in it: `miss`, no items come of it; `close`, it is "               \
          "cut there and closed. It is counted either way."),                                                          \
      PR_PARAM_CHOICE_AT (type, "pool", think.pool, pr_pool_names, PR_POOL_MEAN,                                       \
                          "Score of a tuple over thoughts: `mean` of its probabilities or `max`.")

/* For validate(): MANIFEST naming the key. */
gboolean pr_think_params_check (const PrThinkParams *think, GError **error);

typedef struct
{
  PrBeamStats search;
  PrGenerateStats text;
  gint64 thoughts, thought_tokens; /* of all thoughts; </think> not counted */
  gint64 unclosed, foreign, empty; /* thoughts cut by the limit; with SIDs or tags; without a word */
  gint64 silent_users;             /* users without a well-formed thought: they have no items */
} PrAnswerStats;

/* Tokens and operations, added to COSTS. */
void pr_answer_costs (const PrAnswerStats *stats, double costs[PR_N_COSTS]);

/* Answer N prompts (packed, as pr_prompter_prompt() makes them): for user u the KEEP best tuples, best first, as leaves
 * of the trie (-1: fewer) with their scores in ret_leaves and ret_scores [n, keep].  KEEP at most beams x thoughts
 * (other modes: beams).  Draws are a pure function of (SEED, IDS [n], thought, position); IDS NULL: the prompt's
 * number.  Same bits for any number of threads.  The cost is added to STATS (may be NULL).  RET_THOUGHTS (may be NULL;
 * initialised) gets the thoughts as they were written, prompt by prompt; none in other modes than cot.
 * Errors of pr_generate() and pr_beam_search(); MANIFEST if a prompt with its thought and SID does not fit the model.
 */
gboolean pr_answer (PrLm *lm, const PrPrompter *prompter, const PrTrie *trie, const PrBeamParams *beam,
                    const PrThinkParams *think, guint64 seed, const gint32 *tokens, const gint32 *offsets, gsize n,
                    const guint64 *ids, gint64 keep, gint32 *ret_leaves, float *ret_scores, PrAnswerStats *stats,
                    PrTexts *ret_thoughts, GError **error);

/* The first half of it, in cot mode only: the thoughts of N prompts.  RET_THOUGHTS (initialised) is replaced by what of
 * each is searched, its `stopped` saying whether it is at all: a malformed thought has 0 and no tokens under
 * PR_MALFORMED_MISS.  BEAM: how many users at once. */
gboolean pr_answer_think (PrLm *lm, const PrPrompter *prompter, const PrTrie *trie, const PrBeamParams *beam,
                          const PrThinkParams *think, guint64 seed, const gint32 *tokens, const gint32 *offsets,
                          gsize n, const guint64 *ids, PrTexts *ret_thoughts, PrAnswerStats *stats, GError **error);

/* The second half of it, below thoughts of anybody's: what would the model answer if it had thought that?  In cot mode
 * only (PLUGIN).  THOUGHTS: of prompt u those with numbers first[u] .. first[u + 1] - 1, at least one, words without
 * </think>, which is added; they may be empty.  For each, as pr_beam_search_for() with `beams` of BEAM: ret_leaves and
 * ret_scores [thoughts, beams] of the search below it, and ret_log_probs [thoughts] of the tuple WANTED [thoughts] (both
 * may be NULL): ln p (SID | prompt, thought), whether the beams hold it or not.  Nothing is pooled.
 * Same bits for any number of threads.  Costs are added to STATS (may be NULL), the thoughts not being counted as the
 * model's.  DATA: a thought with SIDs or tags in it, or that does not fit the model's positions; the errors of the
 * search. */
gboolean pr_answer_given (PrLm *lm, const PrPrompter *prompter, const PrTrie *trie, const PrBeamParams *beam,
                          const gint32 *tokens, const gint32 *offsets, gsize n, const PrBranches *thoughts,
                          const gint32 *wanted, gint32 *ret_leaves, float *ret_scores, double *ret_log_probs,
                          PrAnswerStats *stats, GError **error);

/* How many tokens of a thought may stand there: up to the first that is no word. */
gsize pr_thought_sound_length (const PrPrompter *prompter, const gint32 *tokens, gsize n);

G_END_DECLS

#endif
