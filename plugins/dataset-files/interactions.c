/* interactions.c - the interactions file: TSV with a header, plain or gzip. */
#include "config.h"

#include "source.h"

#include <math.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

#define MAX_FIELDS 256

typedef struct
{
  gint user, item, time, rating; /* fields of a row; rating -1: not asked for */
  guint n;
  gboolean indexed; /* the time is an order index */
} Columns;

static gint
find_column (char **names, const char *name)
{
  for (gint i = 0; names[i] != NULL; i++)
    if (strcmp (names[i], name) == 0)
      return i;
  return -1;
}

static gint
need_column (PrLines *lines, char **names, const char *name, const char *param, GError **error)
{
  gint found = find_column (names, name);
  g_autofree char *all = g_strjoinv (", ", names);

  if (found < 0)
    pr_lines_error (lines, error, "the header has no column '%s' (it has: %s); name the right one with %s", name, all,
                    param);
  return found;
}

/* Which column says the time: as asked, or `order`, or `timestamp`; not both. */
static gint
find_time (PrLines *lines, char **names, const char *asked, GError **error)
{
  gint order = find_column (names, "order"), timestamp = find_column (names, "timestamp");

  if (asked[0] != '\0')
    return need_column (lines, names, asked, "time_column", error);
  if (order >= 0 && timestamp >= 0)
    {
      pr_lines_error (lines, error, "the header has both 'order' and 'timestamp'; choose one with time_column");
      return -1;
    }
  if (order < 0 && timestamp < 0)
    return need_column (lines, names, "timestamp", "time_column", error);
  return MAX (order, timestamp);
}

static gboolean
read_header (PrLines *lines, const SourceParams *params, Columns *ret_columns, GError **error)
{
  GError *failure = NULL;
  gsize length;
  const char *line = pr_lines_next (lines, &length, &failure);
  g_auto (GStrv) names = NULL;
  Columns c = { .rating = -1 };

  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  if (line == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: the file is empty; a header line is wanted: user, item and order or timestamp, tab-separated",
                   params->interactions);
      return FALSE;
    }
  names = g_strsplit (line, "\t", MAX_FIELDS + 1);
  c.n = g_strv_length (names);
  if (c.n > MAX_FIELDS)
    {
      pr_lines_error (lines, error, "more than %d columns", MAX_FIELDS);
      return FALSE;
    }
  for (guint i = 0; i < c.n; i++)
    if (find_column (names, names[i]) != (gint)i)
      {
        pr_lines_error (lines, error, "the header names column '%s' twice", names[i]);
        return FALSE;
      }
  if ((c.user = need_column (lines, names, params->user_column, "user_column", error)) < 0
      || (c.item = need_column (lines, names, params->item_column, "item_column", error)) < 0
      || (c.time = find_time (lines, names, params->time_column, error)) < 0
      || (params->purchases.min_rating > 0
          && (c.rating = need_column (lines, names, params->rating_column, "rating_column", error)) < 0))
    return FALSE;
  c.indexed = strcmp (names[c.time], "order") == 0;
  *ret_columns = c;
  return TRUE;
}

static gboolean
parse_time (PrLines *lines, const char *text, gboolean indexed, gint64 *ret_time, GError **error)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, (guint64)PR_TIME_MAX, &value, NULL))
    {
      pr_lines_error (lines, error, "'%s' is no %s: a whole number from 0 to %" G_GINT64_FORMAT " is wanted", text,
                      indexed ? "order index" : "timestamp", PR_TIME_MAX);
      return FALSE;
    }
  *ret_time = (gint64)value;
  return TRUE;
}

static gboolean
parse_rating (PrLines *lines, const char *text, double *ret_rating, GError **error)
{
  char *end;
  double value = g_ascii_strtod (text, &end);

  if (text[0] == '\0' || text[strspn (text, "+-.0123456789eE")] != '\0' || *end != '\0' || !isfinite (value))
    {
      pr_lines_error (lines, error, "'%s' is no rating: a number is wanted", text);
      return FALSE;
    }
  *ret_rating = value;
  return TRUE;
}

static gboolean
add_row (PrPurchases *purchases, PrLines *lines, const Columns *c, char **fields, GError **error)
{
  PrPurchase purchase = { .line = pr_lines_number (lines) };
  guint n = g_strv_length (fields);

  if (n != c->n)
    {
      pr_lines_error (lines, error, "%u fields, but the header has %u columns (tab-separated)", n, c->n);
      return FALSE;
    }
  purchase.user = fields[c->user];
  purchase.item = fields[c->item];
  return parse_time (lines, fields[c->time], c->indexed, &purchase.time, error)
         && (c->rating < 0 || parse_rating (lines, fields[c->rating], &purchase.rating, error))
         && pr_purchases_add (purchases, &purchase, error);
}

PrPurchases *
interactions_read (const SourceParams *params, const PrCatalogue *catalogue, GError **error)
{
  g_autoptr (PrLines) lines = pr_lines_open (params->interactions, error);
  g_autoptr (PrPurchases) purchases = NULL;
  GError *failure = NULL;
  Columns columns;
  const char *line;
  gsize length;

  if (lines == NULL || !read_header (lines, params, &columns, error))
    return NULL;
  purchases = pr_purchases_new (&params->purchases, catalogue, params->interactions, columns.indexed);
  while ((line = pr_lines_next (lines, &length, &failure)) != NULL)
    {
      /* One more than the header: a row with too many fields is told without splitting a huge line. */
      g_auto (GStrv) fields = g_strsplit (line, "\t", (gint)columns.n + 1);

      if (!add_row (purchases, lines, &columns, fields, &failure))
        break;
    }
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return NULL;
    }
  return g_steal_pointer (&purchases);
}
