/* geometry.h - do words and semantic ids share a space?  (paper section 2, finding 4: misalignment)
 *
 * Two groups of vectors, those of text and those of SIDs: rows of the embedding, or hidden states at their positions.
 * How the paper measured is not public; these measures are ours.  With n vectors a group, mu its mean, S its covariance
 * (divided by n):
 *
 *   centroid_distance  |mu_text - mu_sid| / sqrt ((tr S_text + tr S_sid) / 2): 0, one centre; 1, as far apart as a
 * typical vector is from its own centre cosine_between     mean cosine of all pairs of a text vector and a SID vector
 *   cosine_text, _sid  mean cosine of all pairs of two vectors of the group
 *   norm_text, _sid    mean length
 *   rank_text, _sid    (tr S)^2 / tr (S^2): directions in which the group spreads (participation ratio)
 *   probe_accuracy     of a linear classifier that tells the groups apart, cross-validated; chance is 0.5, 1 means that
 * a plane separates them mixing             share of a vector's k nearest neighbours (by cosine) that belong to the
 * other group, over the share that random labels would give, n / (2n - 1): 0, neighbours are of one kind; 1, mixed
 *
 * Probe and mixing see equally many vectors of both groups.  The probe is ridge regression on targets 1 and -1, columns
 * standardised by the training folds, penalty 0.01 times the number of training vectors (RidgeClassifier of
 * scikit-learn behind a StandardScaler); a vector on the plane counts half.  A measure is NaN where it is undefined: no
 * spread, no length.  Samples are drawn with a fixed seed, so that runs differ by their models only.
 */
#ifndef PAUSEREC_GEOMETRY_H
#define PAUSEREC_GEOMETRY_H

#include <pauserec/matrix.h>
#include <pauserec/params.h>
#include <pauserec/tokengroups.h>

G_BEGIN_DECLS

typedef enum
{
  PR_GEOMETRY_CENTROID_DISTANCE,
  PR_GEOMETRY_COSINE_BETWEEN,
  PR_GEOMETRY_COSINE_TEXT,
  PR_GEOMETRY_COSINE_SID,
  PR_GEOMETRY_NORM_TEXT,
  PR_GEOMETRY_NORM_SID,
  PR_GEOMETRY_RANK_TEXT,
  PR_GEOMETRY_RANK_SID,
  PR_GEOMETRY_PROBE_ACCURACY,
  PR_GEOMETRY_MIXING,
  PR_N_GEOMETRY,
} PrGeometryMeasure;
extern const char *const pr_geometry_names[]; /* "centroid_distance", ..., NULL */

typedef struct
{
  int64_t vectors;    /* of a group, at most: more are sampled */
  int64_t neighbours; /* k; fewer where a group has no more than k vectors */
  int64_t folds;      /* of the cross-validation; fewer where a group has fewer vectors */
} PrGeometryParams;

/* Rows for a stage's table: TYPE has a member `PrGeometryParams geometry`. */
#define PR_GEOMETRY_PARAMS(type)                                                                                       \
  PR_PARAM_INT_AT (type, "vectors", geometry.vectors, 2, 1 << 20, 2000,                                                \
                   "Vectors measured of text and of SIDs, at most (our choice)."),                                     \
      PR_PARAM_INT_AT (type, "neighbours", geometry.neighbours, 1, 1000, 10,                                           \
                       "Nearest neighbours whose kind counts in `mixing` (our choice)."),                              \
      PR_PARAM_INT_AT (type, "folds", geometry.folds, 2, 100, 5, "Folds of the linear probe's cross-validation.")

/* Measure TEXT against SID, matrices of one width and two rows at least; RET_VALUES by PrGeometryMeasure.  Same bits
 * for any number of threads.  DATA: too few rows.  NUMERIC: NaN or infinity among the vectors.  IO: memory. */
gboolean pr_geometry_measure (const PrMatrix *text, const PrMatrix *sid, const PrGeometryParams *params,
                              double ret_values[PR_N_GEOMETRY], GError **error);

/* Floating-point operations of that for so many rows of WIDTH numbers. */
double pr_geometry_flops (gint64 n_text, gint64 n_sid, gint64 width, const PrGeometryParams *params);

/* The two directions in which VECTORS (two rows at least) vary most, by principal components: RET_XY [rows, 2] are the
 * coordinates around the mean.  A direction's sign is that of which its largest component is positive.  RET_SHARE:
 * share of the variance that both hold, NaN where there is none. */
gboolean pr_geometry_project (const PrMatrix *vectors, double *ret_xy, double *ret_share, GError **error);

/* Numbers of MOST of N things, or of all where there are no more, in an order that is random and always the same; the
 * caller frees. */
guint32 *pr_geometry_sample (gint64 n, gint64 most, gint64 *ret_n);

/* The rows of TOKENS in the embedding.  DATA: N is 0.  PLUGIN: an id outside the vocabulary. */
PrMatrix *pr_geometry_rows (PrLm *lm, const gint32 *tokens, gint64 n, GError **error);
/* pr_geometry_measure() of the rows of GROUPS' tokens. */
gboolean pr_geometry_embedding (PrLm *lm, const PrTokenGroups *groups, const PrGeometryParams *params,
                                double ret_values[PR_N_GEOMETRY], GError **error);

G_END_DECLS

#endif
