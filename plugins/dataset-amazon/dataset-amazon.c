/* dataset-amazon - a data set from the files of the Amazon review collections of 2014, 2018 and 2023.
 *
 * What happens beyond reading them stands in pauserec/purchases.h.
 */
#include "config.h"

#include "source.h"

#include <pauserec/pauserec.h>

static const char *const edition_names[] = { "auto", "2014", "2018", "2023", NULL };
static const char *const path_names[] = { "first", "longest", NULL };

static const PrParamSpec params[] = {
  PR_PARAM_PATH_REQUIRED (AmazonParams, reviews, "Reviews as downloaded, plain or gzip: reviews_Beauty_5.json.gz."),
  PR_PARAM_PATH_REQUIRED (AmazonParams, metadata, "Metadata as downloaded, plain or gzip: meta_Beauty.json.gz."),
  PR_PARAM_CHOICE (AmazonParams, edition, edition_names, EDITION_AUTO,
                   "The collection that the files are of; auto: told by their keys."),
  PR_PARAM_STRING (
      AmazonParams, category, "",
      "Keep only items with this name in one of their category paths, as the metadata spell it; empty = all."),
  PR_PARAM_CHOICE (AmazonParams, path, path_names, PATH_FIRST,
                   "Which path is an item's, if it has several (with category: of those that have it)."),
  PR_PARAM_BOOL (AmazonParams, drop_root, true,
                 "Leave out the first name of the path, which only names the collection (S3-Rec does so)."),
  PR_PURCHASE_PARAMS (AmazonParams, "amazon", PR_TIES_SHUFFLE),
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

static double
year (guint editions)
{
  static const double years[] = { 0, 2014, 2018, 2023 };

  return years[editions_told (editions)];
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const AmazonParams *p = params_;
  guint editions = editions_of ((Edition)p->edition);
  g_autoptr (Reviews) reviews = NULL;
  g_autoptr (PrCatalogue) catalogue = NULL;
  g_autoptr (PrPurchases) purchases = NULL;
  MetadataCounts counts = { 0 };
  gint64 outside;

  /* Reviews first: the metadata of a collection are many times as many as the items that were reviewed by a core. */
  pr_run_status (run_, "reviews");
  reviews = reviews_read (p, &editions, run_, error);
  if (reviews == NULL || !pr_run_step (run_, 1, 4, error))
    return FALSE;
  pr_run_status (run_, "metadata");
  catalogue = metadata_read (p, reviews, &editions, run_, &counts, error);
  if (catalogue == NULL || !pr_run_step (run_, 2, 4, error))
    return FALSE;
  purchases = reviews_purchases (p, reviews, catalogue, &outside, error);
  if (purchases == NULL)
    return FALSE;
  pr_run_metric (run_, "edition", year (editions));
  pr_run_metric (run_, "duplicate_items", (double)counts.duplicates);
  pr_run_metric (run_, "junk_titles", (double)counts.junk);
  pr_run_metric (run_, "other_categories", (double)outside);
  return pr_purchases_write (purchases, run_, "dataset", error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "dataset-amazon",
  .version = "1",
  .summary = "Read reviews and metadata of Amazon 2014, 2018 or 2023 as downloaded; k-core, frozen order.",
  .source = "PauseRec, experiments: users and items with fewer than 5 interactions are removed",
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (AmazonParams),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "dataset-amazon", .stages = stages };
