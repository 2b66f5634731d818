/* dataset-movielens - a data set from movies and ratings as GroupLens offers them.
 *
 * What happens beyond reading them stands in pauserec/purchases.h.
 */
#include "config.h"

#include "source.h"

#include <pauserec/pauserec.h>

static const char *const genres_names[] = { "all", "first", NULL };

static const PrParamSpec params[] = {
  PR_PARAM_PATH_REQUIRED (MovieParams, movies, "movies.dat or movies.csv, plain or gzip."),
  PR_PARAM_PATH_REQUIRED (MovieParams, ratings, "ratings.dat or ratings.csv, plain or gzip."),
  PR_PARAM_CHOICE (MovieParams, genres, genres_names, GENRES_ALL,
                   "What a movie's categories are: all its genres as one path, or the first one only."),
  PR_PARAM_INT (MovieParams, max_users, 0, G_MAXINT32, 0,
                "Take the ratings of that many users, the first of the file, before anything is filtered; 0 = of all."),
  PR_PURCHASE_PARAMS (MovieParams, "movielens", PR_TIES_SHUFFLE),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_OUT, "dataset", "dataset/1", "Movies, users and ratings in frozen order.", FALSE },
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
  const MovieParams *p = params_;
  g_autoptr (PrCatalogue) catalogue = NULL;
  g_autoptr (PrPurchases) purchases = NULL;

  pr_run_status (run_, "movies");
  catalogue = movies_read (p, run_, error);
  if (catalogue == NULL || !pr_run_step (run_, 1, 4, error))
    return FALSE;
  pr_run_status (run_, "ratings");
  purchases = ratings_read (p, catalogue, run_, error);
  return purchases != NULL && pr_run_step (run_, 2, 4, error) && pr_purchases_write (purchases, run_, "dataset", error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "dataset-movielens",
  .version = "1",
  .summary = "Read movies and ratings of MovieLens (.dat or .csv) as downloaded; k-core, frozen order.",
  .source = "Harper, Konstan 2015; filter as in PauseRec, experiments",
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (MovieParams),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "dataset-movielens", .stages = stages };
