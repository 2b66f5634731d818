/* purchases-order.c - the frozen order of purchases, repeats, and the k-core. */
#include "config.h"

#include "purchases-private.h"

#include <pauserec/error.h>
#include <pauserec/rng.h>
#include <stdlib.h>
#include <string.h>

static int
compare_rows (gconstpointer a_, gconstpointer b_)
{
  const PrPurchaseRow *a = a_, *b = b_;

  if (a->user != b->user)
    return a->user < b->user ? -1 : 1;
  if (a->time != b->time)
    return a->time < b->time ? -1 : 1;
  if (a->tie != b->tie)
    return a->tie < b->tie ? -1 : 1;
  return a->line < b->line ? -1 : a->line > b->line;
}

/* Equal times: by line of the file, by number of the item (the order of the items file), or shuffled by a seed. */
static void
break_ties (PrPurchases *purchases)
{
  PrRng rng = pr_rng_new ((guint64)purchases->params->tie_seed, "ties");

  for (guint i = 0; i < purchases->rows->len; i++)
    {
      PrPurchaseRow *row = &g_array_index (purchases->rows, PrPurchaseRow, i);

      if (purchases->params->ties == PR_TIES_FILE)
        row->tie = row->line;
      else if (purchases->params->ties == PR_TIES_ITEM)
        row->tie = (guint64)row->item;
      else
        row->tie = pr_rng_u64 (rng, 0, row->line);
    }
}

/* Count equal times; equal order indices are a fault of the file. */
static gboolean
check_times (PrPurchases *purchases, GError **error)
{
  for (guint i = 1; i < purchases->rows->len; i++)
    {
      const PrPurchaseRow *row = &g_array_index (purchases->rows, PrPurchaseRow, i), *before = row - 1;

      if (row->user != before->user || row->time != before->time)
        continue;
      if (purchases->indexed)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                       "%s:%" G_GUINT64_FORMAT ": user '%s' has order index %" G_GINT64_FORMAT
                       " on line %" G_GUINT64_FORMAT " already",
                       purchases->path, MAX (row->line, before->line), (const char *)purchases->users->pdata[row->user],
                       row->time, MIN (row->line, before->line));
          return FALSE;
        }
      purchases->ties++;
    }
  return TRUE;
}

/* LAST [n_items] holds the number (from 1) of the last user who bought the item, WHEN the time. */
static void
drop_repeats (PrPurchases *purchases, PrRepeats policy)
{
  PrPurchaseRow *rows = (PrPurchaseRow *)purchases->rows->data;
  guint kept = 0;
  gint32 n_items = 0;
  g_autofree gint32 *last = NULL;
  g_autofree gint64 *when = NULL;

  for (guint i = 0; i < purchases->rows->len; i++)
    n_items = MAX (n_items, rows[i].item + 1);
  last = g_new0 (gint32, (gsize)n_items);
  when = g_new0 (gint64, (gsize)n_items);
  for (guint i = 0; i < purchases->rows->len; i++)
    {
      gint32 item = rows[i].item;
      gboolean again = last[item] == rows[i].user + 1;

      purchases->repeats += again;
      if (again
          && (policy == PR_REPEATS_DROP_ALL || (policy == PR_REPEATS_DROP_SAME_TIME && when[item] == rows[i].time)))
        continue;
      last[item] = rows[i].user + 1;
      when[item] = rows[i].time;
      rows[kept++] = rows[i];
    }
  g_array_set_size (purchases->rows, kept);
}

gboolean
pr_purchases_sort (PrPurchases *purchases, GError **error)
{
  if (purchases->rows->len == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: no purchases (%" G_GINT64_FORMAT " below min_rating, %" G_GINT64_FORMAT " of unknown items)",
                   purchases->path, purchases->below_rating, purchases->unknown);
      return FALSE;
    }
  break_ties (purchases);
  qsort (purchases->rows->data, purchases->rows->len, sizeof (PrPurchaseRow), compare_rows);
  if (!check_times (purchases, error))
    return FALSE;
  drop_repeats (purchases, (PrRepeats)purchases->params->repeats);
  return TRUE;
}

/* Strike out what has too few; returns whether any row was struck. */
static gboolean
filter_once (PrPurchases *purchases, const gint64 *by_user, const gint64 *by_item, gint64 user_min, gint64 item_min)
{
  PrPurchaseRow *rows = (PrPurchaseRow *)purchases->rows->data;
  guint kept = 0, before = purchases->rows->len;

  for (guint i = 0; i < before; i++)
    if (by_user[rows[i].user] >= user_min && by_item[rows[i].item] >= item_min)
      rows[kept++] = rows[i];
  g_array_set_size (purchases->rows, kept);
  return kept < before;
}

static void
count (const PrPurchases *purchases, gint64 n_items, gint64 *by_user, gint64 *by_item)
{
  memset (by_user, 0, purchases->users->len * sizeof *by_user);
  memset (by_item, 0, (gsize)n_items * sizeof *by_item);
  for (guint i = 0; i < purchases->rows->len; i++)
    {
      const PrPurchaseRow *row = &g_array_index (purchases->rows, PrPurchaseRow, i);

      by_user[row->user]++;
      by_item[row->item]++;
    }
}

void
pr_purchases_filter (PrPurchases *purchases, gint64 user_min, gint64 item_min, guint8 *ret_user_kept,
                     guint8 *ret_item_kept, PrDropped *ret_dropped)
{
  gint64 n_items = pr_catalogue_n_items (purchases->catalogue);
  g_autofree gint64 *by_user = g_new (gint64, purchases->users->len);
  g_autofree gint64 *by_item = g_new (gint64, (gsize)n_items);
  PrDropped dropped = { .rows = purchases->rows->len };

  do
    count (purchases, n_items, by_user, by_item);
  while (filter_once (purchases, by_user, by_item, user_min, item_min));
  for (guint u = 0; u < purchases->users->len; u++)
    {
      ret_user_kept[u] = by_user[u] >= user_min;
      dropped.users += !ret_user_kept[u];
    }
  for (gint64 i = 0; i < n_items; i++)
    {
      ret_item_kept[i] = by_item[i] >= item_min;
      dropped.items += !ret_item_kept[i];
    }
  dropped.rows -= purchases->rows->len;
  *ret_dropped = dropped;
}
