/* stage-run.h - call run() of one stage and hold it to its contract. */
#ifndef PR_STAGE_RUN_H
#define PR_STAGE_RUN_H

#include "runtime/plan.h"
#include "runtime/record.h"
#include "runtime/watch.h"

typedef struct
{
  const PrNode *node;
  guint64 seed;
  const char *const *input_dirs; /* one for each edge of the node; NULL: unconnected */
  const char *dir;               /* exists, empty: gets one folder for each output slot */
  const char *scratch;           /* exists */
  const PrWatch *watch;
} PrStageRun;

/* TRUE with record and dims (owned by the caller) if run() succeeded and kept the contract: it used its own slots only,
 * left something in each output, gave sound names and values of one length a table, and kept the sizes that PLAN
 * promised (NULL: nothing was promised).  Errors are the stage's own, prefixed with "stage 'NAME': ", or PLUGIN. Time
 * and memory are measured. */
gboolean pr_stage_run (const PrStageRun *call, const PrNodePlan *plan, PrRecord **ret_record, PrDims **ret_dims,
                       GError **error);

#endif
