#include "config.h"

#include <pauserec/error.h>
#include <pauserec/io.h>

#include "lm/lm-private.h"

#include <math.h>

static const struct
{
  PrLmFamily family;
  const char *model_type, *architecture;
} families[] = {
  { PR_LM_QWEN3, "qwen3", "Qwen3ForCausalLM" },
  { PR_LM_QWEN2, "qwen2", "Qwen2ForCausalLM" },
  { PR_LM_LLAMA, "llama", "LlamaForCausalLM" },
};

/* One config.json being read: the first fault wins and later calls do nothing. */
typedef struct
{
  const char *path;
  const json_t *root;
  GError *fault;
} Reader;

static void G_GNUC_PRINTF (2, 3) complain (Reader *reader, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (reader->fault != NULL)
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  reader->fault = g_error_new (PR_ERROR, PR_ERROR_DATA, "%s: %s", reader->path, text);
}

/* An absent key and null mean the same to transformers. */
static const json_t *
lookup (const Reader *reader, const char *key)
{
  const json_t *value = json_object_get (reader->root, key);

  return json_is_null (value) ? NULL : value;
}

/* FALLBACK -1: the key must be there. */
static gint32
read_int (Reader *reader, const char *key, gint32 fallback)
{
  const json_t *value = lookup (reader, key);

  if (value == NULL && fallback >= 0)
    return fallback;
  if (value == NULL)
    complain (reader, "'%s' is missing", key);
  else if (!json_is_integer (value) || json_integer_value (value) < 0 || json_integer_value (value) > G_MAXINT32)
    complain (reader, "'%s' must be a whole number from 0 to %d", key, G_MAXINT32);
  else
    return (gint32)json_integer_value (value);
  return 0;
}

static double
read_real (Reader *reader, const json_t *object, const char *key, double fallback)
{
  const json_t *value = json_object_get (object, key);

  if ((value == NULL || json_is_null (value)) && !isnan (fallback))
    return fallback;
  if (value == NULL || !json_is_number (value))
    {
      complain (reader, "'%s' is missing or no number", key);
      return 1;
    }
  return json_number_value (value);
}

static void
refuse_if_true (Reader *reader, const char *key, const char *what)
{
  const json_t *value = lookup (reader, key);

  if (value != NULL && !json_is_false (value))
    complain (reader, "'%s' is set: %s are not supported", key, what);
}

static void
want_string (Reader *reader, const json_t *object, const char *key, const char *wanted)
{
  const json_t *value = json_object_get (object, key);

  if (value == NULL || json_is_null (value))
    return;
  if (!json_is_string (value) || strcmp (json_string_value (value), wanted) != 0)
    complain (reader, "'%s' is '%s', only '%s' is supported", key,
              json_is_string (value) ? json_string_value (value) : "no text", wanted);
}

/* transformers 4: "rope_theta" and "rope_scaling"; transformers 5: "rope_parameters". */
static double
read_rope (Reader *reader)
{
  const json_t *scaling = lookup (reader, "rope_scaling");
  const json_t *parameters = lookup (reader, "rope_parameters");
  double theta = read_real (reader, reader->root, "rope_theta", -1);
  double inner;

  if ((scaling != NULL && !json_is_object (scaling)) || (parameters != NULL && !json_is_object (parameters)))
    {
      complain (reader, "'rope_scaling' and 'rope_parameters' must be objects");
      return 1;
    }
  for (int i = 0; i < 2; i++)
    {
      const json_t *rope = i == 0 ? scaling : parameters;

      want_string (reader, rope, "rope_type", "default");
      want_string (reader, rope, "type", "default");
      if (read_real (reader, rope, "partial_rotary_factor", 1) != 1)
        complain (reader, "'partial_rotary_factor' is not 1: only whole heads are rotated");
    }
  inner = read_real (reader, parameters, "rope_theta", theta);
  if (inner < 0)
    complain (reader, "'rope_theta' is missing, both at the top and in 'rope_parameters'");
  else if (theta >= 0 && inner != theta)
    complain (reader, "'rope_theta' is %g at the top, but %g in 'rope_parameters'", theta, inner);
  return inner;
}

/* Whatever changes the forward pass and is not implemented must not be read over. */
static void
refuse_unsupported (Reader *reader)
{
  const json_t *layer_types = lookup (reader, "layer_types");
  const json_t *type;
  gsize i;

  want_string (reader, reader->root, "hidden_act", "silu");
  refuse_if_true (reader, "attention_bias", "biases on all attention projections");
  refuse_if_true (reader, "mlp_bias", "biases in the feed-forward layers");
  refuse_if_true (reader, "use_sliding_window", "sliding windows");
  if (lookup (reader, "quantization_config") != NULL)
    complain (reader, "'quantization_config' is set: quantised weights are not supported");
  if (read_real (reader, reader->root, "partial_rotary_factor", 1) != 1)
    complain (reader, "'partial_rotary_factor' is not 1: only whole heads are rotated");
  json_array_foreach ((json_t *)layer_types, i,
                      type) if (!json_is_string (type) || strcmp (json_string_value (type), "full_attention") != 0)
      complain (reader, "'layer_types' has a layer that is not 'full_attention'");
}

static PrLmFamily
read_family (Reader *reader)
{
  const char *model_type = json_string_value (lookup (reader, "model_type"));

  for (gsize i = 0; i < G_N_ELEMENTS (families); i++)
    if (model_type != NULL && strcmp (model_type, families[i].model_type) == 0)
      return families[i].family;
  complain (reader, "model_type is '%s', only qwen3, qwen2 and llama are supported",
            model_type != NULL ? model_type : "missing");
  return PR_LM_QWEN3;
}

static void
read_fields (Reader *reader, PrLmConfig *config)
{
  config->family = read_family (reader);
  config->vocab = read_int (reader, "vocab_size", -1);
  config->hidden = read_int (reader, "hidden_size", -1);
  config->layers = read_int (reader, "num_hidden_layers", -1);
  config->heads = read_int (reader, "num_attention_heads", -1);
  config->kv_heads = read_int (reader, "num_key_value_heads", config->heads);
  /* Qwen3's default is no function of the other sizes, so a Qwen3 folder has to say it. */
  config->head_dim =
      read_int (reader, "head_dim", config->family == PR_LM_QWEN3 ? -1 : config->hidden / MAX (config->heads, 1));
  config->ffn = read_int (reader, "intermediate_size", -1);
  config->max_positions = read_int (reader, "max_position_embeddings", -1);
  config->rms_eps = read_real (reader, reader->root, "rms_norm_eps", NAN);
  config->init_sd = read_real (reader, reader->root, "initializer_range", 0.02);
  config->rope_theta = read_rope (reader);
  refuse_unsupported (reader);
}

gboolean
pr_hf_config_read (const char *path, PrLmConfig *ret_config, GError **error)
{
  json_t *root = pr_json_load (path, error);
  Reader reader = { path, root, NULL };
  PrLmConfig config = { 0 };

  if (root == NULL)
    return FALSE;
  if (!json_is_object (root))
    complain (&reader, "the file must hold one JSON object");
  read_fields (&reader, &config);
  if (reader.fault == NULL)
    {
      g_autofree char *fault = pr_lm_config_fault (&config);

      if (fault != NULL)
        complain (&reader, "%s", fault);
    }
  json_decref (root);
  if (reader.fault != NULL)
    {
      g_propagate_error (error, reader.fault);
      return FALSE;
    }
  *ret_config = config;
  return TRUE;
}

static json_t *
id_or_null (gint32 id)
{
  return id >= 0 ? json_integer (id) : json_null ();
}

gboolean
pr_hf_config_write (const PrLmConfig *config, gint32 bos, gint32 eos, const char *path, GError **error)
{
  json_t *root;
  gboolean ok;

  /* "torch_dtype" and "rope_theta" are what transformers 4 reads, "dtype" and "rope_parameters" are for 5. */
  root = json_pack ("{s:[s], s:s, s:b, s:f, s:o, s:s, s:o, s:i, s:s, s:i, s:f, s:i, s:i}", //
                    "architectures", families[config->family].architecture,                //
                    "model_type", families[config->family].model_type,                     //
                    "attention_bias", 0, "attention_dropout", 0.0,                         //
                    "bos_token_id", id_or_null (bos), "dtype", "float32",                  //
                    "eos_token_id", id_or_null (eos), "head_dim", (int)config->head_dim,   //
                    "hidden_act", "silu", "hidden_size", (int)config->hidden,              //
                    "initializer_range", config->init_sd,                                  //
                    "intermediate_size", (int)config->ffn, "max_position_embeddings", (int)config->max_positions);
  json_object_update_new (root,
                          json_pack ("{s:i, s:i, s:i, s:f, s:{s:f, s:s}, s:f, s:b, s:s, s:b, s:b, s:i}",          //
                                     "num_attention_heads", (int)config->heads,                                   //
                                     "num_hidden_layers", (int)config->layers,                                    //
                                     "num_key_value_heads", (int)config->kv_heads,                                //
                                     "rms_norm_eps", config->rms_eps,                                             //
                                     "rope_parameters", "rope_theta", config->rope_theta, "rope_type", "default", //
                                     "rope_theta", config->rope_theta, "tie_word_embeddings", 1,                  //
                                     "torch_dtype", "float32", "use_cache", 1,                                    //
                                     "use_sliding_window", 0, "vocab_size", (int)config->vocab));
  if (config->family == PR_LM_LLAMA)
    {
      json_object_del (root, "use_sliding_window");
      json_object_set_new (root, "mlp_bias", json_false ());
    }
  if (config->family == PR_LM_QWEN2)
    json_object_del (root, "attention_bias"); /* Qwen2 has its three biases always and no such switch */
  ok = pr_json_save (root, path, error);
  json_decref (root);
  return ok;
}
