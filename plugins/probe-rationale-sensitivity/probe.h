/* probe.h - what both stages do: take users with their gold rationales, and ask the model below thoughts of theirs. */
#ifndef PR_RATIONALE_PROBE_H
#define PR_RATIONALE_PROBE_H

#include <pauserec/pauserec.h>

/* How is asked; a group of parameters. */
typedef struct
{
  int split;
  int64_t users, top_k, beams;
  int normalise;
  int64_t thought_tokens, users_at_once;
} AskParams;
extern const char *const pr_target_split_names[];

/* Rows for a stage's table: TYPE has a member `AskParams ask`. */
#define ASK_PARAMS(type)                                                                                               \
  PR_PARAM_CHOICE_AT (type, "split", ask.split, pr_target_split_names, 1,                                              \
                      "Whose targets: `test`, since a probe reports and chooses nothing, or `valid`."),                \
      PR_PARAM_INT_AT (type, "users", ask.users, 1, G_MAXINT32, 1000,                                                  \
                       "Users asked, drawn: the same in every arm and seed, fewer where the data set has fewer."),     \
      PR_PARAM_INT_AT (type, "top_k", ask.top_k, 1, 4096, 10, "Length of the lists that are scored and compared."),    \
      PR_PARAM_INT_AT (type, "beams", ask.beams, 1, 4096, 20, "Beams kept at every level, as in `recommend`."),        \
      PR_PARAM_CHOICE_AT (type, "normalise", ask.normalise, pr_normalise_names, PR_NORMALISE_TRIE,                     \
                          "Log probabilities over the codes that the catalogue allows, or over the whole "             \
                          "`vocabulary`."),                                                                            \
      PR_PARAM_INT_AT (type, "thought_tokens", ask.thought_tokens, 1, 65536, 64,                                       \
                       "Longest thought in tokens, as in training; a longer rationale is cut there and counted."),     \
      PR_PARAM_INT_AT (type, "users_at_once", ask.users_at_once, 1, 4096, 16,                                          \
                       "Users that one thread asks together; bounds memory.")

#define ASK_SLOTS                                                                                                      \
  { PR_SLOT_IN, "lm", "lm/1", "The model, which thinks in words (thinking = cot).", FALSE },                           \
      { PR_SLOT_IN, "dataset", "dataset/1", "Users, and what they bought.", FALSE },                                   \
      { PR_SLOT_IN, "sids", "sids/1", "Semantic ids of the catalogue.", FALSE },                                       \
  {                                                                                                                    \
    PR_SLOT_IN, "rationales", "rationales/1", "Gold rationales: of the targets of `split`.", FALSE                     \
  }

typedef struct
{
  const AskParams *params;
  PrRun *run;
  PrSplit split;
  PrRecInputs inputs;
  PrPrompter *prompter;
  PrTrie *trie;
  float *prior; /* [n_items] */
  PrRationales *rationales;

  GArray *users;   /* gint32: who is asked */
  GArray *reasons; /* PrReason: the gold rationale of everybody who has one; its texts are in `rationales` */
  GArray *own;     /* guint [users]: which of `reasons` is the user's */

  PrAnswerStats stats;
  gint64 n_cut, n_foreign; /* texts that were cut at thought_tokens, or before a SID or a tag */
} Probe;

gboolean ask_check (const AskParams *params, GError **error); /* for validate() */
/* plan() of both: what the model must be, memory, and the work of N_THOUGHTS a user. */
gboolean ask_plan (const AskParams *params, PrPlan *plan, gint64 n_thoughts, GError **error);

gboolean probe_load (Probe *probe, const AskParams *params, PrRun *run, GError **error);
void probe_clear (Probe *probe);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Probe, probe_clear)

/* gold.c: users, reasons and own, or DATA: how many of the asked users have none. */
gboolean probe_find_gold (Probe *probe, GError **error);

static inline gint32
probe_user (const Probe *probe, gsize index)
{
  return g_array_index (probe->users, gint32, index);
}

static inline const PrReason *
probe_reasons (const Probe *probe)
{
  return (const PrReason *)(gconstpointer)probe->reasons->data;
}

/* The gold rationale of asked user INDEX. */
static inline const PrReason *
probe_gold (const Probe *probe, gsize index)
{
  return &probe_reasons (probe)[g_array_index (probe->own, guint, index)];
}

/* Thoughts of a batch of users, the same number for each. */
typedef struct
{
  GArray *tokens, *offsets; /* gint32: those that are to be searched */
  GArray *present;          /* guint8 [users x thoughts] */
} Thoughts;

/* Append a thought; NULL: there is none. */
void thoughts_add (Thoughts *thoughts, const gint32 *tokens, gsize n);
void thoughts_add_none (Thoughts *thoughts);
/* Append a text as the model would have learnt to think it. */
void thoughts_add_text (Probe *probe, Thoughts *thoughts, const char *text);

/* Prompts of a batch. */
typedef struct
{
  GArray *tokens, *offsets; /* gint32 */
} Prompts;

/* Append the thoughts of asked users FROM .. FROM + N - 1, `n_thoughts` each. */
typedef gboolean (*ThinkFunc) (gpointer ctx, gsize from, gsize n, const Prompts *prompts, Thoughts *thoughts,
                               GError **error);

/* What came of it: thought T of asked user U is number U x n_thoughts + T. */
typedef struct
{
  gsize n_thoughts;
  guint8 *present;   /* 0: was not asked */
  double *log_probs; /* of the target's SID; NAN where not asked */
  gint32 *items;     /* [top_k] each, -1 where there are fewer or not asked */
} Answers;
void answers_clear (Answers *answers);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Answers, answers_clear)

gboolean probe_ask (Probe *probe, gsize n_thoughts, ThinkFunc think, gpointer ctx, Answers *ret, GError **error);

#endif
