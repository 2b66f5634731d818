#include "config.h"

#include "data/dtype.h"
#include "data/file.h"

#include <jansson.h>
#include <pauserec/error.h>
#include <string.h>

typedef struct
{
  char *name;
  PrDtype dtype;
  guint n_dims;
  gint64 dims[PR_TENSOR_MAX_DIMS];
  gsize bytes;
  const void *data;
} Item;

struct PrTensorsWriter
{
  GArray *items; /* Item */
  json_t *meta;  /* NULL: none */
  char *fault;   /* the first misuse, told by _write() */
};

PrTensorsWriter *
pr_tensors_writer_new (void)
{
  PrTensorsWriter *writer = g_new0 (PrTensorsWriter, 1);

  writer->items = g_array_new (FALSE, FALSE, sizeof (Item));
  return writer;
}

void
pr_tensors_writer_free (PrTensorsWriter *writer)
{
  if (writer == NULL)
    return;
  for (guint i = 0; i < writer->items->len; i++)
    g_free (g_array_index (writer->items, Item, i).name);
  g_array_unref (writer->items);
  json_decref (writer->meta);
  g_free (writer->fault);
  g_free (writer);
}

static void
set_fault (PrTensorsWriter *writer, const char *name, const char *fault)
{
  if (writer->fault == NULL)
    writer->fault = g_strdup_printf ("'%s': %s", name, fault);
}

void
pr_tensors_writer_meta (PrTensorsWriter *writer, const char *key, const char *value)
{
  if (writer->meta == NULL)
    writer->meta = json_object ();
  if (json_object_set_new (writer->meta, key, json_string (value)) != 0)
    set_fault (writer, "__metadata__", "not UTF-8");
}

void
pr_tensors_writer_add (PrTensorsWriter *writer, const char *name, PrDtype dtype, guint n_dims, const gint64 *dims,
                       const void *data)
{
  Item item = { .dtype = dtype, .n_dims = n_dims, .data = data };
  gint64 n;

  if (!g_utf8_validate (name, -1, NULL) || strcmp (name, "__metadata__") == 0)
    set_fault (writer, "?", "the name is not UTF-8 or reserved");
  else if ((int)dtype < 0 || dtype >= PR_DTYPE_BF16)
    set_fault (writer, name, "this dtype cannot be written");
  else if (n_dims > PR_TENSOR_MAX_DIMS || !pr_dtype_count (dtype, n_dims, dims, &n, &item.bytes))
    set_fault (writer, name, "the shape is negative, too large or has too many dimensions");
  else if (data == NULL && item.bytes > 0)
    set_fault (writer, name, "no data");
  else
    {
      item.name = g_strdup (name);
      for (guint i = 0; i < n_dims; i++)
        item.dims[i] = dims[i];
      g_array_append_val (writer->items, item);
    }
}

void
pr_tensors_writer_add1 (PrTensorsWriter *writer, const char *name, PrDtype dtype, gint64 n, const void *data)
{
  pr_tensors_writer_add (writer, name, dtype, 1, &n, data);
}

void
pr_tensors_writer_add2 (PrTensorsWriter *writer, const char *name, PrDtype dtype, gint64 rows, gint64 columns,
                        const void *data)
{
  const gint64 dims[] = { rows, columns };

  pr_tensors_writer_add (writer, name, dtype, 2, dims, data);
}

/* Large elements first, so that every tensor lies aligned; then by name. */
static int
by_place (gconstpointer a, gconstpointer b)
{
  const Item *x = a, *y = b;
  gsize x_size = pr_dtype_size (x->dtype), y_size = pr_dtype_size (y->dtype);

  if (x_size != y_size)
    return x_size > y_size ? -1 : 1;
  return strcmp (x->name, y->name);
}

static json_t *
describe (const Item *item, guint64 begin)
{
  json_t *shape = json_array ();

  for (guint i = 0; i < item->n_dims; i++)
    json_array_append_new (shape, json_integer (item->dims[i]));
  return json_pack ("{s:s, s:o, s:[I, I]}", "dtype", pr_dtype_name (item->dtype), "shape", shape, "data_offsets",
                    (json_int_t)begin, (json_int_t)(begin + item->bytes));
}

/* Length and text of the header, padded so that the data start at a multiple of 8; NULL after a fault. */
static char *
make_header (PrTensorsWriter *writer, gsize *ret_length)
{
  json_t *header = json_object ();
  g_autofree char *out = NULL;
  guint64 at = 0, length;
  char *text;

  if (writer->meta != NULL)
    json_object_set (header, "__metadata__", writer->meta);
  for (guint i = 0; i < writer->items->len; i++)
    {
      const Item *item = &g_array_index (writer->items, Item, i);

      if (json_object_get (header, item->name) != NULL)
        set_fault (writer, item->name, "added twice");
      if (item->bytes > (guint64)G_MAXINT64 - at)
        set_fault (writer, item->name, "the file would be too large");
      if (writer->fault != NULL)
        break;
      json_object_set_new (header, item->name, describe (item, at));
      at += item->bytes;
    }
  text = json_dumps (header, JSON_COMPACT | JSON_SORT_KEYS);
  json_decref (header);
  if (text == NULL || writer->fault != NULL)
    {
      free (text);
      return NULL;
    }
  length = (strlen (text) + 7) / 8 * 8;
  out = g_malloc (8 + length);
  memset (out, ' ', 8 + length);
  memcpy (out, &length, 8);
  memcpy (out + 8, text, strlen (text));
  free (text);
  *ret_length = 8 + length;
  return g_steal_pointer (&out);
}

gboolean
pr_tensors_writer_write (PrTensorsWriter *writer, const char *path, GError **error)
{
  g_autoptr (GArray) parts = g_array_new (FALSE, FALSE, sizeof (PrFilePart));
  g_autofree char *header = NULL;
  PrFilePart part;

  g_array_sort (writer->items, by_place);
  if (writer->fault == NULL)
    header = make_header (writer, &part.length);
  if (header == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN, "cannot write '%s': tensor %s", path,
                   writer->fault != NULL ? writer->fault : "names cannot be encoded");
      return FALSE;
    }
  part.data = header;
  g_array_append_val (parts, part);
  for (guint i = 0; i < writer->items->len; i++)
    {
      part.data = g_array_index (writer->items, Item, i).data;
      part.length = g_array_index (writer->items, Item, i).bytes;
      g_array_append_val (parts, part);
    }
  return pr_file_write_parts (path, (const PrFilePart *)parts->data, parts->len, error);
}
