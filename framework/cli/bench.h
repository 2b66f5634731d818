/* bench.h - what `pauserec bench` can measure.  Each prints a table and then one key=value a line. */
#ifndef PR_BENCH_H
#define PR_BENCH_H

#include <glib.h>

typedef struct
{
  gint steps;        /* repetitions; 0: the benchmark's own number */
  gint chunk_tokens; /* 0: the benchmark's own number */
} PrBenchOptions;

/* A training step beside the machine's own matrix product. */
gboolean pr_bench_train (const PrBenchOptions *options, GError **error);

/* Shared by the files: seconds of the monotonic clock, the median of N values (which it sorts), and the most memory that
 * the process has used so far. */
double pr_bench_now (void);
double pr_bench_median (gsize n, double *values);
double pr_bench_peak_rss_mib (void);

#endif
