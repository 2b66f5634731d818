/* h5.h - the little of HDF5 that results need.  h5.c is the only file that includes hdf5.h.
 *
 * Files are made in memory and handed out as bytes, so that writing them is the business of pr_file_write, whose every
 * return code means something (H5Dwrite and H5Fclose report success on a full disk while chunks are cached).  The bytes
 * depend on the content alone: no times are kept.  Everything readable by h5py, pandas and PyTables: fixed-length UTF-8
 * strings, compound tables in chunks, no links, no virtual data sets, no filters.
 *
 * Paths are absolute ("/curves/base/loss"); groups in between are made.  Reading converts to the type asked for.
 */
#ifndef PR_H5_H
#define PR_H5_H

#include <glib.h>

#define PR_H5_MAX_DIMS 2

typedef enum
{
  PR_H5_F32,
  PR_H5_F64,
  PR_H5_I32,
  PR_H5_U64,
  PR_H5_TEXT, /* const char *; NULL is "" */
} PrH5Type;

typedef struct
{
  const char *name;
  PrH5Type type;
  const void *data; /* one value a row */
} PrH5Column;

typedef struct PrH5 PrH5;

/* A new file in memory, whose first USER_BLOCK bytes (0, or a power of two from 512) are left to the caller. */
PrH5 *pr_h5_new (gsize user_block, GError **error);
/* A file to read.  DATA error if it is none. */
PrH5 *pr_h5_open (const char *path, GError **error);
void pr_h5_free (PrH5 *h5);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrH5, pr_h5_free)
/* The bytes of a file made in memory, owned by the caller.  They start with the user block, zero. */
char *pr_h5_image (PrH5 *h5, gsize *ret_length, GError **error);

gboolean pr_h5_write_table (PrH5 *h5, const char *path, const PrH5Column *columns, gsize n_columns, gint64 n_rows,
                            GError **error);
gboolean pr_h5_write_array (PrH5 *h5, const char *path, PrH5Type type, guint n_dims, const gint64 *dims,
                            const void *data, GError **error);
gboolean pr_h5_write_text (PrH5 *h5, const char *path, const char *text, GError **error);
/* Copy an object and all below it. */
gboolean pr_h5_copy (PrH5 *from, const char *path, PrH5 *to, const char *to_path, GError **error);
/* Attribute NAME of the object at PATH ("/" for the file); an existing one is an error. */
gboolean pr_h5_set_text (PrH5 *h5, const char *path, const char *name, const char *text, GError **error);
gboolean pr_h5_set_number (PrH5 *h5, const char *path, const char *name, guint64 value, GError **error);

gboolean pr_h5_exists (PrH5 *h5, const char *path);
/* Names in a group in byte order, NULL-terminated; an empty list if there is no such group. */
char **pr_h5_list (PrH5 *h5, const char *path, GError **error);
/* Columns of a table in their order. */
char **pr_h5_columns (PrH5 *h5, const char *path, GError **error);
/* Owned by the caller; of text: char **, NULL-terminated. */
void *pr_h5_read_column (PrH5 *h5, const char *path, const char *column, PrH5Type type, gint64 *ret_n, GError **error);
void *pr_h5_read_array (PrH5 *h5, const char *path, PrH5Type type, guint n_dims, gint64 *ret_dims, GError **error);
char *pr_h5_read_text (PrH5 *h5, const char *path, GError **error);
char *pr_h5_get_text (PrH5 *h5, const char *path, const char *name, GError **error);

#endif
