/* screen.h - events of a sweep on standard error: on a terminal a bar that is redrawn for every run that goes on, a
 * line now and then otherwise. */
#ifndef PR_SCREEN_H
#define PR_SCREEN_H

#include "cli/redraw.h"
#include "runtime/progress.h"

typedef struct
{
  gboolean quiet;    /* notes only */
  gboolean terminal; /* can redraw lines */
  PrRedraw redraw;
  GPtrArray *bars; /* one a run that is in a stage, by number of the run; NULL: none was yet */
  gint64 last;     /* monotonic time of the last drawing */
} PrScreen;

void pr_screen_init (PrScreen *screen, gboolean quiet);
/* A PrEventFunc; CTX is the PrScreen. */
void pr_screen_event (const PrEvent *event, gpointer ctx);
/* Leave the cursor at the start of an empty line; SCREEN holds nothing afterwards. */
void pr_screen_finish (PrScreen *screen);

#endif
