/* h5-private.h - what the files h5*.c share; the only file that includes hdf5.h. */
#ifndef PR_H5_PRIVATE_H
#define PR_H5_PRIVATE_H

#include "results/h5.h"

#include <hdf5.h>

struct PrH5
{
  hid_t file;
  char *path;    /* for messages */
  gboolean made; /* by us, now: what fails then is the machine, and not the file */
  gsize user_block;
};

/* Translate HDF5's error stack; returns FALSE. */
gboolean h5_fail (const PrH5 *h5, const char *what, const char *name, GError **error);
/* Close whatever ID is; TRUE if it was open and closing it succeeded. */
gboolean h5_release (hid_t id);

/* A fixed-length string of WIDTH bytes, padded with zeros. */
hid_t h5_text_type (gsize width);
/* WIDTH: of texts.  Files are little-endian on every machine. */
hid_t h5_type_new (PrH5Type type, gsize width, gboolean in_file);
/* What we write TYPE as, PR_H5_OTHER if we never would. */
PrH5Type h5_type_of (hid_t type);
/* The data set at PATH, with its type and the sizes of its N_DIMS dimensions (0: a scalar). */
hid_t h5_open_dataset (PrH5 *h5, const char *path, int n_dims, hsize_t *ret_dims, hid_t *ret_type, GError **error);
/* The rows of tables: packed in files and in memory, so that one type serves both but for the byte order. */
gboolean h5_compound_types (const PrH5Column *columns, gsize n_columns, const gsize *sizes, gsize row, hid_t *ret_file,
                            hid_t *ret_memory);
/* TAKES types, space and properties: the new data set at PATH, -1 on error. */
hid_t h5_create_dataset (PrH5 *h5, const char *path, hid_t file_type, hid_t space, hid_t create, GError **error);
/* The layout of a table of rows of ROW bytes. */
hid_t h5_table_layout (gint64 n_rows, gsize row);
/* TYPE as it is in memory, without gaps. */
hid_t h5_packed_type (hid_t type);

/* How to transfer values that are converted on the way, in rows of at most ROW bytes: through a small buffer.  HDF5's
 * own is cleared in every call, a megabyte of it, which took most of the time of reading a small column. */
hid_t h5_transfer_new (gsize row);

/* A part of a data set: BYTES of values, their shape, and where in SPACE they are selected.  FALSE ends the reading. */
typedef gboolean (*H5Block) (const void *data, gsize bytes, hid_t block, hid_t space, gpointer ctx);
/* Read DATASET, of extent SPACE, as MEMORY along its first dimension. */
gboolean h5_read_blocks (hid_t dataset, hid_t memory, hid_t space, H5Block visit, gpointer ctx);

#endif
