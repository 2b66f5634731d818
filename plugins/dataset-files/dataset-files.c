/* dataset-files - a data set from an items file and an interactions file.
 *
 * What happens beyond reading them stands in pauserec/purchases.h.
 */
#include "config.h"

#include "source.h"

#include <pauserec/pauserec.h>

static const PrParamSpec params[] = {
  PR_PARAM_PATH_REQUIRED (SourceParams, items,
                          "JSONL, plain or gzip: item (id), title, brand, categories, description."),
  PR_PARAM_PATH_REQUIRED (
      SourceParams, interactions,
      "TSV with a header, plain or gzip: user, item, and order or timestamp; rating if min_rating is set."),
  PR_PURCHASE_PARAMS (SourceParams, "files", PR_TIES_FILE),
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
  pr_purchases_plan (plan_, "dataset");
  return TRUE;
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const SourceParams *p = params_;
  g_autoptr (PrCatalogue) catalogue = NULL;
  g_autoptr (PrPurchases) purchases = NULL;

  pr_run_status (run_, "items");
  catalogue = items_read (p, error);
  if (catalogue == NULL || !pr_run_step (run_, 1, 4, error))
    return FALSE;
  pr_run_status (run_, "interactions");
  purchases = interactions_read (p, catalogue, error);
  return purchases != NULL && pr_run_step (run_, 2, 4, error) && pr_purchases_write (purchases, run_, "dataset", error);
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
