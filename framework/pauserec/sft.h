/* sft.h - purchase histories as training examples: Prompt(H), thinking, target SID (paper sections 2 and 3).
 *
 * Every fine-tuning stage whose targets are semantic ids builds its examples here, from a protocol (protocol.h), so
 * that only what the paper varies stands in the stage.  Loss stands on the SID tokens of targets and nowhere else.
 *
 * Training purchases of a user: s_1 .. s_m, all but the last two (dataset.h).  Targets:
 *   last           s_m, one example a user (the paper: third last purchase)
 *   all-prefixes   s_2 .. s_m, each given at most `history` purchases before it
 *   each-prefix    the same targets, always one example each: as many steps as a stage whose prompts are not contiguous
 *
 * With all-prefixes and a contiguous prompter (protocol.h) a user's sequence is trained in one pass: tokens of
 * the template, s_1, ..., s_m, loss on every SID token from s_2 on.  While m <= history + 1 this is the same loss
 * as one example a prefix.  A longer sequence is cut into windows of history + 1 purchases: the last window ends at s_m
 * and the windows before it end every S = ceil (history / 2) purchases earlier; the first window starts at s_1.  In
 * the first window all purchases from the 2nd on are targets, in the others the last S: every target is trained exactly
 * once, and in a later window it sees at least history + 1 - S and at most `history` purchases (s_m always sees
 * `history`). Otherwise there is one example a prefix, with exactly the `history` purchases before the target.
 *
 * Validation: targets are second-last purchases, for a fixed sample of users (the same for every seed and arm).
 */
#ifndef PAUSEREC_SFT_H
#define PAUSEREC_SFT_H

#include <pauserec/answer.h>
#include <pauserec/dataset.h>
#include <pauserec/lmdims.h>
#include <pauserec/plugin.h>
#include <pauserec/train.h>

G_BEGIN_DECLS

typedef enum
{
  PR_TARGETS_LAST,
  PR_TARGETS_ALL_PREFIXES,
  PR_TARGETS_EACH_PREFIX,
} PrTargets;
extern const char *const pr_targets_names[];

typedef enum
{
  PR_VALID_LOSS,
  PR_VALID_NDCG_10, /* of beam search, as `recommend` with the same beams */
} PrValidScore;
extern const char *const pr_valid_score_names[];

typedef struct
{
  int targets;         /* PrTargets */
  int valid_score;     /* PrValidScore */
  int64_t valid_users; /* 0: no validation */
  int64_t valid_beams;
} PrSftParams;

/* Rows for a stage's table: TYPE has a member `PrSftParams sft`. */
#define PR_SFT_PARAMS(type)                                                                                            \
  PR_PARAM_CHOICE_AT (                                                                                                 \
      type, "targets", sft.targets, pr_targets_names, PR_TARGETS_LAST,                                                 \
      "Train each user's third-last purchase only (`last`, as the paper), or every purchase but the first: all of a"   \
      " user in one pass where the prompt allows it (`all-prefixes`), or one example each (`each-prefix`)."),          \
      PR_PARAM_CHOICE_AT (                                                                                             \
          type, "valid_score", sft.valid_score, pr_valid_score_names, PR_VALID_LOSS,                                   \
          "What chooses the best weights: mean loss of, or NDCG@10 of a beam search for, the validation targets."),    \
      PR_PARAM_INT_AT (type, "valid_users", sft.valid_users, 0, G_MAXINT32, 1000,                                      \
                       "Users asked at each validation; 0: none."),                                                    \
      PR_PARAM_INT_AT (type, "valid_beams", sft.valid_beams, 10, 1000, 20, "Beams with valid_score = ndcg_10.")

typedef struct PrSft PrSft;

/* Bind LM's tokenizer, a catalogue and a protocol.  All are borrowed but the protocol.
 * DATA: the tokenizer lacks a SID token or a tag, sids and dataset disagree about the number of items, or nobody has
 * two training purchases.  MANIFEST: the longest prompt does not fit into the model's positions. */
PrSft *pr_sft_new (const PrLm *lm, const PrDataset *dataset, const PrSids *sids, const PrProtocol *protocol,
                   const PrSftParams *params, GError **error);
void pr_sft_free (PrSft *sft);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrSft, pr_sft_free)

gsize pr_sft_n (const PrSft *sft);
gsize pr_sft_n_valid (const PrSft *sft);
/* PrExampleFunc with CTX = PrSft: the same examples in every epoch. */
gboolean pr_sft_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error);
gboolean pr_sft_valid_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error);
/* Where example INDEX has its (first) target: a user, and a place in the user's sequence. */
void pr_sft_place (const PrSft *sft, gsize index, gint32 *ret_user, gint32 *ret_position);

/* In cot mode: what the model shall learn to think for the target of example INDEX; appends words (gint32) to TOKENS. */
typedef gboolean (*PrSftThoughtFunc) (gpointer ctx, gsize index, GArray *tokens, GError **error);
/* Must be called before training in cot mode.  WEIGHT: of the loss on a token of the thought, where a token of the SID and
 * </think> have 1.  THINK: how the model thinks in validations, which are always by pr_sft_valid_ndcg() in this mode. */
void pr_sft_set_thoughts (PrSft *sft, PrSftThoughtFunc thought, gpointer ctx, double weight, const PrThinkParams *think);

/* LOG may be NULL.  Mean NDCG@10 over the sampled users, by beam search over the catalogue with the weights of LM. */
gboolean pr_sft_valid_ndcg (gpointer ctx, PrLm *lm, PrTrainLog *log, double *ret_score, GError **error);

/* Fill the parts of TRAINING that say where examples come from and what is validated. */
void pr_sft_describe (PrSft *sft, PrTraining *training);
/* Number of examples of a data set, for plan(); PR_DIM_UNKNOWN if it cannot be known. */
gint64 pr_sft_estimate_n (const PrSftParams *params, gboolean contiguous, gint64 n_users);

/* A whole stage ------------------------------------------------------------
 *
 * What stages have in common that go from a model, a data set and its SIDs to a tuned model.  Such a stage has these
 * slots, and a plan() and run() of a few lines. */

#define PR_REC_INPUT_SLOTS(lm_help)                                                                                    \
  { PR_SLOT_IN, "lm", "lm/1", lm_help, FALSE },                                                                        \
      { PR_SLOT_IN, "dataset", "dataset/1", "Users, their purchases, and items with their texts.", FALSE },            \
  {                                                                                                                    \
    PR_SLOT_IN, "sids", "sids/1", "The semantic ids of the items.", FALSE                                              \
  }

/* What is connected to these slots.  Set to 0 before loading; all is owned and freed by clear. */
typedef struct
{
  PrLm *lm;
  PrDataset *dataset;
  PrSids *sids;
} PrRecInputs;

/* On failure INPUTS is as before.  Errors as of the three load functions; that sids and dataset belong together is
 * checked by who binds them (pr_sft_new). */
gboolean pr_rec_inputs_load (PrRun *run, PrRecInputs *inputs, GError **error);
void pr_rec_inputs_clear (PrRecInputs *inputs);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PrRecInputs, pr_rec_inputs_clear)

/* A copy of how the model is asked, for stages that continue a fine-tuned model.  DATA: it was not fine-tuned yet. */
PrProtocol *pr_lm_require_protocol (const PrLm *lm, GError **error);

/* What plan() knows of the examples. */
typedef struct
{
  gint64 history;      /* items shown at most; 0: not known, 20 is assumed */
  double thought;      /* tokens between the prompt and the SID ... */
  double latents;      /* ... of which so many are latent positions */
  gboolean contiguous; /* as pr_prompter_is_contiguous() will say */
  gboolean new_tokens; /* run() may add tokens: the size of the vocabulary is not promised */
  gint64 thinking;     /* PrThinking of the tuned model; PR_DIM_UNKNOWN: not known yet */
} PrSftShape;

/* plan() of a stage that reads PR_REC_INPUT_SLOTS and writes a slot "lm": the output's shape, memory and work. */
void pr_sft_plan (PrPlan *plan, const PrSftParams *sft, const PrTrainParams *train, const PrSftShape *shape);

/* run() of such a stage once the model has its tokens: fine-tune INPUTS' model to answer as PROTOCOL says and save it
 * with that protocol in slot "lm".  Without epochs nothing moves.  Metrics train_examples and valid_users, curves and
 * costs of pr_train().  Errors of pr_sft_new(), pr_train() and pr_lm_save(). */
gboolean pr_sft_run (PrRun *run, const PrRecInputs *inputs, const PrProtocol *protocol, const PrSftParams *sft,
                     const PrTrainParams *train, GError **error);
/* The same with examples, validation and hooks that the stage has described itself. */
gboolean pr_sft_run_training (PrRun *run, const PrRecInputs *inputs, const PrProtocol *protocol,
                              const PrTraining *training, const PrTrainParams *train, GError **error);

G_END_DECLS

#endif
