/* Tables, arrays, texts and attributes of HDF5 files, written whole. */
#include "config.h"

#include "h5-private.h"

#include "h5-rows.h"

#include <string.h>

#define CHUNK_ROWS 4096          /* of a table at most */
#define CHUNK_BYTES (512 * 1024) /* at most, so that HDF5's cache of 1 MiB holds one */

hid_t
h5_create_dataset (PrH5 *h5, const char *path, hid_t file_type, hid_t space, hid_t create, GError **error)
{
  hid_t link = H5Pcreate (H5P_LINK_CREATE), dataset = -1;

  if (file_type >= 0 && space >= 0 && create >= 0 && H5Pset_create_intermediate_group (link, 1) >= 0
      && H5Pset_obj_track_times (create, FALSE) >= 0)
    dataset = H5Dcreate2 (h5->file, path, file_type, space, link, create, H5P_DEFAULT);
  if (dataset < 0)
    h5_fail (h5, "write", path, error);
  h5_release (link);
  return dataset;
}

/* TAKES type, space and properties.  Creates, writes and closes a data set, each step checked. */
static gboolean
write_dataset (PrH5 *h5, const char *path, hid_t file_type, hid_t memory_type, hid_t space, hid_t create,
               const void *data, GError **error)
{
  hid_t dataset = h5_create_dataset (h5, path, file_type, space, create, error);
  gboolean ok = dataset >= 0;

  if (ok && H5Sget_simple_extent_npoints (space) > 0
      && H5Dwrite (dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
    ok = h5_fail (h5, "write", path, error);
  if (dataset >= 0 && !h5_release (dataset) && ok)
    ok = h5_fail (h5, "close", path, error);
  h5_release (create);
  h5_release (space);
  h5_release (file_type);
  h5_release (memory_type);
  return ok;
}

gboolean
h5_compound_types (const PrH5Column *columns, gsize n_columns, const gsize *sizes, gsize row, hid_t *ret_file,
                   hid_t *ret_memory)
{
  gsize offset = 0;
  gboolean ok;

  *ret_file = H5Tcreate (H5T_COMPOUND, row);
  *ret_memory = H5Tcreate (H5T_COMPOUND, row);
  ok = *ret_file >= 0 && *ret_memory >= 0;
  for (gsize c = 0; ok && c < n_columns; c++)
    {
      hid_t file = h5_type_new (columns[c].type, sizes[c], TRUE),
            memory = h5_type_new (columns[c].type, sizes[c], FALSE);

      ok = file >= 0 && memory >= 0 && H5Tinsert (*ret_file, columns[c].name, offset, file) >= 0
           && H5Tinsert (*ret_memory, columns[c].name, offset, memory) >= 0;
      offset += sizes[c];
      h5_release (file);
      h5_release (memory);
    }
  return ok;
}

hid_t
h5_table_layout (gint64 n_rows, gsize row)
{
  gsize most = CLAMP (CHUNK_BYTES / MAX (row, 1), 1, CHUNK_ROWS);
  hsize_t chunk = (hsize_t)CLAMP (n_rows, 1, (gint64)most);
  hid_t create = H5Pcreate (H5P_DATASET_CREATE);

  if (create >= 0 && H5Pset_chunk (create, 1, &chunk) >= 0)
    return create;
  h5_release (create);
  return -1;
}

gboolean
pr_h5_write_table (PrH5 *h5, const char *path, const PrH5Column *columns, gsize n_columns, gint64 n_rows,
                   GError **error)
{
  g_autofree gsize *sizes = g_new (gsize, MAX (n_columns, 1));
  g_autofree char *rows = NULL;
  hsize_t dims = (hsize_t)n_rows, most = H5S_UNLIMITED;
  hid_t file, memory;
  gsize row;

  row = h5_row_sizes (columns, n_columns, n_rows, sizes);
  if (!h5_compound_types (columns, n_columns, sizes, row, &file, &memory))
    {
      h5_release (file);
      h5_release (memory);
      return h5_fail (h5, "describe", path, error);
    }
  rows = h5_rows_pack (columns, n_columns, n_rows, sizes);
  return write_dataset (h5, path, file, memory, H5Screate_simple (1, &dims, &most), h5_table_layout (n_rows, row), rows,
                        error);
}

gboolean
pr_h5_write_array (PrH5 *h5, const char *path, PrH5Type type, guint n_dims, const gint64 *dims, const void *data,
                   GError **error)
{
  hsize_t sizes[PR_H5_MAX_DIMS];

  g_return_val_if_fail (n_dims >= 1 && n_dims <= PR_H5_MAX_DIMS && type != PR_H5_TEXT, FALSE);
  for (guint d = 0; d < n_dims; d++)
    sizes[d] = (hsize_t)dims[d];
  return write_dataset (h5, path, h5_type_new (type, 0, TRUE), h5_type_new (type, 0, FALSE),
                        H5Screate_simple ((int)n_dims, sizes, NULL), H5Pcreate (H5P_DATASET_CREATE), data, error);
}

gboolean
pr_h5_write_text (PrH5 *h5, const char *path, const char *text, GError **error)
{
  gsize width = MAX (strlen (text), 1);

  return write_dataset (h5, path, h5_text_type (width), h5_text_type (width), H5Screate (H5S_SCALAR),
                        H5Pcreate (H5P_DATASET_CREATE), text, error);
}

static gboolean
set_attribute (PrH5 *h5, const char *path, const char *name, hid_t file_type, hid_t memory_type, const void *data,
               GError **error)
{
  hid_t object = H5Oopen (h5->file, path, H5P_DEFAULT), space = H5Screate (H5S_SCALAR);
  hid_t attribute = object >= 0 ? H5Acreate2 (object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
  gboolean ok = attribute >= 0 && H5Awrite (attribute, memory_type, data) >= 0;

  if (!ok)
    h5_fail (h5, "write attribute", name, error);
  h5_release (attribute);
  h5_release (space);
  h5_release (file_type);
  h5_release (memory_type);
  h5_release (object);
  return ok;
}

gboolean
pr_h5_set_text (PrH5 *h5, const char *path, const char *name, const char *text, GError **error)
{
  gsize width = MAX (strlen (text), 1);

  return set_attribute (h5, path, name, h5_text_type (width), h5_text_type (width), text, error);
}

gboolean
pr_h5_set_number (PrH5 *h5, const char *path, const char *name, guint64 value, GError **error)
{
  return set_attribute (h5, path, name, h5_type_new (PR_H5_U64, 0, TRUE), h5_type_new (PR_H5_U64, 0, FALSE), &value,
                        error);
}
