/* sweep-private.h - what the files that make, keep and compare plans share. */
#ifndef PR_SWEEP_PRIVATE_H
#define PR_SWEEP_PRIVATE_H

#include "engines/sweep.h"

PrSweepPlan *pr_sweep_plan_empty (void);
void pr_planned_node_free (gpointer node);
void pr_planned_run_free (gpointer run);

/* Cut the runs of PLAN into its tasks (sweep-tasks.c). */
void pr_sweep_plan_cut (PrSweepPlan *plan);

/* The folders of the sweep in OUT; fine if they are there. */
gboolean pr_sweep_make_folders (const char *out_dir, GError **error);

/* The file that the framework's code was loaded from, to free; NULL if the loader does not say. */
char *pr_sweep_program_path (void);

#endif
