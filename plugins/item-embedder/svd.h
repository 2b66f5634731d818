/* svd.h - the leading singular directions of a sparse matrix. */
#ifndef PR_SVD_H
#define PR_SVD_H

#include "sparse.h"

#include <pauserec/rng.h>

typedef struct
{
  gint64 dims; /* wanted; at most min (rows, columns) of the matrix */
  gint64 oversample, power;
  PrRng rng;                                       /* of the Gaussian test matrix */
  gboolean (*tick) (gpointer ctx, GError **error); /* called power + 2 times; may be NULL */
  gpointer tick_ctx;
} SvdOptions;

/* RET [rows, dims], row stride LD: U S of the truncated decomposition, by the randomised range finder with power
 * iterations and re-orthonormalisation (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1).  The largest
 * component of every column of U is positive.  RET_VALUES [dims] singular values, descending. */
gboolean svd_rows (const Sparse *a, const SvdOptions *options, float *ret, gint64 ld, double *ret_values,
                   GError **error);

/* Floating-point operations of svd_rows(): its products and orthonormalisations; without the decomposition of the small
 * Gram matrix, whose number of sweeps depends on the values. */
double svd_flops (const Sparse *a, const SvdOptions *options);

/* Make the columns of Y [n, l] orthonormal; columns that depend on earlier ones become zero. */
void svd_orthonormalise (float *y, gint64 n, gint64 l);

#endif
