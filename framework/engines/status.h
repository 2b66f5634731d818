/* status.h - how a sweep stands, from its files alone: plan, sealed results, failures, locks and progress files.  Loads
 * no plugin, asks no engine, and works while runs go on, on this machine or on others that share the folder. */
#ifndef PR_STATUS_H
#define PR_STATUS_H

#include "engines/sweep.h"

typedef enum
{
  PR_RUN_DONE,     /* its sealed result is there and as long as its seal says */
  PR_RUN_RUNNING,  /* a living process holds its lock */
  PR_RUN_FAILED,   /* a stage of it, or it itself, has a failure file */
  PR_RUN_DIVERGED, /* the same with PR_ERROR_NUMERIC */
  PR_RUN_MISSING,  /* nothing of these; `begun` tells one that was left off from one that nobody started */
  PR_N_RUN_STATES
} PrRunState;

typedef struct
{
  PrRunState state;
  gboolean begun;      /* MISSING: somebody began it */
  char *stage;         /* where it is, or was when it stopped; NULL: unknown */
  guint node, n_nodes; /* 1-based place of that stage; 0: unknown */
  guint64 done, total; /* steps of that stage; total 0: unknown */
  double stage_eta;    /* seconds until the stage should end, by its own pace; negative: unknown */
  double eta;          /* seconds until the run should end; negative: unknown */
  char *text; /* RUNNING: status of the stage ("loss 3.21"); FAILED, DIVERGED: the reason; MISSING: "interrupted"
               * in a stage, or what is wrong with its results; may be NULL */
} PrRunStatus;

typedef struct
{
  PrRunStatus *runs; /* [n_runs], as in the plan */
  guint n_runs;
  guint counts[PR_N_RUN_STATES];
} PrSweepStatus;

/* VERIFY: read every result whole, and call one that is damaged MISSING with the reason as text; otherwise only its
 * seal and length are looked at. */
PrSweepStatus *pr_sweep_status_new (const PrSweepPlan *plan, const char *out_dir, gboolean verify, GError **error);
void pr_sweep_status_free (PrSweepStatus *status);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrSweepStatus, pr_sweep_status_free)

const char *pr_run_state_name (PrRunState state); /* "done", "running", ... */

#endif
