/* pause-pretrain - paper section 3, step 2b: one vector learns to be a pause.
 *
 * From the CPT checkpoint: one token <pause> is inserted at random positions of the CPT sequences, about 10 % of each
 * one's length. Only its embedding e_pause is trained, all else is frozen; pauses are not targets (Goyal et al.).
 * e_pause starts at the mean of all embeddings, text and SID, with 1e-9 of their variance.  (The head is tied, so
 * e_pause moves there too.)
 */
#include "config.h"

#include "insert.h"

#include <pauserec/pauserec.h>

#include <math.h>

typedef struct
{
  double share;
  int init;
  PrGroundingParams grounding;
  PrTrainParams train;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_REAL (Params, share, 0.001, 1, 0.1, "Pauses per token of a sequence (paper: about 10 %)."),
  PR_PARAM_CHOICE (
      Params, init, pr_row_start_names, PR_ROW_START_MEAN,
      "Start of e_pause: the mean of all embeddings (paper), N(0, sd), or the mean of text or SID tokens."),
  PR_GROUNDING_PARAMS (Params),
  PR_TRAIN_PARAMS (Params, 2, 1e-3, 32, 0.01),
};

static const PrSlotSpec slots[] = {
  PR_REC_INPUT_SLOTS ("The CPT checkpoint: in a manifest `in.lm = ground.lm`."),
  { PR_SLOT_OUT, "pause", "token-embedding/1", "e_pause.", FALSE },
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

  if (pr_plan_input_lm (plan_, "lm", &config, NULL))
    pr_plan_set_training (plan_, &config, &p->train, pr_grounding_estimate_n (&p->grounding, n_items, n_users),
                          (1 + p->share) * ((double)p->grounding.text_tokens / 2 + 10));
  return TRUE;
}

typedef struct
{
  PrGrounding *grounding;
  double share;
  gint32 pause;
  PrRng rng;
} Sequences;

/* The CPT sequence of this place, with its pauses drawn anew in every epoch. */
static gboolean
paused_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error)
{
  Sequences *sequences = ctx;

  if (!pr_grounding_example (sequences->grounding, epoch, index, example, error))
    return FALSE;
  pause_insert (example, sequences->pause, sequences->share, sequences->rng, epoch, index);
  return TRUE;
}

/* Cosine of e_pause with where it started, and its length: did training move it, and how far? */
static void
report_movement (PrRun *run, PrLm *lm, gint32 pause, const float *start)
{
  const float *row = pr_lm_embedding_row (lm, pause);
  double dot = 0, before = 0, after = 0;

  for (gint32 d = 0; d < pr_lm_config (lm)->hidden; d++)
    {
      dot += (double)row[d] * start[d];
      before += (double)start[d] * start[d];
      after += (double)row[d] * row[d];
    }
  pr_run_metric (run, "start_norm", sqrt (before));
  pr_run_metric (run, "pause_norm", sqrt (after));
  pr_run_metric (run, "start_cosine", before > 0 && after > 0 ? dot / sqrt (before * after) : 0);
}

static gboolean
check_room (const Params *p, const PrGrounding *grounding, const PrLm *lm, GError **error)
{
  gsize longest = pr_grounding_longest (grounding), with_pauses = longest + pause_count (longest, p->share);

  if (with_pauses <= (gsize)pr_lm_config (lm)->max_positions)
    return TRUE;
  g_set_error (
      error, PR_ERROR, PR_ERROR_MANIFEST,
      "sequences with their pauses can have %zu tokens, but the model has %d positions; lower text_tokens or share",
      with_pauses, pr_lm_config (lm)->max_positions);
  return FALSE;
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  guint64 seed = pr_run_seed (run_);
  g_auto (PrRecInputs) inputs = { 0 };
  g_autoptr (PrGrounding) grounding = NULL;
  static const char *const names[] = { "<pause>", NULL };

  if (!pr_rec_inputs_load (run_, &inputs, error)
      || !pr_lm_add_token_row (inputs.lm, names[0], (PrRowStart)p->init, inputs.sids, seed, error)
      || (grounding = pr_grounding_new (inputs.lm, inputs.dataset, inputs.sids, &p->grounding, seed, error)) == NULL
      || !check_room (p, grounding, inputs.lm, error))
    return FALSE;

  gint32 pause = pr_tokenizer_lookup (pr_lm_tokenizer (inputs.lm), names[0]);
  g_autofree float *start =
      g_memdup2 (pr_lm_embedding_row (inputs.lm, pause), sizeof (float) * (gsize)pr_lm_config (inputs.lm)->hidden);
  Sequences sequences = { grounding, p->share, pause, pr_rng_new (seed, "pause-positions") };
  const PrTraining training = {
    .name = "train",
    .n_examples = pr_grounding_n (grounding),
    .example = paused_example,
    .ctx = &sequences,
    .shuffle = TRUE,
    .rows = &pause,
    .n_rows = 1,
  };

  if (p->train.epochs > 0 && !pr_train (run_, inputs.lm, &training, &p->train, seed, error))
    return FALSE;
  report_movement (run_, inputs.lm, pause, start);
  return pr_token_embedding_save (inputs.lm, names, pr_run_output_dir (run_, "pause"), error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "pause-pretrain",
  .version = "1",
  .summary = "Learn the embedding of <pause>, inserted at random positions of the CPT sequences; all else is frozen.",
  .source = "PauseRec section 3 step 2b (10 %, 2 epochs, lr 1e-3); loss mask after Goyal et al.",
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

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "pause-pretrain", .stages = stages };
