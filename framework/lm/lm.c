#include "config.h"

#include <pauserec/error.h>
#include <pauserec/rng.h>
#include <pauserec/threads.h>

#include "compute/floats.h"
#include "lm/lm-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#define NORMAL_TILE 4096

typedef struct
{
  PrRng rng;
  float sd;
  gint64 n;
  float *values;
} NormalFill;

static void
fill_normal_tile (gpointer data, gsize tile, guint worker G_GNUC_UNUSED)
{
  NormalFill *fill = data;
  gint64 start = (gint64)tile * NORMAL_TILE;
  gint64 end = MIN (start + NORMAL_TILE, fill->n);

  for (gint64 i = start; i < end; i++)
    fill->values[i] = fill->sd * (float)pr_rng_normal (fill->rng, 0, (guint64)i);
}

void
pr_lm_fill_normal (guint64 seed, const char *stream, float sd, gint64 n, float *ret_values)
{
  NormalFill fill = { pr_rng_new (seed, stream), sd, n, ret_values };

  pr_parallel ((gsize)((n + NORMAL_TILE - 1) / NORMAL_TILE), fill_normal_tile, &fill);
}

PrLm *
pr_lm_alloc (const PrLmConfig *config, PrTokenizer *tokenizer, GError **error)
{
  PrLm *lm = g_new0 (PrLm, 1);

  lm->config = *config;
  lm->tokenizer = tokenizer;
  lm->layout = pr_lm_layout_new (config);
  lm->weights = pr_floats_new (lm->layout->size, "weights of the language model", error);
  if (lm->weights == NULL)
    g_clear_pointer (&lm, pr_lm_free);
  return lm;
}

/* The tokenizer's ids must have rows; rows without a token are usual (Qwen pads its vocabulary). */
static char *
vocabulary_fault (const PrLmConfig *config, const PrTokenizer *tokenizer)
{
  gint32 n = tokenizer != NULL ? pr_tokenizer_vocab_size (tokenizer) : 0;

  if (n <= config->vocab)
    return NULL;
  return g_strdup_printf ("the tokenizer has %d tokens, but the embedding only %d rows", n, config->vocab);
}

PrLm *
pr_lm_new (const PrLmConfig *config, PrTokenizer *tokenizer, guint64 seed, GError **error)
{
  g_autoptr (PrTokenizer) owned = tokenizer;
  g_autofree char *fault = NULL;
  PrLm *lm;

  if (!pr_lm_config_check (config, error))
    return NULL;
  fault = vocabulary_fault (config, tokenizer);
  if (fault != NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "language model: %s; raise vocab to at least that number",
                   fault);
      return NULL;
    }
  lm = pr_lm_alloc (config, g_steal_pointer (&owned), error);
  if (lm == NULL)
    return NULL;
  for (gsize i = 0; i < lm->layout->n_tensors; i++)
    {
      const PrLmTensor *tensor = &lm->layout->tensors[i];
      float *values = lm->weights + tensor->offset;

      if (tensor->columns > 0)
        {
          g_autofree char *stream = g_strconcat ("lm-init:", tensor->name, NULL);

          pr_lm_fill_normal (seed, stream, (float)config->init_sd, tensor->rows * tensor->columns, values);
        }
      else if (!g_str_has_suffix (tensor->name, ".bias"))
        for (gint64 j = 0; j < tensor->rows; j++)
          values[j] = 1.0f;
    }
  return lm;
}

PrLm *
pr_lm_load (const char *dir, GError **error)
{
  g_autofree char *config_path = g_build_filename (dir, "config.json", NULL);
  g_autofree char *tokenizer_path = g_build_filename (dir, "tokenizer.json", NULL);
  g_autofree char *protocol_path = g_build_filename (dir, "protocol.json", NULL);
  g_autofree char *fault = NULL;
  PrLmConfig config;
  PrTokenizer *tokenizer;
  g_autoptr (PrLm) lm = NULL;

  if (!pr_hf_config_read (config_path, &config, error))
    return NULL;
  tokenizer = pr_tokenizer_load (tokenizer_path, error);
  if (tokenizer == NULL)
    return NULL;
  fault = vocabulary_fault (&config, tokenizer);
  if (fault != NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: %s; config.json and tokenizer.json belong to different models",
                   dir, fault);
      pr_tokenizer_free (tokenizer);
      return NULL;
    }
  lm = pr_lm_alloc (&config, tokenizer, error);
  if (lm == NULL || !pr_hf_weights_read (lm, dir, error))
    return NULL;
  if (g_file_test (protocol_path, G_FILE_TEST_EXISTS))
    {
      lm->protocol = pr_protocol_load (protocol_path, error);
      if (lm->protocol == NULL)
        return NULL;
    }
  return g_steal_pointer (&lm);
}

gboolean
pr_lm_save (const PrLm *lm, const char *dir, GError **error)
{
  g_autofree char *config_path = g_build_filename (dir, "config.json", NULL);
  g_autofree char *tokenizer_path = g_build_filename (dir, "tokenizer.json", NULL);
  g_autofree char *protocol_path = g_build_filename (dir, "protocol.json", NULL);
  gint32 end;

  if (lm->tokenizer == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: a model without a tokenizer cannot be saved as lm/1", dir);
      return FALSE;
    }
  if (g_mkdir_with_parents (dir, 0777) != 0)
    return pr_error_set_errno (error, errno, "cannot make the folder", dir);
  if (lm->protocol == NULL && g_unlink (protocol_path) != 0 && errno != ENOENT)
    return pr_error_set_errno (error, errno, "cannot remove", protocol_path);
  /* config.json last: a folder cut off half-way does not look like a model. */
  end = pr_tokenizer_lookup (lm->tokenizer, "<|endoftext|>");
  return pr_hf_weights_write (lm, dir, error) && pr_tokenizer_save (lm->tokenizer, tokenizer_path, error)
         && (lm->protocol == NULL || pr_protocol_save (lm->protocol, protocol_path, error))
         && pr_hf_config_write (&lm->config, end, end, config_path, error);
}

void
pr_lm_free (PrLm *lm)
{
  if (lm == NULL)
    return;
  pr_lm_layout_free (lm->layout);
  free (lm->weights);
  pr_tokenizer_free (lm->tokenizer);
  pr_protocol_free (lm->protocol);
  g_free (lm);
}

const PrLmConfig *
pr_lm_config (const PrLm *lm)
{
  return &lm->config;
}

PrTokenizer *
pr_lm_tokenizer (const PrLm *lm)
{
  return lm->tokenizer;
}

gint32
pr_lm_n_sid_tokens (const PrLm *lm)
{
  gint32 n = 0;

  for (gint32 level = 0; lm->tokenizer != NULL && level < PR_SID_MAX_LEVELS; level++)
    for (gint32 code = 0;; code++, n++)
      {
        char name[32];

        g_snprintf (name, sizeof name, "<%c_%d>", 'a' + level, code);
        if (pr_tokenizer_lookup (lm->tokenizer, name) < 0)
          break;
      }
  return n;
}

const PrProtocol *
pr_lm_protocol (const PrLm *lm)
{
  return lm->protocol;
}

void
pr_lm_set_protocol (PrLm *lm, const PrProtocol *protocol)
{
  PrProtocol *copy = protocol != NULL ? pr_protocol_copy (protocol) : NULL;

  pr_protocol_free (lm->protocol);
  lm->protocol = copy;
}
