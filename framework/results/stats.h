/* stats.h - the statistics of comparisons. */
#ifndef PR_STATS_H
#define PR_STATS_H

#include <pauserec/rng.h>

/* Mean of the values that are not NaN; NaN if there is none. */
double pr_stats_mean (const double *values, gsize n);
/* Standard deviation with n - 1 of the values that are not NaN; NaN if there are fewer than two. */
double pr_stats_sd (const double *values, gsize n);

/* Percentile interval: the (1 - LEVEL) / 2 and (1 + LEVEL) / 2 quantiles of VALUES (sorted in place; linear between
 * order statistics).  NaN if any value is NaN. */
void pr_stats_interval (double *values, gsize n, double level, double *ret_low, double *ret_high);

/* Holm's step-down over the N values of P: the adjusted value of each is at most ALPHA exactly where Holm rejects at
 * ALPHA, so that the chance of any false rejection is at most ALPHA, however the tests depend on each other.  NaN is no
 * comparison and stays NaN.  Returns how many comparisons there are.  RET may be P. */
gsize pr_stats_holm (const double *p, gsize n, double *ret);

/* The standard normal quantile of Q in (0, 1). */
double pr_stats_normal_quantile (double q);
/* How many standard errors a true effect must measure for a two-sided test at ALPHA to find it with POWER. */
double pr_stats_detectable (double alpha, double power);

/* Resampling of units (users).  VALUES [m, n]: m series of n units each, without NaN; n >= 1.  All series
 * see the same draws, so differences between them are paired.  Same bits for any number of threads.
 *
 * Bootstrap: draw n of the n units with replacement, DRAWS times; RET [m, draws] are the means of the series,
 * of values in single precision. */
void pr_stats_bootstrap (const double *const *values, gsize n, gsize m, gsize draws, PrRng rng, double *ret);
/* Two-sided sign-flip permutation test of "every series is symmetric about 0": change the sign of each unit by the
 * toss of a coin, DRAWS times; RET_P [m] = (1 + draws whose |sum| is at least the observed |sum|) / (1 + draws), which
 * is never 0 and 1 where all values are 0.  Sums that differ by less than the rounding of such a sum count as equal,
 * since ties decide p-values of small or discrete data. */
void pr_stats_sign_flip (const double *const *values, gsize n, gsize m, gsize draws, PrRng rng, double *ret_p);

#endif
