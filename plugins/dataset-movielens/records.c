#include "config.h"

#include "records.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

#define SEPARATOR "::"
#define MAX_FIELDS 64

struct Records
{
  PrLines *lines;
  char *path;
  const char *const *columns;
  guint n_columns;
  gint free_column;
  gboolean csv;
  char *pending;       /* the first line of a .dat, read to tell what it is */
  GString *text;       /* the record: several lines of a .csv, if a quoted field has line breaks */
  GPtrArray *split;    /* its fields, into `text` */
  guint *place;        /* [n_columns] in `split` */
  guint n_header;      /* fields of the header */
  const char **fields; /* [n_columns] */
  guint64 line;
};

void
records_free (Records *records)
{
  if (records == NULL)
    return;
  pr_lines_free (records->lines);
  g_free (records->path);
  g_free (records->pending);
  g_string_free (records->text, TRUE);
  g_ptr_array_unref (records->split);
  g_free (records->place);
  g_free (records->fields);
  g_free (records);
}

guint64
records_line (const Records *records)
{
  return records->line;
}

void
records_error (const Records *records, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s:%" G_GUINT64_FORMAT ": %s", records->path, records->line, message);
}

/* The next line is the record's text; FALSE at the end or on error. */
static gboolean
begin (Records *records, GError **error)
{
  gsize length;
  const char *line = records->pending;

  if (line == NULL)
    line = pr_lines_next (records->lines, &length, error);
  if (line == NULL)
    return FALSE;
  g_string_assign (records->text, line);
  g_clear_pointer (&records->pending, g_free);
  records->line = pr_lines_number (records->lines);
  g_ptr_array_set_size (records->split, 0);
  return TRUE;
}

/* Quotes are open at the end of the text: what follows is the next line's. */
static gboolean
extend (Records *records, GError **error)
{
  GError *failure = NULL;
  gsize length;
  const char *line = pr_lines_next (records->lines, &length, &failure);

  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  if (line == NULL || records->text->len + length > PR_LINE_MAX)
    {
      records_error (records, error, "a quoted field begins here and is not closed");
      return FALSE;
    }
  g_string_append_c (records->text, '\n');
  g_string_append_len (records->text, line, (gssize)length);
  return TRUE;
}

/* Behind the quote that closes the field whose text begins at FROM; 0: error. */
static gsize
closing_quote (Records *records, gsize from, GError **error)
{
  gsize at = from;

  for (;;)
    {
      const char *quote = strchr (records->text->str + at, '"');

      if (quote == NULL)
        {
          at = records->text->len;
          if (!extend (records, error))
            return 0;
          continue;
        }
      at = (gsize)(quote - records->text->str) + 1;
      if (records->text->str[at] != '"')
        return at;
      at++;
    }
}

/* Take the quotes off a field that has them, in place. */
static void
unquote (char *field)
{
  char *to = field;

  if (*field != '"')
    return;
  /* All quotes within are double. */
  for (const char *from = field + 1; *from != '\0' && !(from[0] == '"' && from[1] != '"'); from++)
    {
      from += *from == '"';
      *to++ = *from;
    }
  *to = '\0';
}

/* Cut the record into fields, in place: RFC 4180.  The text may move while it grows, so places come first. */
static gboolean
split_csv (Records *records, GError **error)
{
  gsize starts[MAX_FIELDS], at = 0;
  guint n = 0;

  for (;; at++)
    {
      gboolean quoted = records->text->str[at] == '"';

      if (n == MAX_FIELDS)
        {
          records_error (records, error, "more than %d fields", MAX_FIELDS);
          return FALSE;
        }
      starts[n++] = at;
      if (quoted && (at = closing_quote (records, at + 1, error)) == 0)
        return FALSE;
      if (!quoted)
        at += strcspn (records->text->str + at, ",\"");
      if (records->text->str[at] != ',' && records->text->str[at] != '\0')
        {
          records_error (records, error,
                         quoted ? "something stands behind a quoted field"
                                : "a quote stands within a field that has none around it");
          return FALSE;
        }
      if (records->text->str[at] == '\0')
        break;
      records->text->str[at] = '\0';
    }
  for (guint i = 0; i < n; i++)
    {
      unquote (records->text->str + starts[i]);
      g_ptr_array_add (records->split, records->text->str + starts[i]);
    }
  return TRUE;
}

/* Cut at "::"; the free column takes what is too many. */
static gboolean
split_dat (Records *records, GError **error)
{
  guint n = records->n_columns;
  char *at = records->text->str, *next;
  guint separators = 0;

  for (next = strstr (at, SEPARATOR); next != NULL; next = strstr (next + strlen (SEPARATOR), SEPARATOR))
    separators++;
  if (separators + 1 < n || (separators + 1 > n && records->free_column < 0))
    {
      records_error (records, error, "%u fields separated by '::', but %u are wanted", separators + 1, n);
      return FALSE;
    }
  for (guint i = 0; i < n; i++)
    {
      guint passed = (gint)i == records->free_column ? separators + 1 - n : 0;

      g_ptr_array_add (records->split, at);
      next = strstr (at, SEPARATOR);
      while (passed-- > 0)
        next = strstr (next + strlen (SEPARATOR), SEPARATOR);
      if (next == NULL)
        break;
      *next = '\0';
      at = next + strlen (SEPARATOR);
    }
  return TRUE;
}

static gboolean
read_header (Records *records, GError **error)
{
  if (!split_csv (records, error))
    return FALSE;
  records->n_header = records->split->len;
  for (guint c = 0; c < records->n_columns; c++)
    {
      guint found = 0, n = 0;

      for (guint i = 0; i < records->split->len; i++)
        if (strcmp (records->split->pdata[i], records->columns[c]) == 0)
          {
            found = i;
            n++;
          }
      if (n != 1)
        {
          g_autofree char *wanted = g_strjoinv (",", (char **)records->columns);

          records_error (records, error,
                         "the header names '%s' %s; a .csv of MovieLens begins with %s, and a .dat separates fields by "
                         "'::'",
                         records->columns[c], n == 0 ? "nowhere" : "twice", wanted);
          return FALSE;
        }
      records->place[c] = found;
    }
  return TRUE;
}

Records *
records_open (const char *path, const char *const *columns, gint free_column, GError **error)
{
  g_autoptr (Records) records = NULL;
  PrLines *lines = pr_lines_open (path, error);
  GError *failure = NULL;

  if (lines == NULL)
    return NULL;
  records = g_new0 (Records, 1);
  records->lines = lines;
  records->path = g_strdup (path);
  records->columns = columns;
  records->n_columns = g_strv_length ((char **)columns);
  records->free_column = free_column;
  records->text = g_string_new (NULL);
  records->split = g_ptr_array_new ();
  records->place = g_new0 (guint, records->n_columns);
  records->fields = g_new0 (const char *, records->n_columns + 1);
  pr_lines_set_latin1 (lines, TRUE);
  if (!begin (records, &failure))
    {
      if (failure == NULL)
        g_set_error (&failure, PR_ERROR, PR_ERROR_DATA, "%s: the file is empty", path);
      g_propagate_error (error, failure);
      return NULL;
    }
  records->csv = strstr (records->text->str, SEPARATOR) == NULL;
  if (!records->csv)
    {
      records->pending = g_strdup (records->text->str);
      return g_steal_pointer (&records);
    }
  pr_lines_set_latin1 (lines, FALSE);
  return read_header (records, error) ? g_steal_pointer (&records) : NULL;
}

const char *const *
records_next (Records *records, GError **error)
{
  if (!begin (records, error) || !(records->csv ? split_csv : split_dat) (records, error))
    return NULL;
  if (records->csv && records->split->len != records->n_header)
    {
      records_error (records, error, "%u fields, but the header has %u", records->split->len, records->n_header);
      return NULL;
    }
  for (guint c = 0; c < records->n_columns; c++)
    records->fields[c] = records->split->pdata[records->csv ? records->place[c] : c];
  return records->fields;
}
