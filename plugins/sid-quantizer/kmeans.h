/* kmeans.h - k-means with k-means++ seeding and Lloyd iterations: same bits for any number of threads. */
#ifndef PR_KMEANS_H
#define PR_KMEANS_H

#include <pauserec/rng.h>

/* Called once an iteration; FALSE with an error stops the fit. */
typedef gboolean (*KmeansTick) (gpointer ctx, GError **error);

typedef struct
{
  const float *x; /* [n, d] row-major */
  gint64 n, d;
  gint32 k;
  gint64 iterations; /* at most; fewer once no item changes its code */
  PrRng rng;
  KmeansTick tick; /* may be NULL */
  gpointer tick_ctx;
} KmeansProblem;

typedef struct
{
  float *centroids;  /* [k, d] */
  gint32 *codes;     /* [n], of the nearest centroid; of equally near ones the lowest */
  double *objective; /* [n_objective]: sum of squared distances after each assignment; never increases */
  gint64 n_objective;
} KmeansFit;

/* Codes beyond the number of distinct rows stay unused.  NULL only if the tick said stop. */
KmeansFit *kmeans_fit (const KmeansProblem *problem, GError **error);
void kmeans_fit_free (KmeansFit *fit);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KmeansFit, kmeans_fit_free)

/* Squared distances of row X [d] to all centroids [k, d]. */
void kmeans_distances (const float *x, const float *centroids, gint32 k, gint64 d, double *ret_distances);

/* Codes [n] of the centroids [k, d] nearest to rows X [n, d]; of equally near ones the lowest. */
void kmeans_nearest (const float *x, gint64 n, gint64 d, const float *centroids, gint32 k, gint32 *ret_codes);

/* Floating-point operations of a fit that assigned so often (n_objective), from the shapes. */
double kmeans_flops (gint64 n, gint64 d, gint32 k, gint64 assignments);

#endif
