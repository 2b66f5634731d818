#include "config.h"

#include <pauserec/error.h>
#include <pauserec/tensors.h>

#include "lm/lm-private.h"

#include <math.h>
#include <string.h>

/* IEEE 754 half precision, subnormals, infinities and NaN included. */
static float
half_to_float (guint16 half)
{
  guint32 sign = (guint32)(half >> 15) << 31, exponent = (half >> 10) & 0x1f, fraction = half & 0x3ff, bits;
  float value;

  if (exponent == 0)
    {
      value = ldexpf ((float)fraction, -24);
      return sign != 0 ? -value : value;
    }
  bits = sign | (exponent == 0x1f ? 0x7f800000u : (exponent + 112) << 23) | fraction << 13;
  memcpy (&value, &bits, sizeof value);
  return value;
}

static gboolean
is_float (PrDtype dtype)
{
  return dtype == PR_DTYPE_F32 || dtype == PR_DTYPE_BF16 || dtype == PR_DTYPE_F16;
}

static float
element (const PrTensor *tensor, gint64 i)
{
  guint32 bits;
  float value;

  if (tensor->dtype == PR_DTYPE_F32)
    return ((const float *)tensor->data)[i];
  if (tensor->dtype == PR_DTYPE_F16)
    return half_to_float (((const guint16 *)tensor->data)[i]);
  bits = (guint32)((const guint16 *)tensor->data)[i] << 16;
  memcpy (&value, &bits, sizeof value);
  return value;
}

static gboolean G_GNUC_PRINTF (4, 5)
    tensor_error (GError **error, const char *path, const char *name, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: tensor '%s' %s", path, name, text);
  return FALSE;
}

static gboolean
read_tensor (const PrTensors *file, const char *path, const PrLmTensor *wanted, float *ret_values, GError **error)
{
  const PrTensor *found = pr_tensors_lookup (file, wanted->name);
  guint n_dims = wanted->columns > 0 ? 2 : 1;

  if (found == NULL)
    return tensor_error (error, path, wanted->name,
                         "is missing; config.json and the weights belong to different models");
  if (!is_float (found->dtype))
    return tensor_error (error, path, wanted->name, "must be of type F32, BF16 or F16");
  if (found->n_dims != n_dims || found->dims[0] != wanted->rows || (n_dims == 2 && found->dims[1] != wanted->columns))
    return tensor_error (error, path, wanted->name,
                         "has %u dimensions [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT
                         "], config.json asks for %u [%" G_GINT64_FORMAT ", %" G_GINT64_FORMAT "]",
                         found->n_dims, found->n_dims > 0 ? found->dims[0] : 0, found->n_dims > 1 ? found->dims[1] : 0,
                         n_dims, wanted->rows, wanted->columns);
  for (gint64 i = 0; i < found->n; i++)
    {
      float value = element (found, i);

      if (!isfinite (value))
        return tensor_error (error, path, wanted->name, "holds %f at element %" G_GINT64_FORMAT, (double)value, i);
      ret_values[i] = value;
    }
  return TRUE;
}

/* The architecture has no place for a head of its own; one that repeats the embedding is harmless. */
static gboolean
check_head (const PrTensors *file, const char *path, GError **error)
{
  const PrTensor *head = pr_tensors_lookup (file, "lm_head.weight");
  const PrTensor *embedding = pr_tensors_lookup (file, "model.embed_tokens.weight");

  if (head == NULL)
    return TRUE;
  if (!is_float (head->dtype) || head->n != embedding->n)
    return tensor_error (error, path, "lm_head.weight",
                         "has another shape or type than the embedding; only tied heads are supported");
  for (gint64 i = 0; i < head->n; i++)
    if (element (head, i) != element (embedding, i))
      return tensor_error (error, path, "lm_head.weight",
                           "differs from the embedding; only models with tied heads are supported");
  return TRUE;
}

/* A tensor that the architecture lacks would be silently left out of the forward pass. */
static gboolean
check_unknown (const PrTensors *file, const char *path, const PrLmLayout *layout, GError **error)
{
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);

  for (gsize i = 0; i < layout->n_tensors; i++)
    g_hash_table_add (known, layout->tensors[i].name);
  for (gsize i = 0; i < pr_tensors_n (file); i++)
    {
      const char *name = pr_tensors_at (file, i)->name;

      /* Old Llama files carry the rotation's frequencies, which follow from rope_theta. */
      if (!g_hash_table_contains (known, name) && strcmp (name, "lm_head.weight") != 0
          && !g_str_has_suffix (name, "rotary_emb.inv_freq"))
        return tensor_error (error, path, name, "is unknown to the model that config.json describes");
    }
  return TRUE;
}

gboolean
pr_hf_weights_read (PrLm *lm, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "model.safetensors", NULL);
  g_autofree char *index = g_build_filename (dir, "model.safetensors.index.json", NULL);
  g_autoptr (PrTensors) file = NULL;

  if (g_file_test (index, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: the weights are split over several files; save the model again as one "
                   "model.safetensors (save_pretrained with a larger max_shard_size)",
                   index);
      return FALSE;
    }
  file = pr_tensors_open (path, error);
  if (file == NULL || !check_unknown (file, path, lm->layout, error))
    return FALSE;
  for (gsize i = 0; i < lm->layout->n_tensors; i++)
    if (!read_tensor (file, path, &lm->layout->tensors[i], lm->weights + lm->layout->tensors[i].offset, error))
      return FALSE;
  return check_head (file, path, error);
}

gboolean
pr_hf_weights_write (const PrLm *lm, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "model.safetensors", NULL);
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();

  /* transformers refuses a file that does not say whose tensors it holds. */
  pr_tensors_writer_meta (writer, "format", "pt");
  for (gsize i = 0; i < lm->layout->n_tensors; i++)
    {
      const PrLmTensor *tensor = &lm->layout->tensors[i];
      const float *values = lm->weights + tensor->offset;

      if (tensor->columns > 0)
        pr_tensors_writer_add2 (writer, tensor->name, PR_DTYPE_F32, tensor->rows, tensor->columns, values);
      else
        pr_tensors_writer_add1 (writer, tensor->name, PR_DTYPE_F32, tensor->rows, values);
    }
  return pr_tensors_writer_write (writer, path, error);
}
