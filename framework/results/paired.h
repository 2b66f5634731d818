/* paired.h - arms against the baseline, user by user and seed by seed.
 *
 * The difference of an arm to the baseline is about the seeds that both have for the metric (with as many users as the
 * comparison has), and the users for whom both are defined in all of these: d of a user = mean over the seeds of (arm -
 * baseline).  Intervals resample users; the test flips the sign of d of users, one flip for all seeds and metrics.
 */
#ifndef PR_PAIRED_H
#define PR_PAIRED_H

#include "results/comparison.h"
#include "results/source.h"

/* Fill what COMPARISON, whose arms, metrics and means are known, says of users: intervals, p-values, verdicts. */
gboolean pr_comparison_fill_pairs (PrComparison *comparison, const PrSource *source, GError **error);

#endif
