/* linalg.h - dense linear algebra for stages: the tiled GEMM of the CPU backend and what k-means and SVD need. */
#ifndef PAUSEREC_LINALG_H
#define PAUSEREC_LINALG_H

#include <glib.h>

G_BEGIN_DECLS

/* C [m, n] = alpha op(A) op(B) + beta C; row-major; op(A) is [m, k], op(B) is [k, n]; transposed operands are stored
 * the other way round.  lda, ldb, ldc are row strides in floats.  Parallel over fixed tiles: same bits for any thread
 * count. */
void pr_gemm (gboolean trans_a, gboolean trans_b, gint64 m, gint64 n, gint64 k, float alpha, const float *a, gint64 lda,
              const float *b, gint64 ldb, float beta, float *c, gint64 ldc);

/* Sum of a[i] b[i], in an order that depends on N alone. */
double pr_dot (const double *a, const double *b, gint64 n);

/* All eigenvalues and eigenvectors of a symmetric matrix A [n, n], which is destroyed.  RET_VALUES [n] descending; row i of
 * RET_VECTORS [n, n] is the unit eigenvector of value i.  FALSE if the iteration does not converge, which finite input
 * does not bring about. */
gboolean pr_eigen_symmetric (double *a, gint64 n, double *ret_values, double *ret_vectors);

/* Which BLAS this is, for provenance: "OpenBLAS 0.3.21 ..., core SkylakeX"; caller frees. */
char *pr_blas_description (void);

G_END_DECLS

#endif
