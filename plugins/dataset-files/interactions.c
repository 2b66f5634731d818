/* interactions.c - the interactions file: TSV with a header, plain or gzip. */
#include "config.h"

#include "source.h"

#include <math.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

/* Beyond it a timestamp is not even in nanoseconds of this century. */
#define MAX_TIME (G_GINT64_CONSTANT (1) << 62)
#define MAX_FIELDS 256

typedef struct
{
  gint user, item, time, rating; /* fields of a row; rating -1: not asked for */
  guint n;
} Columns;

void
purchases_free (Purchases *purchases)
{
  if (purchases == NULL)
    return;
  g_array_unref (purchases->rows);
  g_ptr_array_unref (purchases->users);
  g_hash_table_unref (purchases->by_id);
  g_string_chunk_free (purchases->strings);
  g_free (purchases);
}

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
read_header (PrLines *lines, const SourceParams *params, Columns *ret_columns, gboolean *ret_indexed, GError **error)
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
      || (params->min_rating > 0
          && (c.rating = need_column (lines, names, params->rating_column, "rating_column", error)) < 0))
    return FALSE;
  *ret_columns = c;
  *ret_indexed = strcmp (names[c.time], "order") == 0;
  return TRUE;
}

static gboolean
parse_time (PrLines *lines, const char *text, gboolean indexed, gint64 *ret_time, GError **error)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (text, 10, 0, (guint64)MAX_TIME, &value, NULL))
    {
      pr_lines_error (lines, error, "'%s' is no %s: a whole number from 0 to %" G_GINT64_FORMAT " is wanted", text,
                      indexed ? "order index" : "timestamp", MAX_TIME);
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

/* The number of user ID; a new one at the first sight. */
static gint32
user_number (Purchases *purchases, const char *id)
{
  guint number = GPOINTER_TO_UINT (g_hash_table_lookup (purchases->by_id, id));
  char *copy;

  if (number > 0)
    return (gint32)number - 1;
  copy = g_string_chunk_insert (purchases->strings, id);
  g_ptr_array_add (purchases->users, copy);
  g_hash_table_insert (purchases->by_id, copy, GUINT_TO_POINTER (purchases->users->len));
  return (gint32)purchases->users->len - 1;
}

static gboolean
add_row (Purchases *purchases, PrLines *lines, const Columns *c, char **fields, const SourceParams *params,
         const Catalogue *catalogue, GError **error)
{
  Purchase row = { .line = pr_lines_number (lines) };
  guint n = g_strv_length (fields), item;
  double rating = 0;

  if (n != c->n)
    {
      pr_lines_error (lines, error, "%u fields, but the header has %u columns (tab-separated)", n, c->n);
      return FALSE;
    }
  if (!source_id_ok (fields[c->user]))
    {
      pr_lines_error (lines, error, "the user id is empty or has control characters");
      return FALSE;
    }
  if (!parse_time (lines, fields[c->time], purchases->indexed, &row.time, error)
      || (c->rating >= 0 && !parse_rating (lines, fields[c->rating], &rating, error)))
    return FALSE;
  item = GPOINTER_TO_UINT (g_hash_table_lookup (catalogue->by_id, fields[c->item]));
  if (item == 0 && params->unknown_items == UNKNOWN_ERROR)
    {
      pr_lines_error (lines, error, "item '%s' is not in %s; add it there, or set unknown_items = drop",
                      fields[c->item], params->items);
      return FALSE;
    }
  if (purchases->rows->len == G_MAXINT32)
    {
      pr_lines_error (lines, error, "more than %d purchases", G_MAXINT32);
      return FALSE;
    }
  if (item == 0)
    purchases->unknown++;
  else if (c->rating >= 0 && rating < params->min_rating)
    purchases->below_rating++;
  else
    {
      row.item = (gint32)item - 1;
      row.user = user_number (purchases, fields[c->user]);
      g_array_append_val (purchases->rows, row);
    }
  return TRUE;
}

Purchases *
purchases_read (const SourceParams *params, const Catalogue *catalogue, GError **error)
{
  g_autoptr (PrLines) lines = pr_lines_open (params->interactions, error);
  g_autoptr (Purchases) purchases = NULL;
  GError *failure = NULL;
  Columns columns;
  const char *line;
  gsize length;

  if (lines == NULL)
    return NULL;
  purchases = g_new0 (Purchases, 1);
  purchases->rows = g_array_new (FALSE, FALSE, sizeof (Purchase));
  purchases->users = g_ptr_array_new ();
  purchases->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  purchases->strings = g_string_chunk_new (64 * 1024);
  if (!read_header (lines, params, &columns, &purchases->indexed, error))
    return NULL;
  while ((line = pr_lines_next (lines, &length, &failure)) != NULL)
    {
      /* One more than the header: a row with too many fields is told without splitting a huge line. */
      g_auto (GStrv) fields = g_strsplit (line, "\t", (gint)columns.n + 1);

      if (!add_row (purchases, lines, &columns, fields, params, catalogue, &failure))
        break;
    }
  if (failure == NULL && purchases->rows->len == 0)
    g_set_error (&failure, PR_ERROR, PR_ERROR_DATA,
                 "%s: no purchases (%" G_GINT64_FORMAT " below min_rating, %" G_GINT64_FORMAT " of unknown items)",
                 params->interactions, purchases->below_rating, purchases->unknown);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return NULL;
    }
  return g_steal_pointer (&purchases);
}
