/* popularity - recommend to everybody what was bought most often: the floor that every method must clear.
 *
 * Only the training part of the sequences is counted (all but the last two purchases of a user), for either split, so
 * that no target is counted towards its own recommendation.
 */
#include "config.h"

#include <math.h>
#include <pauserec/pauserec.h>

typedef struct
{
  PrRankingParams list;
} Params;

static const PrParamSpec params[] = {
  PR_RANKING_PARAMS (Params, list),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "dataset", "dataset/1", "Whose purchases are counted.", FALSE },
  { PR_SLOT_OUT, "ranking", "ranking/1", "The most popular items, ties by item number.", FALSE },
};

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error G_GNUC_UNUSED)
{
  const Params *p = params_;
  gint64 n_users = pr_plan_input_dim (plan_, "dataset", "n_users");
  gint64 n_items = pr_plan_input_dim (plan_, "dataset", "n_items");

  pr_plan_set_dim (plan_, "ranking", "n_users", n_users);
  pr_plan_set_dim (plan_, "ranking", "k", p->list.k);
  if (n_users > 0 && n_items > 0)
    pr_plan_set_memory (plan_, (guint64)(n_users * p->list.k * 8 + n_items * 1000));
  return TRUE;
}

typedef struct
{
  gint64 count;
  gint32 item;
} Entry;

static int
compare (gconstpointer a_, gconstpointer b_)
{
  const Entry *a = a_, *b = b_;

  if (a->count != b->count)
    return a->count < b->count ? 1 : -1;
  return a->item < b->item ? -1 : a->item > b->item;
}

/* All items, most bought first; the caller frees. */
static Entry *
count_items (const PrDataset *dataset)
{
  gint64 n_items = pr_dataset_n_items (dataset);
  Entry *entries = g_new (Entry, (gsize)n_items);

  for (gint64 i = 0; i < n_items; i++)
    entries[i] = (Entry){ 0, (gint32)i };
  for (gint64 u = 0; u < pr_dataset_n_users (dataset); u++)
    {
      gint64 n;
      const gint32 *items = pr_dataset_train_sequence (dataset, u, &n);

      for (gint64 i = 0; i < n; i++)
        entries[items[i]].count++;
    }
  qsort (entries, (gsize)n_items, sizeof *entries, compare);
  return entries;
}

/* SEEN [n_items] holds the number (from 1) of the last user who bought the item. */
static void
recommend (const Params *p, const PrDataset *dataset, const Entry *entries, gint64 user, gint64 *seen,
           PrRanking *ranking)
{
  gint64 n_items = pr_dataset_n_items (dataset), n_history, n = 0;
  const gint32 *history = pr_dataset_history (dataset, user, ranking->split, &n_history);

  for (gint64 i = 0; p->list.exclude_seen && i < n_history; i++)
    seen[history[i]] = user + 1;
  for (gint64 i = 0; i < n_items && n < ranking->k; i++)
    {
      if (seen[entries[i].item] == user + 1)
        continue;
      ranking->items[user * ranking->k + n] = entries[i].item;
      ranking->scores[user * ranking->k + n] = (float)entries[i].count;
      n++;
    }
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_autoptr (PrDataset) dataset = pr_dataset_load (pr_run_input_dir (run_, "dataset"), error);
  g_autoptr (PrRanking) ranking = NULL;
  g_autofree Entry *entries = NULL;
  g_autofree gint64 *seen = NULL;
  gint64 n_users;

  if (dataset == NULL)
    return FALSE;
  n_users = pr_dataset_n_users (dataset);
  entries = count_items (dataset);
  seen = g_new0 (gint64, (gsize)pr_dataset_n_items (dataset));
  ranking = pr_ranking_new (n_users, p->list.k, pr_target_split (p->list.split));
  for (gint64 u = 0; u < n_users; u++)
    {
      recommend (p, dataset, entries, u, seen, ranking);
      if (!pr_run_step (run_, (guint64)u + 1, (guint64)n_users, error))
        return FALSE;
    }
  pr_run_set_dim (run_, "ranking", "n_users", n_users);
  pr_run_set_dim (run_, "ranking", "k", p->list.k);
  return pr_ranking_save (ranking, pr_run_output_dir (run_, "ranking"), error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "popularity",
  .version = "1",
  .summary = "Recommend the items bought most often in the training part, the same to everybody.",
  .source = "the baseline of every table; no parameters of its own",
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "popularity", .stages = stages };
