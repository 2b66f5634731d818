#include "config.h"

#include "runtime/progress-tail.h"

#include "runtime/event-line.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Lines that we write have 200 to 400 bytes, and never more than LINE_MAX_. */
#define TAIL_BYTES ((gsize)32 << 10)
#define LINE_MAX_ ((gsize)16 << 10)
/* Nobody waits for longer; what says so is wrong. */
#define SECONDS_MAX 1e9

/* Lines of the end of a file, from the last to the first. */
typedef struct
{
  char *data;
  gsize start; /* lines before this are not whole */
  gsize end;   /* of those that were not handed out yet */
} Lines;

/* Read at most MAX bytes at the end of PATH.  What comes after the last newline is torn, or being written; what comes
 * before the first may be the rest of a line that we did not read. FALSE if there is no such file or nothing in it. */
static gboolean
lines_open (Lines *lines, const char *path, gsize max)
{
  int fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  struct stat info;
  gsize length = 0;
  off_t from;

  *lines = (Lines){ 0 };
  if (fd < 0)
    return FALSE;
  if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode) || info.st_size == 0)
    {
      close (fd);
      return FALSE;
    }
  from = (guint64)info.st_size > max ? info.st_size - (off_t)max : 0;
  max = (gsize)(info.st_size - from);
  lines->data = g_malloc (max);
  for (ssize_t n; length < max && (n = pread (fd, lines->data + length, max - length, from + (off_t)length)) != 0;)
    if (n > 0)
      length += (gsize)n;
    else if (errno != EINTR)
      break;
  close (fd);
  while (length > 0 && lines->data[length - 1] != '\n')
    length--;
  lines->end = length;
  if (from > 0)
    {
      const char *first = memchr (lines->data, '\n', length);

      lines->start = first != NULL ? (gsize)(first - lines->data) + 1 : length;
    }
  return TRUE;
}

/* The line before the one that was handed out last, without its end; NULL: there is none. */
static const char *
lines_back (Lines *lines, gsize *ret_length)
{
  const char *before;
  gsize begin, end;

  if (lines->end <= lines->start)
    return NULL;
  end = lines->end - 1;
  before = memrchr (lines->data + lines->start, '\n', end - lines->start);
  begin = before != NULL ? (gsize)(before - lines->data) + 1 : lines->start;
  lines->end = begin;
  *ret_length = end - begin;
  return lines->data + begin;
}

static double
seconds_of (const PrReadEvent *read, const char *key)
{
  const json_t *number = json_object_get (read->json, key);
  double value = json_is_number (number) ? json_number_value (number) : -1;

  return isfinite (value) && value >= 0 && value <= SECONDS_MAX ? value : -1;
}

static gboolean
line_read (const char *text, gsize length, PrReadEvent *ret_read)
{
  return length <= LINE_MAX_ && pr_event_read (text, length, ret_read);
}

static void
tail_set (PrProgressTail *tail, const PrReadEvent *read)
{
  const PrEvent *event = &read->event;

  tail->known = TRUE;
  tail->kind = event->kind;
  tail->stage = g_strdup (event->stage);
  tail->key = g_strdup (event->key);
  tail->text = g_strdup (event->text);
  tail->elapsed = seconds_of (read, "elapsed");
  if (event->kind != PR_EVENT_STAGE_STEP)
    return;
  tail->done = event->done;
  tail->total = event->total;
  tail->eta = event->done <= event->total ? seconds_of (read, "eta") : -1;
}

void
pr_progress_tail_read (PrProgressTail *tail, const char *path)
{
  const char *text;
  gsize length;
  Lines lines;

  *tail = (PrProgressTail){ .elapsed = -1, .eta = -1 };
  tail->any = lines_open (&lines, path, TAIL_BYTES);
  while (!tail->known && (text = lines_back (&lines, &length)) != NULL)
    {
      g_auto (PrReadEvent) read = { 0 };

      if (line_read (text, length, &read) && read.event.kind != PR_EVENT_NOTE)
        tail_set (tail, &read);
    }
  g_free (lines.data);
}

void
pr_progress_tail_clear (PrProgressTail *tail)
{
  g_free (tail->stage);
  g_free (tail->key);
  g_free (tail->text);
  *tail = (PrProgressTail){ .elapsed = -1, .eta = -1 };
}

void
pr_progress_tail_ends (const char *path, gsize *budget, PrStageEndFunc func, gpointer ctx)
{
  static const char word[] = "\"stage_end\"";
  const char *text;
  gsize length;
  Lines lines;

  if (*budget < TAIL_BYTES || !lines_open (&lines, path, *budget))
    return;
  *budget -= lines.end;
  while ((text = lines_back (&lines, &length)) != NULL)
    {
      g_auto (PrReadEvent) read = { 0 };

      /* Most lines are steps: looking is a hundred times quicker than parsing. */
      if (memmem (text, length, word, strlen (word)) != NULL && line_read (text, length, &read)
          && read.event.kind == PR_EVENT_STAGE_END && read.event.key != NULL && seconds_of (&read, "seconds") >= 0)
        func (read.event.key, read.event.seconds, ctx);
    }
  g_free (lines.data);
}
