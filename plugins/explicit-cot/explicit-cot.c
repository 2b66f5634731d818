/* explicit-cot - paper section 2, CoT SFT: the model learns to write a rationale, then the SID.
 *
 * Examples are Prompt(H) <think> r </think> SID, from the next-item SFT checkpoint; the loss stands on the rationale,
 * with a weight, on </think> and on the SID.  Between epochs OneRec-Think's self-filter may empty rationales that lead
 * the model nowhere.  At inference the model writes the rationale itself.
 */
#include "config.h"

#include "self-filter.h"
#include "thoughts.h"

typedef struct
{
  double rationale_weight;
  int64_t thought_tokens;
  int missing, too_long;
  int64_t filter_thoughts, filter_beams;
  double filter_temperature;
  PrSftParams sft;
  PrTrainParams train;
} Params;

static const char *const missing_names[] = { "error", "empty", NULL }; /* as Missing */
static const char *const too_long_names[] = { "error", "cut", NULL };  /* as TooLong */

static const PrParamSpec params[] = {
  PR_PARAM_REAL (Params, rationale_weight, 0, 1000, 1,
                 "Weight of the loss on a token of the rationale; tokens of the SID and </think> have 1."),
  PR_PARAM_INT (Params, thought_tokens, 1, 65536, 64, "Longest rationale in tokens, in training and in validation."),
  PR_PARAM_CHOICE (Params, missing, missing_names, MISSING_ERROR,
                   "A target without a rationale: an error, or an empty thought."),
  PR_PARAM_CHOICE (Params, too_long, too_long_names, TOO_LONG_ERROR,
                   "A rationale of more than thought_tokens: an error, or cut (and counted)."),
  PR_PARAM_INT (
      Params, filter_thoughts, 0, 1024, 0,
      "Self-filter between epochs: thoughts sampled a target; if no beam below them hits it, its rationale is "
      "emptied (OneRec-Think: 2); 0: no filter."),
  PR_PARAM_INT (Params, filter_beams, 1, 4096, 20, "Beams below each thought of the self-filter."),
  PR_PARAM_REAL (Params, filter_temperature, 0, 100, 1, "Temperature of the self-filter's thoughts."),
  PR_PARAM_CHOICE_AT (
      Params, "targets", sft.targets, pr_targets_names, PR_TARGETS_LAST,
      "Train each user's third-last purchase only (`last`, as the paper) or every purchase but the first "
      "(`all-prefixes`); rationales are needed for the same."),
  PR_PARAM_INT_AT (Params, "valid_users", sft.valid_users, 0, G_MAXINT32, 1000,
                   "Users asked at each validation, which is by NDCG@10 below the model's own thoughts; 0: none."),
  PR_PARAM_INT_AT (Params, "valid_beams", sft.valid_beams, 10, 1000, 20, "Beams of the validation."),
  PR_TRAIN_PARAMS (Params, 2, 1e-5, 16, 0.01),
  PR_TRAIN_GEOMETRY_PARAM (Params),
};

static const PrSlotSpec slots[] = {
  PR_REC_INPUT_SLOTS ("The next-item SFT checkpoint, with its protocol."),
  { PR_SLOT_IN, "rationales", "rationales/1", "What to think before each training target.", FALSE },
  { PR_SLOT_OUT, "lm", "lm/1", "The model that thinks in words before it answers, with its protocol.", FALSE },
};

static PrThinkParams
filter_think (const Params *p)
{
  return (PrThinkParams){ .thoughts = p->filter_thoughts,
                          .thought_tokens = p->thought_tokens,
                          .temperature = p->filter_temperature,
                          .top_p = 1 };
}

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;
  PrThinkParams think = filter_think (p);

  if (p->filter_thoughts > 0 && !pr_think_params_check (&think, error))
    {
      g_prefix_error (error, "self-filter (filter_thoughts, filter_temperature): ");
      return FALSE;
    }
  return pr_train_params_check (&p->train, error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error)
{
  const Params *p = params_;
  const PrSftShape shape = { .thought = 2 + (double)p->thought_tokens / 2, .thinking = PR_THINKING_COT };

  pr_sft_plan (plan_, &p->sft, &p->train, &shape);
  return pr_plan_require_rationales (plan_, "rationales", PR_SPLIT_TRAIN, error);
}

static const char *const series[] = { "emptied_share", "filter_malformed_share", NULL };

static gboolean
begin_epoch (gpointer ctx, PrLm *lm, guint epoch, PrTrainLog *log, GError **error)
{
  return epoch == 0 || self_filter_run (ctx, lm, epoch, log, error);
}

/* How the tuned model is asked: as before, but it thinks in words. */
static PrProtocol *
cot_protocol (const PrLm *lm, GError **error)
{
  PrProtocol *protocol = pr_lm_require_protocol (lm, error);

  if (protocol != NULL)
    {
      protocol->thinking = PR_THINKING_COT;
      protocol->pauses = 0;
    }
  return protocol;
}

static gboolean
learn (const Params *p, PrRun *run, const PrRecInputs *inputs, const PrProtocol *protocol, PrSft *sft,
       Thoughts *thoughts, const PrPrompter *prompter, GError **error)
{
  const PrThinkParams greedy = { .thoughts = 1, .thought_tokens = p->thought_tokens, .top_p = 1 };
  g_autoptr (PrTrie) trie = pr_trie_new (inputs->sids, prompter);
  SelfFilter filter = { .dataset = inputs->dataset,
                        .sft = sft,
                        .prompter = prompter,
                        .trie = trie,
                        .thoughts = thoughts,
                        .think = filter_think (p),
                        .beams = p->filter_beams,
                        .seed = pr_run_seed (run) };
  PrTraining training = { .name = "train" };

  pr_sft_set_thoughts (sft, thoughts_append, thoughts, p->rationale_weight, &greedy);
  pr_sft_describe (sft, &training);
  training.state = thoughts->emptied;
  training.state_bytes = thoughts->n;
  training.series = series;
  training.hook_ctx = &filter;
  training.begin_epoch = p->filter_thoughts > 0 ? begin_epoch : NULL;
  return pr_sft_run_training (run, inputs, protocol, &training, &p->train, error);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_auto (PrRecInputs) inputs = { 0 };
  g_autoptr (PrProtocol) protocol = NULL;
  g_autoptr (PrRationales) rationales = NULL;
  g_autoptr (PrSft) sft = NULL;
  g_autoptr (PrPrompter) prompter = NULL;
  g_autoptr (Thoughts) thoughts = NULL;

  if (!pr_rec_inputs_load (run_, &inputs, error) || (protocol = cot_protocol (inputs.lm, error)) == NULL
      || (rationales = pr_rationales_load (pr_run_input_dir (run_, "rationales"), inputs.dataset, error)) == NULL
      || (sft = pr_sft_new (inputs.lm, inputs.dataset, inputs.sids, protocol, &p->sft, error)) == NULL
      || (prompter = pr_prompter_new (protocol, pr_lm_tokenizer (inputs.lm), inputs.sids, inputs.dataset, error))
             == NULL
      || (thoughts = thoughts_new (rationales, sft, inputs.dataset, prompter, pr_lm_tokenizer (inputs.lm),
                                   p->thought_tokens, (Missing)p->missing, (TooLong)p->too_long, error))
             == NULL)
    return FALSE;
  pr_run_metric (run_, "valid_users", (double)pr_sft_n_valid (sft));
  thoughts_report (thoughts, run_);
  return learn (p, run_, &inputs, protocol, sft, thoughts, prompter, error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "explicit-cot",
  .version = "1",
  .summary = "Fine-tune the next-item model to write a rationale between <think> and </think> before the SID.",
  .source = "PauseRec section 2 (CoT SFT); OneRec-Think (2 epochs, lr 1e-5, batch 16, self-filter between epochs)",
  .stochastic = TRUE,
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = validate,
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "explicit-cot", .stages = stages };
