/* bench.h - what `pauserec bench` can measure.  Each prints a table and then one key=value a line. */
#ifndef PR_BENCH_H
#define PR_BENCH_H

#include <pauserec/lm.h>

typedef struct
{
  gint steps;        /* repetitions; 0: the benchmark's own number */
  gint chunk_tokens; /* 0: the benchmark's own number */
} PrBenchOptions;

/* A training step beside the machine's own matrix product. */
gboolean pr_bench_train (const PrBenchOptions *options, GError **error);
/* A beam search beside the same search that runs every sequence again at each step. */
gboolean pr_bench_decode (const PrBenchOptions *options, GError **error);
/* Texts of many users written together beside one user after the other. */
gboolean pr_bench_generate (const PrBenchOptions *options, GError **error);
/* The results of many runs merged into one file. */
gboolean pr_bench_merge (const PrBenchOptions *options, GError **error);

/* Planning, starting and looking at 1,000 runs; two runs at once beside one after the other. */
gboolean pr_bench_sweep (const PrBenchOptions *options, GError **error);

/* The model that the first three run: width 256, 6 layers, 4 heads, 2 KV heads, FFN 704, vocabulary 4,096. */
extern const PrLmConfig pr_bench_config;

/* Shared by the files: seconds of the monotonic clock, the median of N values (which it sorts), and the most memory
 * that the process has used so far. */
double pr_bench_now (void);
double pr_bench_median (gsize n, double *values);
double pr_bench_peak_rss_mib (void);

/* The yardstick: one independent 1-thread SGEMM of 1024 x 1024 x 1024 a thread, all at once. */
typedef struct PrBenchSgemm PrBenchSgemm;
PrBenchSgemm *pr_bench_sgemm_new (GError **error);
void pr_bench_sgemm_free (PrBenchSgemm *sgemm);
double pr_bench_sgemm_gflops (PrBenchSgemm *sgemm);

#endif
