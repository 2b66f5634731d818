/* told.h - what the tasks of one call told: counted, handed on, and what failed kept to be said once at the end. */
#ifndef PR_TOLD_H
#define PR_TOLD_H

#include "engines/engine.h"

typedef struct PrTold PrTold;

/* REPORT is kept up to date with every event. */
PrTold *pr_told_new (const PrEngineCall *call, PrEngineReport *report);
void pr_told_free (PrTold *told);
/* TASK told EVENT. */
void pr_told_event (PrTold *told, const PrTask *task, const PrEvent *event);
/* Does TASK need a stage that failed?  Then its run is counted as failed, and told. */
gboolean pr_told_needs_failed (PrTold *told, const PrTask *task);
/* FALSE if anything failed: every message once, under the code of the first. */
gboolean pr_told_result (const PrTold *told, GError **error);

#endif
