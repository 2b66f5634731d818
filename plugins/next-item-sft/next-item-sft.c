/* next-item-sft - paper sections 2 and 3, step 2a: Prompt(H) -> SID of the next purchase.
 *
 * From the grounded model; loss on the SID tokens of targets only.  The prompt template is written into the model's
 * protocol, so that evaluation asks with the template of training.
 */
#include "config.h"

#include <pauserec/pauserec.h>

#include <string.h>

typedef struct
{
  const char *prompt, *separator;
  int64_t history;
  bool continues;
  PrSftParams sft;
  PrTrainParams train;
} Params;

#define PROMPT "The user bought: {history}"
#define SEPARATOR ""
#define HISTORY 20

static const PrParamSpec params[] = {
  PR_PARAM_STRING (Params, prompt, PROMPT,
                   "Prompt template; {history} stands for the purchases' SIDs. Text after {history} makes all-prefixes "
                   "much slower."),
  PR_PARAM_STRING (Params, separator, SEPARATOR, "Text between the SIDs of the history."),
  PR_PARAM_INT (Params, history, 1, 100000, HISTORY,
                "Purchases shown at most (20: TIGER and LC-Rec; paper.md section 6)."),
  PR_PARAM_BOOL_AT (Params, "continue", continues, false,
                    "Go on with a model of this stage, asked as it was: its prompt, separator and history."),
  PR_SFT_PARAMS (Params),
  PR_TRAIN_PARAMS (Params, 6, 1e-5, 16, 0.01),
  PR_TRAIN_GEOMETRY_PARAM (Params),
};

static const PrSlotSpec slots[] = {
  PR_REC_INPUT_SLOTS ("The grounded model; with `continue`, a model that this stage has tuned."),
  { PR_SLOT_OUT, "lm", "lm/1", "The model that answers directly, with its protocol.", FALSE },
};

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;

  if (p->continues
      && (strcmp (p->prompt, PROMPT) != 0 || strcmp (p->separator, SEPARATOR) != 0 || p->history != HISTORY))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "with continue = true the model's own prompt is used; leave prompt, separator and history out");
      return FALSE;
    }
  return pr_protocol_check_template (p->prompt, error) && pr_train_params_check (&p->train, error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error G_GNUC_UNUSED)
{
  const Params *p = params_;
  const PrSftShape fresh = {
    .history = p->history,
    .contiguous = g_str_has_suffix (p->prompt, "{history}") && p->separator[0] == '\0',
  };
  const PrSftShape unknown = { 0 }; /* how the model was asked stands in its protocol.json */

  pr_sft_plan (plan_, &p->sft, &p->train, p->continues ? &unknown : &fresh);
  return TRUE;
}

static PrProtocol *
choose_protocol (const Params *p, const PrLm *lm, GError **error)
{
  g_autoptr (PrProtocol) protocol = NULL;

  if (!p->continues)
    return pr_protocol_new (p->prompt, p->separator, p->history);
  protocol = pr_lm_require_protocol (lm, error);
  if (protocol == NULL || protocol->thinking == PR_THINKING_NONE)
    return g_steal_pointer (&protocol);
  g_set_error (
      error, PR_ERROR, PR_ERROR_DATA,
      "the model to continue thinks before it answers (thinking: %s); connect one that next-item-sft has tuned",
      pr_thinking_names[protocol->thinking]);
  return NULL;
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_auto (PrRecInputs) inputs = { 0 };
  g_autoptr (PrProtocol) protocol = NULL;

  return pr_rec_inputs_load (run_, &inputs, error) && (protocol = choose_protocol (p, inputs.lm, error)) != NULL
         && pr_sft_run (run_, &inputs, protocol, &p->sft, &p->train, error);
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
