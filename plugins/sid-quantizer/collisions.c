#include "config.h"

#include "collisions.h"

#include <string.h>

static gint
compare_tuples (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const PrSids *sids = user_data;
  gint64 i = *(const gint64 *)a, j = *(const gint64 *)b;
  const gint32 *s = pr_sids_item (sids, i), *t = pr_sids_item (sids, j);

  for (gint32 l = 0; l < sids->levels; l++)
    if (s[l] != t[l])
      return s[l] < t[l] ? -1 : 1;
  return i < j ? -1 : i > j;
}

/* Items ordered by their tuples, equal tuples by item. */
static gint64 *
order_items (const PrSids *sids)
{
  gint64 *order = g_new (gint64, MAX (sids->n_items, 1));

  for (gint64 i = 0; i < sids->n_items; i++)
    order[i] = i;
  g_qsort_with_data (order, (gint)sids->n_items, sizeof (gint64), compare_tuples, (gpointer)sids);
  return order;
}

/* End of the run of items that begins at START and agrees on the first LEVELS codes. */
static gint64
run_end (const PrSids *sids, const gint64 *order, gint64 start, gint32 levels)
{
  gint64 end = start + 1;

  while (end < sids->n_items
         && memcmp (pr_sids_item (sids, order[start]), pr_sids_item (sids, order[end]), sizeof (gint32) * levels) == 0)
    end++;
  return end;
}

CollisionCount
collisions_count (const PrSids *sids)
{
  g_autofree gint64 *order = order_items (sids);
  CollisionCount count = { 0 };

  for (gint64 i = 0, end; i < sids->n_items; i = end)
    {
      end = run_end (sids, order, i, sids->levels);
      count.distinct++;
      count.shared += end - i > 1 ? end - i : 0;
      count.largest = MAX (count.largest, end - i);
    }
  count.histogram = g_new0 (gint64, count.largest + 1);
  for (gint64 i = 0, end; i < sids->n_items; i = end)
    {
      end = run_end (sids, order, i, sids->levels);
      count.histogram[end - i]++;
    }
  return count;
}

void
collisions_count_clear (CollisionCount *count)
{
  g_clear_pointer (&count->histogram, g_free);
}

PrSids *
collisions_add_digit (const PrSids *sids)
{
  g_autofree gint64 *order = order_items (sids);
  CollisionCount count = collisions_count (sids);
  gint32 sizes[PR_SID_MAX_LEVELS], levels = sids->levels;
  PrSids *result;

  g_return_val_if_fail (levels < PR_SID_MAX_LEVELS, NULL);
  memcpy (sizes, sids->sizes, sizeof (gint32) * levels);
  sizes[levels] = count.largest > 1 ? (gint32)count.largest + 1 : 1;
  result = pr_sids_new (sids->n_items, levels + 1, sizes);
  for (gint64 i = 0, end; i < sids->n_items; i = end)
    {
      end = run_end (sids, order, i, levels);
      for (gint64 j = i; j < end; j++)
        {
          gint32 *codes = result->codes + order[j] * (levels + 1);

          memcpy (codes, pr_sids_item (sids, order[j]), sizeof (gint32) * levels);
          codes[levels] = end - i == 1 ? 0 : (gint32)(j - i + 1);
        }
    }
  collisions_count_clear (&count);
  return result;
}

typedef struct
{
  gint64 item;
  gint32 code;
  double cost;
} Wish;

static gint
compare_wishes (gconstpointer a, gconstpointer b)
{
  const Wish *s = a, *t = b;

  if (s->code != t->code)
    return s->code < t->code ? -1 : 1;
  if (s->cost != t->cost)
    return s->cost < t->cost ? -1 : 1;
  return s->item < t->item ? -1 : s->item > t->item;
}

/* The free code that costs least. */
static gint32
cheapest_free (const gint64 *taken, const double *costs, gint32 size)
{
  gint32 best = -1;

  for (gint32 c = 0; c < size; c++)
    if (taken[c] == 0 && (best < 0 || costs[c] < costs[best]))
      best = c;
  return best;
}

/* Settle one prefix: ITEMS [n] agree on all levels but the last. */
static gint64
settle (PrSids *sids, const gint64 *items, gint64 n, gint64 rounds, CollisionCost cost, gpointer ctx)
{
  gint32 last = sids->levels - 1, size = sids->sizes[last];
  g_autofree gint64 *taken = g_new0 (gint64, size);
  g_autofree double *costs = g_new (double, size);
  g_autoptr (GArray) wishes = g_array_new (FALSE, FALSE, sizeof (Wish));
  gint64 moved = 0;

  for (gint64 i = 0; i < n; i++)
    {
      Wish wish = { .item = items[i], .code = sids->codes[items[i] * sids->levels + last] };

      cost (ctx, wish.item, costs);
      wish.cost = costs[wish.code];
      g_array_append_val (wishes, wish);
    }
  /* Round 0 settles who keeps the code that all of them have. */
  for (gint64 round = 0; round <= rounds && wishes->len > 0; round++)
    {
      g_autoptr (GArray) losers = g_array_new (FALSE, FALSE, sizeof (Wish));

      g_array_sort (wishes, compare_wishes);
      for (guint i = 0; i < wishes->len; i++)
        {
          Wish *wish = &g_array_index (wishes, Wish, i);

          if (taken[wish->code]++ > 0)
            {
              g_array_append_val (losers, *wish);
              continue;
            }
          sids->codes[wish->item * sids->levels + last] = wish->code;
          moved += round > 0;
        }
      for (guint i = 0; i < losers->len; i++)
        {
          Wish *wish = &g_array_index (losers, Wish, i);

          cost (ctx, wish->item, costs);
          wish->code = cheapest_free (taken, costs, size);
          if (wish->code < 0)
            return moved;
          wish->cost = costs[wish->code];
        }
      g_clear_pointer (&wishes, g_array_unref);
      wishes = g_steal_pointer (&losers);
    }
  return moved;
}

gint64
collisions_reassign (PrSids *sids, gint64 rounds, CollisionCost cost, gpointer ctx)
{
  g_autofree gint64 *order = order_items (sids);
  gint64 moved = 0;

  for (gint64 i = 0, end; i < sids->n_items; i = end)
    {
      gboolean collides = FALSE;

      end = run_end (sids, order, i, sids->levels - 1);
      for (gint64 j = i; j < end && !collides; j++)
        collides = run_end (sids, order, j, sids->levels) > j + 1;
      if (collides)
        moved += settle (sids, order + i, end - i, rounds, cost, ctx);
    }
  return moved;
}
