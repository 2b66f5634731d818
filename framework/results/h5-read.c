/* Reading HDF5 files of our own. */
#include "config.h"

#include "h5-private.h"

#include "h5-rows.h"

#include <pauserec/error.h>
#include <string.h>

#define TRANSFER_BYTES ((gsize)16 * 1024)

#define TEXT_MAX (64 * 1024 * 1024)

gboolean
pr_h5_exists (PrH5 *h5, const char *path)
{
  hid_t object = H5Oopen (h5->file, path, H5P_DEFAULT);

  H5Eclear2 (H5E_DEFAULT);
  return h5_release (object);
}

static herr_t
collect_name (hid_t group, const char *name, const H5L_info_t *info, void *data)
{
  (void)group;
  (void)info;
  g_ptr_array_add (data, g_strdup (name));
  return 0;
}

char **
pr_h5_list (PrH5 *h5, const char *path, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  if (pr_h5_exists (h5, path)
      && H5Literate_by_name (h5->file, path, H5_INDEX_NAME, H5_ITER_INC, NULL, collect_name, names, H5P_DEFAULT) < 0)
    {
      h5_fail (h5, "list", path, error);
      return NULL;
    }
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

hid_t
h5_open_dataset (PrH5 *h5, const char *path, int n_dims, hsize_t *ret_dims, hid_t *ret_type, GError **error)
{
  hid_t dataset = H5Dopen2 (h5->file, path, H5P_DEFAULT), space = dataset >= 0 ? H5Dget_space (dataset) : -1;
  gboolean ok = space >= 0 && H5Sget_simple_extent_ndims (space) == n_dims
                && (n_dims == 0 || H5Sget_simple_extent_dims (space, ret_dims, NULL) == n_dims);

  *ret_type = ok ? H5Dget_type (dataset) : -1;
  h5_release (space);
  if (*ret_type >= 0)
    return dataset;
  h5_release (dataset);
  h5_fail (h5, "read", path, error);
  return -1;
}

char **
pr_h5_columns (PrH5 *h5, const char *path, GError **error)
{
  hsize_t n_rows;
  hid_t type, dataset = h5_open_dataset (h5, path, 1, &n_rows, &type, error);
  char **names;
  int n;

  if (dataset < 0)
    return NULL;
  n = H5Tget_class (type) == H5T_COMPOUND ? H5Tget_nmembers (type) : 0;
  names = g_new0 (char *, MAX (n, 0) + 1);
  for (int i = 0; i < n; i++)
    {
      char *name = H5Tget_member_name (type, (unsigned)i);

      names[i] = g_strdup (name);
      H5free_memory (name);
    }
  h5_release (type);
  h5_release (dataset);
  return names;
}

hid_t
h5_transfer_new (gsize row)
{
  hid_t transfer = H5Pcreate (H5P_DATASET_XFER);

  if (transfer >= 0)
    H5Pset_buffer (transfer, MAX (TRANSFER_BYTES, row), NULL, NULL);
  return transfer;
}

void *
pr_h5_read_column (PrH5 *h5, const char *path, const char *column, PrH5Type type, gint64 *ret_n, GError **error)
{
  hsize_t n = 0;
  hid_t table_type, dataset = h5_open_dataset (h5, path, 1, &n, &table_type, error), member = -1, memory = -1, row = -1,
                    transfer = -1;
  gsize width = 0;
  g_autofree char *data = NULL;
  gboolean ok = FALSE;
  int index;

  if (dataset < 0)
    return NULL;
  index = H5Tget_class (table_type) == H5T_COMPOUND ? H5Tget_member_index (table_type, column) : -1;
  if (index >= 0 && (member = H5Tget_member_type (table_type, (unsigned)index)) >= 0
      && (type == PR_H5_TEXT) == (H5Tget_class (member) == H5T_STRING))
    {
      width = type == PR_H5_TEXT ? H5Tget_size (member) : h5_value_size (type);
      memory = h5_type_new (type, width, FALSE);
      row = H5Tcreate (H5T_COMPOUND, width);
      transfer = h5_transfer_new (MAX (H5Tget_size (table_type), width));
      data = n <= G_MAXSIZE / MAX (width, 1) - 1 ? g_try_malloc0 (n * width + 1) : NULL;
      ok = data != NULL && H5Tinsert (row, column, 0, memory) >= 0
           && (n == 0 || H5Dread (dataset, row, H5S_ALL, H5S_ALL, transfer, data) >= 0);
    }
  if (!ok)
    h5_fail (h5, "read column", column, error);
  h5_release (transfer);
  h5_release (row);
  h5_release (memory);
  h5_release (member);
  h5_release (table_type);
  h5_release (dataset);
  if (!ok)
    return NULL;
  *ret_n = (gint64)n;
  return type == PR_H5_TEXT ? (void *)h5_rows_texts (data, n, width) : (void *)g_steal_pointer (&data);
}

void *
pr_h5_read_array (PrH5 *h5, const char *path, PrH5Type type, guint n_dims, gint64 *ret_dims, GError **error)
{
  hsize_t dims[PR_H5_MAX_DIMS] = { 1, 1 };
  hid_t file_type, dataset, memory;
  g_autofree char *data = NULL;
  gboolean ok;

  g_return_val_if_fail (n_dims <= PR_H5_MAX_DIMS && type != PR_H5_TEXT, NULL);
  dataset = h5_open_dataset (h5, path, (int)n_dims, dims, &file_type, error);
  if (dataset < 0)
    return NULL;
  memory = h5_type_new (type, 0, FALSE);
  if (dims[0] <= G_MAXSIZE / 16 / MAX (dims[1], 1))
    data = g_try_malloc (MAX (dims[0] * dims[1] * h5_value_size (type), 1));
  ok = data != NULL && (dims[0] * dims[1] == 0 || H5Dread (dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  if (!ok)
    h5_fail (h5, "read", path, error);
  h5_release (memory);
  h5_release (file_type);
  h5_release (dataset);
  for (guint d = 0; ok && d < n_dims; d++)
    ret_dims[d] = (gint64)dims[d];
  return ok ? g_steal_pointer (&data) : NULL;
}

void *
pr_h5_read_rows (PrH5 *h5, const char *path, PrH5Type type, gint64 start, gint64 n, gint64 *ret_columns, GError **error)
{
  hsize_t dims[PR_H5_MAX_DIMS], from[] = { (hsize_t)start, 0 }, count[] = { (hsize_t)n, 0 };
  hid_t file_type, space = -1, block = -1, memory = h5_type_new (type, 0, FALSE);
  hid_t dataset = h5_open_dataset (h5, path, 2, dims, &file_type, error);
  g_autofree char *data = NULL;
  gboolean ok = FALSE;

  if (dataset >= 0 && start >= 0 && n >= 0 && from[0] + count[0] <= dims[0])
    {
      count[1] = dims[1];
      if (count[0] <= G_MAXSIZE / 16 / MAX (dims[1], 1))
        data = g_try_malloc (MAX (count[0] * count[1] * h5_value_size (type), 1));
      space = H5Dget_space (dataset);
      block = H5Screate_simple (2, count, NULL);
      ok = data != NULL
           && (count[0] * count[1] == 0
               || (H5Sselect_hyperslab (space, H5S_SELECT_SET, from, NULL, count, NULL) >= 0
                   && H5Dread (dataset, memory, block, space, H5P_DEFAULT, data) >= 0));
    }
  if (!ok && dataset >= 0)
    h5_fail (h5, "read rows of", path, error);
  h5_release (block);
  h5_release (space);
  h5_release (memory);
  h5_release (file_type);
  h5_release (dataset);
  if (ok)
    *ret_columns = (gint64)dims[1];
  return ok ? g_steal_pointer (&data) : NULL;
}

/* TAKES the type of DATASET or, if that is negative, of ATTRIBUTE, and reads its text. */
static char *
take_text (PrH5 *h5, hid_t dataset, hid_t attribute, hid_t type, const char *name, GError **error)
{
  gsize width = type >= 0 && H5Tget_class (type) == H5T_STRING ? H5Tget_size (type) : 0;
  g_autofree char *text = width > 0 && width <= TEXT_MAX ? g_malloc0 (width + 1) : NULL;
  gboolean ok =
      text != NULL
      && (dataset >= 0 ? H5Dread (dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) : H5Aread (attribute, type, text))
             >= 0;

  if (!ok)
    h5_fail (h5, "read", name, error);
  h5_release (type);
  return ok ? g_steal_pointer (&text) : NULL;
}

char *
pr_h5_read_text (PrH5 *h5, const char *path, GError **error)
{
  hid_t type, dataset = h5_open_dataset (h5, path, 0, NULL, &type, error);
  char *text = dataset >= 0 ? take_text (h5, dataset, -1, type, path, error) : NULL;

  h5_release (dataset);
  return text;
}

char *
pr_h5_get_text (PrH5 *h5, const char *path, const char *name, GError **error)
{
  hid_t attribute = H5Aopen_by_name (h5->file, path, name, H5P_DEFAULT, H5P_DEFAULT);
  char *text = take_text (h5, -1, attribute, attribute >= 0 ? H5Aget_type (attribute) : -1, name, error);

  h5_release (attribute);
  return text;
}

gboolean
pr_h5_get_number (PrH5 *h5, const char *path, const char *name, guint64 *ret_value, GError **error)
{
  hid_t attribute = H5Aopen_by_name (h5->file, path, name, H5P_DEFAULT, H5P_DEFAULT);
  hid_t space = attribute >= 0 ? H5Aget_space (attribute) : -1;
  guint64 value;
  gboolean ok =
      space >= 0 && H5Sget_simple_extent_npoints (space) == 1 && H5Aread (attribute, H5T_NATIVE_UINT64, &value) >= 0;

  if (ok)
    *ret_value = value;
  else
    h5_fail (h5, "read", name, error);
  h5_release (space);
  h5_release (attribute);
  return ok;
}
