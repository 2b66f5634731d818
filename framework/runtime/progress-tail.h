/* progress-tail.h - the end of a progress file (progress.h), which its writer may be extending, a killed one may have
 * left torn, and anybody may have spoilt.  Whatever is no line of a progress file is passed over, and only the end of
 * the file is read, however large it is. */
#ifndef PR_PROGRESS_TAIL_H
#define PR_PROGRESS_TAIL_H

#include "runtime/watch.h"

typedef struct
{
  gboolean any;        /* the file has something in it */
  gboolean known;      /* a line told where the run is; otherwise nothing below is set */
  PrEventKind kind;    /* of the last event that was no note */
  char *stage, *key;   /* NULL: of no stage */
  char *text;          /* NULL: none */
  guint64 done, total; /* of STAGE_STEP; otherwise 0 */
  double elapsed;      /* seconds since the stage began, when the line was written; negative: unknown */
  double eta;          /* seconds until it should have ended, at that time; negative: unknown */
} PrProgressTail;

/* Never fails: a file that is not there or cannot be read has nothing in it. */
void pr_progress_tail_read (PrProgressTail *tail, const char *path);
void pr_progress_tail_clear (PrProgressTail *tail);

/* The stages that ended, as far as at most *BUDGET bytes at the end of the file tell, from the last to the first; what
 * was read is taken from *BUDGET.  SECONDS: finite, not negative. */
typedef void (*PrStageEndFunc) (const char *key, double seconds, gpointer ctx);
void pr_progress_tail_ends (const char *path, gsize *budget, PrStageEndFunc func, gpointer ctx);

#endif
