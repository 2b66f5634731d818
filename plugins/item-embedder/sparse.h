/* sparse.h - sparse matrices by rows, and their products with dense ones: same bits for any number of threads. */
#ifndef PR_SPARSE_H
#define PR_SPARSE_H

#include <glib.h>

typedef struct
{
  gint64 rows, columns;
  gint64 *offsets; /* [rows + 1] into the next two */
  gint32 *index;   /* columns, ascending within a row */
  float *values;
} Sparse;

/* Takes nothing over: arrays of the right lengths are allocated, offsets zero. */
Sparse *sparse_new (gint64 rows, gint64 columns, gint64 n_values);
void sparse_free (Sparse *sparse);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sparse, sparse_free)
Sparse *sparse_transpose (const Sparse *a);
/* Scale every row to length one; rows of zeros stay. */
void sparse_normalise_rows (Sparse *a);
/* Y [rows, l] = A X, X [columns, l]. */
void sparse_multiply (const Sparse *a, const float *x, gint64 l, float *y);

#endif
