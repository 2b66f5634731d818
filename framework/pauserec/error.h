/* error.h - the one error domain of pauserec.
 *
 * A code says whose move it is next, not which line failed.  Messages name the
 * place (file, line, stage, step) and the remedy, start in lower case and have
 * no final full stop.  Library code never prints and never exits; the program
 * reports each error once and leaves with pr_error_exit_code().
 */
#ifndef PAUSEREC_ERROR_H
#define PAUSEREC_ERROR_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  PR_ERROR_MANIFEST,  /* the experiment's author: fix the manifest or the command line; exit 2 */
  PR_ERROR_PLUGIN,    /* the plugin's author: wrong ABI, broken contract; exit 3 */
  PR_ERROR_DATA,      /* a data set or artifact is not what it claims; exit 4 */
  PR_ERROR_NUMERIC,   /* training diverged: NaN, Inf, overflow; exit 5 */
  PR_ERROR_IO,        /* the machine: disk, permissions, memory; exit 6 */
  PR_ERROR_CANCELLED, /* the user asked us to stop; exit 130 */
} PrError;

#define PR_ERROR (pr_error_quark ())
GQuark pr_error_quark (void);

/* The program's exit status for ERROR: 2..6 or 130 as listed above, and 1 for
 * an error of another domain that nobody translated. */
int pr_error_exit_code (const GError *error);

/* Set an IO error from errno: "WHAT 'PATH': strerror".  Returns FALSE, so that
 * callers can `return pr_error_set_errno (...)`. */
gboolean pr_error_set_errno (GError **error, int errnum, const char *what,
                             const char *path);

G_END_DECLS

#endif
