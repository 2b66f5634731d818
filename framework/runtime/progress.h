/* progress.h - events as a line of text, and as an append-only file that others may follow (`tail -f`, notebooks). */
#ifndef PR_PROGRESS_H
#define PR_PROGRESS_H

#include "runtime/watch.h"

/* How long a stage takes.  All zero before the first event; feed it every event. */
typedef struct
{
  gint64 begun;       /* monotonic microseconds of STAGE_BEGIN */
  gint64 first;       /* of the first step that was reported */
  guint64 first_done; /* done at that time: a resumed stage does not start at 0 */
} PrPace;
void pr_pace_event (PrPace *pace, const PrEvent *event, gint64 now);
/* Seconds that the rest of the stage should take; negative: cannot say yet. */
double pr_pace_remaining (const PrPace *pace, const PrEvent *event, gint64 now);

/* "1:02:03", "4:05", "0.3 s"; to free. */
char *pr_progress_duration (double seconds);
/* The event as one line of at most COLUMNS characters (0: any), to free; NULL if this kind needs none.  BAR: with a
 * bar. */
char *pr_progress_text (const PrEvent *event, const PrPace *pace, gint64 now, gboolean bar, guint columns);

/* One JSON object a line: time (UTC), event, and whatever the event has.  Steps are written at most every two seconds.
 * A failed write is forgotten: nothing depends on this file. */
typedef struct PrProgressFile PrProgressFile;
PrProgressFile *pr_progress_file_open (const char *path, GError **error);
void pr_progress_file_event (PrProgressFile *file, const PrEvent *event);
void pr_progress_file_free (PrProgressFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrProgressFile, pr_progress_file_free)

#endif
