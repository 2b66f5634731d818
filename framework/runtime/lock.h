/* lock.h - one process at a time: open-file-description locks, which the kernel drops when their holder dies.
 *
 * A lock belongs to the descriptor, not to the process: a child that was forked meanwhile holds it as well, until the
 * last of them has closed it or is dead.  Programs that are started do not inherit it.
 */
#ifndef PR_LOCK_H
#define PR_LOCK_H

#include "runtime/watch.h"

/* A file descriptor that holds the lock on PATH (created if absent, never removed), or -1: with an error, or without
 * one if somebody else has it. */
int pr_lock_try (const char *path, GError **error);
/* The same, held by any number of processes at once, but not while one has it to itself.  Where PATH can be neither
 * made nor read for want of permission: -1 without an error and *RET_EXEMPT, to go on without. */
int pr_lock_try_shared (const char *path, gboolean *ret_exempt, GError **error);
/* Has somebody, who may be this process, the lock on PATH?  Takes nothing and makes nothing. */
gboolean pr_lock_held (const char *path);
/* Wait for it: emits STAGE_WAIT once; CANCELLED if the user wants out meanwhile. */
int pr_lock_wait (const char *path, const PrWatch *watch, GError **error);
void pr_lock_release (int fd);

#endif
