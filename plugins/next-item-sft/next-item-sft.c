/* next-item-sft - paper sections 2 and 3, step 2a: Prompt(H) -> SID of the next purchase.
 *
 * From the grounded model; loss on the SID tokens of targets only.  The prompt template is written into the model's
 * protocol, so that evaluation asks with the template of training.
 */
#include "config.h"

#include <pauserec/pauserec.h>

typedef struct
{
  const char *prompt, *separator;
  int64_t history;
  PrSftParams sft;
  PrTrainParams train;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_STRING (Params, prompt, "The user bought: {history}",
                   "Prompt template; {history} stands for the purchases' SIDs. Text after {history} makes all-prefixes "
                   "much slower."),
  PR_PARAM_STRING (Params, separator, "", "Text between the SIDs of the history."),
  PR_PARAM_INT (Params, history, 1, 100000, 20, "Purchases shown at most (20: TIGER and LC-Rec; paper.md section 6)."),
  PR_SFT_PARAMS (Params),
  PR_TRAIN_PARAMS (Params, 6, 1e-5, 16, 0.01),
};

static const PrSlotSpec slots[] = {
  PR_REC_INPUT_SLOTS ("The grounded model."),
  { PR_SLOT_OUT, "lm", "lm/1", "The model that answers directly, with its protocol.", FALSE },
};

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;

  return pr_protocol_check_template (p->prompt, error) && pr_train_params_check (&p->train, error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error G_GNUC_UNUSED)
{
  const Params *p = params_;
  const PrSftShape shape = {
    .history = p->history,
    .contiguous = g_str_has_suffix (p->prompt, "{history}") && p->separator[0] == '\0',
  };

  pr_sft_plan (plan_, &p->sft, &p->train, &shape);
  return TRUE;
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_autoptr (PrProtocol) protocol = pr_protocol_new (p->prompt, p->separator, p->history);
  g_auto (PrRecInputs) inputs = { 0 };

  return pr_rec_inputs_load (run_, &inputs, error) && pr_sft_run (run_, &inputs, protocol, &p->sft, &p->train, error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "next-item-sft",
  .version = "1",
  .summary = "Supervised fine-tuning from a prompt with the purchase history to the SID of the next item.",
  .source = "PauseRec section 3 step 2a; settings not in the paper: OneRec-Think's (6 epochs, lr 1e-5, batch 16, "
            "warm-up 0.1, wd 0.01)",
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

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "next-item-sft", .stages = stages };
