/* screen.h - events of a run on standard error: a bar that is redrawn on a terminal, a line now and then otherwise. */
#ifndef PR_SCREEN_H
#define PR_SCREEN_H

#include "runtime/progress.h"

typedef struct
{
  gboolean quiet;    /* notes only */
  gboolean terminal; /* can redraw a line */
  gboolean drawn;    /* a bar stands on the current line */
  PrPace pace;
  gint64 last; /* monotonic time of the last bar or line of a step */
} PrScreen;

void pr_screen_init (PrScreen *screen, gboolean quiet);
/* A PrEventFunc; CTX is the PrScreen. */
void pr_screen_event (const PrEvent *event, gpointer ctx);
/* Leave the cursor at the start of an empty line. */
void pr_screen_finish (PrScreen *screen);

#endif
