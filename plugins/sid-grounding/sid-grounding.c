/* sid-grounding - paper section 2, CPT: the semantic ids become words that mean their items.
 *
 * SID tokens enter the vocabulary; continued pre-training shows each item's SID with its description in both
 * directions, SID -> description and description -> SID (sequences: itemtext.h).  All weights move.
 */
#include "config.h"

#include <pauserec/pauserec.h>

typedef struct
{
  PrGroundingParams grounding;
  PrTrainParams train;
} Params;

static const PrParamSpec params[] = {
  PR_GROUNDING_PARAMS (Params),
  PR_TRAIN_PARAMS (Params, 3, 1e-4, 32, 0.01),
  PR_TRAIN_GEOMETRY_PARAM (Params),
};

static const PrSlotSpec slots[] = {
  PR_REC_INPUT_SLOTS ("The model to ground."),
  { PR_SLOT_OUT, "lm", "lm/1", "The grounded model, its vocabulary grown by the SID tokens.", FALSE },
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
  gint64 n_items = pr_plan_input_dim (plan_, "dataset", "n_items"),
         n_users = pr_plan_input_dim (plan_, "dataset", "n_users");
  PrLmConfig config;

  pr_plan_set_dim (plan_, "lm", "tuned", 0);
  if (!pr_plan_input_lm (plan_, "lm", &config, NULL))
    return TRUE;
  /* How many SID tokens come depends on the collisions that the quantizer finds. */
  pr_plan_set_lm (plan_, "lm", &config, FALSE);
  pr_plan_set_training (plan_, &config, &p->train, pr_grounding_estimate_n (&p->grounding, n_items, n_users),
                        (double)p->grounding.text_tokens / 2 + 10);
  return TRUE;
}

/* New words for the codes, unless the model was grounded in the same codes before. */
static gboolean
add_sid_tokens (PrLm *lm, const PrSids *sids, guint64 seed, GError **error)
{
  g_auto (GStrv) names = pr_sids_token_names (sids);
  gsize known = 0, n = g_strv_length (names);

  for (gsize i = 0; i < n; i++)
    known += pr_tokenizer_lookup (pr_lm_tokenizer (lm), names[i]) >= 0;
  if (known == n)
    return TRUE;
  if (known == 0)
    return pr_lm_add_tokens (lm, (const char *const *)names, PR_ROW_INIT_NORMAL, seed, error);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "the model has %zu of the %zu SID tokens already: it was grounded in SIDs of another shape; start from "
               "a model without SIDs",
               known, n);
  return FALSE;
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  guint64 seed = pr_run_seed (run_);
  g_auto (PrRecInputs) inputs = { 0 };
  g_autoptr (PrGrounding) grounding = NULL;
  g_autoptr (PrTokenGroups) groups = NULL;

  if (!pr_rec_inputs_load (run_, &inputs, error) || !add_sid_tokens (inputs.lm, inputs.sids, seed, error)
      || (grounding = pr_grounding_new (inputs.lm, inputs.dataset, inputs.sids, &p->grounding, seed, error)) == NULL
      || (p->train.geometry_every > 0
          && (groups = pr_token_groups_new (inputs.lm, inputs.dataset, inputs.sids, 1, error)) == NULL))
    return FALSE;

  const PrTraining training = {
    .name = "train",
    .n_examples = pr_grounding_n (grounding),
    .example = pr_grounding_example,
    .ctx = grounding,
    .shuffle = TRUE,
    .groups = groups,
  };

  pr_run_metric (run_, "sequences_per_epoch", (double)training.n_examples);
  if (p->train.epochs > 0 && !pr_train (run_, inputs.lm, &training, &p->train, seed, error))
    return FALSE;
  pr_run_set_lm (run_, "lm", inputs.lm);
  return pr_lm_save (inputs.lm, pr_run_output_dir (run_, "lm"), error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "sid-grounding",
  .version = "1",
  .summary = "Continued pre-training that ties semantic ids to item descriptions, in both directions (CPT).",
  .source = "PauseRec section 2 (3 epochs, lr 1e-4, AdamW, weight decay 0.01); templates after OneRec-Think",
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

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "sid-grounding", .stages = stages };
