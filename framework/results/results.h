/* results.h - HDF5 results of runs and experiments, and their comparison.  The schema is documented in HACKING.md and
 * carries the attribute `schema = "pauserec-results/1"`.
 *
 * A run file:  /metrics   compound (arm, seed, stage, metric, value)
 *              /per_user/<metric>  F32 [n_users]          /ranking/items I32, /ranking/scores F32 [n_users, K]
 *              /curves/<stage>/<series> compound (step, value)      /tables/<stage>/<table> compound of its columns
 *              /cost      compound (arm, seed, stage, key, wall_seconds, cpu_seconds, peak_rss_bytes, train_tokens, ...)
 *              /manifest  string          /provenance  JSON string, and the same as attributes
 * results.h5 (merged): /metrics, /cost with the rows of all runs; /runs compound (arm, seed, digest, file);
 *              /per_user/<metric> F32 [n_runs, n_users]; /runs_detail/<i>/curves, tables, ranking of each run.
 * Attribute `digest` of a run: SHA-256 over everything but times, memory and provenance: equal bytes of results mean equal
 * digests, whatever the machine's speed or the number of threads.  `sealed` = 1 is written last.
 */
#ifndef PR_RESULTS_H
#define PR_RESULTS_H

#include "runtime/record.h"

#include <jansson.h>

typedef struct
{
  const char *stage; /* name in the manifest */
  const char *key;   /* cache key, hex */
  const PrRecord *record;
} PrStageResult;

typedef struct
{
  const char *experiment, *arm, *manifest;
  const char *run_key;      /* SHA-256 over the stages' keys: names what this run is */
  guint64 seed;
  const PrStageResult *stages; /* in pipeline order */
  gsize n_stages;
  const char *ranking_dir;  /* last ranking/1 of the pipeline, or NULL */
  const json_t *provenance;
} PrRunResult;

/* Write a sealed run file: temporary name, flush, close, reopen, compare, sync, rename. */
gboolean pr_results_write_run (const PrRunResult *result, const char *path, GError **error);
/* TRUE if PATH is a sealed, readable run file of RUN_KEY; FALSE with a DATA error naming the fault, or without an error if it does not exist. */
gboolean pr_results_verify_run (const char *path, const char *run_key, char **ret_digest, GError **error);
/* One materialised results.h5 of N sealed run files (arm-major); atomic like a run. METRIC and BASELINE become attributes. */
gboolean pr_results_merge (const char *const *paths, gsize n, const char *experiment, const char *metric, const char *baseline,
                           const char *path, GError **error);

/* The table that `run` and `compare` print: arms x metrics with mean and sd over seeds, relative difference to
 * the baseline and a paired bootstrap 95 % interval (10,000 draws over users, metrics averaged over seeds; Philox, fixed seed),
 * cost columns (training tokens, seconds, inference ms a user).  METRICS: NULL for the defaults (hit_5, hit_10, ndcg_5, ndcg_10
 * and every *_text_only of hit_10 present). */
char *pr_results_compare (const char *path, const char *baseline, const char *const *metrics, GError **error);

#endif
