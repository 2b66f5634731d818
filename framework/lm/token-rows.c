#include "config.h"

#include <pauserec/error.h>
#include <pauserec/tensors.h>

#include "compute/floats.h"
#include "lm/lm-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEAN_VARIANCE 1e-9 /* paper section 3: variance of e_pause's start value, as a share of the embeddings' */

float *
pr_lm_embedding_row (PrLm *lm, gint32 token)
{
  return lm->weights + lm->layout->embedding + (gint64)token * lm->config.hidden;
}

/* Per dimension, over the rows of the tokens that exist. */
static void
row_moments (PrLm *lm, gint32 n_rows, double *ret_mean, double *ret_sd)
{
  gint32 d = lm->config.hidden;

  for (gint32 j = 0; j < d; j++)
    ret_mean[j] = ret_sd[j] = 0;
  for (gint32 i = 0; i < n_rows; i++)
    for (gint32 j = 0; j < d; j++)
      ret_mean[j] += (double)pr_lm_embedding_row (lm, i)[j] / n_rows;
  for (gint32 i = 0; i < n_rows; i++)
    for (gint32 j = 0; j < d; j++)
      ret_sd[j] += pow ((double)pr_lm_embedding_row (lm, i)[j] - ret_mean[j], 2) / n_rows;
  for (gint32 j = 0; j < d; j++)
    ret_sd[j] = sqrt (MEAN_VARIANCE * ret_sd[j]);
}

/* The row depends on the seed and the token's name, not on its id: arms that add other tokens before it agree. */
static void
start_row (PrLm *lm, gint32 token, const char *name, const double *mean, const double *sd, guint64 seed)
{
  g_autofree char *stream = g_strconcat ("lm-token:", name, NULL);
  float *row = pr_lm_embedding_row (lm, token);

  pr_lm_fill_normal (seed, stream, mean != NULL ? 1.0f : (float)lm->config.init_sd, lm->config.hidden, row);
  for (gint32 j = 0; mean != NULL && j < lm->config.hidden; j++)
    row[j] = (float)(mean[j] + sd[j] * (double)row[j]);
}

/* Room for ids below VOCAB; the embedding is the layout's last tensor, so everything before it keeps its place. */
static gboolean
grow_vocab (PrLm *lm, gint32 vocab, GError **error)
{
  PrLmConfig config = lm->config;
  PrLmLayout *layout;
  float *weights;

  config.vocab = vocab;
  if (!pr_lm_config_check (&config, error))
    return FALSE;
  layout = pr_lm_layout_new (&config);
  weights = pr_floats_new (layout->size, "weights with rows for new tokens", error);
  if (weights == NULL)
    {
      pr_lm_layout_free (layout);
      return FALSE;
    }
  memcpy (weights, lm->weights,
          (gsize)(lm->layout->embedding + (gint64)lm->config.vocab * lm->config.hidden) * sizeof (float));
  free (lm->weights);
  pr_lm_layout_free (lm->layout);
  lm->weights = weights;
  lm->layout = layout;
  lm->config = config;
  return TRUE;
}

gboolean
pr_lm_add_tokens (PrLm *lm, const char *const *names, PrRowInit init, guint64 seed, GError **error)
{
  gsize n_names = g_strv_length ((char **)names);
  gint32 n_before;
  g_autofree double *mean = NULL;
  g_autofree double *sd = NULL;

  if (lm->tokenizer == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "tokens cannot be added to a model without a tokenizer");
      return FALSE;
    }
  if (n_names == 0)
    return TRUE;
  n_before = pr_tokenizer_vocab_size (lm->tokenizer);
  if (n_names > (gsize)(PR_LM_MAX_VOCAB - n_before))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%" G_GSIZE_FORMAT " new tokens and the %d there are exceed the largest vocabulary, %d", n_names,
                   n_before, PR_LM_MAX_VOCAB);
      return FALSE;
    }
  if (init == PR_ROW_INIT_MEAN)
    {
      mean = g_new (double, lm->config.hidden);
      sd = g_new (double, lm->config.hidden);
      row_moments (lm, n_before, mean, sd);
    }
  /* Rows without a token (Qwen pads its vocabulary) are used up before the embedding grows. */
  if (n_before + (gint32)n_names > lm->config.vocab && !grow_vocab (lm, n_before + (gint32)n_names, error))
    return FALSE;
  if (!pr_tokenizer_add (lm->tokenizer, names, error))
    return FALSE;
  for (gsize i = 0; i < n_names; i++)
    start_row (lm, n_before + (gint32)i, names[i], mean, sd, seed);
  return TRUE;
}

gboolean
pr_token_embedding_save (PrLm *lm, const char *const *names, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "embedding.safetensors", NULL);
  g_autofree char *joined = g_strjoinv ("\n", (char **)names);
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();
  gsize n = g_strv_length ((char **)names), d = (gsize)lm->config.hidden;
  g_autofree float *rows = g_new (float, n *d + 1);

  for (gsize i = 0; i < n; i++)
    {
      gint32 token = lm->tokenizer != NULL ? pr_tokenizer_lookup (lm->tokenizer, names[i]) : -1;

      if (token < 0 || strchr (names[i], '\n') != NULL)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: the model has no token '%s' to save", path, names[i]);
          return FALSE;
        }
      memcpy (rows + i * d, pr_lm_embedding_row (lm, token), d * sizeof (float));
    }
  if (g_mkdir_with_parents (dir, 0777) != 0)
    return pr_error_set_errno (error, errno, "cannot make the folder", dir);
  pr_tensors_writer_meta (writer, "tokens", joined);
  pr_tensors_writer_add2 (writer, "embedding", PR_DTYPE_F32, (gint64)n, (gint64)d, rows);
  return pr_tensors_writer_write (writer, path, error);
}

/* Names and rows that fit each other and the model: DATA error otherwise. */
static char **
token_embedding_names (const PrTensors *file, const PrTensor *rows, const char *path, GError **error)
{
  const char *joined = pr_tensors_meta (file, "tokens");
  g_auto (GStrv) names = g_strsplit (joined != NULL ? joined : "", "\n", -1);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  if (g_strv_length (names) != (gsize)rows->dims[0])
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: metadata 'tokens' names %u tokens, tensor 'embedding' has %" G_GINT64_FORMAT " rows", path,
                   g_strv_length (names), rows->dims[0]);
      return NULL;
    }
  for (gsize i = 0; names[i] != NULL; i++)
    if (names[i][0] == '\0' || !g_hash_table_add (seen, names[i]))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: metadata 'tokens' has an empty or repeated name '%s'", path,
                     names[i]);
        return NULL;
      }
  for (gint64 i = 0; i < rows->n; i++)
    if (!isfinite (((const float *)rows->data)[i]))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                     "%s: tensor 'embedding' holds NaN or infinity at element %" G_GINT64_FORMAT, path, i);
        return NULL;
      }
  return g_steal_pointer (&names);
}

gboolean
pr_token_embedding_apply (PrLm *lm, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "embedding.safetensors", NULL);
  g_autoptr (PrTensors) file = pr_tensors_open (path, error);
  const gint64 dims[] = { -1, -1 };
  const PrTensor *rows;
  g_auto (GStrv) names = NULL;
  g_autoptr (GPtrArray) missing = g_ptr_array_new ();
  gsize d = (gsize)lm->config.hidden;

  if (file == NULL)
    return FALSE;
  rows = pr_tensors_get (file, "embedding", PR_DTYPE_F32, 2, dims, error);
  if (rows == NULL)
    return FALSE;
  if (rows->dims[1] != lm->config.hidden)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: rows of %" G_GINT64_FORMAT
                   " numbers do not fit a model of width %d; they were learned for another backbone",
                   path, rows->dims[1], lm->config.hidden);
      return FALSE;
    }
  names = token_embedding_names (file, rows, path, error);
  if (names == NULL)
    return FALSE;
  for (gsize i = 0; names[i] != NULL; i++)
    if (lm->tokenizer == NULL || pr_tokenizer_lookup (lm->tokenizer, names[i]) < 0)
      g_ptr_array_add (missing, names[i]);
  g_ptr_array_add (missing, NULL);
  if (!pr_lm_add_tokens (lm, (const char *const *)missing->pdata, PR_ROW_INIT_NORMAL, 0, error))
    return FALSE;
  for (gsize i = 0; names[i] != NULL; i++)
    memcpy (pr_lm_embedding_row (lm, pr_tokenizer_lookup (lm->tokenizer, names[i])), (const float *)rows->data + i * d,
            d * sizeof (float));
  return TRUE;
}
