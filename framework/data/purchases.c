/* purchases.c - take the rows of somebody's purchases. */
#include "config.h"

#include "purchases-private.h"

#include <pauserec/error.h>

const char *const pr_ties_names[] = { "file", "item", "shuffle", NULL };
const char *const pr_repeats_names[] = { "keep", "drop-same-time", "drop-all", NULL };
const char *const pr_unknown_items_names[] = { "error", "drop", NULL };

PrPurchases *
pr_purchases_new (const PrPurchaseParams *params, const PrCatalogue *catalogue, const char *path, gboolean indexed)
{
  PrPurchases *purchases = g_new0 (PrPurchases, 1);

  purchases->params = params;
  purchases->catalogue = catalogue;
  purchases->path = g_strdup (path);
  purchases->indexed = indexed;
  purchases->rows = g_array_new (FALSE, FALSE, sizeof (PrPurchaseRow));
  purchases->users = g_ptr_array_new ();
  purchases->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  purchases->strings = g_string_chunk_new (64 * 1024);
  return purchases;
}

void
pr_purchases_free (PrPurchases *purchases)
{
  if (purchases == NULL)
    return;
  g_free (purchases->path);
  g_array_unref (purchases->rows);
  g_ptr_array_unref (purchases->users);
  g_hash_table_unref (purchases->by_id);
  g_string_chunk_free (purchases->strings);
  g_free (purchases);
}

/* The number of user ID; a new one at the first sight. */
static gint32
user_number (PrPurchases *purchases, const char *id)
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

/* What is wrong with a row, or NULL; the caller frees. */
static char *
find_fault (const PrPurchases *purchases, const PrPurchase *purchase, gint64 item)
{
  if (!pr_id_ok (purchase->user))
    return g_strdup ("the user id is empty or has control characters");
  if (purchase->time < 0 || purchase->time > PR_TIME_MAX)
    return g_strdup_printf ("%" G_GINT64_FORMAT " is no time: a whole number from 0 to %" G_GINT64_FORMAT " is wanted",
                            purchase->time, PR_TIME_MAX);
  if (item < 0 && purchases->params->unknown_items == PR_UNKNOWN_ITEMS_ERROR)
    return g_strdup_printf ("item '%s' is not in %s; add it there, or set unknown_items = drop", purchase->item,
                            pr_catalogue_path (purchases->catalogue));
  if (purchases->rows->len == G_MAXINT32)
    return g_strdup_printf ("more than %d purchases", G_MAXINT32);
  return NULL;
}

gboolean
pr_purchases_add (PrPurchases *purchases, const PrPurchase *purchase, GError **error)
{
  gint64 item = pr_catalogue_find (purchases->catalogue, purchase->item);
  g_autofree char *fault = find_fault (purchases, purchase, item);
  PrPurchaseRow row = { .line = purchase->line, .time = purchase->time, .item = (gint32)item };

  if (fault != NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s:%" G_GUINT64_FORMAT ": %s", purchases->path, purchase->line,
                   fault);
      return FALSE;
    }
  if (item < 0)
    purchases->unknown++;
  else if (purchases->params->min_rating > 0 && purchase->rating < purchases->params->min_rating)
    purchases->below_rating++;
  else
    {
      row.user = user_number (purchases, purchase->user);
      g_array_append_val (purchases->rows, row);
    }
  return TRUE;
}
