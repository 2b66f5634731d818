/* h5.h - the little of HDF5 that results need.  Only h5-private.h includes hdf5.h, for the files h5*.c.
 *
 * A small file is made in memory and handed out as bytes, so that writing it is the business of pr_file_write, whose
 * every return code means something.  A large one is made on disk, object by object: H5Dwrite and H5Fclose report
 * success on a full disk while chunks are cached, so pr_h5_finish() checks the flush, and whoever wrote reads it again
 * and compares digests.  The bytes depend on the content alone: no times are kept.  Everything readable by h5py, pandas
 * and PyTables: fixed-length UTF-8 strings, compound tables in chunks, arrays in one piece, no links, no virtual data
 * sets, no filters.
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
  PR_H5_TEXT,  /* const char *; NULL is "" */
  PR_H5_OTHER, /* what we never write; only told */
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
/* A new file on disk; what is at PATH is overwritten.  Errors call it NAME. */
PrH5 *pr_h5_create (const char *path, const char *name, gsize user_block, GError **error);
/* All that was written to it is with the system, and the file is closed: only pr_h5_free() may follow.  The caller
 * syncs and reads back. */
gboolean pr_h5_finish (PrH5 *h5, GError **error);
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

/* A table, or an array of two dimensions, of N_ROWS rows that are written one after the other. */
typedef struct PrH5Stream PrH5Stream;
/* COLUMNS without data; SIZES: bytes of each in a row (h5_row_sizes()). */
PrH5Stream *pr_h5_stream_table (PrH5 *h5, const char *path, const PrH5Column *columns, const gsize *sizes,
                                gsize n_columns, gint64 n_rows, GError **error);
PrH5Stream *pr_h5_stream_array (PrH5 *h5, const char *path, PrH5Type type, gint64 n_rows, gint64 n_columns,
                                GError **error);
/* The next N rows; those of a table as h5_rows_pack() makes them. */
gboolean pr_h5_stream_write (PrH5Stream *stream, const void *rows, gint64 n, GError **error);
/* After the last row.  RET_SHA256: what pr_h5_sha256_values() must find when the file is read again. */
gboolean pr_h5_stream_close (PrH5Stream *stream, char **ret_sha256, GError **error);
void pr_h5_stream_free (PrH5Stream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrH5Stream, pr_h5_stream_free)

/* SHA-256 of the values of a data set, owned by the caller; read in pieces. */
char *pr_h5_sha256_values (PrH5 *h5, const char *path, GError **error);
/* The same of a data set or a group with everything below: names, shapes, attributes, values.  A copy has the same. */
char *pr_h5_sha256_object (PrH5 *h5, const char *path, GError **error);

gboolean pr_h5_exists (PrH5 *h5, const char *path);
/* Names in a group in byte order, NULL-terminated; an empty list if there is no such group. */
char **pr_h5_list (PrH5 *h5, const char *path, GError **error);
/* Names of the attributes of an object, likewise. */
char **pr_h5_attributes (PrH5 *h5, const char *path, GError **error);
/* Columns of a table in their order. */
char **pr_h5_columns (PrH5 *h5, const char *path, GError **error);
/* Owned by the caller; of text: char **, NULL-terminated. */
void *pr_h5_read_column (PrH5 *h5, const char *path, const char *column, PrH5Type type, gint64 *ret_n, GError **error);
void *pr_h5_read_array (PrH5 *h5, const char *path, PrH5Type type, guint n_dims, gint64 *ret_dims, GError **error);
/* N rows from START of an array of two dimensions; RET_COLUMNS: values a row. */
void *pr_h5_read_rows (PrH5 *h5, const char *path, PrH5Type type, gint64 start, gint64 n, gint64 *ret_columns,
                       GError **error);
char *pr_h5_read_text (PrH5 *h5, const char *path, GError **error);
char *pr_h5_get_text (PrH5 *h5, const char *path, const char *name, GError **error);
gboolean pr_h5_get_number (PrH5 *h5, const char *path, const char *name, guint64 *ret_value, GError **error);

typedef enum
{
  PR_H5_GROUP,
  PR_H5_TABLE, /* one dimension */
  PR_H5_ARRAY, /* a text is one without dimensions */
  PR_H5_LINK,  /* soft or external */
  PR_H5_ALIEN, /* anything else, and what is filtered, virtual or kept in other files */
} PrH5Kind;

/* What stands somewhere. */
typedef struct
{
  PrH5Kind kind;
  PrH5Type type; /* of an array */
  guint n_dims;
  gint64 dims[PR_H5_MAX_DIMS];
} PrH5Shape;

/* DATA error if nothing stands there. */
gboolean pr_h5_describe (PrH5 *h5, const char *path, PrH5Shape *ret_shape, GError **error);
/* PR_H5_OTHER also if there is no such column, or attribute. */
PrH5Type pr_h5_column_type (PrH5 *h5, const char *path, const char *column);
PrH5Type pr_h5_attribute_type (PrH5 *h5, const char *path, const char *name);

#endif
