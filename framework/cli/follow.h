/* follow.h - look on while a sweep goes on. */
#ifndef PR_FOLLOW_H
#define PR_FOLLOW_H

#include "engines/status.h"

/* On standard output, until every run is done, failed or diverged, or the user has seen enough (Ctrl-C, which is no
 * error): on a terminal the runs that fit, drawn anew every second; otherwise a line when the state of a run changes.
 * *PLAN is replaced when the sweep is planned anew meanwhile. */
gboolean pr_follow (PrSweepPlan **plan, const char *out_dir, GError **error);

#endif
