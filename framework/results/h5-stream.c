/* Tables and arrays written row by row. */
#include "config.h"

#include "h5-private.h"

#include "runtime/sha256.h"

struct PrH5Stream
{
  PrH5 *h5;
  char *path;
  hid_t dataset, memory; /* MEMORY: type of a value, or of a row of a table */
  gint64 n_rows, done;
  hsize_t n_columns; /* 0: a table */
  gsize row;         /* bytes */
  PrSha256 *sha256;  /* of the rows written */
};

/* TAKES types, space and properties. */
static PrH5Stream *
stream_new (PrH5 *h5, const char *path, hid_t file_type, hid_t memory_type, hid_t space, hid_t create, GError **error)
{
  hid_t dataset = memory_type >= 0 ? h5_create_dataset (h5, path, file_type, space, create, error) : -1;
  PrH5Stream *stream = NULL;

  if (dataset >= 0)
    {
      stream = g_new0 (PrH5Stream, 1);
      *stream = (PrH5Stream){
        .h5 = h5, .path = g_strdup (path), .dataset = dataset, .memory = memory_type, .sha256 = pr_sha256_new ()
      };
    }
  else
    h5_release (memory_type);
  h5_release (create);
  h5_release (space);
  h5_release (file_type);
  return stream;
}

PrH5Stream *
pr_h5_stream_table (PrH5 *h5, const char *path, const PrH5Column *columns, const gsize *sizes, gsize n_columns,
                    gint64 n_rows, GError **error)
{
  hsize_t dims = (hsize_t)n_rows, most = H5S_UNLIMITED;
  hid_t file, memory;
  PrH5Stream *stream;
  gsize row = 0;

  for (gsize c = 0; c < n_columns; c++)
    row += sizes[c];
  if (!h5_compound_types (columns, n_columns, sizes, row, &file, &memory))
    {
      h5_release (file);
      h5_release (memory);
      h5_fail (h5, "describe", path, error);
      return NULL;
    }
  stream =
      stream_new (h5, path, file, memory, H5Screate_simple (1, &dims, &most), h5_table_layout (n_rows, row), error);
  if (stream != NULL)
    {
      stream->n_rows = n_rows;
      stream->row = row;
    }
  return stream;
}

PrH5Stream *
pr_h5_stream_array (PrH5 *h5, const char *path, PrH5Type type, gint64 n_rows, gint64 n_columns, GError **error)
{
  hsize_t dims[] = { (hsize_t)n_rows, (hsize_t)n_columns };
  hid_t memory = h5_type_new (type, 0, FALSE);
  gsize value = memory >= 0 ? H5Tget_size (memory) : 0;
  PrH5Stream *stream = stream_new (h5, path, h5_type_new (type, 0, TRUE), memory, H5Screate_simple (2, dims, NULL),
                                   H5Pcreate (H5P_DATASET_CREATE), error);

  if (stream != NULL)
    {
      stream->n_rows = n_rows;
      stream->n_columns = (hsize_t)n_columns;
      stream->row = (gsize)n_columns * value;
    }
  return stream;
}

gboolean
pr_h5_stream_write (PrH5Stream *s, const void *rows, gint64 n, GError **error)
{
  hsize_t from[] = { (hsize_t)s->done, 0 }, count[] = { (hsize_t)n, s->n_columns };
  hid_t space, block;
  gboolean ok;

  g_return_val_if_fail (n >= 0 && s->done + n <= s->n_rows, FALSE);
  s->done += n;
  if (n == 0 || s->row == 0)
    return TRUE;
  pr_sha256_add (s->sha256, rows, (gsize)n * s->row);
  space = H5Dget_space (s->dataset);
  block = H5Screate_simple (H5Sget_simple_extent_ndims (space), count, NULL);
  ok = block >= 0 && H5Sselect_hyperslab (space, H5S_SELECT_SET, from, NULL, count, NULL) >= 0
       && H5Dwrite (s->dataset, s->memory, block, space, H5P_DEFAULT, rows) >= 0;
  h5_release (space);
  h5_release (block);
  return ok || h5_fail (s->h5, "write", s->path, error);
}

gboolean
pr_h5_stream_close (PrH5Stream *s, char **ret_sha256, GError **error)
{
  hid_t dataset = s->dataset;

  g_return_val_if_fail (s->done == s->n_rows, FALSE);
  s->dataset = -1;
  if (!h5_release (dataset))
    return h5_fail (s->h5, "close", s->path, error);
  *ret_sha256 = pr_sha256_finish (s->sha256);
  return TRUE;
}

void
pr_h5_stream_free (PrH5Stream *s)
{
  if (s == NULL)
    return;
  h5_release (s->dataset);
  h5_release (s->memory);
  pr_sha256_free (s->sha256);
  g_free (s->path);
  g_free (s);
}
