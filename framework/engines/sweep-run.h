/* sweep-run.h - run a sweep: plan it or hold it to its plan, have an engine do what is missing, merge what is done.
 *
 * A run is a pure function of its specification: whatever was killed, where, and how often, a later call gives the same
 * results.  A run whose sealed file is there and sound is not touched again.
 */
#ifndef PR_SWEEP_RUN_H
#define PR_SWEEP_RUN_H

#include "engines/engine.h"

typedef enum
{
  PR_SWEEP_RUN,          /* what is missing; what failed is passed over unless the machine was to blame */
  PR_SWEEP_RETRY,        /* what is missing and what failed */
  PR_SWEEP_RETRY_FAILED, /* what failed or was interrupted, and nothing that nobody began */
} PrSweepMode;

typedef struct
{
  const PrExperiment *experiment;
  const char *const *set, *const *plugin_path; /* as for PrSweepPlanSource */
  const char *store_dir, *out_dir;
  PrSweepMode mode;
  const PrEngine *engine;
  guint jobs, threads; /* and the next five: as for PrEngineCall */
  guint64 memory;
  const char *const *options;
  const char *program;
  gboolean wait;
  const PrWatch *watch;
} PrSweepCall;

typedef struct
{
  PrEngineReport report;
  char *results; /* OUT/results.h5, NULL if no run is done, or nothing was merged */
} PrSweepSummary;

void pr_sweep_summary_clear (PrSweepSummary *summary);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PrSweepSummary, pr_sweep_summary_clear)

/* Only runs that are wanted (--only); results.h5 has all that are done.  MANIFEST error with the difference if the plan
 * was frozen and something changed since; a plan that was not is made anew, which is told as a NOTE.  When a stage
 * fails, runs that do not need it go on; the error has every message once, and the code of the first.  RET_SUMMARY is
 * filled in any case. */
gboolean pr_sweep_run (const PrSweepCall *call, PrSweepSummary *ret_summary, GError **error);

/* Plan and keep the plan in OUT; FROZEN as in PrSweepPlan. */
PrSweepPlan *pr_sweep_freeze (const PrSweepPlanSource *source, const char *out_dir, GError **error);

/* Merge the sound results of PLAN's runs into OUT/results.h5; damaged ones are left out and told as a NOTE.  RET_N: how
 * many; with 0 of them nothing is written and no error is set. */
gboolean pr_sweep_merge (const PrSweepPlan *plan, const char *out_dir, const PrWatch *watch, guint *ret_n,
                         GError **error);

#endif
