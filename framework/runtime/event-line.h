/* event-line.h - events as lines of JSON and back: in progress files, and between processes. */
#ifndef PR_EVENT_LINE_H
#define PR_EVENT_LINE_H

#include "runtime/watch.h"

#include <jansson.h>

/* {"time": UTC, "event": "stage_step", "run": 1, ...}, whatever the event has; owned by the caller. */
json_t *pr_event_json (const PrEvent *event);
/* The same as one line that ends with a newline; to free. */
char *pr_event_line (const PrEvent *event);

/* An event that was read; its strings belong to JSON. */
typedef struct
{
  PrEvent event;
  json_t *json;
} PrReadEvent;

/* FALSE if the LENGTH bytes at LINE are no event, whatever they are. */
gboolean pr_event_read (const char *line, gsize length, PrReadEvent *ret_read);
void pr_read_event_clear (PrReadEvent *read);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PrReadEvent, pr_read_event_clear)

#endif
