/* h5-rows.h - rows of compound tables as bytes, packed without gaps; no HDF5 in it. */
#ifndef PR_H5_ROWS_H
#define PR_H5_ROWS_H

#include "results/h5.h"

/* Bytes of a value in memory; a text counts as its pointer. */
gsize h5_value_size (PrH5Type type);
/* Bytes of each column in a row, texts as wide as the longest; returns their sum. */
gsize h5_row_sizes (const PrH5Column *columns, gsize n_columns, gint64 n_rows, gsize *ret_sizes);
/* All rows, texts padded with zeros; owned by the caller. */
char *h5_rows_pack (const PrH5Column *columns, gsize n_columns, gint64 n_rows, const gsize *sizes);
/* N texts of WIDTH bytes each, NULL-terminated, owned by the caller. */
char **h5_rows_texts (const char *bytes, gsize n, gsize width);

#endif
