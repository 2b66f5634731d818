/* engine.h - how the tasks of a sweep get done: by a pool of processes here, or by a cluster. */
#ifndef PR_ENGINE_H
#define PR_ENGINE_H

#include "engines/task.h"

typedef struct
{
  const PrSweep *sweep;
  const guint
      *tasks; /* [n_tasks], rising: what to do, indices into the plan's; a parent that is not among them is done */
  guint n_tasks;
  guint jobs;                 /* processes at once, at least 1 */
  guint threads;              /* of each, at least 1 */
  guint64 memory;             /* bytes that all of them may plan to use at once; 0: no limit */
  const char *const *options; /* of the engine: --sbatch OPTION; may be NULL */
  const char *program;        /* absolute path of this program, for engines that start it anew */
  gboolean wait;              /* a cluster: come back when no task is left in its queue, not when all are in it */
  const PrWatch *watch;
} PrEngineCall;

/* What came of it; every stage is counted once. */
typedef struct
{
  guint n_computed, n_cached;        /* stages: computed now; found in the store */
  guint n_written, n_done, n_failed; /* runs: results written now; there already; failed or not begun */
  guint n_submitted;                 /* runs that a cluster has now; nothing else is known of them yet */
} PrEngineReport;

typedef struct
{
  const char *name;
  const char *summary; /* one line */
  /* When a run fails the others go on; the error has every message once and the code of the first.  CANCELLED when the
   * user wanted out. REPORT is filled in any case. */
  gboolean (*run) (const PrEngineCall *call, PrEngineReport *report, GError **error);
} PrEngine;

extern const PrEngine pr_engine_local; /* local.c: a pool of child processes */
extern const PrEngine pr_engine_slurm; /* slurm.c: job arrays */

/* MANIFEST error that lists the names if there is none of that name. */
const PrEngine *pr_engine_find (const char *name, GError **error);

#endif
