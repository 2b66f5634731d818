/* stats.h - the statistics of comparisons. */
#ifndef PR_STATS_H
#define PR_STATS_H

#include <pauserec/rng.h>

/* Mean of the values that are not NaN; NaN if there is none. */
double pr_stats_mean (const double *values, gsize n);
/* Standard deviation with n - 1 of the values that are not NaN; NaN if there are fewer than two. */
double pr_stats_sd (const double *values, gsize n);
/* Mean over SEEDS [n_seeds, n] of each of the N columns, NaN values left out (NaN where all are). */
void pr_stats_mean_rows (const float *seeds, gsize n_seeds, gsize n, float *ret);

/* Bootstrap over units (users): draw N of the N rows of VALUES [n, m] with replacement, DRAWS times; row d of RET
 * [draws, m] holds the means of the m series over draw d.  All series see the same draws, so differences between them
 * are paired.  VALUES must not hold NaN; n >= 1.  Same bits for any number of threads. */
void pr_stats_bootstrap (const float *values, gsize n, gsize m, gsize draws, PrRng rng, double *ret);

/* Percentile interval: the (1 - LEVEL) / 2 and (1 + LEVEL) / 2 quantiles of VALUES (sorted in place; linear between
 * order statistics).  NaN if any value is NaN. */
void pr_stats_interval (double *values, gsize n, double level, double *ret_low, double *ret_high);

#endif
