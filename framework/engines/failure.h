/* failure.h - what failed, kept in OUT/failed/ so that others need not find out again.
 *
 * A file has the name of what failed: the key of a stage, or of a run whose results could not be written.  Every run
 * that has a failed stage is a failed run.  A stage is a pure function of its key, so it would only fail again: `run`
 * passes on, `retry` removes the file.  Failures of the machine (full disk, killed) are another matter: a later `run`
 * tries again.
 */
#ifndef PR_FAILURE_H
#define PR_FAILURE_H

#include "engines/sweep.h"

typedef struct
{
  char *key;     /* of the stage or the run, hex */
  char *stage;   /* its name in the manifest; NULL: the run itself */
  char *run;     /* "pause, seed 1": where it happened */
  char *message; /* the error's */
  int code;      /* PrError */
} PrFailure;

void pr_failure_free (PrFailure *failure);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrFailure, pr_failure_free)

/* Whatever stands there is replaced. */
gboolean pr_failure_save (const PrFailure *failure, const char *out_dir, GError **error);
/* NULL if there is none, or none that can be read. */
PrFailure *pr_failure_load (const char *out_dir, const char *key);
/* Fine if there is none. */
gboolean pr_failure_remove (const char *out_dir, const char *key, GError **error);
/* All that there are: key -> PrFailure *; never NULL. */
GHashTable *pr_failures_load (const char *out_dir);
/* The one that stops RUN in its first N_NODES stages or, if it is about the WHOLE run, at its end; borrowed, NULL:
 * none. */
const PrFailure *pr_failures_find (GHashTable *failures, const PrSweepPlan *plan, const PrPlannedRun *run,
                                   guint n_nodes, gboolean whole);
/* Is it the machine's, so that trying again makes sense (PR_ERROR_IO)? */
gboolean pr_failure_of_machine (const PrFailure *failure);

#endif
