/* dims.c - the one list of a model's dimensions. */
#include "config.h"

#include <pauserec/lmdims.h>

#include <stddef.h>

static const struct
{
  const char *name;
  gsize offset;
} fields[] = {
  { "hidden", offsetof (PrLmConfig, hidden) },
  { "layers", offsetof (PrLmConfig, layers) },
  { "heads", offsetof (PrLmConfig, heads) },
  { "kv_heads", offsetof (PrLmConfig, kv_heads) },
  { "head_dim", offsetof (PrLmConfig, head_dim) },
  { "ffn", offsetof (PrLmConfig, ffn) },
  { "max_positions", offsetof (PrLmConfig, max_positions) },
};

static gint32 *
field (const PrLmConfig *config, gsize i)
{
  return (gint32 *)(void *)((char *)config + fields[i].offset);
}

void
pr_plan_set_lm (PrPlan *plan, const char *slot, const PrLmConfig *config, gboolean vocab_known)
{
  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    pr_plan_set_dim (plan, slot, fields[i].name, *field (config, i));
  pr_plan_set_dim (plan, slot, "family", config->family);
  pr_plan_set_dim (plan, slot, "vocab", vocab_known ? config->vocab : PR_DIM_UNKNOWN);
  pr_plan_set_dim (plan, slot, "n_params", vocab_known ? pr_lm_config_n_params (config) : PR_DIM_UNKNOWN);
}

gboolean
pr_plan_input_lm (const PrPlan *plan, const char *slot, PrLmConfig *ret_config, gboolean *ret_vocab_known)
{
  PrLmConfig config = { .rope_theta = 10000, .rms_eps = 1e-6, .init_sd = 0.02 };
  gint64 family = pr_plan_input_dim (plan, slot, "family"), vocab = pr_plan_input_dim (plan, slot, "vocab");

  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      gint64 value = pr_plan_input_dim (plan, slot, fields[i].name);

      if (value < 1 || value > G_MAXINT32)
        return FALSE;
      *field (&config, i) = (gint32)value;
    }
  if (family < PR_LM_QWEN3 || family > PR_LM_LLAMA || vocab > G_MAXINT32)
    return FALSE;
  config.family = (PrLmFamily)family;
  config.vocab = vocab > 0 ? (gint32)vocab : PR_LM_VOCAB_GUESS;
  *ret_config = config;
  if (ret_vocab_known != NULL)
    *ret_vocab_known = vocab > 0;
  return TRUE;
}

void
pr_run_set_lm (PrRun *run, const char *slot, const PrLm *lm)
{
  const PrLmConfig *config = pr_lm_config (lm);

  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    pr_run_set_dim (run, slot, fields[i].name, *field (config, i));
  pr_run_set_dim (run, slot, "family", config->family);
  pr_run_set_dim (run, slot, "vocab", config->vocab);
  pr_run_set_dim (run, slot, "n_params", pr_lm_config_n_params (config));
  pr_run_set_dim (run, slot, "sid_tokens", pr_lm_n_sid_tokens (lm));
  pr_run_set_dim (run, slot, "tuned", pr_lm_protocol (lm) != NULL);
}

void
pr_plan_set_training (PrPlan *plan, const PrLmConfig *config, const PrTrainParams *params, gint64 n_examples,
                      double tokens)
{
  pr_plan_set_latent_training (plan, config, params, n_examples, tokens, 0);
}

void
pr_plan_set_latent_training (PrPlan *plan, const PrLmConfig *config, const PrTrainParams *params, gint64 n_examples,
                             double tokens, double latents)
{
  double steps, head = 2.0 * config->hidden * config->vocab;

  pr_plan_set_memory (plan, pr_lm_config_train_bytes (config, params->chunk_tokens));
  if (n_examples < 0)
    return;
  steps = (double)pr_train_n_steps (params, (gsize)n_examples, 1);
  /* As pr_batch_flops(): three passes, and for each latent position two through the layers alone. */
  pr_plan_set_flops (plan, steps * (double)params->batch_size * tokens
                               * ((3 + 2 * latents) * pr_lm_config_token_flops (config, tokens / 2) + 3 * head));
}
