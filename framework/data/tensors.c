#include "config.h"

#include "data/dtype.h"

#include <errno.h>
#include <fcntl.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>
#include <unistd.h>

/* The bound that Hugging Face's own reader sets. */
#define HEADER_MAX (100 * 1000 * 1000)

G_STATIC_ASSERT (G_BYTE_ORDER == G_LITTLE_ENDIAN); /* data are used as they lie in the file */

static const struct
{
  const char *name;
  gsize size;
} dtypes[PR_N_DTYPES] = {
  [PR_DTYPE_F32] = { "F32", 4 }, [PR_DTYPE_F64] = { "F64", 8 }, [PR_DTYPE_I32] = { "I32", 4 },
  [PR_DTYPE_I64] = { "I64", 8 }, [PR_DTYPE_U8] = { "U8", 1 },   [PR_DTYPE_BF16] = { "BF16", 2 },
  [PR_DTYPE_F16] = { "F16", 2 },
};

/* A tensor as the header describes it, and where its bytes lie. */
typedef struct
{
  PrTensor view;
  guint64 begin, end; /* within the data part */
  gpointer copy;      /* of bytes that lie unaligned in the file */
} Entry;

struct PrTensors
{
  char *path;
  GMappedFile *file;
  json_t *header;  /* owns the names */
  GArray *entries; /* Entry, in name order */
};

const char *
pr_dtype_name (PrDtype dtype)
{
  return dtypes[dtype].name;
}

gsize
pr_dtype_size (PrDtype dtype)
{
  return dtypes[dtype].size;
}

gboolean
pr_dtype_count (PrDtype dtype, guint n_dims, const gint64 *dims, gint64 *ret_n, gsize *ret_bytes)
{
  gint64 n = 1, bytes;

  for (guint i = 0; i < n_dims; i++)
    if (dims[i] < 0 || __builtin_mul_overflow (n, dims[i], &n))
      return FALSE;
  if (__builtin_mul_overflow (n, (gint64)dtypes[dtype].size, &bytes))
    return FALSE;
  *ret_n = n;
  *ret_bytes = (gsize)bytes;
  return TRUE;
}

G_GNUC_PRINTF (4, 5)
static gboolean
bad_tensor (const PrTensors *tensors, const char *name, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: tensor '%s': %s", tensors->path, name, message);
  return FALSE;
}

G_GNUC_PRINTF (3, 4)
static gboolean
bad_file (const PrTensors *tensors, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: not a sound safetensors file: %s", tensors->path, message);
  return FALSE;
}

static gboolean
parse_dtype (const PrTensors *tensors, const char *name, const json_t *value, PrDtype *ret_dtype, GError **error)
{
  const char *text = json_string_value (value);

  for (int i = 0; text != NULL && i < PR_N_DTYPES; i++)
    if (strcmp (dtypes[i].name, text) == 0)
      {
        *ret_dtype = (PrDtype)i;
        return TRUE;
      }
  return bad_tensor (tensors, name, error, "dtype %s is not one of F32, F64, I32, I64, U8, BF16, F16",
                     text != NULL ? text : "(missing)");
}

static gboolean
parse_shape (const PrTensors *tensors, const json_t *value, PrTensor *view, GError **error)
{
  if (!json_is_array (value))
    return bad_tensor (tensors, view->name, error, "shape is missing or no list");
  if (json_array_size (value) > PR_TENSOR_MAX_DIMS)
    return bad_tensor (tensors, view->name, error, "%zu dimensions; at most %d are supported", json_array_size (value),
                       PR_TENSOR_MAX_DIMS);
  view->n_dims = (guint)json_array_size (value);
  for (guint i = 0; i < view->n_dims; i++)
    {
      const json_t *dim = json_array_get (value, i);

      if (!json_is_integer (dim) || json_integer_value (dim) < 0)
        return bad_tensor (tensors, view->name, error, "dimension %u is not a whole number from 0", i);
      view->dims[i] = json_integer_value (dim);
    }
  return TRUE;
}

static gboolean
parse_offsets (const PrTensors *tensors, const json_t *value, guint64 data_bytes, gsize bytes, Entry *entry,
               GError **error)
{
  const json_t *begin = json_array_get (value, 0), *end = json_array_get (value, 1);
  const char *name = entry->view.name;

  if (json_array_size (value) != 2 || !json_is_integer (begin) || !json_is_integer (end))
    return bad_tensor (tensors, name, error, "data_offsets is not a pair of whole numbers");
  if (json_integer_value (begin) < 0 || json_integer_value (end) < json_integer_value (begin)
      || (guint64)json_integer_value (end) > data_bytes)
    return bad_tensor (tensors, name, error,
                       "data_offsets %" JSON_INTEGER_FORMAT "..%" JSON_INTEGER_FORMAT " outside the %" G_GUINT64_FORMAT
                       " bytes of data; is the file truncated?",
                       json_integer_value (begin), json_integer_value (end), data_bytes);
  entry->begin = (guint64)json_integer_value (begin);
  entry->end = (guint64)json_integer_value (end);
  if (entry->end - entry->begin != bytes)
    return bad_tensor (tensors, name, error,
                       "%" G_GUINT64_FORMAT " bytes of data, but dtype and shape say %" G_GSIZE_FORMAT,
                       entry->end - entry->begin, bytes);
  return TRUE;
}

static gboolean
parse_entry (const PrTensors *tensors, const char *name, const json_t *value, guint64 data_bytes, Entry *entry,
             GError **error)
{
  gsize bytes;

  memset (entry, 0, sizeof *entry);
  entry->view.name = name;
  if (json_object_size (value) != 3)
    return bad_tensor (tensors, name, error, "wanted exactly dtype, shape and data_offsets");
  if (!parse_dtype (tensors, name, json_object_get (value, "dtype"), &entry->view.dtype, error)
      || !parse_shape (tensors, json_object_get (value, "shape"), &entry->view, error))
    return FALSE;
  if (!pr_dtype_count (entry->view.dtype, entry->view.n_dims, entry->view.dims, &entry->view.n, &bytes))
    return bad_tensor (tensors, name, error, "the shape is too large");
  return parse_offsets (tensors, json_object_get (value, "data_offsets"), data_bytes, bytes, entry, error);
}

static int
by_place (gconstpointer a, gconstpointer b)
{
  const Entry *x = a, *y = b;

  if (x->begin != y->begin)
    return x->begin < y->begin ? -1 : 1;
  if (x->end != y->end)
    return x->end < y->end ? -1 : 1;
  return strcmp (x->view.name, y->view.name);
}

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (((const Entry *)a)->view.name, ((const Entry *)b)->view.name);
}

/* Every byte of data belongs to exactly one tensor. */
static gboolean
check_cover (const PrTensors *tensors, guint64 data_bytes, GError **error)
{
  guint64 at = 0;

  g_array_sort (tensors->entries, by_place);
  for (guint i = 0; i < tensors->entries->len; i++)
    {
      const Entry *entry = &g_array_index (tensors->entries, Entry, i);

      if (entry->begin < at)
        return bad_tensor (tensors, entry->view.name, error, "its data overlap those of another tensor");
      if (entry->begin > at)
        return bad_tensor (tensors, entry->view.name, error, "unused bytes before its data");
      at = entry->end;
    }
  if (at != data_bytes)
    return bad_file (tensors, error, "%" G_GUINT64_FORMAT " bytes after the last tensor", data_bytes - at);
  return TRUE;
}

static gboolean
parse_header (PrTensors *tensors, guint64 data_bytes, GError **error)
{
  const char *name;
  json_t *value;

  if (!json_is_object (tensors->header))
    return bad_file (tensors, error, "the header is no JSON object");
  json_object_foreach (tensors->header, name, value)
  {
    Entry entry;

    if (strcmp (name, "__metadata__") == 0)
      {
        const char *key;
        json_t *text;

        if (!json_is_object (value))
          return bad_file (tensors, error, "__metadata__ is no object");
        json_object_foreach (value, key, text) if (!json_is_string (text)) return bad_file (
            tensors, error, "__metadata__ '%s' is no string", key);
        continue;
      }
    if (!parse_entry (tensors, name, value, data_bytes, &entry, error))
      return FALSE;
    g_array_append_val (tensors->entries, entry);
  }
  return check_cover (tensors, data_bytes, error);
}

/* Point every tensor at its bytes; those that lie unaligned in the file are copied. */
static gboolean
attach_data (PrTensors *tensors, const char *data, GError **error)
{
  g_array_sort (tensors->entries, by_name);
  for (guint i = 0; i < tensors->entries->len; i++)
    {
      Entry *entry = &g_array_index (tensors->entries, Entry, i);
      const char *bytes = data + entry->begin;
      gsize length = (gsize)(entry->end - entry->begin);

      entry->view.data = bytes;
      if ((guintptr)bytes % dtypes[entry->view.dtype].size == 0 || length == 0)
        continue;
      entry->copy = g_try_malloc (length);
      if (entry->copy == NULL)
        return pr_error_set_errno (error, ENOMEM, "cannot read", tensors->path);
      memcpy (entry->copy, bytes, length);
      entry->view.data = entry->copy;
    }
  return TRUE;
}

static GMappedFile *
map_file (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  GError *fault = NULL;
  GMappedFile *file;

  if (fd < 0)
    {
      pr_error_set_errno (error, errno, "cannot open", path);
      return NULL;
    }
  file = g_mapped_file_new_from_fd (fd, FALSE, &fault);
  close (fd);
  if (file == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "cannot map '%s': %s", path, fault->message);
      g_clear_error (&fault);
    }
  return file;
}

PrTensors *
pr_tensors_open (const char *path, GError **error)
{
  g_autoptr (PrTensors) tensors = g_new0 (PrTensors, 1);
  const char *bytes;
  gsize length;
  guint64 header_length;

  tensors->path = g_strdup (path);
  tensors->entries = g_array_new (FALSE, FALSE, sizeof (Entry));
  tensors->file = map_file (path, error);
  if (tensors->file == NULL)
    return NULL;
  bytes = g_mapped_file_get_contents (tensors->file);
  length = g_mapped_file_get_length (tensors->file);
  if (length < 8)
    {
      bad_file (tensors, error, "%" G_GSIZE_FORMAT " bytes, shorter than the length of a header", length);
      return NULL;
    }
  memcpy (&header_length, bytes, 8);
  if (header_length > length - 8 || header_length > HEADER_MAX)
    {
      bad_file (tensors, error,
                "a header of %" G_GUINT64_FORMAT " bytes in a file of %" G_GSIZE_FORMAT "; is it truncated?",
                header_length, length);
      return NULL;
    }
  tensors->header = pr_json_parse (bytes + 8, (gsize)header_length, path, error);
  if (tensors->header == NULL || !parse_header (tensors, length - 8 - header_length, error)
      || !attach_data (tensors, bytes + 8 + header_length, error))
    return NULL;
  return g_steal_pointer (&tensors);
}

void
pr_tensors_free (PrTensors *tensors)
{
  if (tensors == NULL)
    return;
  for (guint i = 0; i < tensors->entries->len; i++)
    g_free (g_array_index (tensors->entries, Entry, i).copy);
  g_array_unref (tensors->entries);
  json_decref (tensors->header);
  g_clear_pointer (&tensors->file, g_mapped_file_unref);
  g_free (tensors->path);
  g_free (tensors);
}

gsize
pr_tensors_n (const PrTensors *tensors)
{
  return tensors->entries->len;
}

const PrTensor *
pr_tensors_at (const PrTensors *tensors, gsize index)
{
  return &g_array_index (tensors->entries, Entry, index).view;
}

const PrTensor *
pr_tensors_lookup (const PrTensors *tensors, const char *name)
{
  Entry wanted = { .view.name = name };
  guint index;

  if (!g_array_binary_search (tensors->entries, &wanted, by_name, &index))
    return NULL;
  return &g_array_index (tensors->entries, Entry, index).view;
}

const char *
pr_tensors_meta (const PrTensors *tensors, const char *key)
{
  return json_string_value (json_object_get (json_object_get (tensors->header, "__metadata__"), key));
}

static char *
describe (PrDtype dtype, guint n_dims, const gint64 *dims)
{
  GString *text = g_string_new (dtypes[dtype].name);

  g_string_append (text, " [");
  for (guint i = 0; i < n_dims; i++)
    {
      g_string_append (text, i > 0 ? ", " : "");
      if (dims[i] < 0)
        g_string_append_c (text, '?');
      else
        g_string_append_printf (text, "%" G_GINT64_FORMAT, dims[i]);
    }
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}

const PrTensor *
pr_tensors_get (const PrTensors *tensors, const char *name, PrDtype dtype, guint n_dims, const gint64 *dims,
                GError **error)
{
  const PrTensor *tensor = pr_tensors_lookup (tensors, name);
  g_autofree char *wanted = describe (dtype, n_dims, dims);
  g_autofree char *found = NULL;
  gboolean same;

  if (tensor == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: tensor '%s' (%s) is missing", tensors->path, name, wanted);
      return NULL;
    }
  same = tensor->dtype == dtype && tensor->n_dims == n_dims;
  for (guint i = 0; same && i < n_dims; i++)
    same = dims[i] == -1 || dims[i] == tensor->dims[i];
  if (same)
    return tensor;
  found = describe (tensor->dtype, tensor->n_dims, tensor->dims);
  bad_tensor (tensors, name, error, "is %s, wanted %s", found, wanted);
  return NULL;
}
