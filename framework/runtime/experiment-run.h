/* experiment-run.h - run an experiment: walk the graph of every run, take from the store what is there, compute the
 * rest, write one sealed file a run and merge them.
 *
 *   OUT/runs/<arm>-s<seed>-<key>.h5     sealed results of a run (results.h)
 *   OUT/progress/<the same>.jsonl       progress of the run (progress.h)
 *   OUT/results.h5                      all of them, merged
 *
 * A run is a pure function of its specification: whatever was killed, where, and how often, a later call gives the same
 * results.  A run whose sealed file is there is not touched again.
 */
#ifndef PR_EXPERIMENT_RUN_H
#define PR_EXPERIMENT_RUN_H

#include "runtime/experiment.h"
#include "runtime/watch.h"

typedef struct
{
  guint n_computed, n_cached;        /* stages: computed by this call; found in the store; each counted once */
  guint n_written, n_done, n_failed; /* runs: result written by this call; there already; failed or not begun */
  char *results;                     /* OUT/results.h5, NULL if no run is done */
} PrExperimentSummary;

void pr_experiment_summary_clear (PrExperimentSummary *summary);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PrExperimentSummary, pr_experiment_summary_clear)

/* All runs are planned before the first begins.  When a stage fails, runs that do not need it go on; the error has
 * every message once, and the code of the first.  When the user cancels, nothing goes on. RET_SUMMARY is filled in any
 * case. */
gboolean pr_experiment_run (const PrExperiment *experiment, const char *store_dir, const char *out_dir,
                            const PrWatch *watch, PrExperimentSummary *ret_summary, GError **error);

#endif
