/* pause-sft - paper section 3, step 3: implicit reasoning.
 *
 * The learned e_pause is copied into the next-item SFT checkpoint.  The prompt x' is Prompt(H) and then k pauses
 * between <think> and
 * </think>; loss = - sum_l log p (s_l | x', s_<l) on the SID tokens only.  All weights move.  Nothing verbal is
 * ever generated: at inference the k pauses stand there literally (step 4), as the protocol of the output says.
 */
#include "config.h"

#include <pauserec/pauserec.h>

typedef struct
{
  int64_t k;
  int init;
  PrSftParams sft;
  PrTrainParams train;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_INT (Params, k, 0, 4096, 5, "Pauses between <think> and </think> (paper: 5; tags only with 0)."),
  PR_PARAM_CHOICE (Params, init, pr_row_start_names, PR_ROW_START_MEAN,
                   "Start of e_pause where `pause` is not connected: the paper's controls without pause pre-training."),
  PR_SFT_PARAMS (Params),
  PR_TRAIN_PARAMS (Params, 5, 5e-5, 16, 0.01),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "lm", "lm/1", "The next-item SFT checkpoint, with its protocol.", FALSE },
  { PR_SLOT_IN, "pause", "token-embedding/1", "e_pause from pause pre-training; a fresh one without.", TRUE },
  { PR_SLOT_IN, "dataset", "dataset/1", "Whose purchases are learned.", FALSE },
  { PR_SLOT_IN, "sids", "sids/1", "The semantic ids that the model was grounded in.", FALSE },
  { PR_SLOT_OUT, "lm", "lm/1", "The model that pauses before it answers, with its protocol.", FALSE },
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
  gint64 n = pr_sft_estimate_n (&p->sft, FALSE, pr_plan_input_dim (plan_, "dataset", "n_users"));
  gint64 levels = pr_plan_input_dim (plan_, "sids", "levels");
  PrLmConfig config;

  if (!pr_plan_input_lm (plan_, "lm", &config, NULL))
    return TRUE;
  /* Whether <pause> is new to the model is not known yet. */
  pr_plan_set_lm (plan_, "lm", &config, FALSE);
  pr_plan_set_training (plan_, &config, &p->train, n, 12 + (double)p->k + 10.0 * (double)MAX (1, levels));
  return TRUE;
}

/* x' = Prompt(H) <think> <pause> x k </think>, with the template that next-item SFT trained. */
static PrProtocol *
pause_protocol (const PrLm *lm, gint64 k, GError **error)
{
  const PrProtocol *direct = pr_lm_protocol (lm);
  PrProtocol *protocol;

  if (direct == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "the model has no protocol.json, so its prompt is not known: start from a model that next-item-sft "
                   "has tuned");
      return NULL;
    }
  protocol = pr_protocol_copy (direct);
  protocol->thinking = PR_THINKING_PAUSE;
  protocol->pauses = k;
  return protocol;
}

/* The merge of the two branches: the SFT checkpoint takes over e_pause, bit for bit. */
static gboolean
place_pause (const Params *p, PrRun *run, PrLm *lm, const PrSids *sids, GError **error)
{
  const char *dir = pr_run_input_dir (run, "pause");

  if (dir == NULL)
    return pr_lm_add_token_row (lm, "<pause>", (PrRowStart)p->init, sids, pr_run_seed (run), error);
  return pr_token_embedding_apply (lm, dir, error);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_autoptr (PrProtocol) protocol = NULL;
  g_autoptr (PrLm) lm = NULL;
  g_autoptr (PrDataset) dataset = NULL;
  g_autoptr (PrSids) sids = NULL;
  g_autoptr (PrSft) sft = NULL;
  PrTraining training = { .name = "train" };

  if ((lm = pr_lm_load (pr_run_input_dir (run_, "lm"), error)) == NULL
      || (protocol = pause_protocol (lm, p->k, error)) == NULL
      || (dataset = pr_dataset_load (pr_run_input_dir (run_, "dataset"), error)) == NULL
      || (sids = pr_sids_load (pr_run_input_dir (run_, "sids"), error)) == NULL
      || !place_pause (p, run_, lm, sids, error)
      || (sft = pr_sft_new (lm, dataset, sids, protocol, &p->sft, error)) == NULL)
    return FALSE;
  pr_sft_describe (sft, &training);
  pr_run_metric (run_, "train_examples", (double)training.n_examples);
  pr_run_metric (run_, "valid_users", (double)pr_sft_n_valid (sft));
  if (p->train.epochs > 0 && !pr_train (run_, lm, &training, &p->train, pr_run_seed (run_), error))
    return FALSE;
  pr_lm_set_protocol (lm, protocol);
  pr_run_set_lm (run_, "lm", lm);
  return pr_lm_save (lm, pr_run_output_dir (run_, "lm"), error);
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
