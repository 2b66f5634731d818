/* Digests of what stands in an HDF5 file, read in pieces. */
#include "config.h"

#include "h5-private.h"

#include "runtime/sha256.h"

#include <string.h>

static gboolean
add_block (const void *data, gsize bytes, hid_t block, hid_t space, gpointer sha256)
{
  (void)block;
  (void)space;
  pr_sha256_add (sha256, data, bytes);
  return TRUE;
}

/* Add the values of the data set at PATH; its shape and columns too if SHAPE. */
static gboolean
add_dataset (PrH5 *h5, const char *path, gboolean shape, PrSha256 *sha256)
{
  hid_t dataset = H5Dopen2 (h5->file, path, H5P_DEFAULT), type = dataset >= 0 ? H5Dget_type (dataset) : -1;
  hid_t space = dataset >= 0 ? H5Dget_space (dataset) : -1, memory = type >= 0 ? h5_packed_type (type) : -1;
  gboolean ok = memory >= 0 && space >= 0;

  if (ok && shape)
    {
      hsize_t dims[H5S_MAX_RANK] = { 0 };
      g_autoptr (GString) text = g_string_new (NULL);
      int n = H5Sget_simple_extent_dims (space, dims, NULL);

      g_string_printf (text, "data set %d", (int)H5Tget_class (type));
      for (int d = 0; d < n; d++)
        g_string_append_printf (text, " %" G_GUINT64_FORMAT, (guint64)dims[d]);
      for (int c = 0; H5Tget_class (type) == H5T_COMPOUND && c < H5Tget_nmembers (type); c++)
        {
          char *name = H5Tget_member_name (type, (unsigned)c);

          g_string_append_printf (text, " %s", name);
          H5free_memory (name);
        }
      pr_sha256_add (sha256, text->str, text->len + 1);
    }
  ok = ok && h5_read_blocks (dataset, memory, space, add_block, sha256);
  h5_release (memory);
  h5_release (space);
  h5_release (type);
  h5_release (dataset);
  return ok;
}

/* The names and values of all attributes of OBJECT, in order of their names. */
static herr_t
add_attribute (hid_t object, const char *name, const H5A_info_t *info, void *data)
{
  PrSha256 *sha256 = data;
  hid_t attribute = H5Aopen (object, name, H5P_DEFAULT), type = attribute >= 0 ? H5Aget_type (attribute) : -1;
  gsize bytes = attribute >= 0 ? H5Aget_storage_size (attribute) : 0;
  g_autofree char *value = g_malloc0 (MAX (bytes, 1));
  gboolean ok = type >= 0 && H5Aread (attribute, type, value) >= 0;

  (void)info;
  pr_sha256_add (sha256, name, strlen (name) + 1);
  pr_sha256_add (sha256, value, bytes);
  h5_release (type);
  h5_release (attribute);
  return ok ? 0 : -1;
}

static gboolean
add_object (PrH5 *h5, const char *path, PrSha256 *sha256, GError **error)
{
  hid_t object = H5Oopen (h5->file, path, H5P_DEFAULT);
  H5I_type_t kind = object >= 0 ? H5Iget_type (object) : H5I_BADID;
  gboolean ok = object >= 0 && H5Aiterate2 (object, H5_INDEX_NAME, H5_ITER_INC, NULL, add_attribute, sha256) >= 0
                && (kind == H5I_GROUP || (kind == H5I_DATASET && add_dataset (h5, path, TRUE, sha256)));
  g_auto (GStrv) names = NULL;

  h5_release (object);
  if (!ok)
    return h5_fail (h5, "read", path, error);
  if (kind == H5I_DATASET)
    return TRUE;
  names = pr_h5_list (h5, path, error);
  for (char **name = names; ok && name != NULL && *name != NULL; name++)
    {
      g_autofree char *child = g_strdup_printf ("%s/%s", path, *name);

      pr_sha256_add (sha256, *name, strlen (*name) + 1);
      ok = add_object (h5, child, sha256, error);
      pr_sha256_add (sha256, "/", 2);
    }
  return ok && names != NULL;
}

char *
pr_h5_sha256_values (PrH5 *h5, const char *path, GError **error)
{
  g_autoptr (PrSha256) sha256 = pr_sha256_new ();

  if (add_dataset (h5, path, FALSE, sha256))
    return pr_sha256_finish (sha256);
  h5_fail (h5, "read", path, error);
  return NULL;
}

char *
pr_h5_sha256_object (PrH5 *h5, const char *path, GError **error)
{
  g_autoptr (PrSha256) sha256 = pr_sha256_new ();

  return add_object (h5, path, sha256, error) ? pr_sha256_finish (sha256) : NULL;
}
