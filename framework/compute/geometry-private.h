/* geometry-private.h - the measures of geometry.h that look at two groups at once.
 *
 * POOLED [2n, d] holds as many vectors of both: rows 2i are of the first group, rows 2i + 1 of the second, each in
 * random order.  Memory that is missing is an IO error. */
#ifndef PR_GEOMETRY_PRIVATE_H
#define PR_GEOMETRY_PRIVATE_H

#include <pauserec/geometry.h>

/* Accuracy of the linear probe; pair i is tested by the fold i mod FOLDS.  NaN with less than two pairs. */
gboolean pr_geometry_probe (const PrMatrix *pooled, gint64 folds, double *ret_accuracy, GError **error);
/* Share of other neighbours over n / (2n - 1).  NaN with less than two pairs. */
gboolean pr_geometry_mixing (const PrMatrix *pooled, gint64 neighbours, double *ret_mixing, GError **error);

#endif
