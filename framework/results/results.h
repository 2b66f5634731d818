/* results.h - HDF5 results of runs and experiments, and their comparison.
 *
 * A run has a file of its own (attribute kind = "run"), sealed; results.h5 (kind = "experiment") has all runs of an
 * experiment, everything copied and nothing linked.  What stands in them and as what is written in schema.c, which
 * `pauserec verify --schema` prints and HACKING.md repeats; how they are sealed in seal.h.
 *
 * A stage whose infer_users is above 0 answers users and is *inference* (recommend); every other stage that an arm
 * needs is *training*: data, semantic ids, pre-training, grounding, rationales, fine-tuning, roll-outs, validation,
 * metrics. Both are sums over the stages of a run, averaged over seeds; inference is given for each user.  A stage that
 * several arms share counts in each, and one that was taken from the store as when it ran, times and memory included:
 * they stand in its record.  Of a stage that learns and answers in one (train_tokens and infer_users above 0: the baselines) users and
 * seconds of answering are inference and the rest is training; what answering a user took but time is not known then.  Times are those of the process that finished the stage: what an interrupted one spent
 * before is lost. Optimizer steps of a quantizer count like those of a language model.
 *
 * In names of groups '-' and anything else that is no part of an identifier is '_'; attribute `stage` has the name as
 * it is.
 *
 * Attribute `digest` of a run: SHA-256 over everything but times, memory, keys and provenance: equal results have equal
 * digests, whatever the machine's speed or the number of threads.
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
/* The same by a look at the seal and the file's length alone, 512 bytes: what is truncated or of another run is found,
 * a changed byte is not. */
gboolean pr_results_peek_run (const char *path, const char *run_key, GError **error);
/* One materialised results.h5 of N sealed run files (arm-major); atomic like a run, and the same runs give the same
 * bytes. METRIC and BASELINE become attributes; NULL is "".  Takes the memory of one run, whatever N; every run file is
 * verified, and the first fault ends it. */
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
