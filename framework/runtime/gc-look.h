/* gc-look.h - the half of gc that only looks. */
#ifndef PR_GC_LOOK_H
#define PR_GC_LOOK_H

#include "runtime/gc.h"

/* tmp/gc-<key> and tmp/gc-<key>.<n> are on their way out. */
#define PR_GC_ASIDE "gc-"

/* Fill in items, sweeps, what is strange and what is kept; gc->store, lock and in_use are known. */
gboolean pr_gc_look (PrGc *gc, const char *const *keep, PrGcKeysFunc keys, GError **error);

#endif
