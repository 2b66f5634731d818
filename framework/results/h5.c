#include "config.h"

#include "h5-private.h"

#include <errno.h>
#include <pauserec/error.h>

#define GROWTH (1024 * 1024) /* bytes by which a file in memory grows */

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

gboolean
h5_fail (const PrH5 *h5, const char *what, const char *name, GError **error)
{
  int saved = errno;
  const char *cause = NULL;
  g_autofree char *copy = NULL;

  H5Ewalk2 (H5E_DEFAULT, H5E_WALK_DOWNWARD, innermost, &cause);
  /* Some faults of the machine never get into HDF5's own stack. */
  if (cause == NULL || cause[0] == '\0')
    cause = h5->made && saved != 0 ? g_strerror (saved) : "no reason given";
  copy = g_strdup (cause);
  H5Eclear2 (H5E_DEFAULT);
  g_set_error (error, PR_ERROR, h5->made ? PR_ERROR_IO : PR_ERROR_DATA, "%s: cannot %s '%s': %s", h5->path, what, name,
               copy);
  return FALSE;
}

gboolean
h5_release (hid_t id)
{
  return id >= 0 && H5Idec_ref (id) >= 0;
}

/* Types ------------------------------------------------------------------------------------------------------- */

hid_t
h5_text_type (gsize width)
{
  hid_t type = H5Tcopy (H5T_C_S1);

  if (type >= 0
      && (H5Tset_size (type, width) < 0 || H5Tset_strpad (type, H5T_STR_NULLPAD) < 0
          || H5Tset_cset (type, H5T_CSET_UTF8) < 0))
    {
      h5_release (type);
      return H5I_INVALID_HID;
    }
  return type;
}

hid_t
h5_type_new (PrH5Type type, gsize width, gboolean in_file)
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
      return h5_text_type (width);
    case PR_H5_OTHER:
      break;
    }
  return H5I_INVALID_HID;
}

PrH5Type
h5_type_of (hid_t type)
{
  static const PrH5Type numbers[] = { PR_H5_F32, PR_H5_F64, PR_H5_I32, PR_H5_U64 };
  PrH5Type found = PR_H5_OTHER;

  if (H5Tget_class (type) == H5T_STRING)
    return H5Tis_variable_str (type) == 0 && H5Tget_strpad (type) == H5T_STR_NULLPAD
                   && H5Tget_cset (type) == H5T_CSET_UTF8
               ? PR_H5_TEXT
               : PR_H5_OTHER;
  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      hid_t own = h5_type_new (numbers[i], 0, TRUE);

      if (H5Tequal (type, own) > 0)
        found = numbers[i];
      h5_release (own);
    }
  return found;
}

/* Files ------------------------------------------------------------------------------------------------------- */

/* Before anything else of HDF5: errors are ours to report, and every file is closed before the program ends, or was
 * given up; after a full disk HDF5 would crash over what it could not write (1.10.8). */
static void
init_library (void)
{
  static gsize done = 0;

  if (g_once_init_enter (&done))
    {
      H5dont_atexit ();
      g_once_init_leave (&done, 1);
    }
  H5Eset_auto2 (H5E_DEFAULT, NULL, NULL);
}

/* How files are reached.  Ours are whole before they have their name, so that nobody needs to lock them, and HDF5's
 * locks fail on network file systems that have none. */
static hid_t
access_new (void)
{
  hid_t access = H5Pcreate (H5P_FILE_ACCESS);

#if H5_VERSION_GE(1, 10, 7)
  if (access >= 0)
    H5Pset_file_locking (access, FALSE, TRUE);
#endif
  return access;
}

/* TAKES the name for messages and ACCESS. */
static PrH5 *
create_file (const char *path, char *shown, hid_t access, gsize user_block, GError **error)
{
  g_autoptr (PrH5) h5 = g_new0 (PrH5, 1);
  hid_t create = H5Pcreate (H5P_FILE_CREATE);

  *h5 = (PrH5){ .file = -1, .path = shown, .made = TRUE, .user_block = user_block };
  if (access >= 0 && H5Pset_userblock (create, user_block) >= 0 && H5Pset_obj_track_times (create, FALSE) >= 0)
    h5->file = H5Fcreate (path, H5F_ACC_TRUNC, create, access);
  h5_release (access);
  h5_release (create);
  if (h5->file >= 0)
    return g_steal_pointer (&h5);
  h5_fail (h5, "create", "the file", error);
  return NULL;
}

PrH5 *
pr_h5_new (gsize user_block, GError **error)
{
  hid_t access;

  init_library ();
  access = access_new ();
  if (access >= 0 && H5Pset_fapl_core (access, GROWTH, FALSE) < 0)
    {
      h5_release (access);
      access = -1;
    }
  return create_file ("pauserec-results-in-memory", g_strdup ("results in memory"), access, user_block, error);
}

PrH5 *
pr_h5_create (const char *path, const char *name, gsize user_block, GError **error)
{
  init_library ();
  return create_file (path, g_strdup (name), access_new (), user_block, error);
}

gboolean
pr_h5_finish (PrH5 *h5, GError **error)
{
  hid_t file = h5->file;

  if (H5Fflush (file, H5F_SCOPE_GLOBAL) < 0)
    return h5_fail (h5, "write", "the file", error);
  h5->file = -1;
  return H5Fclose (file) >= 0 || h5_fail (h5, "close", "the file", error);
}

PrH5 *
pr_h5_open (const char *path, GError **error)
{
  g_autoptr (PrH5) h5 = g_new0 (PrH5, 1);
  hid_t access;

  init_library ();
  access = access_new ();
  h5->path = g_strdup (path);
  h5->file = H5Fopen (path, H5F_ACC_RDONLY, access);
  h5_release (access);
  if (h5->file < 0)
    {
      h5_fail (h5, "read", "the file as HDF5", error);
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
    H5Fclose (h5->file); /* loses nothing: read only, copied out of memory before, or given up */
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
      h5_fail (h5, "copy", "the file", error);
      return NULL;
    }
  *ret_length = (gsize)length + h5->user_block;
  return g_steal_pointer (&image);
}
