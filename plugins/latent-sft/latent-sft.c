/* latent-sft - latent thoughts (Coconut, ReaRec): the rival of the pauses.
 *
 * Between <think> and </think> stand k positions without a word: the input of each is the final hidden state of the
 * position before it.  Loss on the SID tokens only, which reaches every thought through the state it was made from.
 * All weights move.  Prompt, loss and settings are those of pause-sft, so that arms differ in the thought alone: a
 * pause is k more columns of computation side by side, a latent thought is k times the depth.
 */
#include "config.h"

#include <pauserec/pauserec.h>

typedef struct
{
  int64_t k;
  PrSftParams sft;
  PrTrainParams train;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_INT (Params, k, 0, 64, 2, "Latent thoughts between <think> and </think> (ReaRec: 2; tags only with 0)."),
  PR_SFT_PARAMS (Params),
  PR_TRAIN_PARAMS (Params, 5, 5e-5, 16, 0.01),
  PR_TRAIN_GEOMETRY_PARAM (Params),
};

static const PrSlotSpec slots[] = {
  PR_REC_INPUT_SLOTS ("The next-item SFT checkpoint, with its protocol."),
  { PR_SLOT_OUT, "lm", "lm/1", "The model that thinks in its own states before it answers, with its protocol.", FALSE },
};

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;

  return pr_train_params_check (&p->train, error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error G_GNUC_UNUSED)
{
  const Params *p = params_;
  const PrSftShape shape = { .thought = 2 + (double)p->k, .latents = (double)p->k, .thinking = PR_THINKING_LATENT };

  pr_sft_plan (plan_, &p->sft, &p->train, &shape);
  return TRUE;
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_auto (PrRecInputs) inputs = { 0 };
  g_autoptr (PrProtocol) protocol = NULL;

  /* Prompt(H) <think> [latent] x k </think>, with the template that next-item SFT trained. */
  if (!pr_rec_inputs_load (run_, &inputs, error) || (protocol = pr_lm_require_protocol (inputs.lm, error)) == NULL)
    return FALSE;
  protocol->thinking = PR_THINKING_LATENT;
  protocol->pauses = p->k;
  return pr_sft_run (run_, &inputs, protocol, &p->sft, &p->train, error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "latent-sft",
  .version = "1",
  .summary = "Fine-tune the next-item model with k latent thoughts between <think> and </think> before the SID.",
  .source = "Coconut (arXiv 2412.06769): last hidden state as next input; ReaRec (arXiv 2503.22675): k = 2",
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

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "latent-sft", .stages = stages };
