#include "config.h"

#include "runtime/progress.h"

#include "runtime/event-line.h"

#include <errno.h>
#include <fcntl.h>
#include <pauserec/error.h>
#include <string.h>
#include <unistd.h>

#define BAR_CELLS 20
#define DURATION_MAX 1e12
#define TEXT_MAX 2048
#define FILE_STEP_MICROSECONDS (2 * G_USEC_PER_SEC)

/* Pace ------------------------------------------------------------------------------------------------------------- */

void
pr_pace_event (PrPace *pace, const PrEvent *event, gint64 now)
{
  if (event->kind == PR_EVENT_STAGE_BEGIN)
    *pace = (PrPace){ .begun = now };
  else if (event->kind == PR_EVENT_STAGE_STEP && event->total > 0 && event->total != pace->total)
    {
      pace->first = now;
      pace->first_done = event->done;
      pace->total = event->total;
    }
}

double
pr_pace_remaining (const PrPace *pace, const PrEvent *event, gint64 now)
{
  double seconds = (double)(now - pace->first) * 1e-6;

  if (event->total == 0 || event->total != pace->total || event->done > event->total || event->done <= pace->first_done || pace->first == 0
      || seconds < 1)
    return -1;
  return seconds / (double)(event->done - pace->first_done) * (double)(event->total - event->done);
}

/* Text ------------------------------------------------------------------------------------------------------------- */

char *
pr_progress_duration (double seconds)
{
  guint64 whole = seconds > 0 ? (guint64)(MIN (seconds, DURATION_MAX) + 0.5) : 0;

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
append_duration (GString *line, const char *before, double seconds)
{
  g_autofree char *text = pr_progress_duration (seconds);

  g_string_append_printf (line, "%s%s", before, text);
}

void
pr_bar_append (GString *line, const PrBar *bar, gboolean cells)
{
  if (bar->total > 0)
    {
      double share = (double)MIN (bar->done, bar->total) / (double)bar->total;
      guint full = (guint)(share * BAR_CELLS);

      if (cells)
        {
          g_string_append (line, "  ");
          for (guint i = 0; i < BAR_CELLS; i++)
            g_string_append_c (line, i < full ? '#' : '.');
        }
      g_string_append_printf (line, " %3.0f %%", share * 100);
    }
  else if (bar->done > 0)
    g_string_append_printf (line, "  %" G_GUINT64_FORMAT, bar->done);
  if (bar->eta >= 0)
    append_duration (line, "  ETA ", bar->eta);
  else if (bar->elapsed >= 0)
    append_duration (line, "  ", bar->elapsed);
  if (bar->run_eta >= 0)
    append_duration (line, bar->eta >= 0 ? ", run " : "  run ETA ", bar->run_eta);
  if (bar->text != NULL && bar->text[0] != '\0')
    g_string_append_printf (line, "  %s", bar->text);
}

static void
append_step (GString *line, const PrEvent *event, const PrPace *pace, gint64 now, gboolean cells)
{
  const PrBar bar = {
    .done = event->done,
    .total = event->total,
    .eta = pr_pace_remaining (pace, event, now),
    .elapsed = pace->begun != 0 ? (double)(now - pace->begun) * 1e-6 : -1,
    .run_eta = -1,
    .text = event->text,
  };

  pr_bar_append (line, &bar, cells);
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
      g_string_append (line, event->stage != NULL ? "  failed" : "failed");
      return TRUE;
    case PR_EVENT_RUN_BEGIN:
    case PR_EVENT_STAGE_BEGIN:
    case PR_EVENT_NOTE:
      return FALSE;
    }
  return FALSE;
}

/* Columns of a terminal. */
static guint
width_of (gunichar c)
{
  if (g_unichar_iszerowidth (c))
    return 0;
  return g_unichar_iswide (c) ? 2 : 1;
}

/* Control characters (a newline in a status, an escape sequence) would break the line or the terminal. */
void
pr_line_fit (GString *line, guint columns)
{
  g_autofree char *valid = g_utf8_make_valid (line->str, (gssize)line->len);
  guint used = 0;

  g_string_truncate (line, 0);
  for (const char *c = valid; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar character = g_utf8_get_char (c);

      if (g_unichar_iscntrl (character))
        character = ' ';
      used += width_of (character);
      if (columns > 0 && used > columns)
        break;
      g_string_append_unichar (line, character);
    }
}

char *
pr_progress_text (const PrEvent *event, const PrPace *pace, gint64 now, gboolean bar, guint columns)
{
  g_autoptr (GString) line = g_string_new ("");

  append_where (line, event);
  if (!append_event (line, event, pace, now, bar))
    return NULL;
  pr_line_fit (line, columns);
  return g_string_free (g_steal_pointer (&line), FALSE);
}

/* File ------------------------------------------------------------------------------------------------------------- */

struct PrProgressFile
{
  int fd;
  gint64 last_step; /* monotonic time of the last step that was written */
  PrPace pace;      /* of the stage that goes on; begun is 0 if none does */
};

/* A line that a killed process left torn would swallow our first one. */
static void
end_torn_line (int fd)
{
  off_t end = lseek (fd, 0, SEEK_END);
  char last = '\n';

  if (end > 0 && pread (fd, &last, 1, end - 1) == 1 && last != '\n' && write (fd, "\n", 1) < 0)
    return;
}

PrProgressFile *
pr_progress_file_open (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  PrProgressFile *file;

  if (fd < 0)
    {
      pr_error_set_errno (error, errno, "cannot open", path);
      return NULL;
    }
  end_torn_line (fd);
  file = g_new0 (PrProgressFile, 1);
  file->fd = fd;
  return file;
}

/* Readers look at the end of the file only, so no line may be long. */
static void
bound_text (json_t *object, const char *text)
{
  g_autofree char *valid = text != NULL ? g_utf8_make_valid (text, -1) : NULL;
  g_autofree char *start = valid != NULL ? g_strndup (valid, TEXT_MAX) : NULL;
  const char *end;

  if (start == NULL)
    return;
  g_utf8_validate (start, -1, &end);
  json_object_set_new (object, "text", json_stringn (start, (size_t)(end - start)));
}

/* By the monotonic clock: the other one may be set while a stage goes on. */
static void
set_times (json_t *object, const PrEvent *event, const PrPace *pace, gint64 now)
{
  double eta = event->kind == PR_EVENT_STAGE_STEP ? pr_pace_remaining (pace, event, now) : -1;

  if (pace->begun == 0 || event->stage == NULL)
    return;
  json_object_set_new (object, "elapsed", json_real ((double)(now - pace->begun) * 1e-6));
  if (eta >= 0)
    json_object_set_new (object, "eta", json_real (eta));
}

static char *
file_line (PrProgressFile *file, const PrEvent *event, gint64 now)
{
  json_t *object = pr_event_json (event);
  char *text, *line;

  bound_text (object, event->text);
  set_times (object, event, &file->pace, now);
  text = json_dumps (object, JSON_COMPACT | JSON_REAL_PRECISION (9));
  line = g_strconcat (text != NULL ? text : "{}", "\n", NULL);
  json_decref (object);
  free (text);
  return line;
}

void
pr_progress_file_event (PrProgressFile *file, const PrEvent *event)
{
  gint64 now = g_get_monotonic_time ();
  g_autofree char *line = NULL;

  pr_pace_event (&file->pace, event, now);
  if (event->kind == PR_EVENT_STAGE_STEP && file->last_step != 0 && now - file->last_step < FILE_STEP_MICROSECONDS)
    return;
  if (event->kind == PR_EVENT_STAGE_STEP)
    file->last_step = now;
  line = file_line (file, event, now);
  if (event->kind != PR_EVENT_STAGE_BEGIN && event->kind != PR_EVENT_STAGE_STEP && event->kind != PR_EVENT_NOTE)
    file->pace = (PrPace){ 0 };
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
