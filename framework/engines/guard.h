/* guard.h - have files changed since their digests were taken?  Cheap enough to ask before every task: a file is read
 * again only if the system says that it is not the one it was. */
#ifndef PR_GUARD_H
#define PR_GUARD_H

#include "engines/sweep.h"

typedef struct PrGuard PrGuard;

/* Of the program, the plugins and the inputs of PLAN. */
PrGuard *pr_guard_new (const PrSweepPlan *plan);
void pr_guard_free (PrGuard *guard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrGuard, pr_guard_free)
/* MANIFEST error that names every file that changed or is gone. */
gboolean pr_guard_check (PrGuard *guard, GError **error);

#endif
