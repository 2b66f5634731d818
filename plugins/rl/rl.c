/* rl - paper section 2, RL with verifiable reward: GRPO on the model's own roll-outs.
 *
 * For every prompt of a batch the model of the moment samples a group of roll-outs (rollouts.h); what leads to the
 * user's next purchase more often than the group's average becomes more probable (grpo.h), within a clip and held to
 * the reference, the model at the start, by a KL term.  Works on models that think in words, whose thoughts move, and
 * on all others, whose SIDs do.
 */
#include "config.h"

#include "grpo.h"
#include "rollouts.h"

#include <math.h>

typedef struct
{
  int64_t group, updates, thought_tokens, beams;
  int reward;
  double clip, kl, temperature;
  bool scale_rewards;
  PrSftParams sft;
  PrTrainParams train;
} Params;

static const char *const reward_names[] = { "match", "hit", "ndcg", NULL }; /* as Reward */

static const PrParamSpec params[] = {
  PR_PARAM_INT (Params, group, 2, 4096, 16, "Roll-outs a prompt (OneRec-Think: 16)."),
  PR_PARAM_CHOICE (
      Params, reward, reward_names, REWARD_MATCH,
      "`match`: share of SID positions that match, of the best beam (OneRec-Think); `hit`: the target is among "
      "the beams; `ndcg`: 1 / log2 (1 + its rank)."),
  PR_PARAM_INT (Params, beams, 1, 4096, 32,
                "Beams below a thought that are looked at for the reward (OneRec-Think: 32)."),
  PR_PARAM_INT (Params, updates, 1, 100, 1, "Optimizer steps with the same roll-outs."),
  PR_PARAM_REAL_AT (Params, "clip_ratio", clip, 0, 1, 0.2,
                    "Probabilities may change by this share within one batch of roll-outs (OneRec-Think: 0.2)."),
  PR_PARAM_REAL (Params, kl, 0, 1000, 1e-3,
                 "Weight of the KL divergence from the model at the start (OneRec-Think: 1e-3)."),
  PR_PARAM_BOOL (Params, scale_rewards, true,
                 "Divide a group's advantages by the standard deviation of its rewards (GRPO)."),
  PR_PARAM_REAL (Params, temperature, 0.01, 100, 1,
                 "Of the policy: of sampling and of the probabilities that are trained."),
  PR_PARAM_INT (Params, thought_tokens, 1, 65536, 64,
                "Longest thought in tokens; one that is not closed by then has reward 0."),
  PR_PARAM_CHOICE_AT (Params, "targets", sft.targets, pr_targets_names, PR_TARGETS_LAST,
                      "Prompts: each user's third-last purchase (`last`, as the paper) or every purchase but the first "
                      "(`all-prefixes`) is to be predicted."),
  PR_PARAM_INT_AT (Params, "valid_users", sft.valid_users, 0, G_MAXINT32, 1000,
                   "Users asked at each validation, which is by NDCG@10; 0: none."),
  PR_PARAM_INT_AT (Params, "valid_beams", sft.valid_beams, 10, 1000, 20, "Beams of the validation."),
  PR_TRAIN_PARAMS (Params, 2, 1e-5, 16, 0.01),
  PR_TRAIN_GEOMETRY_PARAM (Params),
};

static const PrSlotSpec slots[] = {
  PR_REC_INPUT_SLOTS ("The model to improve, fine-tuned: of explicit-cot, pause-sft or next-item-sft."),
  { PR_SLOT_OUT, "lm", "lm/1", "The improved model, asked in the same way.", FALSE },
};

enum
{
  SERIES_REWARD,
  SERIES_EQUAL_GROUPS,
  SERIES_MALFORMED,
  SERIES_KL,
  SERIES_ACTION_TOKENS,
};
static const char *const series[] = { "reward", "equal_groups_share", "malformed_share",
                                      "kl",     "action_tokens_mean", NULL };

/* The roll-outs of the round at hand, with what their tokens weigh. */
typedef struct
{
  const Params *params;
  RolloutSettings settings;
  PrSft *sft;
  PrLm *reference; /* NULL without KL */
  PrRng rng;
  Rollouts rollouts;
  GArray *examples;                       /* guint32: roll-outs that have something to teach */
  GArray *sequences;                      /* gint32: prompts and actions of these, packed */
  GArray *offsets, *from;                 /* gint32: of the sequences; where their actions start */
  double *advantages;                     /* [roll-outs] */
  GArray *old, *ref, *advantage, *weight; /* double: of every action of an example, in order */
  gint fault;                             /* GrpoFault, atomic */
} Rl;

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;

  return pr_train_params_check (&p->train, error);
}

static gboolean
check_thinking (gint64 thinking, GError **error)
{
  if (thinking != PR_THINKING_LATENT)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "the model thinks in latent steps, which roll-outs do not cover; connect a model that thinks in words, "
               "pauses, or not at all");
  return FALSE;
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error)
{
  const Params *p = params_;
  const PrSftShape shape = { .thought = (double)p->thought_tokens / 2,
                             .thinking = pr_plan_input_dim (plan_, "lm", "thinking") };
  PrTrainParams train = p->train;

  /* Every roll-out is written, read by the reference and trained `updates` times. */
  train.epochs *= (double)(p->group * (p->updates + 1));
  pr_sft_plan (plan_, &p->sft, &train, &shape);
  return check_thinking (shape.thinking, error);
}

/* Advantages of all groups; how many have none. */
static gsize
judge (Rl *rl)
{
  const Rollouts *r = &rl->rollouts;
  gsize group = (gsize)rl->params->group, equal = 0;

  rl->advantages = g_renew (double, rl->advantages, r->n);
  for (gsize p = 0; p < r->n_prompts; p++)
    equal += !grpo_advantages (r->rewards + p * group, group, rl->params->scale_rewards, rl->advantages + p * group);
  return equal;
}

/* Roll-outs as training sequences; without KL those of equal groups are left out. */
static void
list_examples (Rl *rl)
{
  const Rollouts *r = &rl->rollouts;
  const gint32 *starts = (const gint32 *)(void *)r->starts->data, *prompts = (const gint32 *)(void *)r->offsets->data;
  gint32 end = 0;

  g_array_set_size (rl->examples, 0);
  g_array_set_size (rl->sequences, 0);
  g_array_set_size (rl->offsets, 0);
  g_array_set_size (rl->from, 0);
  g_array_set_size (rl->advantage, 0);
  g_array_set_size (rl->weight, 0);
  g_array_append_val (rl->offsets, end);
  for (guint32 i = 0; i < r->n; i++)
    {
      gsize p = i / (gsize)rl->params->group;
      gint32 n = starts[i + 1] - starts[i], prompt = prompts[p + 1] - prompts[p];
      double weight = 1 / ((double)r->n * (double)MAX (n, 1));

      if (n == 0 || (rl->advantages[i] == 0 && rl->params->kl == 0))
        continue;
      g_array_append_val (rl->examples, i);
      g_array_append_vals (rl->sequences, (const gint32 *)(void *)r->tokens->data + prompts[p], (guint)prompt);
      g_array_append_vals (rl->sequences, (const gint32 *)(void *)r->actions->data + starts[i], (guint)n);
      end = (gint32)rl->sequences->len;
      g_array_append_val (rl->offsets, end);
      g_array_append_val (rl->from, prompt);
      for (gint32 t = 0; t < n; t++)
        {
          g_array_append_val (rl->advantage, rl->advantages[i]);
          g_array_append_val (rl->weight, weight);
        }
    }
}

/* Log probabilities of all actions by LM, in order. */
static gboolean
read_actions (Rl *rl, PrLm *lm, GArray *ret_log_probs, PrTrainLog *log, GError **error)
{
  const PrLmConfig *config = pr_lm_config (lm);
  const gint32 *offsets = (const gint32 *)(void *)rl->offsets->data;
  gsize n = rl->examples->len, rows = rl->sequences->len;
  g_autofree float *log_probs = g_new (float, rows + 1);
  double flops = 0;

  g_array_set_size (ret_log_probs, 0);
  if (!pr_lm_log_probs (lm, (const gint32 *)(void *)rl->sequences->data, offsets, n,
                        (const gint32 *)(void *)rl->from->data, rl->params->temperature, log_probs, error))
    return FALSE;
  for (gsize s = 0; s < n; s++)
    {
      double length = offsets[s + 1] - offsets[s];

      flops += length * pr_lm_config_token_flops (config, (length + 1) / 2);
      for (gint32 t = offsets[s] + g_array_index (rl->from, gint32, s); t < offsets[s + 1]; t++)
        {
          double log_prob = (double)log_probs[t];

          g_array_append_val (ret_log_probs, log_prob);
        }
    }
  pr_train_log_cost (log, PR_COST_INFER_TOKENS, (double)rows);
  pr_train_log_cost (log, PR_COST_FLOPS, flops + 2.0 * config->hidden * config->vocab * ret_log_probs->len);
  return TRUE;
}

static void
report (const Rl *rl, gsize equal, PrTrainLog *log)
{
  const Rollouts *r = &rl->rollouts;
  double reward = 0, kl = 0;

  for (gsize i = 0; i < r->n; i++)
    reward += r->rewards[i] / (double)r->n;
  for (guint t = 0; rl->params->kl > 0 && t < rl->old->len; t++)
    kl += grpo_kl (g_array_index (rl->old, double, t), g_array_index (rl->ref, double, t)) / rl->old->len;
  pr_train_log_point (log, SERIES_REWARD, reward);
  pr_train_log_point (log, SERIES_EQUAL_GROUPS, (double)equal / (double)r->n_prompts);
  pr_train_log_point (log, SERIES_MALFORMED, (double)r->malformed / (double)r->n);
  if (rl->params->kl > 0)
    pr_train_log_point (log, SERIES_KL, kl);
  pr_train_log_point (log, SERIES_ACTION_TOKENS, (double)r->action_tokens / (double)r->n);
  for (int cost = 0; cost < PR_N_COSTS; cost++)
    pr_train_log_cost (log, (PrCost)cost, r->costs[cost]);
}

static gboolean
make_round (gpointer ctx, PrLm *lm, guint64 round, const guint32 *picked, gsize n_picked, PrTrainLog *log, gsize *ret_n,
            GError **error)
{
  Rl *rl = ctx;
  gsize equal;

  rollouts_clear (&rl->rollouts);
  if (!rollouts_make (&rl->settings, lm, picked, n_picked, pr_rng_u64 (rl->rng, round, 0), log, &rl->rollouts, error))
    return FALSE;
  equal = judge (rl);
  list_examples (rl);
  g_array_set_size (rl->old, 0);
  if (rl->examples->len > 0
      && (!read_actions (rl, lm, rl->old, log, error)
          || (rl->reference != NULL && !read_actions (rl, rl->reference, rl->ref, log, error))))
    return FALSE;
  report (rl, equal, log);
  *ret_n = rl->examples->len;
  return TRUE;
}

static gboolean
example (gpointer ctx, guint epoch, gsize index, PrExample *example_, GError **error)
{
  const Rl *rl = ctx;
  gint32 start = g_array_index (rl->offsets, gint32, index), end = g_array_index (rl->offsets, gint32, index + 1),
         from = g_array_index (rl->from, gint32, index);

  (void)epoch, (void)error;
  for (gint32 i = start; i < end; i++)
    pr_example_add (example_, g_array_index (rl->sequences, gint32, i), i - start >= from);
  return TRUE;
}

static double
objective (gpointer ctx, gsize target, double log_prob, double *ret_slope)
{
  Rl *rl = ctx;
  double weight = g_array_index (rl->weight, double, target), value = 0, slope = 0,
         ref = rl->reference != NULL ? g_array_index (rl->ref, double, target) : 0;
  GrpoFault fault =
      grpo_term (log_prob, g_array_index (rl->old, double, target), ref, g_array_index (rl->advantage, double, target),
                 rl->params->clip, rl->params->kl, &value, &slope);

  if (fault != GRPO_FINE)
    {
      g_atomic_int_set (&rl->fault, (gint)fault);
      return INFINITY;
    }
  *ret_slope = weight * slope;
  return weight * value;
}

static gboolean
score (gpointer ctx, PrLm *lm, PrTrainLog *log, double *ret_score, GError **error)
{
  return pr_sft_valid_ndcg (((Rl *)ctx)->sft, lm, log, ret_score, error);
}

static void
rl_init (Rl *rl)
{
  GArray **ints[] = { &rl->sequences, &rl->offsets, &rl->from };
  GArray **doubles[] = { &rl->old, &rl->ref, &rl->advantage, &rl->weight };

  rl->examples = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (gsize i = 0; i < G_N_ELEMENTS (ints); i++)
    *ints[i] = g_array_new (FALSE, FALSE, sizeof (gint32));
  for (gsize i = 0; i < G_N_ELEMENTS (doubles); i++)
    *doubles[i] = g_array_new (FALSE, FALSE, sizeof (double));
}

static void
rl_clear (Rl *rl)
{
  GArray *arrays[] = {
    rl->examples, rl->sequences, rl->offsets, rl->from, rl->old, rl->ref, rl->advantage, rl->weight
  };

  for (gsize i = 0; i < G_N_ELEMENTS (arrays); i++)
    g_array_unref (arrays[i]);
  pr_lm_free (rl->reference);
  rollouts_clear (&rl->rollouts);
  g_free (rl->advantages);
}

static gboolean
learn (Rl *rl, PrRun *run, const PrRecInputs *inputs, const PrProtocol *protocol, GError **error)
{
  static const char *const faults[] = { "", "the ratio of new to old probabilities overflowed: ",
                                        "the KL divergence from the start overflowed: " };
  const PrThinkParams greedy = { .thoughts = 1, .thought_tokens = rl->params->thought_tokens, .top_p = 1 };
  const PrTraining training = { .name = "train",
                                .n_examples = pr_sft_n (rl->sft),
                                .example = example,
                                .ctx = rl,
                                .shuffle = TRUE,
                                .score = pr_sft_n_valid (rl->sft) > 0 ? score : NULL,
                                .score_name = "ndcg_10",
                                .hook_ctx = rl,
                                .make_round = make_round,
                                .round_steps = rl->params->updates,
                                .objective = objective,
                                .temperature = rl->params->temperature,
                                .series = series };

  pr_sft_set_thoughts (rl->sft, NULL, NULL, 1, &greedy);
  pr_run_metric (run, "valid_users", (double)pr_sft_n_valid (rl->sft));
  if (pr_sft_run_training (run, inputs, protocol, &training, &rl->params->train, error))
    return TRUE;
  g_prefix_error (error, "%s", faults[g_atomic_int_get (&rl->fault)]);
  return FALSE;
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_auto (PrRecInputs) inputs = { 0 };
  g_autoptr (PrProtocol) protocol = NULL;
  g_autoptr (PrSft) sft = NULL;
  g_autoptr (PrPrompter) prompter = NULL;
  g_autoptr (PrTrie) trie = NULL;
  Rl rl = { .params = p, .rng = pr_rng_new (pr_run_seed (run_), "roll-outs") };
  gboolean ok;

  if (!pr_rec_inputs_load (run_, &inputs, error) || (protocol = pr_lm_require_protocol (inputs.lm, error)) == NULL
      || !check_thinking ((gint64)protocol->thinking, error)
      || (sft = pr_sft_new (inputs.lm, inputs.dataset, inputs.sids, protocol, &p->sft, error)) == NULL
      || (prompter = pr_prompter_new (protocol, pr_lm_tokenizer (inputs.lm), inputs.sids, inputs.dataset, error))
             == NULL
      || (p->kl > 0 && (rl.reference = pr_lm_load (pr_run_input_dir (run_, "lm"), error)) == NULL))
    return FALSE;
  trie = pr_trie_new (inputs.sids, prompter);
  rl_init (&rl);
  rl.sft = sft;
  rl.settings = (RolloutSettings){ .sft = sft,
                                   .dataset = inputs.dataset,
                                   .sids = inputs.sids,
                                   .prompter = prompter,
                                   .trie = trie,
                                   .reward = (Reward)p->reward,
                                   .group = p->group,
                                   .beams = p->beams,
                                   .thought_tokens = p->thought_tokens,
                                   .temperature = p->temperature };
  ok = learn (&rl, run_, &inputs, protocol, error);
  rl_clear (&rl);
  return ok;
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "rl",
  .version = "1",
  .summary = "Reinforcement learning with verifiable reward (GRPO), on thoughts in words or on SIDs.",
  .source =
      "PauseRec section 2 (RL); OneRec-Think (GRPO, 16 roll-outs, 32 beams, lr 1e-5, KL 1e-3, clip 0.2, 2 epochs); "
      "loss: DeepSeekMath, section 4.1",
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

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "rl", .stages = stages };
