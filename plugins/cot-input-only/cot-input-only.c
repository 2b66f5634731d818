/* cot-input-only - the control of chain of thought with matched input (paper.md section 5, traps).
 *
 * A rationale brings the words of categories and titles into the prompt.  Here they come without any reasoning: a
 * template fills a note from the history, the note stands where the rationale would, between <think> and </think>, and
 * the model writes nothing.  Loss = - sum_l log p (s_l | Prompt(H), note, s_<l) on the SID tokens only; all weights
 * move.
 */
#include "config.h"

#include <pauserec/pauserec.h>

typedef struct
{
  const char *note;
  PrSftParams sft;
  PrTrainParams train;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_STRING (Params, note, "The user is likely to buy items in {last_3_categories}",
                   "Template of the note (blanks of the history only). Default: OneRec-Think's rationale with the "
                   "categories of the newest purchases in the place of the target's."),
  PR_SFT_PARAMS (Params),
  PR_TRAIN_PARAMS (Params, 5, 5e-5, 16, 0.01),
  PR_TRAIN_GEOMETRY_PARAM (Params),
};

static const PrSlotSpec slots[] = {
  PR_REC_INPUT_SLOTS ("The next-item SFT checkpoint, with its protocol."),
  { PR_SLOT_OUT, "lm", "lm/1", "The model that reads a note before it answers, with its protocol.", FALSE },
};

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;
  g_autoptr (PrTemplate) note = pr_template_parse (p->note, PR_TEMPLATE_HISTORY_ONLY, "note", error);

  return note != NULL && pr_train_params_check (&p->train, error);
}

#define NOTE_GUESS 32 /* tokens; nobody knows before the items are read */

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error G_GNUC_UNUSED)
{
  const Params *p = params_;
  const PrSftShape shape = { .thought = 2 + NOTE_GUESS, .thinking = PR_THINKING_NOTE };

  pr_sft_plan (plan_, &p->sft, &p->train, &shape);
  return TRUE;
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_auto (PrRecInputs) inputs = { 0 };
  g_autoptr (PrProtocol) protocol = NULL;

  if (!pr_rec_inputs_load (run_, &inputs, error) || (protocol = pr_lm_require_protocol (inputs.lm, error)) == NULL)
    return FALSE;
  protocol->thinking = PR_THINKING_NOTE;
  protocol->pauses = 0;
  g_free (protocol->note);
  protocol->note = g_strdup (p->note);
  return pr_sft_run (run_, &inputs, protocol, &p->sft, &p->train, error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "cot-input-only",
  .version = "1",
  .summary = "Fine-tune the next-item model to read a note made from the history where a rationale would stand.",
  .source = "control with matched input; sentence of OneRec-Think (public data); training settings of pause-sft",
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

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "cot-input-only", .stages = stages };
