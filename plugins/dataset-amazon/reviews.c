/* reviews.c - the reviews: one JSON object a line, plain or gzip. */
#include "config.h"

#include "source.h"

#include <pauserec/error.h>

/* What an edition calls the parts of a purchase. */
typedef struct
{
  const char *user, *item, *time, *rating;
} Keys;

static const Keys older = { "reviewerID", "asin", "unixReviewTime", "overall" };
static const Keys newest = { "user_id", "parent_asin", "timestamp", "rating" };

void
reviews_free (Reviews *reviews)
{
  if (reviews == NULL)
    return;
  g_array_unref (reviews->rows);
  g_hash_table_unref (reviews->items);
  g_string_chunk_free (reviews->strings);
  g_free (reviews);
}

static const char *
get_id (PrLines *lines, const json_t *line, const char *key, GError **error)
{
  const char *id = json_string_value (json_object_get (line, key));

  if (id != NULL && pr_id_ok (id))
    return id;
  pr_lines_error (lines, error, "\"%s\" must be a string, not empty, without control characters", key);
  return NULL;
}

/* Whole seconds (2014, 2018) or milliseconds (2023): only their order counts. */
static gboolean
get_time (PrLines *lines, const json_t *line, const char *key, gint64 *ret_time, GError **error)
{
  const json_t *value = json_object_get (line, key);

  if (json_is_integer (value) && json_integer_value (value) >= 0 && json_integer_value (value) <= PR_TIME_MAX)
    {
      *ret_time = json_integer_value (value);
      return TRUE;
    }
  pr_lines_error (lines, error, "\"%s\" must be a whole number from 0 to %" G_GINT64_FORMAT, key, PR_TIME_MAX);
  return FALSE;
}

static gboolean
add_review (Reviews *reviews, PrLines *lines, const json_t *line, const Keys *keys, gboolean rated, GError **error)
{
  PrPurchase row = { .line = pr_lines_number (lines) };
  const char *user = get_id (lines, line, keys->user, error);
  const char *item = user != NULL ? get_id (lines, line, keys->item, error) : NULL;

  if (item == NULL || !get_time (lines, line, keys->time, &row.time, error))
    return FALSE;
  if (rated && !json_is_number (json_object_get (line, keys->rating)))
    {
      pr_lines_error (lines, error, "\"%s\" must be a number, since min_rating is set", keys->rating);
      return FALSE;
    }
  if (reviews->rows->len == G_MAXINT32)
    {
      pr_lines_error (lines, error, "more than %d reviews", G_MAXINT32);
      return FALSE;
    }
  row.rating = json_number_value (json_object_get (line, keys->rating));
  row.user = g_string_chunk_insert_const (reviews->strings, user);
  row.item = g_string_chunk_insert_const (reviews->strings, item);
  g_array_append_val (reviews->rows, row);
  g_hash_table_insert (reviews->items, (gpointer)row.item, GINT_TO_POINTER (ITEM_REVIEWED));
  return TRUE;
}

Reviews *
reviews_read (const AmazonParams *params, guint *editions, PrRun *run, GError **error)
{
  g_autoptr (PrLines) lines = pr_lines_open (params->reviews, error);
  g_autoptr (Reviews) reviews = NULL;
  GError *failure = NULL;
  const char *text;
  gsize length;

  if (lines == NULL)
    return NULL;
  reviews = g_new0 (Reviews, 1);
  reviews->rows = g_array_new (FALSE, FALSE, sizeof (PrPurchase));
  reviews->items = g_hash_table_new (g_str_hash, g_str_equal);
  reviews->strings = g_string_chunk_new (64 * 1024);
  while (failure == NULL && (text = pr_lines_next (lines, &length, &failure)) != NULL)
    {
      json_t *line = edition_parse (lines, params->reviews, text, length, editions_of_review, editions, &failure);

      if (line != NULL
          && add_review (reviews, lines, line, *editions == editions_of (EDITION_2023) ? &newest : &older,
                         params->purchases.min_rating > 0, &failure))
        (void)edition_tick (run, lines, 0, &failure);
      json_decref (line);
    }
  if (failure == NULL && reviews->rows->len == 0)
    g_set_error (&failure, PR_ERROR, PR_ERROR_DATA, "%s: the file is empty; one review a line is wanted",
                 params->reviews);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return NULL;
    }
  return g_steal_pointer (&reviews);
}

PrPurchases *
reviews_purchases (const AmazonParams *params, const Reviews *reviews, const PrCatalogue *catalogue,
                   gint64 *ret_outside, GError **error)
{
  g_autoptr (PrPurchases) purchases = pr_purchases_new (&params->purchases, catalogue, params->reviews, FALSE);
  gint64 outside = 0;

  for (guint i = 0; i < reviews->rows->len; i++)
    {
      const PrPurchase *row = &g_array_index (reviews->rows, PrPurchase, i);

      if (GPOINTER_TO_INT (g_hash_table_lookup (reviews->items, row->item)) == ITEM_OUTSIDE)
        outside++;
      else if (!pr_purchases_add (purchases, row, error))
        return NULL;
    }
  *ret_outside = outside;
  return g_steal_pointer (&purchases);
}
