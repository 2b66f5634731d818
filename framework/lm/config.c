#include "config.h"

#include <pauserec/error.h>

#include "lm/lm-private.h"
#include "lm/model.h"

#include <math.h>

static char *
range_fault (const char *field, gint64 value, gint64 low, gint64 high)
{
  if (value >= low && value <= high)
    return NULL;
  return g_strdup_printf ("%s is %" G_GINT64_FORMAT ", it must lie in %" G_GINT64_FORMAT "..%" G_GINT64_FORMAT, field,
                          value, low, high);
}

static char *
sizes_fault (const PrLmConfig *config)
{
  const struct
  {
    const char *field;
    gint32 value, high;
  } fields[] = {
    { "vocab", config->vocab, PR_LM_MAX_VOCAB },       { "hidden", config->hidden, PR_LM_MAX_WIDTH },
    { "layers", config->layers, PR_LM_MAX_LAYERS },    { "heads", config->heads, PR_LM_MAX_HEADS },
    { "kv_heads", config->kv_heads, PR_LM_MAX_HEADS }, { "head_dim", config->head_dim, PR_LM_MAX_HEAD_DIM },
    { "ffn", config->ffn, PR_LM_MAX_WIDTH * 4 },       { "max_positions", config->max_positions, PR_LM_MAX_POSITIONS },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      char *fault = range_fault (fields[i].field, fields[i].value, 1, fields[i].high);

      if (fault != NULL)
        return fault;
    }
  return NULL;
}

/* Parameters of one layer; sizes were checked, so 64 bits suffice. */
static gint64
layer_params (const PrLmConfig *config)
{
  gint64 d = config->hidden, hd = config->head_dim;
  gint64 q = config->heads * hd, kv = config->kv_heads * hd;
  gint64 n = d * (q + 2 * kv) + q * d + 3 * d * (gint64)config->ffn + 2 * d;

  if (config->family == PR_LM_QWEN3)
    n += 2 * hd;
  if (config->family == PR_LM_QWEN2)
    n += q + 2 * kv;
  return n;
}

/* FALSE if the number does not fit 63 bits even after multiplication by 16 bytes (weight, gradient, two moments). */
static gboolean
count_params (const PrLmConfig *config, gint64 *ret_n)
{
  gint64 layers, embedding, n, bytes;

  if (__builtin_mul_overflow (layer_params (config), (gint64)config->layers, &layers)
      || __builtin_mul_overflow ((gint64)config->vocab, (gint64)config->hidden, &embedding)
      || __builtin_add_overflow (layers, embedding, &n) || __builtin_add_overflow (n, (gint64)config->hidden, &n)
      || __builtin_mul_overflow (n, (gint64)(4 * sizeof (float)), &bytes))
    return FALSE;
  *ret_n = n;
  return TRUE;
}

char *
pr_lm_config_fault (const PrLmConfig *config)
{
  gint64 n;
  char *fault = sizes_fault (config);

  if (fault != NULL)
    return fault;
  if (config->family > PR_LM_LLAMA)
    return g_strdup_printf ("family is %d, it must be qwen3, qwen2 or llama", (int)config->family);
  if (config->heads % config->kv_heads != 0)
    return g_strdup_printf ("heads (%d) must be a multiple of kv_heads (%d)", config->heads, config->kv_heads);
  if (config->head_dim % 2 != 0)
    return g_strdup_printf ("head_dim (%d) must be even, since rotary positions turn pairs", config->head_dim);
  if (!isfinite (config->rope_theta) || config->rope_theta <= 0)
    return g_strdup_printf ("rope_theta (%g) must be positive and finite", config->rope_theta);
  if (!(config->rms_eps > 0 && config->rms_eps < 1))
    return g_strdup_printf ("rms_eps (%g) must lie between 0 and 1", config->rms_eps);
  if (!(config->init_sd >= 0 && config->init_sd <= 100))
    return g_strdup_printf ("init_sd (%g) must lie in 0..100", config->init_sd);
  if (!count_params (config, &n))
    return g_strdup_printf ("layers (%d) times hidden (%d) give more parameters than memory can address",
                            config->layers, config->hidden);
  return NULL;
}

gboolean
pr_lm_config_check (const PrLmConfig *config, GError **error)
{
  g_autofree char *fault = pr_lm_config_fault (config);

  if (fault == NULL)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "language model: %s", fault);
  return FALSE;
}

gint64
pr_lm_config_n_params (const PrLmConfig *config)
{
  gint64 n;

  return count_params (config, &n) ? n : G_MAXINT64;
}

guint64
pr_lm_config_train_bytes (const PrLmConfig *config, gint64 chunk_tokens)
{
  gint64 n = pr_lm_config_n_params (config);
  guint64 arrays, total;

  /* Every tensor may be followed by up to 15 floats of padding; a layer has at most 14 tensors. */
  if (n == G_MAXINT64
      || __builtin_mul_overflow ((guint64)n + 15 * 14 * (guint64)config->layers + 32, (guint64)16, &arrays)
      || __builtin_add_overflow (arrays, pr_model_bytes (config, chunk_tokens, TRUE), &total))
    return G_MAXUINT64;
  return total;
}

double
pr_lm_config_token_flops (const PrLmConfig *config, double context)
{
  double d = config->hidden, hd = config->head_dim;
  double matrices = d * hd * (config->heads + 2.0 * config->kv_heads) + d * hd * config->heads + 3.0 * d * config->ffn;
  double attention = 2.0 * config->heads * hd * context; /* scores and the weighted sum of values */

  return 2.0 * config->layers * (matrices + attention);
}
