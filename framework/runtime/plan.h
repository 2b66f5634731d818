/* plan.h - a run planned as a whole, before its first stage runs: sizes, memory, work. */
#ifndef PR_PLAN_H
#define PR_PLAN_H

#include "runtime/experiment.h"

/* Dimensions of slots, in the order in which they were said first. */
typedef struct
{
  char *slot, *dim;
  gint64 value;
} PrDim;

typedef struct
{
  GPtrArray *all; /* PrDim * */
} PrDims;

PrDims *pr_dims_new (void);
void pr_dims_free (PrDims *dims);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrDims, pr_dims_free)
void pr_dims_set (PrDims *dims, const char *slot, const char *dim,
                  gint64 value);                                            /* said twice: the last value counts */
gint64 pr_dims_get (const PrDims *dims, const char *slot, const char *dim); /* PR_DIM_UNKNOWN if never said */

typedef struct
{
  const PrNode *node;
  PrDims *promised; /* what plan() said of the outputs; values may be PR_DIM_UNKNOWN */
  PrDims *actual;   /* what is known of the outputs because they exist; empty otherwise */
  gboolean cached;  /* the outputs exist */
  guint64 memory;   /* peak bytes, 0 if plan() did not say */
  double flops;     /* 0 if plan() did not say */
} PrNodePlan;

typedef struct
{
  GPtrArray *nodes; /* PrNodePlan *, in pipeline order, one a node */
  guint64 memory;   /* the largest of the nodes that are not cached */
  double flops;     /* sum over the nodes that are not cached */
} PrRunPlan;

/* Asked for each node in pipeline order, before those that read it are planned: TRUE if the outputs of NODE
 * exist, and then DIMS gets what they are. */
typedef gboolean (*PrPlanCachedFunc) (const PrNode *node, PrDims *dims, gpointer user_data);

/* Call plan() of every node.  CACHED may be NULL: nothing exists yet.  Errors are the stage's, prefixed with its name,
 * or PLUGIN when it breaks the contract (contradicts itself about success, names a slot that it has not, promises
 * twice, or an existing output breaks the promise). Sizes that become known as a run goes on are seen by planning it
 * again. */
PrRunPlan *pr_run_plan_new (const PrRunSpec *run, PrPlanCachedFunc cached, gpointer user_data, GError **error);
/* The same of the first N_NODES nodes only.  *RET_REFUSED is set to the node whose plan() failed, or left alone. */
PrRunPlan *pr_run_plan_new_part (const PrRunSpec *run, guint n_nodes, PrPlanCachedFunc cached, gpointer user_data,
                                 const PrNode **ret_refused, GError **error);
void pr_run_plan_free (PrRunPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrRunPlan, pr_run_plan_free)
const PrNodePlan *pr_run_plan_find (const PrRunPlan *plan, const PrNode *node);

/* Has what run() said of its outputs kept the promise of plan()?  PLUGIN error otherwise.  A dimension that only one of
 * the two mentions breaks nothing. */
gboolean pr_node_plan_check (const PrNodePlan *plan, const PrDims *actual, GError **error);

/* The slot of STAGE of that name and direction, or NULL. */
const PrSlotSpec *pr_stage_slot (const PrStage *stage, PrSlotDirection direction, const char *name);

/* What every call into a stage goes through afterwards.  OK and RAISED are what FUNCTION ("plan", "run", ...) returned
 * and set; takes RAISED over.  TRUE when both say success; FALSE with RAISED prefixed by "stage 'NAME': ", or with a
 * PLUGIN error when the two contradict each other. */
gboolean pr_stage_check_result (const PrStageEntry *entry, const char *node_name, const char *function, gboolean ok,
                                GError *raised, GError **error);

#endif
