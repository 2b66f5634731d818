#include "config.h"

#include "h5.h"

#include "h5-rows.h"

#include <hdf5.h>
#include <pauserec/error.h>
#include <string.h>

#define GROWTH (1024 * 1024) /* bytes by which a file in memory grows */
#define CHUNK_ROWS 4096      /* of a table at most: tables have some tens of bytes a row */
#define TEXT_MAX (64 * 1024 * 1024)

struct PrH5
{
  hid_t file;
  char *path; /* for messages */
  gboolean in_memory;
  gsize user_block;
};

/* Errors ------------------------------------------------------------------------------------------------------ */

/* Keep the innermost message, which tells the cause. */
static herr_t
innermost (unsigned n, const H5E_error2_t *entry, void *data)
{
  const char **ret = data;

  (void)n;
  *ret = entry->desc;
  return 0;
}

/* Translate HDF5's error stack; returns FALSE. */
static gboolean
fail (const PrH5 *h5, const char *what, const char *name, GError **error)
{
  const char *cause = NULL;
  g_autofree char *copy = NULL;

  H5Ewalk2 (H5E_DEFAULT, H5E_WALK_DOWNWARD, innermost, &cause);
  copy = g_strdup (cause != NULL && cause[0] != '\0' ? cause : "no reason given");
  H5Eclear2 (H5E_DEFAULT);
  g_set_error (error, PR_ERROR, h5->in_memory ? PR_ERROR_IO : PR_ERROR_DATA, "%s: cannot %s '%s': %s", h5->path, what,
               name, copy);
  return FALSE;
}

/* Close whatever ID is; TRUE if it was open and closing it succeeded. */
static gboolean
release (hid_t id)
{
  return id >= 0 && H5Idec_ref (id) >= 0;
}

/* Types ------------------------------------------------------------------------------------------------------- */

/* A fixed-length string of WIDTH bytes, padded with zeros. */
static hid_t
text_type (gsize width)
{
  hid_t type = H5Tcopy (H5T_C_S1);

  if (type >= 0
      && (H5Tset_size (type, width) < 0 || H5Tset_strpad (type, H5T_STR_NULLPAD) < 0
          || H5Tset_cset (type, H5T_CSET_UTF8) < 0))
    {
      release (type);
      return H5I_INVALID_HID;
    }
  return type;
}

/* WIDTH: of texts.  Files are little-endian on every machine. */
static hid_t
type_new (PrH5Type type, gsize width, gboolean in_file)
{
  switch (type)
    {
    case PR_H5_F32:
      return H5Tcopy (in_file ? H5T_IEEE_F32LE : H5T_NATIVE_FLOAT);
    case PR_H5_F64:
      return H5Tcopy (in_file ? H5T_IEEE_F64LE : H5T_NATIVE_DOUBLE);
    case PR_H5_I32:
      return H5Tcopy (in_file ? H5T_STD_I32LE : H5T_NATIVE_INT32);
    case PR_H5_U64:
      return H5Tcopy (in_file ? H5T_STD_U64LE : H5T_NATIVE_UINT64);
    case PR_H5_TEXT:
      return text_type (width);
    }
  return H5I_INVALID_HID;
}

/* Files ------------------------------------------------------------------------------------------------------- */

PrH5 *
pr_h5_new (gsize user_block, GError **error)
{
  g_autoptr (PrH5) h5 = g_new0 (PrH5, 1);
  hid_t access, create;

  H5Eset_auto2 (H5E_DEFAULT, NULL, NULL); /* errors are ours to report */
  h5->path = g_strdup ("results in memory");
  h5->in_memory = TRUE;
  h5->user_block = user_block;
  access = H5Pcreate (H5P_FILE_ACCESS);
  create = H5Pcreate (H5P_FILE_CREATE);
  h5->file = -1;
  if (H5Pset_fapl_core (access, GROWTH, FALSE) >= 0 && H5Pset_userblock (create, user_block) >= 0
      && H5Pset_obj_track_times (create, FALSE) >= 0)
    h5->file = H5Fcreate ("pauserec-results-in-memory", H5F_ACC_TRUNC, create, access);
  release (access);
  release (create);
  if (h5->file < 0)
    {
      fail (h5, "create", "the file", error);
      return NULL;
    }
  return g_steal_pointer (&h5);
}

PrH5 *
pr_h5_open (const char *path, GError **error)
{
  g_autoptr (PrH5) h5 = g_new0 (PrH5, 1);

  H5Eset_auto2 (H5E_DEFAULT, NULL, NULL);
  h5->path = g_strdup (path);
  h5->file = H5Fopen (path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (h5->file < 0)
    {
      fail (h5, "read", "the file as HDF5", error);
      return NULL;
    }
  return g_steal_pointer (&h5);
}

void
pr_h5_free (PrH5 *h5)
{
  if (h5 == NULL)
    return;
  if (h5->file >= 0)
    H5Fclose (h5->file); /* loses nothing: read only, or in memory and copied out before */
  g_free (h5->path);
  g_free (h5);
}

char *
pr_h5_image (PrH5 *h5, gsize *ret_length, GError **error)
{
  g_autofree char *image = NULL;
  gssize length = H5Fflush (h5->file, H5F_SCOPE_GLOBAL) >= 0 ? H5Fget_file_image (h5->file, NULL, 0) : -1;

  /* What HDF5 gives lacks the user block. */
  if (length > 0)
    image = g_try_malloc0 ((gsize)length + h5->user_block);
  if (image == NULL || H5Fget_file_image (h5->file, image + h5->user_block, (gsize)length) != length)
    {
      fail (h5, "copy", "the file", error);
      return NULL;
    }
  *ret_length = (gsize)length + h5->user_block;
  return g_steal_pointer (&image);
}

/* Writing ----------------------------------------------------------------------------------------------------- */

/* TAKES type, space and properties.  Creates, writes and closes a data set, each step checked. */
static gboolean
write_dataset (PrH5 *h5, const char *path, hid_t file_type, hid_t memory_type, hid_t space, hid_t create,
               const void *data, GError **error)
{
  hid_t link = H5Pcreate (H5P_LINK_CREATE), dataset = -1;
  gboolean ok = file_type >= 0 && memory_type >= 0 && space >= 0 && create >= 0
                && H5Pset_create_intermediate_group (link, 1) >= 0 && H5Pset_obj_track_times (create, FALSE) >= 0;

  if (ok)
    dataset = H5Dcreate2 (h5->file, path, file_type, space, link, create, H5P_DEFAULT);
  ok = ok && dataset >= 0;
  if (ok && H5Sget_simple_extent_npoints (space) > 0)
    ok = H5Dwrite (dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
  if (!ok)
    fail (h5, "write", path, error);
  if (dataset >= 0 && !release (dataset) && ok)
    ok = fail (h5, "close", path, error);
  release (link);
  release (create);
  release (space);
  release (file_type);
  release (memory_type);
  return ok;
}

/* In files rows are packed, in memory too: one type serves both, but for the byte order. */
static gboolean
compound_types (const PrH5Column *columns, gsize n_columns, const gsize *sizes, gsize row, hid_t *ret_file,
                hid_t *ret_memory)
{
  gsize offset = 0;
  gboolean ok;

  *ret_file = H5Tcreate (H5T_COMPOUND, row);
  *ret_memory = H5Tcreate (H5T_COMPOUND, row);
  ok = *ret_file >= 0 && *ret_memory >= 0;
  for (gsize c = 0; ok && c < n_columns; c++)
    {
      hid_t file = type_new (columns[c].type, sizes[c], TRUE), memory = type_new (columns[c].type, sizes[c], FALSE);

      ok = file >= 0 && memory >= 0 && H5Tinsert (*ret_file, columns[c].name, offset, file) >= 0
           && H5Tinsert (*ret_memory, columns[c].name, offset, memory) >= 0;
      offset += sizes[c];
      release (file);
      release (memory);
    }
  return ok;
}

gboolean
pr_h5_write_table (PrH5 *h5, const char *path, const PrH5Column *columns, gsize n_columns, gint64 n_rows,
                   GError **error)
{
  g_autofree gsize *sizes = g_new (gsize, MAX (n_columns, 1));
  g_autofree char *rows = NULL;
  hsize_t dims = (hsize_t)n_rows, most = H5S_UNLIMITED, chunk = (hsize_t)CLAMP (n_rows, 1, CHUNK_ROWS);
  hid_t file, memory, create;
  gsize row;

  row = h5_row_sizes (columns, n_columns, n_rows, sizes);
  if (!compound_types (columns, n_columns, sizes, row, &file, &memory))
    {
      release (file);
      release (memory);
      return fail (h5, "describe", path, error);
    }
  rows = h5_rows_pack (columns, n_columns, n_rows, sizes);
  create = H5Pcreate (H5P_DATASET_CREATE);
  H5Pset_chunk (create, 1, &chunk);
  return write_dataset (h5, path, file, memory, H5Screate_simple (1, &dims, &most), create, rows, error);
}

gboolean
pr_h5_write_array (PrH5 *h5, const char *path, PrH5Type type, guint n_dims, const gint64 *dims, const void *data,
                   GError **error)
{
  hsize_t sizes[PR_H5_MAX_DIMS];

  g_return_val_if_fail (n_dims >= 1 && n_dims <= PR_H5_MAX_DIMS && type != PR_H5_TEXT, FALSE);
  for (guint d = 0; d < n_dims; d++)
    sizes[d] = (hsize_t)dims[d];
  return write_dataset (h5, path, type_new (type, 0, TRUE), type_new (type, 0, FALSE),
                        H5Screate_simple ((int)n_dims, sizes, NULL), H5Pcreate (H5P_DATASET_CREATE), data, error);
}

gboolean
pr_h5_write_text (PrH5 *h5, const char *path, const char *text, GError **error)
{
  gsize width = MAX (strlen (text), 1);

  return write_dataset (h5, path, text_type (width), text_type (width), H5Screate (H5S_SCALAR),
                        H5Pcreate (H5P_DATASET_CREATE), text, error);
}

gboolean
pr_h5_copy (PrH5 *from, const char *path, PrH5 *to, const char *to_path, GError **error)
{
  hid_t link = H5Pcreate (H5P_LINK_CREATE);
  gboolean ok = H5Pset_create_intermediate_group (link, 1) >= 0
                && H5Ocopy (from->file, path, to->file, to_path, H5P_DEFAULT, link) >= 0;

  release (link);
  return ok || fail (to, "copy", path, error);
}

static gboolean
set_attribute (PrH5 *h5, const char *path, const char *name, hid_t file_type, hid_t memory_type, const void *data,
               GError **error)
{
  hid_t object = H5Oopen (h5->file, path, H5P_DEFAULT), space = H5Screate (H5S_SCALAR);
  hid_t attribute = object >= 0 ? H5Acreate2 (object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT) : -1;
  gboolean ok = attribute >= 0 && H5Awrite (attribute, memory_type, data) >= 0;

  if (!ok)
    fail (h5, "write attribute", name, error);
  release (attribute);
  release (space);
  release (file_type);
  release (memory_type);
  release (object);
  return ok;
}

gboolean
pr_h5_set_text (PrH5 *h5, const char *path, const char *name, const char *text, GError **error)
{
  gsize width = MAX (strlen (text), 1);

  return set_attribute (h5, path, name, text_type (width), text_type (width), text, error);
}

gboolean
pr_h5_set_number (PrH5 *h5, const char *path, const char *name, guint64 value, GError **error)
{
  return set_attribute (h5, path, name, type_new (PR_H5_U64, 0, TRUE), type_new (PR_H5_U64, 0, FALSE), &value, error);
}

/* Reading ----------------------------------------------------------------------------------------------------- */

gboolean
pr_h5_exists (PrH5 *h5, const char *path)
{
  hid_t object = H5Oopen (h5->file, path, H5P_DEFAULT);

  H5Eclear2 (H5E_DEFAULT);
  return release (object);
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
      fail (h5, "list", path, error);
      return NULL;
    }
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

/* The data set at PATH, with its type and the sizes of its N_DIMS dimensions (0: a scalar). */
static hid_t
open_dataset (PrH5 *h5, const char *path, int n_dims, hsize_t *ret_dims, hid_t *ret_type, GError **error)
{
  hid_t dataset = H5Dopen2 (h5->file, path, H5P_DEFAULT), space = dataset >= 0 ? H5Dget_space (dataset) : -1;
  gboolean ok = space >= 0 && H5Sget_simple_extent_ndims (space) == n_dims
                && (n_dims == 0 || H5Sget_simple_extent_dims (space, ret_dims, NULL) == n_dims);

  *ret_type = ok ? H5Dget_type (dataset) : -1;
  release (space);
  if (*ret_type >= 0)
    return dataset;
  release (dataset);
  fail (h5, "read", path, error);
  return -1;
}

char **
pr_h5_columns (PrH5 *h5, const char *path, GError **error)
{
  hsize_t n_rows;
  hid_t type, dataset = open_dataset (h5, path, 1, &n_rows, &type, error);
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
  release (type);
  release (dataset);
  return names;
}

void *
pr_h5_read_column (PrH5 *h5, const char *path, const char *column, PrH5Type type, gint64 *ret_n, GError **error)
{
  hsize_t n = 0;
  hid_t table_type, dataset = open_dataset (h5, path, 1, &n, &table_type, error), member = -1, memory = -1, row = -1;
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
      memory = type_new (type, width, FALSE);
      row = H5Tcreate (H5T_COMPOUND, width);
      data = n <= G_MAXSIZE / MAX (width, 1) - 1 ? g_try_malloc0 (n * width + 1) : NULL;
      ok = data != NULL && H5Tinsert (row, column, 0, memory) >= 0
           && (n == 0 || H5Dread (dataset, row, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
    }
  if (!ok)
    fail (h5, "read column", column, error);
  release (row);
  release (memory);
  release (member);
  release (table_type);
  release (dataset);
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
  dataset = open_dataset (h5, path, (int)n_dims, dims, &file_type, error);
  if (dataset < 0)
    return NULL;
  memory = type_new (type, 0, FALSE);
  if (dims[0] <= G_MAXSIZE / 16 / MAX (dims[1], 1))
    data = g_try_malloc (MAX (dims[0] * dims[1] * h5_value_size (type), 1));
  ok = data != NULL && (dims[0] * dims[1] == 0 || H5Dread (dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
  if (!ok)
    fail (h5, "read", path, error);
  release (memory);
  release (file_type);
  release (dataset);
  for (guint d = 0; ok && d < n_dims; d++)
    ret_dims[d] = (gint64)dims[d];
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
    fail (h5, "read", name, error);
  release (type);
  return ok ? g_steal_pointer (&text) : NULL;
}

char *
pr_h5_read_text (PrH5 *h5, const char *path, GError **error)
{
  hid_t type, dataset = open_dataset (h5, path, 0, NULL, &type, error);
  char *text = dataset >= 0 ? take_text (h5, dataset, -1, type, path, error) : NULL;

  release (dataset);
  return text;
}

char *
pr_h5_get_text (PrH5 *h5, const char *path, const char *name, GError **error)
{
  hid_t attribute = H5Aopen_by_name (h5->file, path, name, H5P_DEFAULT, H5P_DEFAULT);
  char *text = take_text (h5, -1, attribute, attribute >= 0 ? H5Aget_type (attribute) : -1, name, error);

  release (attribute);
  return text;
}
