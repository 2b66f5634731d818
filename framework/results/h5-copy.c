/* Objects copied from one HDF5 file to another, in pieces.
 *
 * Not by H5Ocopy(), which does the same and crashes when the disk is full (1.10.8). */
#include "config.h"

#include "h5-private.h"

#include <string.h>

#define READ_BYTES (4 * 1024 * 1024) /* at once */

hid_t
h5_packed_type (hid_t type)
{
  hid_t native = H5Tget_native_type (type, H5T_DIR_ASCEND);

  if (native >= 0 && H5Tget_class (native) == H5T_COMPOUND)
    H5Tpack (native);
  return native;
}

gboolean
h5_read_blocks (hid_t dataset, hid_t memory, hid_t space, H5Block visit, gpointer ctx)
{
  hsize_t dims[PR_H5_MAX_DIMS] = { 1, 1 }, from[PR_H5_MAX_DIMS] = { 0, 0 };
  int n_dims = H5Sget_simple_extent_ndims (space);
  gsize row = H5Tget_size (memory);
  g_autofree char *data = NULL;
  hsize_t n;

  if (n_dims < 0 || n_dims > PR_H5_MAX_DIMS || (n_dims > 0 && H5Sget_simple_extent_dims (space, dims, NULL) < 0)
      || (dims[1] > 0 && row > G_MAXSIZE / dims[1]))
    return FALSE;
  row *= dims[1];
  n = MAX (READ_BYTES / MAX (row, 1), 1);
  n = MIN (n, dims[0]);
  if (row == 0 || n == 0)
    return TRUE;
  data = g_try_malloc (row * n);
  for (; data != NULL && from[0] < dims[0]; from[0] += n)
    {
      hsize_t count[] = { MIN (n, dims[0] - from[0]), dims[1] };
      hid_t block = n_dims > 0 ? H5Screate_simple (n_dims, count, NULL) : H5Screate (H5S_SCALAR);
      gboolean ok = block >= 0
                    && (n_dims == 0 || H5Sselect_hyperslab (space, H5S_SELECT_SET, from, NULL, count, NULL) >= 0)
                    && H5Dread (dataset, memory, block, space, H5P_DEFAULT, data) >= 0
                    && visit (data, row * count[0], block, space, ctx);

      h5_release (block);
      if (!ok)
        return FALSE;
    }
  return data != NULL;
}

/* Where a data set goes. */
typedef struct
{
  hid_t dataset, memory;
} Target;

static gboolean
write_block (const void *data, gsize bytes, hid_t block, hid_t space, gpointer ctx)
{
  const Target *target = ctx;

  (void)bytes;
  return H5Dwrite (target->dataset, target->memory, block, space, H5P_DEFAULT, data) >= 0;
}

static gboolean
copy_dataset (hid_t from, PrH5 *to, const char *to_path, GError **error)
{
  hid_t type = H5Dget_type (from), space = H5Dget_space (from), create = H5Dget_create_plist (from);
  Target target = { h5_create_dataset (to, to_path, type, space, create, error), h5_packed_type (type) };
  gboolean ok = target.dataset >= 0;

  if (ok && !h5_read_blocks (from, target.memory, space, write_block, &target))
    ok = h5_fail (to, "copy", to_path, error);
  if (target.dataset >= 0 && !h5_release (target.dataset) && ok)
    ok = h5_fail (to, "close", to_path, error);
  h5_release (target.memory);
  h5_release (create);
  h5_release (space);
  h5_release (type);
  return ok;
}

/* Copy an attribute to the object DATA. */
static herr_t
copy_attribute (hid_t object, const char *name, const H5A_info_t *info, void *data)
{
  const hid_t *to = data;
  hid_t from = H5Aopen (object, name, H5P_DEFAULT), type = from >= 0 ? H5Aget_type (from) : -1;
  hid_t space = from >= 0 ? H5Aget_space (from) : -1, made = -1;
  gsize bytes = from >= 0 ? H5Aget_storage_size (from) : 0;
  g_autofree char *value = g_malloc0 (MAX (bytes, 1));
  gboolean ok = type >= 0 && space >= 0 && H5Aread (from, type, value) >= 0
                && (made = H5Acreate2 (*to, name, type, space, H5P_DEFAULT, H5P_DEFAULT)) >= 0
                && H5Awrite (made, type, value) >= 0;

  (void)info;
  h5_release (made);
  h5_release (space);
  h5_release (type);
  h5_release (from);
  return ok ? 0 : -1;
}

static gboolean
make_group (PrH5 *to, const char *path, GError **error)
{
  hid_t link = H5Pcreate (H5P_LINK_CREATE);
  hid_t group = H5Pset_create_intermediate_group (link, 1) >= 0
                    ? H5Gcreate2 (to->file, path, link, H5P_DEFAULT, H5P_DEFAULT)
                    : -1;

  h5_release (link);
  return h5_release (group) || h5_fail (to, "make", path, error);
}

static gboolean
copy_group (PrH5 *from, const char *path, PrH5 *to, const char *to_path, GError **error)
{
  g_auto (GStrv) names = pr_h5_list (from, path, error);
  gboolean ok = names != NULL && make_group (to, to_path, error);

  for (char **name = names; ok && *name != NULL; name++)
    {
      g_autofree char *child = g_strdup_printf ("%s/%s", path, *name),
                      *to_child = g_strdup_printf ("%s/%s", to_path, *name);

      ok = pr_h5_copy (from, child, to, to_child, error);
    }
  return ok;
}

gboolean
pr_h5_copy (PrH5 *from, const char *path, PrH5 *to, const char *to_path, GError **error)
{
  hid_t object = H5Oopen (from->file, path, H5P_DEFAULT), copy;
  H5I_type_t kind = object >= 0 ? H5Iget_type (object) : H5I_BADID;
  gboolean ok = kind == H5I_GROUP     ? copy_group (from, path, to, to_path, error)
                : kind == H5I_DATASET ? copy_dataset (object, to, to_path, error)
                                      : h5_fail (from, "copy", path, error);

  if (ok)
    {
      copy = H5Oopen (to->file, to_path, H5P_DEFAULT);
      ok = copy >= 0 && H5Aiterate2 (object, H5_INDEX_NAME, H5_ITER_INC, NULL, copy_attribute, &copy) >= 0;
      if (!ok)
        h5_fail (to, "copy the attributes of", to_path, error);
      h5_release (copy);
    }
  h5_release (object);
  return ok;
}
