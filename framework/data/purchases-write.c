/* purchases-write.c - purchases in frozen order become a data set, with its numbers. */
#include "config.h"

#include "purchases-private.h"

#include <pauserec/error.h>
#include <pauserec/require.h>

/* What is printed and stored of a data set. */
typedef struct
{
  gint64 users, items, rows, min, max, untitled;
} Statistics;

static void
add_items (PrDatasetBuilder *builder, const PrCatalogue *catalogue, const guint8 *kept, gint32 *ret_number,
           Statistics *statistics)
{
  for (gint64 i = 0; i < pr_catalogue_n_items (catalogue); i++)
    {
      const PrItem *item = pr_catalogue_item (catalogue, i);

      ret_number[i] = -1;
      if (!kept[i])
        continue;
      ret_number[i] = (gint32)pr_dataset_builder_add_item (builder, item);
      statistics->items++;
      statistics->untitled += item->title[0] == '\0';
    }
}

static void
add_users (PrDatasetBuilder *builder, const PrPurchases *purchases, const gint32 *number, Statistics *statistics)
{
  const PrPurchaseRow *rows = (const PrPurchaseRow *)(gconstpointer)purchases->rows->data;
  guint n = purchases->rows->len;
  g_autoptr (GArray) sequence = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (guint i = 0; i < n; i++)
    {
      g_array_append_val (sequence, number[rows[i].item]);
      if (i + 1 < n && rows[i + 1].user == rows[i].user)
        continue;
      pr_dataset_builder_add_user (builder, purchases->users->pdata[rows[i].user],
                                   (const gint32 *)(gconstpointer)sequence->data, sequence->len);
      statistics->users++;
      statistics->rows += sequence->len;
      statistics->min = statistics->min == 0 ? sequence->len : MIN (statistics->min, sequence->len);
      statistics->max = MAX (statistics->max, sequence->len);
      g_array_set_size (sequence, 0);
    }
}

static void
report (PrRun *run, const Statistics *s, const PrPurchases *purchases, const PrDropped *dropped)
{
  pr_run_metric (run, "users", (double)s->users);
  pr_run_metric (run, "items", (double)s->items);
  pr_run_metric (run, "interactions", (double)s->rows);
  pr_run_metric (run, "density", (double)s->rows / ((double)s->users * (double)s->items));
  pr_run_metric (run, "length_mean", (double)s->rows / (double)s->users);
  pr_run_metric (run, "length_min", (double)s->min);
  pr_run_metric (run, "length_max", (double)s->max);
  pr_run_metric (run, "items_without_title", (double)s->untitled);
  pr_run_metric (run, "dropped_users", (double)dropped->users);
  pr_run_metric (run, "dropped_items", (double)dropped->items);
  pr_run_metric (run, "dropped_interactions", (double)dropped->rows);
  pr_run_metric (run, "below_min_rating", (double)purchases->below_rating);
  pr_run_metric (run, "unknown_items", (double)purchases->unknown);
  pr_run_metric (run, "equal_times", (double)purchases->ties);
  pr_run_metric (run, "repeats", (double)purchases->repeats);
}

static void
note (PrDatasetBuilder *builder, const PrPurchases *purchases)
{
  const PrPurchaseParams *p = purchases->params;
  g_autofree char *filter =
      g_strdup_printf ("k_core %" G_GINT64_FORMAT ", min_sequence %" G_GINT64_FORMAT ", min_rating %g", p->k_core,
                       p->min_sequence, p->min_rating);
  g_autofree char *shuffle = g_strdup_printf ("shuffle, seed %" G_GINT64_FORMAT, p->tie_seed);

  if (purchases->indexed)
    pr_dataset_builder_note (builder, "tie_rule", "none: the file numbers the purchases of each user");
  else
    pr_dataset_builder_note (builder, "tie_rule", p->ties == PR_TIES_SHUFFLE ? shuffle : pr_ties_names[p->ties]);
  pr_dataset_builder_note (builder, "filter", filter);
  pr_dataset_builder_note (builder, "repeats", pr_repeats_names[p->repeats]);
}

static gboolean
build (PrPurchases *purchases, PrRun *run, const char *slot, GError **error)
{
  const PrPurchaseParams *p = purchases->params;
  gsize n_items = (gsize)pr_catalogue_n_items (purchases->catalogue);
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new (p->name);
  g_autofree guint8 *user_kept = g_new (guint8, purchases->users->len);
  g_autofree guint8 *item_kept = g_new (guint8, n_items);
  g_autofree gint32 *number = g_new (gint32, n_items);
  Statistics statistics = { 0 };
  PrDropped dropped;

  pr_purchases_filter (purchases, MAX (p->k_core, p->min_sequence), p->k_core, user_kept, item_kept, &dropped);
  if (purchases->rows->len == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: nothing is left: k_core = %" G_GINT64_FORMAT " and min_sequence = %" G_GINT64_FORMAT
                   " dropped all %u users; lower them",
                   purchases->path, p->k_core, p->min_sequence, purchases->users->len);
      return FALSE;
    }
  add_items (builder, purchases->catalogue, item_kept, number, &statistics);
  add_users (builder, purchases, number, &statistics);
  note (builder, purchases);
  report (run, &statistics, purchases, &dropped);
  pr_run_set_dataset (run, slot, builder);
  return pr_dataset_builder_write (builder, pr_run_output_dir (run, slot), error);
}

gboolean
pr_purchases_write (PrPurchases *purchases, PrRun *run, const char *slot, GError **error)
{
  pr_run_status (run, "order and filter");
  return pr_purchases_sort (purchases, error) && pr_run_step (run, 3, 4, error) && build (purchases, run, slot, error)
         && pr_run_step (run, 4, 4, error);
}

void
pr_purchases_plan (PrPlan *plan, const char *slot)
{
  pr_plan_set_dim (plan, slot, "n_items", PR_DIM_UNKNOWN);
  pr_plan_set_dim (plan, slot, "n_users", PR_DIM_UNKNOWN);
  pr_plan_set_dim (plan, slot, "n_categories", PR_DIM_UNKNOWN);
  pr_plan_set_dim (plan, slot, "n_brands", PR_DIM_UNKNOWN);
}
