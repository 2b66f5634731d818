/* sft-run.c - what fine-tuning stages have in common around their examples. */
#include "config.h"

#include <pauserec/error.h>
#include <pauserec/sft.h>

#define HISTORY_GUESS 20
#define TEMPLATE_GUESS 10 /* tokens of a prompt's words */

gboolean
pr_rec_inputs_load (PrRun *run, PrRecInputs *inputs, GError **error)
{
  g_auto (PrRecInputs) loaded = { 0 };

  if ((loaded.lm = pr_lm_load (pr_run_input_dir (run, "lm"), error)) == NULL
      || (loaded.dataset = pr_dataset_load (pr_run_input_dir (run, "dataset"), error)) == NULL
      || (loaded.sids = pr_sids_load (pr_run_input_dir (run, "sids"), error)) == NULL)
    return FALSE;
  *inputs = loaded;
  loaded = (PrRecInputs){ 0 };
  return TRUE;
}

void
pr_rec_inputs_clear (PrRecInputs *inputs)
{
  g_clear_pointer (&inputs->lm, pr_lm_free);
  g_clear_pointer (&inputs->dataset, pr_dataset_free);
  g_clear_pointer (&inputs->sids, pr_sids_free);
}

PrProtocol *
pr_lm_require_protocol (const PrLm *lm, GError **error)
{
  const PrProtocol *protocol = pr_lm_protocol (lm);

  if (protocol != NULL)
    return pr_protocol_copy (protocol);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "the model has no protocol.json, so its prompt is not known: start from a model that next-item-sft "
               "has tuned");
  return NULL;
}

void
pr_sft_plan (PrPlan *plan, const PrSftParams *sft, const PrTrainParams *train, const PrSftShape *shape)
{
  gint64 n = pr_sft_estimate_n (sft, shape->contiguous, pr_plan_input_dim (plan, "dataset", "n_users"));
  gint64 levels = MAX (1, pr_plan_input_dim (plan, "sids", "levels"));
  gint64 history = shape->history > 0 ? shape->history : HISTORY_GUESS;
  gboolean vocab_known;
  PrLmConfig config;

  pr_plan_set_dim (plan, "lm", "thinking", shape->thinking);
  pr_plan_set_dim (plan, "lm", "tuned", 1);
  pr_plan_set_dim (plan, "lm", "sid_tokens", pr_plan_input_dim (plan, "lm", "sid_tokens"));
  if (!pr_plan_input_lm (plan, "lm", &config, &vocab_known))
    return;
  pr_plan_set_lm (plan, "lm", &config, vocab_known && !shape->new_tokens);
  /* Typical histories are about half as long as the longest shown. */
  pr_plan_set_latent_training (plan, &config, train, n,
                               TEMPLATE_GUESS + shape->thought + (double)(history * levels) / 2, shape->latents);
}

gboolean
pr_sft_run_training (PrRun *run, const PrRecInputs *inputs, const PrProtocol *protocol, const PrTraining *training,
                     const PrTrainParams *train, GError **error)
{
  g_autoptr (PrTokenGroups) groups = NULL;
  PrTraining measured = *training;

  pr_run_metric (run, "train_examples", (double)training->n_examples);
  if (train->geometry_every > 0
      && (groups = pr_token_groups_new (inputs->lm, inputs->dataset, inputs->sids, 1, error)) == NULL)
    return FALSE;
  measured.groups = groups;
  if (train->epochs > 0 && !pr_train (run, inputs->lm, &measured, train, pr_run_seed (run), error))
    return FALSE;
  pr_lm_set_protocol (inputs->lm, protocol);
  pr_run_set_lm (run, "lm", inputs->lm);
  pr_run_set_dim (run, "lm", "thinking", (gint64)protocol->thinking);
  return pr_lm_save (inputs->lm, pr_run_output_dir (run, "lm"), error);
}

gboolean
pr_sft_run (PrRun *run, const PrRecInputs *inputs, const PrProtocol *protocol, const PrSftParams *sft,
            const PrTrainParams *train, GError **error)
{
  g_autoptr (PrSft) examples = pr_sft_new (inputs->lm, inputs->dataset, inputs->sids, protocol, sft, error);
  PrTraining training = { .name = "train" };

  if (examples == NULL)
    return FALSE;
  pr_sft_describe (examples, &training);
  pr_run_metric (run, "valid_users", (double)pr_sft_n_valid (examples));
  return pr_sft_run_training (run, inputs, protocol, &training, train, error);
}
