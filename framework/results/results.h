/* results.h - HDF5 results of runs and experiments, and their comparison.
 *
 * A run file (attribute kind = "run"):
 *   /metrics             compound (arm, seed, stage, metric, value)
 *   /cost                compound (arm, seed, stage, key, wall_seconds, cpu_seconds, peak_rss_bytes, train_tokens,
 *                        infer_tokens, generated_tokens, optimizer_steps, flops, infer_users, infer_seconds)
 *   /per_user/<metric>   F32 [n_users], NaN where undefined; of two stages that report one name the later has it,
 *                        and the earlier one's is /per_user/<metric>__<stage>
 *   /ranking/items, /ranking/scores    I32, F32 [n_users, K], of the last ranking/1 of the pipeline
 *   /curves/<stage>/<series>           compound (step, value)
 *   /tables/<stage>/<table>            compound of its columns
 *   /manifest, /provenance             text, the latter JSON
 *   attributes experiment, arm, seed, run_key, digest
 *
 * results.h5 (kind = "experiment"): /metrics and /cost with the rows of all runs, and
 *   /runs                compound (arm, seed, digest, run_key, file, n_users), one row a run
 *   /per_user/<metric>   F32 [n_runs, n_users], NaN where the run lacks metric or user
 *   /runs_detail/r<i>/   curves, tables, ranking and provenance of run i
 *   /manifest; attributes experiment, metric, baseline
 *
 * A stage whose infer_users is above 0 answers users and is *inference* (recommend); every other stage that an arm
 * needs is *training*: data, semantic ids, pre-training, grounding, rationales, fine-tuning, roll-outs, validation,
 * metrics. Both are sums over the stages of a run, averaged over seeds; inference is given for each user.  A stage that
 * several arms share counts in each, and one that was taken from the store as when it ran, times and memory included:
 * they stand in its record.  Times are those of the process that finished the stage: what an interrupted one spent
 * before is lost. Optimizer steps of a quantizer count like those of a language model.
 *
 * In names of groups '-' and anything else that is no part of an identifier is '_'; attribute `stage` has the name as
 * it is.
 *
 * Attribute `schema` is "pauserec-results/1".  Attribute `digest` of a run: SHA-256 over everything but times, memory,
 * keys and provenance: equal results have equal digests, whatever the machine's speed or the number of threads.  The
 * first 512 bytes of a file, which HDF5 leaves to its users, hold the seal: the SHA-256 of all that follows.
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
  const char *run_key; /* SHA-256 over the stages' keys: names what this run is */
  guint64 seed;
  const PrStageResult *stages; /* in pipeline order */
  gsize n_stages;
  const char *ranking_dir; /* last ranking/1 of the pipeline, or NULL */
  const json_t *provenance;
} PrRunResult;

/* Write a sealed run file: made in memory, read back, written under a temporary name, compared, synced, renamed. */
gboolean pr_results_write_run (const PrRunResult *result, const char *path, GError **error);
/* TRUE if PATH is a sealed, readable run file of RUN_KEY (NULL: of any); FALSE with a DATA error naming the fault, or
 * without an error if it does not exist.  RET_DIGEST may be NULL. */
gboolean pr_results_verify_run (const char *path, const char *run_key, char **ret_digest, GError **error);
/* The same by a look at the seal and the file's length alone, 512 bytes: what is truncated or of another run is found, a
 * changed byte is not. */
gboolean pr_results_peek_run (const char *path, const char *run_key, GError **error);
/* One materialised results.h5 of N sealed run files (arm-major); atomic like a run.  METRIC and BASELINE become
 * attributes; NULL is "". */
gboolean pr_results_merge (const char *const *paths, gsize n, const char *experiment, const char *metric,
                           const char *baseline, const char *path, GError **error);

/* The table that `run` and `compare` print: arms x metrics with mean and sd over seeds and a bootstrap 95 % interval over
 * users; what each differs from the baseline, relative to it, user by user and seed by seed: interval, in how many seeds
 * it is ahead, p of a sign-flip permutation test adjusted by Holm for the arms, verdict, and beside "not significant" the
 * difference that could have been detected; cost of training and of inference (comparison.h, paired.h and stats.h have
 * the definitions; 10,000 draws of Philox with a fixed seed, the same bits for any number of threads).  BASELINE: NULL
 * for that of the file; a named one that no run belongs to is a MANIFEST error.  METRICS: NULL for the defaults (hit_5,
 * hit_10, ndcg_5, ndcg_10 and every hit_10_<group> there is).  A metric oracle_<metric> of any stage is shown as the row
 * "(oracle)". */
char *pr_results_compare (const char *path, const char *baseline, const char *const *metrics, GError **error);

#endif
