/* refs.h - which sweeps need a store.
 *
 *   refs/<sha256 of the folder's path>.json   {"schema": "pauserec-ref/1", "sweep": absolute path of the sweep's
 * folder}
 *
 * A reference says nothing of what is needed: that stands in the sweep's plan, and gc asks there.  So one that was
 * written once is right for good, and one whose sweep is gone is worth nothing.
 */
#ifndef PR_REFS_H
#define PR_REFS_H

#include "runtime/store.h"

/* Say in the store that the sweep in OUT_DIR needs it; fine if it says so already.  To be done before the first entry
 * is made and with the store open for running.  In a store that cannot be written for want of permission there is
 * nothing new to protect: a NOTE, and TRUE. */
gboolean pr_store_add_ref (PrStore *store, const char *out_dir, const PrWatch *watch, GError **error);

/* The folder that the reference at PATH, a file of refs/, names; to free.  DATA error if it is damaged. */
char *pr_ref_load (const char *path, GError **error);

#endif
