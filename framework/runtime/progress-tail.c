#include "config.h"

#include "runtime/progress-tail.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
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

/* What one line says. */
typedef struct
{
  json_t *object; /* owns the strings */
  PrEventKind kind;
  const char *stage, *key, *text;
  guint64 done, total;
  double elapsed, eta, seconds; /* negative: not said, or nonsense */
} Line;

static double
seconds_of (const json_t *object, const char *key)
{
  double value =
      json_is_number (json_object_get (object, key)) ? json_number_value (json_object_get (object, key)) : -1;

  return isfinite (value) && value >= 0 && value <= SECONDS_MAX ? value : -1;
}

static guint64
count_of (const json_t *object, const char *key)
{
  json_int_t value = json_integer_value (json_object_get (object, key));

  return value > 0 ? (guint64)value : 0;
}

static gboolean
find_kind (const char *name, PrEventKind *ret_kind)
{
  for (int kind = 0; name != NULL && kind <= PR_EVENT_NOTE; kind++)
    if (strcmp (pr_event_name (kind), name) == 0)
      {
        *ret_kind = kind;
        return TRUE;
      }
  return FALSE;
}

/* FALSE if it is no line of a progress file. */
static gboolean
line_parse (Line *line, const char *text, gsize length)
{
  json_t *object = length <= LINE_MAX_ ? json_loadb (text, length, JSON_REJECT_DUPLICATES, NULL) : NULL;

  *line = (Line){ .object = object };
  if (!json_is_object (object) || !find_kind (json_string_value (json_object_get (object, "event")), &line->kind))
    {
      json_decref (object);
      return FALSE;
    }
  line->stage = json_string_value (json_object_get (object, "stage"));
  line->key = json_string_value (json_object_get (object, "key"));
  line->text = json_string_value (json_object_get (object, "text"));
  line->done = count_of (object, "done");
  line->total = count_of (object, "total");
  line->elapsed = seconds_of (object, "elapsed");
  line->eta = seconds_of (object, "eta");
  line->seconds = seconds_of (object, "seconds");
  return TRUE;
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
      Line line;

      if (!line_parse (&line, text, length))
        continue;
      if (line.kind != PR_EVENT_NOTE)
        {
          tail->known = TRUE;
          tail->kind = line.kind;
          tail->stage = g_strdup (line.stage);
          tail->key = g_strdup (line.key);
          tail->text = g_strdup (line.text);
          tail->elapsed = line.elapsed;
        }
      if (line.kind == PR_EVENT_STAGE_STEP)
        {
          tail->done = line.done;
          tail->total = line.total;
          tail->eta = line.done <= line.total ? line.eta : -1;
        }
      json_decref (line.object);
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
      Line line;

      /* Most lines are steps: looking is a hundred times quicker than parsing. */
      if (memmem (text, length, word, strlen (word)) == NULL || !line_parse (&line, text, length))
        continue;
      if (line.kind == PR_EVENT_STAGE_END && line.key != NULL && line.seconds >= 0)
        func (line.key, line.seconds, ctx);
      json_decref (line.object);
    }
  g_free (lines.data);
}
