#include "config.h"

#include "runtime/progress.h"

#include "runtime/event-line.h"

#include <errno.h>
#include <fcntl.h>
#include <pauserec/error.h>
#include <string.h>
#include <unistd.h>

#define BAR_CELLS 20
#define FILE_STEP_MICROSECONDS (2 * G_USEC_PER_SEC)

/* Pace ------------------------------------------------------------------------------------------------------------- */

void
pr_pace_event (PrPace *pace, const PrEvent *event, gint64 now)
{
  if (event->kind == PR_EVENT_STAGE_BEGIN)
    *pace = (PrPace){ .begun = now };
  else if (event->kind == PR_EVENT_STAGE_STEP && pace->first == 0 && event->total > 0)
    {
      pace->first = now;
      pace->first_done = event->done;
    }
}

double
pr_pace_remaining (const PrPace *pace, const PrEvent *event, gint64 now)
{
  double seconds = (double)(now - pace->first) * 1e-6;

  if (event->total == 0 || event->done > event->total || event->done <= pace->first_done || pace->first == 0
      || seconds < 1)
    return -1;
  return seconds / (double)(event->done - pace->first_done) * (double)(event->total - event->done);
}

/* Text ------------------------------------------------------------------------------------------------------------- */

char *
pr_progress_duration (double seconds)
{
  guint64 whole = seconds > 0 ? (guint64)(seconds + 0.5) : 0;

  if (seconds < 9.95)
    return g_strdup_printf ("%.1f s", MAX (seconds, 0));
  if (whole >= 3600)
    return g_strdup_printf ("%" G_GUINT64_FORMAT ":%02u:%02u", whole / 3600, (guint)(whole / 60 % 60),
                            (guint)(whole % 60));
  return g_strdup_printf ("%u:%02u", (guint)(whole / 60), (guint)(whole % 60));
}

static void
append_where (GString *line, const PrEvent *event)
{
  g_string_append_printf (line, "[%u/%u %s s%" G_GUINT64_FORMAT "] ", event->run, event->n_runs,
                          event->arm != NULL ? event->arm : "", event->seed);
  if (event->stage != NULL)
    g_string_append_printf (line, "%u/%u %s", event->node, event->n_nodes, event->stage);
}

static void
append_step (GString *line, const PrEvent *event, const PrPace *pace, gint64 now, gboolean bar)
{
  double remaining = pr_pace_remaining (pace, event, now);

  if (event->total > 0)
    {
      double share = (double)MIN (event->done, event->total) / (double)event->total;
      guint full = (guint)(share * BAR_CELLS);

      if (bar)
        {
          g_string_append (line, "  ");
          for (guint i = 0; i < BAR_CELLS; i++)
            g_string_append_c (line, i < full ? '#' : '.');
        }
      g_string_append_printf (line, " %3.0f %%", share * 100);
    }
  else if (event->done > 0)
    g_string_append_printf (line, "  %" G_GUINT64_FORMAT, event->done);
  if (remaining >= 0)
    {
      g_autofree char *text = pr_progress_duration (remaining);

      g_string_append_printf (line, "  ETA %s", text);
    }
  else if (pace->begun != 0)
    {
      g_autofree char *text = pr_progress_duration ((double)(now - pace->begun) * 1e-6);

      g_string_append_printf (line, "  %s", text);
    }
  if (event->text != NULL && event->text[0] != '\0')
    g_string_append_printf (line, "  %s", event->text);
}

static gboolean
append_event (GString *line, const PrEvent *event, const PrPace *pace, gint64 now, gboolean bar)
{
  g_autofree char *seconds = pr_progress_duration (event->seconds);

  switch (event->kind)
    {
    case PR_EVENT_STAGE_STEP:
      append_step (line, event, pace, now, bar);
      return TRUE;
    case PR_EVENT_STAGE_END:
      g_string_append_printf (line, "  done in %s", seconds);
      return TRUE;
    case PR_EVENT_STAGE_CACHED:
      g_string_append (line, "  in the store");
      return TRUE;
    case PR_EVENT_STAGE_WAIT:
      g_string_append (line, "  another process computes it: waiting");
      return TRUE;
    case PR_EVENT_RUN_DONE:
      g_string_append (line, "was done already");
      return TRUE;
    case PR_EVENT_RUN_END:
      g_string_append_printf (line, "done: %s", event->text);
      return TRUE;
    case PR_EVENT_RUN_FAILED:
      g_string_append (line, "failed");
      return TRUE;
    case PR_EVENT_RUN_BEGIN:
    case PR_EVENT_STAGE_BEGIN:
    case PR_EVENT_NOTE:
      return FALSE;
    }
  return FALSE;
}

/* Control characters (a newline in a status) would break the line apart. */
static void
make_printable (GString *line)
{
  for (gsize i = 0; i < line->len; i++)
    if ((guint8)line->str[i] < 0x20 || line->str[i] == 0x7f)
      line->str[i] = ' ';
}

char *
pr_progress_text (const PrEvent *event, const PrPace *pace, gint64 now, gboolean bar, guint columns)
{
  g_autoptr (GString) line = g_string_new ("");

  append_where (line, event);
  if (!append_event (line, event, pace, now, bar))
    return NULL;
  make_printable (line);
  if (columns > 0 && g_utf8_validate (line->str, (gssize)line->len, NULL)
      && g_utf8_strlen (line->str, (gssize)line->len) > columns)
    g_string_truncate (line, (gsize)(g_utf8_offset_to_pointer (line->str, columns) - line->str));
  return g_string_free (g_steal_pointer (&line), FALSE);
}

/* File ------------------------------------------------------------------------------------------------------------- */

struct PrProgressFile
{
  int fd;
  gint64 last_step; /* monotonic time of the last step that was written */
};

PrProgressFile *
pr_progress_file_open (const char *path, GError **error)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  PrProgressFile *file;

  if (fd < 0)
    {
      pr_error_set_errno (error, errno, "cannot open", path);
      return NULL;
    }
  file = g_new0 (PrProgressFile, 1);
  file->fd = fd;
  return file;
}

void
pr_progress_file_event (PrProgressFile *file, const PrEvent *event)
{
  gint64 now = g_get_monotonic_time ();
  g_autofree char *line = NULL;

  if (event->kind == PR_EVENT_STAGE_STEP && file->last_step != 0 && now - file->last_step < FILE_STEP_MICROSECONDS)
    return;
  if (event->kind == PR_EVENT_STAGE_STEP)
    file->last_step = now;
  line = pr_event_line (event);
  /* One write, so that lines of several writers do not mix. */
  if (write (file->fd, line, strlen (line)) < 0)
    return;
}

void
pr_progress_file_free (PrProgressFile *file)
{
  if (file == NULL)
    return;
  close (file->fd);
  g_free (file);
}
