/* child.h - a task in a child process of its own, forked from this one: what crashes, leaks or is killed there takes
 * nothing else with it, and starting it costs milliseconds, since program and plugins are there already.  The child
 * tells its events through a pipe.  When this process dies, whatever way, so do its children. */
#ifndef PR_CHILD_H
#define PR_CHILD_H

#include "engines/engine.h"

typedef struct PrChild PrChild;

typedef enum
{
  PR_CHILD_DONE,
  PR_CHILD_BUSY,
  PR_CHILD_FAILED, /* it told a RUN_FAILED */
  PR_CHILD_CANCELLED,
  PR_CHILD_CRASHED, /* it told nothing: see the error */
} PrChildEnd;

/* This process must not be in the middle of anything: no thread of it may hold a lock that the child needs. */
PrChild *pr_child_start (const PrEngineCall *call, guint task, gboolean wait, GError **error);
int pr_child_fd (const PrChild *child); /* to poll for events */
guint pr_child_task (const PrChild *child);
/* Hand on the events that are there; FALSE when there will be no more. */
gboolean pr_child_read (PrChild *child, PrEventFunc event, gpointer ctx);
/* Ask it to stop at its next step. */
void pr_child_stop (PrChild *child);
/* Wait for its end, once it has no more events; frees CHILD.  ERROR is set if it crashed: PLUGIN if the fault is its
 * own, IO if somebody killed it. */
PrChildEnd pr_child_join (PrChild *child, GError **error);

#endif
