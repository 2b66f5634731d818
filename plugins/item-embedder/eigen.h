/* eigen.h - all eigenvalues and eigenvectors of a symmetric matrix, in double precision. */
#ifndef PR_EIGEN_H
#define PR_EIGEN_H

#include <glib.h>

/* A [n, n] symmetric, destroyed.  RET_VALUES [n] descending; row i of RET_VECTORS [n, n] is the unit eigenvector of
 * value i. FALSE if the iteration does not converge, which finite input does not bring about. */
gboolean eigen_symmetric (double *a, gint64 n, double *ret_values, double *ret_vectors);

#endif
