/* dataset-files - a data set from an items file and an interactions file.
 *
 * The order of purchases is fixed here, once, for every method (README.md, "Order").
 */
#include "config.h"

#include "source.h"

#include <pauserec/pauserec.h>

static const char *const tie_names[] = { "file", "item", "shuffle", NULL };
static const char *const repeat_names[] = { "keep", "drop-same-time", "drop-all", NULL };
static const char *const unknown_names[] = { "error", "drop", NULL };

static const PrParamSpec params[] = {
  PR_PARAM_PATH_REQUIRED (SourceParams, items,
                          "JSONL, plain or gzip: item (id), title, brand, categories, description."),
  PR_PARAM_PATH_REQUIRED (
      SourceParams, interactions,
      "TSV with a header, plain or gzip: user, item, and order or timestamp; rating if min_rating is set."),
  PR_PARAM_STRING (SourceParams, name, "files", "What the data set is called in results."),
  PR_PARAM_INT (
      SourceParams, k_core, 0, 1000, 5,
      "Users and items with fewer purchases are dropped, again and again until none is left; 0 = off (paper: 5)."),
  PR_PARAM_INT (SourceParams, min_sequence, 1, 1000000, 3,
                "Users with fewer purchases are dropped in the same way; leave-one-out needs 3."),
  PR_PARAM_INT (SourceParams, max_text, 0, 1000000, 2000, "Characters of a description that are kept; 0 = all."),
  PR_PARAM_REAL (SourceParams, min_rating, 0, 1e9, 0, "Purchases rated lower are dropped; 0 = off, no rating is read."),
  PR_PARAM_CHOICE (SourceParams, ties, tie_names, TIES_FILE,
                   "Order of equal timestamps of a user: by line of the file, by item of the items file, or shuffled."),
  PR_PARAM_INT (SourceParams, tie_seed, 0, G_MAXINT32, 1, "Seed of ties = shuffle; not the run's seed."),
  PR_PARAM_CHOICE (
      SourceParams, repeats, repeat_names, REPEATS_KEEP,
      "Purchases of an item that the user has bought before: keep, drop those of the same time, or drop all."),
  PR_PARAM_CHOICE (SourceParams, unknown_items, unknown_names, UNKNOWN_ERROR,
                   "Purchases of items that the items file lacks: an error, or dropped and counted."),
  PR_PARAM_STRING (SourceParams, user_column, "user", "Name of the user column."),
  PR_PARAM_STRING (SourceParams, item_column, "item", "Name of the item column."),
  PR_PARAM_STRING (SourceParams, time_column, "",
                   "Name of the time column; empty = order or timestamp, whichever there is."),
  PR_PARAM_STRING (SourceParams, rating_column, "rating", "Name of the rating column."),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_OUT, "dataset", "dataset/1", "Items, users and purchases in frozen order.", FALSE },
};

static gboolean
plan (const void *params_ G_GNUC_UNUSED, PrPlan *plan_, GError **error G_GNUC_UNUSED)
{
  pr_plan_set_dim (plan_, "dataset", "n_items", PR_DIM_UNKNOWN);
  pr_plan_set_dim (plan_, "dataset", "n_users", PR_DIM_UNKNOWN);
  return TRUE;
}

/* What is printed and stored of a data set. */
typedef struct
{
  gint64 users, items, rows, min, max, untitled;
} Statistics;

static void
add_items (PrDatasetBuilder *builder, const Catalogue *catalogue, const guint8 *kept, gint32 *ret_number,
           Statistics *statistics)
{
  for (guint i = 0; i < catalogue->items->len; i++)
    {
      const PrItem *item = &g_array_index (catalogue->items, PrItem, i);

      ret_number[i] = -1;
      if (!kept[i])
        continue;
      ret_number[i] = (gint32)pr_dataset_builder_add_item (builder, item);
      statistics->items++;
      statistics->untitled += item->title[0] == '\0';
    }
}

static void
add_users (PrDatasetBuilder *builder, const Purchases *purchases, const gint32 *number, Statistics *statistics)
{
  const Purchase *rows = (const Purchase *)purchases->rows->data;
  guint n = purchases->rows->len;
  g_autoptr (GArray) sequence = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (guint i = 0; i < n; i++)
    {
      g_array_append_val (sequence, number[rows[i].item]);
      if (i + 1 < n && rows[i + 1].user == rows[i].user)
        continue;
      pr_dataset_builder_add_user (builder, purchases->users->pdata[rows[i].user], (const gint32 *)sequence->data,
                                   sequence->len);
      statistics->users++;
      statistics->rows += sequence->len;
      statistics->min = statistics->min == 0 ? sequence->len : MIN (statistics->min, sequence->len);
      statistics->max = MAX (statistics->max, sequence->len);
      g_array_set_size (sequence, 0);
    }
}

static void
report (PrRun *run, const Statistics *s, const Purchases *purchases, const Dropped *dropped)
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
note (PrDatasetBuilder *builder, const SourceParams *p, const Purchases *purchases)
{
  g_autofree char *filter =
      g_strdup_printf ("k_core %" G_GINT64_FORMAT ", min_sequence %" G_GINT64_FORMAT ", min_rating %g", p->k_core,
                       p->min_sequence, p->min_rating);
  g_autofree char *shuffle = g_strdup_printf ("shuffle, seed %" G_GINT64_FORMAT, p->tie_seed);

  if (purchases->indexed)
    pr_dataset_builder_note (builder, "tie_rule", "none: the file numbers the purchases of each user");
  else
    pr_dataset_builder_note (builder, "tie_rule", p->ties == TIES_SHUFFLE ? shuffle : tie_names[p->ties]);
  pr_dataset_builder_note (builder, "filter", filter);
  pr_dataset_builder_note (builder, "repeats", repeat_names[p->repeats]);
}

static gboolean
build (const SourceParams *p, PrRun *run, const Catalogue *catalogue, Purchases *purchases, GError **error)
{
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new (p->name);
  g_autofree guint8 *user_kept = g_new (guint8, purchases->users->len);
  g_autofree guint8 *item_kept = g_new (guint8, catalogue->items->len);
  g_autofree gint32 *number = g_new (gint32, catalogue->items->len);
  Statistics statistics = { 0 };
  Dropped dropped;

  purchases_filter (purchases, catalogue->items->len, MAX (p->k_core, p->min_sequence), p->k_core, user_kept, item_kept,
                    &dropped);
  if (purchases->rows->len == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: nothing is left: k_core = %" G_GINT64_FORMAT " and min_sequence = %" G_GINT64_FORMAT
                   " dropped all %u users; lower them",
                   p->interactions, p->k_core, p->min_sequence, purchases->users->len);
      return FALSE;
    }
  add_items (builder, catalogue, item_kept, number, &statistics);
  add_users (builder, purchases, number, &statistics);
  note (builder, p, purchases);
  report (run, &statistics, purchases, &dropped);
  pr_run_set_dim (run, "dataset", "n_items", statistics.items);
  pr_run_set_dim (run, "dataset", "n_users", statistics.users);
  return pr_dataset_builder_write (builder, pr_run_output_dir (run, "dataset"), error);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const SourceParams *p = params_;
  g_autoptr (Catalogue) catalogue = NULL;
  g_autoptr (Purchases) purchases = NULL;

  pr_run_status (run_, "items");
  catalogue = catalogue_read (p->items, p->max_text, error);
  if (catalogue == NULL || !pr_run_step (run_, 1, 4, error))
    return FALSE;
  pr_run_status (run_, "interactions");
  purchases = purchases_read (p, catalogue, error);
  if (purchases == NULL || !pr_run_step (run_, 2, 4, error))
    return FALSE;
  pr_run_status (run_, "order and filter");
  return purchases_sort (purchases, p, error) && pr_run_step (run_, 3, 4, error)
         && build (p, run_, catalogue, purchases, error) && pr_run_step (run_, 4, 4, error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "dataset-files",
  .version = "1",
  .summary = "Read items (JSONL) and purchases (TSV), filter by k-core, freeze their order.",
  .source = "PauseRec, experiments: users and items with fewer than 5 interactions are removed",
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (SourceParams),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "dataset-files", .stages = stages };
