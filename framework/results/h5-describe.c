/* What stands where in an HDF5 file, and as what. */
#include "config.h"

#include "h5-private.h"

#include <pauserec/error.h>
#include <string.h>

/* Anything that others could not read without this file alone, or without a plug-in of HDF5? */
static gboolean
is_plain (hid_t dataset)
{
  hid_t create = H5Dget_create_plist (dataset);
  gboolean plain = create >= 0 && H5Pget_layout (create) != H5D_VIRTUAL && H5Pget_nfilters (create) == 0
                   && H5Pget_external_count (create) == 0;

  h5_release (create);
  return plain;
}

static void
describe_dataset (hid_t dataset, PrH5Shape *shape)
{
  hid_t type = H5Dget_type (dataset), space = H5Dget_space (dataset);
  int n_dims = H5Sget_simple_extent_ndims (space);
  hsize_t dims[PR_H5_MAX_DIMS] = { 0 };

  if (is_plain (dataset) && n_dims >= 0 && n_dims <= PR_H5_MAX_DIMS
      && (n_dims == 0 || H5Sget_simple_extent_dims (space, dims, NULL) == n_dims))
    {
      gboolean table = H5Tget_class (type) == H5T_COMPOUND;

      shape->kind = table ? n_dims == 1 ? PR_H5_TABLE : PR_H5_ALIEN : PR_H5_ARRAY;
      shape->type = table ? PR_H5_OTHER : h5_type_of (type);
      shape->n_dims = (guint)n_dims;
      for (int d = 0; d < n_dims; d++)
        shape->dims[d] = (gint64)dims[d];
    }
  h5_release (space);
  h5_release (type);
}

gboolean
pr_h5_describe (PrH5 *h5, const char *path, PrH5Shape *ret_shape, GError **error)
{
  PrH5Shape shape = { .kind = PR_H5_ALIEN, .type = PR_H5_OTHER };
  gboolean root = strcmp (path, "/") == 0;
  H5L_info_t link = { .type = H5L_TYPE_HARD };
  hid_t object = -1;

  if (!root && H5Lget_info (h5->file, path, &link, H5P_DEFAULT) < 0)
    return h5_fail (h5, "find", path, error);
  if (link.type != H5L_TYPE_HARD)
    shape.kind = PR_H5_LINK;
  else if ((object = H5Oopen (h5->file, path, H5P_DEFAULT)) < 0)
    return h5_fail (h5, "open", path, error);
  else if (H5Iget_type (object) == H5I_GROUP)
    shape.kind = PR_H5_GROUP;
  else if (H5Iget_type (object) == H5I_DATASET)
    describe_dataset (object, &shape);
  h5_release (object);
  *ret_shape = shape;
  return TRUE;
}

PrH5Type
pr_h5_column_type (PrH5 *h5, const char *path, const char *column)
{
  hid_t dataset = H5Dopen2 (h5->file, path, H5P_DEFAULT), type = dataset >= 0 ? H5Dget_type (dataset) : -1, member = -1;
  PrH5Type found = PR_H5_OTHER;
  int index = type >= 0 && H5Tget_class (type) == H5T_COMPOUND ? H5Tget_member_index (type, column) : -1;

  if (index >= 0 && (member = H5Tget_member_type (type, (unsigned)index)) >= 0)
    found = h5_type_of (member);
  h5_release (member);
  h5_release (type);
  h5_release (dataset);
  H5Eclear2 (H5E_DEFAULT);
  return found;
}

PrH5Type
pr_h5_attribute_type (PrH5 *h5, const char *path, const char *name)
{
  hid_t attribute = H5Aopen_by_name (h5->file, path, name, H5P_DEFAULT, H5P_DEFAULT);
  hid_t type = attribute >= 0 ? H5Aget_type (attribute) : -1, space = attribute >= 0 ? H5Aget_space (attribute) : -1;
  PrH5Type found =
      type >= 0 && space >= 0 && H5Sget_simple_extent_type (space) == H5S_SCALAR ? h5_type_of (type) : PR_H5_OTHER;

  h5_release (space);
  h5_release (type);
  h5_release (attribute);
  H5Eclear2 (H5E_DEFAULT);
  return found;
}

static herr_t
collect_attribute (hid_t object, const char *name, const H5A_info_t *info, void *data)
{
  (void)object;
  (void)info;
  g_ptr_array_add (data, g_strdup (name));
  return 0;
}

char **
pr_h5_attributes (PrH5 *h5, const char *path, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);

  if (H5Aiterate_by_name (h5->file, path, H5_INDEX_NAME, H5_ITER_INC, NULL, collect_attribute, names, H5P_DEFAULT) < 0)
    {
      h5_fail (h5, "list the attributes of", path, error);
      return NULL;
    }
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&names), FALSE);
}
