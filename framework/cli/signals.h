/* signals.h - Ctrl-C and kill as a wish that a run notices. */
#ifndef PR_SIGNALS_H
#define PR_SIGNALS_H

#include <glib.h>

/* From now on the first SIGINT or SIGTERM sets what is returned; the second leaves at once with status 130.  Nothing is
 * lost then: what is half-written is never taken for whole.  A file that grows beyond a limit is an error of the write,
 * not a signal. */
const gint *pr_signals_install (void);

/* For a command that only looks on: SIGINT and SIGTERM set what is returned and end a wait, without a word. */
const gint *pr_signals_install_quiet (void);

#endif
