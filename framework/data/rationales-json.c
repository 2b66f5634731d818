/* rationales-json.c - a line of rationales.jsonl: what may stand in it. */
#include "config.h"

#include "rationales-json.h"

#include <math.h>
#include <string.h>

#define NAME_MAX_BYTES 64
#define HASH_BYTES 64 /* SHA-256 in hex */

static gboolean
name_ok (const char *name)
{
  gsize n = strlen (name);

  if (n == 0 || n > NAME_MAX_BYTES)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if (!g_ascii_islower (name[i]) && !g_ascii_isdigit (name[i]) && name[i] != '-')
      return FALSE;
  return TRUE;
}

static gboolean
hash_ok (const char *hash)
{
  return strlen (hash) == HASH_BYTES && strspn (hash, "0123456789abcdef") == HASH_BYTES;
}

static const char *
text_fault (const char *text)
{
  gsize n = strlen (text);

  if (n > PR_RATIONALE_TEXT_MAX)
    return "\"text\" has more than 64 KiB";
  if (!g_utf8_validate (text, (gssize)n, NULL))
    return "\"text\" is not UTF-8";
  for (gsize i = 0; i < n; i++)
    if (g_ascii_iscntrl (text[i]))
      return "\"text\" has line breaks or control characters";
  return NULL;
}

static const char *
sampling_fault (const PrSampling *sampling)
{
  if (!isfinite (sampling->temperature) || sampling->temperature < 0)
    return "\"temperature\" must be a number of at least 0";
  if (!isfinite (sampling->top_p) || sampling->top_p <= 0 || sampling->top_p > 1)
    return "\"top_p\" must be a number above 0 and at most 1";
  if (sampling->top_k < 0)
    return "\"top_k\" must be at least 0";
  return sampling->max_tokens < 1 ? "\"max_tokens\" must be at least 1" : NULL;
}

const char *
pr_rationale_fault (const PrRationale *rationale)
{
  const char *fault = text_fault (rationale->text);

  if (fault == NULL && !name_ok (rationale->teacher))
    fault = "\"teacher\" is no name of small letters, digits and '-'";
  if (fault == NULL && !hash_ok (rationale->prompt))
    fault = "\"prompt\" is not a SHA-256 in hex";
  if (fault == NULL && rationale->corruption != NULL && !name_ok (rationale->corruption))
    fault = "\"corruption\" is no name of small letters, digits and '-'";
  if (fault == NULL && rationale->sampled)
    fault = sampling_fault (&rationale->sampling);
  return fault;
}

json_t *
pr_rationale_to_json (const PrRationale *rationale, const char *user, const char *item)
{
  const PrSampling *sampling = &rationale->sampling;
  json_t *root = json_object (), *how = rationale->sampled ? json_object () : json_null ();

  if (rationale->sampled)
    {
      json_object_set_new (how, "temperature", json_real (sampling->temperature));
      json_object_set_new (how, "top_k", json_integer (sampling->top_k));
      json_object_set_new (how, "top_p", json_real (sampling->top_p));
      json_object_set_new (how, "max_tokens", json_integer (sampling->max_tokens));
    }
  json_object_set_new (root, "user", json_string (user));
  json_object_set_new (root, "position", json_integer (rationale->position));
  json_object_set_new (root, "item", json_string (item));
  json_object_set_new (root, "text", json_string (rationale->text));
  json_object_set_new (root, "teacher", json_string (rationale->teacher));
  json_object_set_new (root, "prompt", json_string (rationale->prompt));
  json_object_set_new (root, "sampling", how);
  /* JSON's integers are signed: a seed keeps its bits. */
  json_object_set_new (root, "seed", json_integer ((json_int_t)rationale->seed));
  json_object_set_new (root, "corruption",
                       rationale->corruption != NULL ? json_string (rationale->corruption) : json_null ());
  return root;
}

static const char *
read_sampling (json_t *value, PrRationale *rationale)
{
  json_t *temperature = json_object_get (value, "temperature"), *top_k = json_object_get (value, "top_k"),
         *top_p = json_object_get (value, "top_p"), *max_tokens = json_object_get (value, "max_tokens");

  rationale->sampled = !json_is_null (value);
  if (!rationale->sampled)
    return NULL;
  if (json_object_size (value) != 4 || !json_is_number (temperature) || !json_is_integer (top_k)
      || !json_is_number (top_p) || !json_is_integer (max_tokens))
    return "\"sampling\" must be null or the numbers temperature, top_k, top_p and max_tokens";
  rationale->sampling = (PrSampling){ .temperature = json_number_value (temperature),
                                      .top_p = json_number_value (top_p),
                                      .top_k = json_integer_value (top_k),
                                      .max_tokens = json_integer_value (max_tokens) };
  return NULL;
}

const char *
pr_rationale_from_json (json_t *root, PrRationale *ret_rationale, const char **ret_user, const char **ret_item)
{
  static const char *const keys[] = { "user", "item", "text", "teacher", "prompt" };
  json_t *position = json_object_get (root, "position"), *seed = json_object_get (root, "seed"),
         *sampling = json_object_get (root, "sampling"), *corruption = json_object_get (root, "corruption");
  const char *strings[G_N_ELEMENTS (keys)], *fault;
  PrRationale rationale = { 0 };

  if (json_object_size (root) != G_N_ELEMENTS (keys) + 4)
    return "a rationale needs exactly user, position, item, text, teacher, prompt, sampling, seed and corruption";
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if ((strings[i] = json_string_value (json_object_get (root, keys[i]))) == NULL)
      return "user, item, text, teacher and prompt must be strings";
  if (!json_is_integer (position) || json_integer_value (position) < 0 || json_integer_value (position) > G_MAXINT32)
    return "\"position\" must be a number from 0 on";
  if (!json_is_integer (seed))
    return "\"seed\" must be a whole number";
  if (!json_is_null (corruption) && !json_is_string (corruption))
    return "\"corruption\" must be a name or null";
  if (sampling == NULL || (fault = read_sampling (sampling, &rationale)) != NULL)
    return sampling == NULL ? "\"sampling\" is missing" : fault;
  rationale.position = (gint32)json_integer_value (position);
  rationale.text = strings[2];
  rationale.teacher = strings[3];
  rationale.prompt = strings[4];
  rationale.seed = (guint64)json_integer_value (seed);
  rationale.corruption = json_string_value (corruption);
  fault = pr_rationale_fault (&rationale);
  if (fault != NULL)
    return fault;
  *ret_rationale = rationale;
  *ret_user = strings[0];
  *ret_item = strings[1];
  return NULL;
}
