/* watch.h - what goes on while an experiment runs, told to whoever wants to show or keep it; and the wish to stop.
 *
 * Library code never prints: it emits events.  The program turns them into bars or lines (cli/) and into a progress
 * file (progress.h).
 */
#ifndef PR_WATCH_H
#define PR_WATCH_H

#include <glib.h>

typedef enum
{
  PR_EVENT_RUN_BEGIN,    /* run, n_runs, arm, seed, n_nodes */
  PR_EVENT_RUN_DONE,     /* its sealed result was there already */
  PR_EVENT_RUN_END,      /* its result was written; text: the file */
  PR_EVENT_RUN_FAILED,   /* text: the message; code; stage and key of what failed */
  PR_EVENT_STAGE_WAIT,   /* another process computes it */
  PR_EVENT_STAGE_BEGIN,  /* node, n_nodes, stage, key */
  PR_EVENT_STAGE_STEP,   /* done, total (0: unknown), text: status or NULL */
  PR_EVENT_STAGE_END,    /* seconds */
  PR_EVENT_STAGE_CACHED, /* its outputs were in the store */
  PR_EVENT_NOTE,         /* text: something that the user should know and that was dealt with */
} PrEventKind;

/* Strings may be NULL where the kind does not need them, and are borrowed. */
typedef struct
{
  PrEventKind kind;
  guint run, n_runs;   /* 1-based */
  guint node, n_nodes; /* 1-based */
  const char *arm;
  guint64 seed;
  const char *stage; /* its name in the manifest */
  const char *key;
  guint64 done, total;
  const char *text;
  double seconds;
  int code; /* PrError */
} PrEvent;

typedef void (*PrEventFunc) (const PrEvent *event, gpointer ctx);

typedef struct
{
  const gint *cancel; /* not 0: the user wants out; read atomically; may be NULL */
  PrEventFunc event;  /* may be NULL; called from the thread that runs the experiment */
  gpointer ctx;
  PrEvent now; /* where we are: copied into every event */
} PrWatch;

const char *pr_event_name (PrEventKind kind); /* "stage_step" */

gboolean pr_watch_cancelled (const PrWatch *watch);
/* Emit an event of this kind at watch->now. */
void pr_watch_emit (const PrWatch *watch, PrEventKind kind, const char *text);
void pr_watch_step (const PrWatch *watch, guint64 done, guint64 total, const char *status);
void pr_watch_note (const PrWatch *watch, const char *format, ...) G_GNUC_PRINTF (2, 3);

#endif
