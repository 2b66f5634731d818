#include "config.h"

#include "runtime/watch.h"

static const char *const names[] = {
  [PR_EVENT_RUN_BEGIN] = "run_begin",       [PR_EVENT_RUN_DONE] = "run_done",
  [PR_EVENT_RUN_END] = "run_end",           [PR_EVENT_RUN_FAILED] = "run_failed",
  [PR_EVENT_STAGE_WAIT] = "stage_wait",     [PR_EVENT_STAGE_BEGIN] = "stage_begin",
  [PR_EVENT_STAGE_STEP] = "stage_step",     [PR_EVENT_STAGE_END] = "stage_end",
  [PR_EVENT_STAGE_CACHED] = "stage_cached", [PR_EVENT_NOTE] = "note",
};

const char *
pr_event_name (PrEventKind kind)
{
  return names[kind];
}

gboolean
pr_watch_cancelled (const PrWatch *watch)
{
  return watch->cancel != NULL && g_atomic_int_get (watch->cancel) != 0;
}

static void
emit (const PrWatch *watch, const PrEvent *event)
{
  if (watch->event != NULL)
    watch->event (event, watch->ctx);
}

void
pr_watch_emit (const PrWatch *watch, PrEventKind kind, const char *text)
{
  PrEvent event = watch->now;

  event.kind = kind;
  event.text = text;
  emit (watch, &event);
}

void
pr_watch_step (const PrWatch *watch, guint64 done, guint64 total, const char *status)
{
  PrEvent event = watch->now;

  event.kind = PR_EVENT_STAGE_STEP;
  event.done = done;
  event.total = total;
  event.text = status;
  emit (watch, &event);
}

void
pr_watch_note (const PrWatch *watch, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  pr_watch_emit (watch, PR_EVENT_NOTE, text);
}
