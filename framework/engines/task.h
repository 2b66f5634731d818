/* task.h - do one task of a sweep, in this process.  Engines start processes that call this. */
#ifndef PR_TASK_H
#define PR_TASK_H

#include "engines/sweep.h"

typedef enum
{
  PR_TASK_DONE,   /* or it was done already: tasks may be started twice */
  PR_TASK_BUSY,   /* another process does this run; told only if WAIT is FALSE */
  PR_TASK_FAILED, /* the error says why; kept as a failure unless the user cancelled */
} PrTaskResult;

typedef struct
{
  const char *out_dir;
  const PrSweepPlan *plan;
  const PrExperiment *experiment; /* its runs are those of the plan, in the same order */
  PrStore *store;
} PrSweep;

/* Take the run's lock, walk its stages, write its result.  Emits events, and appends them to the run's progress file.
 * WAIT: wait for another process that does it. */
PrTaskResult pr_task_run (const PrSweep *sweep, guint task, gboolean wait, const PrWatch *watch, GError **error);

#endif
