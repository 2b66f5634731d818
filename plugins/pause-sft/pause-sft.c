/* pause-sft - paper section 3, step 3: implicit reasoning.
 *
 * The learned e_pause is copied into the next-item SFT checkpoint.  The prompt x' is Prompt(H) and then k pauses
 * between <think> and </think>; loss = - sum_l log p (s_l | x', s_<l) on the SID tokens only.  All weights move.
 * Nothing verbal is ever generated: at inference the k pauses stand there literally (step 4), as the protocol of the
 * output says.
 */
#include "config.h"

#include <pauserec/pauserec.h>

#include <string.h>

typedef struct
{
  int64_t k;
  const char *token;
  int init;
  PrSftParams sft;
  PrTrainParams train;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_INT (Params, k, 0, 4096, 5, "Pauses between <think> and </think> (paper: 5; tags only with 0)."),
  PR_PARAM_STRING (Params, token, PR_PAUSE_TOKEN,
                   "What stands k times: <pause>, or a word of the vocabulary that is one token, as a filler that was "
                   "never taught to pause (the control of Goyal et al.)."),
  PR_PARAM_CHOICE (Params, init, pr_row_start_names, PR_ROW_START_MEAN,
                   "Start of <pause> where `pause` is not connected: the paper's controls without pause pre-training."),
  PR_SFT_PARAMS (Params),
  PR_TRAIN_PARAMS (Params, 5, 5e-5, 16, 0.01),
  PR_TRAIN_GEOMETRY_PARAM (Params),
};

static const PrSlotSpec slots[] = {
  PR_REC_INPUT_SLOTS ("The next-item SFT checkpoint, with its protocol."),
  { PR_SLOT_IN, "pause", "token-embedding/1", "e_pause from pause pre-training; a fresh one without.", TRUE },
  { PR_SLOT_OUT, "lm", "lm/1", "The model that pauses before it answers, with its protocol.", FALSE },
};

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;

  if (p->token[0] != '\0')
    return pr_train_params_check (&p->train, error);
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "token is empty; leave it out, or name a word that is one token");
  return FALSE;
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error G_GNUC_UNUSED)
{
  const Params *p = params_;
  /* Whether <pause> is new to the model is not known yet. */
  const PrSftShape shape = { .thought = 2 + (double)p->k, .new_tokens = TRUE, .thinking = PR_THINKING_PAUSE };

  pr_sft_plan (plan_, &p->sft, &p->train, &shape);
  return TRUE;
}

/* The merge of the two branches: the SFT checkpoint takes over e_pause, bit for bit. */
static gboolean
apply_pause (PrLm *lm, const char *dir, const char *token, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "embedding.safetensors", NULL);
  g_autoptr (PrTensors) file = pr_tensors_open (path, error);
  g_auto (GStrv) names = NULL;
  const char *joined;

  if (file == NULL || !pr_token_embedding_apply (lm, dir, error))
    return FALSE;
  joined = pr_tensors_meta (file, "tokens");
  names = g_strsplit (joined != NULL ? joined : "", "\n", -1);
  if (g_strv_contains ((const char *const *)names, token))
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "token is '%s', but the embedding on the slot 'pause' is of '%s': leave token out, or write in.pause = "
               "none, since a word needs no pause pre-training",
               token, joined != NULL ? joined : "");
  return FALSE;
}

/* Only <pause> may be new to the model; another token must be a word of it, which the prompter checks. */
static gboolean
place_pause (const Params *p, PrRun *run, const PrRecInputs *inputs, GError **error)
{
  const char *dir = pr_run_input_dir (run, "pause");

  if (dir != NULL)
    return apply_pause (inputs->lm, dir, p->token, error);
  return strcmp (p->token, PR_PAUSE_TOKEN) != 0
         || pr_lm_add_token_row (inputs->lm, PR_PAUSE_TOKEN, (PrRowStart)p->init, inputs->sids, pr_run_seed (run),
                                 error);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_auto (PrRecInputs) inputs = { 0 };
  g_autoptr (PrProtocol) protocol = NULL;

  /* x' = Prompt(H) <think> <pause> x k </think>, with the template that next-item SFT trained. */
  if (!pr_rec_inputs_load (run_, &inputs, error) || (protocol = pr_lm_require_protocol (inputs.lm, error)) == NULL)
    return FALSE;
  protocol->thinking = PR_THINKING_PAUSE;
  protocol->pauses = p->k;
  g_free (protocol->token);
  protocol->token = g_strdup (p->token);
  return place_pause (p, run_, &inputs, error) && pr_sft_run (run_, &inputs, protocol, &p->sft, &p->train, error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "pause-sft",
  .version = "1",
  .summary = "Fine-tune the next-item model with k pauses between <think> and </think> before the SID.",
  .source = "PauseRec section 3 step 3 (k = 5, 5 epochs, lr 5e-5, loss on the SID tokens only)",
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

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "pause-sft", .stages = stages };
