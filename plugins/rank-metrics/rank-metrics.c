/* rank-metrics - Hit@K, NDCG@K and MRR@K over the whole catalogue, a value per user.
 *
 * Paper section 4: leave-one-out, one target a user, no sampled negatives.  The ranking says which split it answers; a
 * user without a target there has no value (NaN) and does not count.  Groups of users of the data set (test targets
 * that only the text explains, ...) get every metric once more under <metric>_<group>.
 */
#include <pauserec/pauserec.h>

#include "metrics.h"

#include <math.h>

typedef struct
{
  PrInts ks;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_INTS (Params, ks, 1, 10000, "5,10", "Cut-offs K (paper: 5 and 10)."),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "dataset", "dataset/1", "Targets and groups of users.", FALSE },
  { PR_SLOT_IN, "ranking", "ranking/1", "The items recommended.", FALSE },
};

typedef float (*Metric) (gint64 rank, gint64 k);

typedef struct
{
  PrRun *run;
  const PrDataset *dataset;
  const PrRanking *ranking;
  gint64 *ranks; /* [n_users]: place of the target, 0 if missed, -1 if there is none */
} Work;

/* Report METRIC over all users, or over those of GROUP. */
static void
report (const Work *w, const char *name, Metric metric, gint64 k, const char *group_name, const guint8 *group)
{
  gint64 n = w->ranking->n_users;
  g_autofree char *full =
      g_strdup_printf ("%s_%d%s%s", name, (int)k, group_name ? "_" : "", group_name ? group_name : "");
  g_autofree float *values = g_new (float, MAX (n, 1));

  for (gint64 u = 0; u < n; u++)
    values[u] = w->ranks[u] < 0 || (group != NULL && !group[u]) ? NAN : metric (w->ranks[u], k);
  pr_run_user_metric (w->run, full, values, (gsize)n);
}

static void
report_k (const Work *w, gint64 k)
{
  static const struct
  {
    const char *name;
    Metric metric;
  } all[] = { { "hit", metrics_hit }, { "ndcg", metrics_ndcg }, { "mrr", metrics_mrr } };
  g_autofree char *coverage = g_strdup_printf ("coverage_%d", (int)k);

  for (gsize m = 0; m < G_N_ELEMENTS (all); m++)
    {
      report (w, all[m].name, all[m].metric, k, NULL, NULL);
      /* Groups are about test targets. */
      for (gsize g = 0; w->ranking->split == PR_SPLIT_TEST && g < pr_dataset_n_groups (w->dataset); g++)
        report (w, all[m].name, all[m].metric, k, pr_dataset_group_name (w->dataset, g),
                pr_dataset_group (w->dataset, g));
    }
  pr_run_metric (
      w->run, coverage,
      metrics_coverage (w->ranking->items, w->ranking->n_users, w->ranking->k, k, pr_dataset_n_items (w->dataset)));
}

static gboolean
check_inputs (const Work *w, const Params *p, GError **error)
{
  if (w->ranking->n_users != pr_dataset_n_users (w->dataset))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "stage %s: the ranking answers %" G_GINT64_FORMAT " users, but the data set has %" G_GINT64_FORMAT
                   "; connect the ranking of this data set",
                   pr_run_stage_name (w->run), w->ranking->n_users, pr_dataset_n_users (w->dataset));
      return FALSE;
    }
  for (gint64 i = 0; i < p->ks.n; i++)
    if (p->ks.v[i] > w->ranking->k)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                     "stage %s: ks asks for %d, but the ranking has %" G_GINT64_FORMAT
                     " items a user; rank more items or ask for a smaller cut-off",
                     pr_run_stage_name (w->run), (int)p->ks.v[i], w->ranking->k);
        return FALSE;
      }
  return TRUE;
}

static gboolean
measure (Work *w, const Params *p, GError **error)
{
  gint64 n = w->ranking->n_users, targets = 0;

  if (!check_inputs (w, p, error))
    return FALSE;
  for (gint64 u = 0; u < n; u++)
    {
      gint32 target = pr_dataset_target (w->dataset, u, w->ranking->split);

      w->ranks[u] = target < 0 ? -1 : metrics_rank (w->ranking->items + u * w->ranking->k, w->ranking->k, target);
      targets += target >= 0;
    }
  if (targets == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "stage %s: no user has a target in the %s split; every sequence is too short",
                   pr_run_stage_name (w->run), w->ranking->split == PR_SPLIT_TEST ? "test" : "validation");
      return FALSE;
    }
  for (gint64 i = 0; i < p->ks.n; i++)
    report_k (w, p->ks.v[i]);
  pr_run_metric (w->run, "users_measured", (double)targets);
  return pr_run_step (w->run, 1, 1, error);
}

static gboolean
metrics_validate (const void *params_, GError **error)
{
  const Params *p = params_;

  for (gint64 i = 0; i < p->ks.n; i++)
    for (gint64 j = 0; j < i; j++)
      if (p->ks.v[i] == p->ks.v[j])
        {
          g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "ks: %d stands there twice", (int)p->ks.v[i]);
          return FALSE;
        }
  return TRUE;
}

static gboolean
metrics_plan (const void *params_, PrPlan *plan, GError **error)
{
  gint64 users = pr_plan_input_dim (plan, "ranking", "n_users"), k = pr_plan_input_dim (plan, "ranking", "k");

  (void)params_;
  (void)error;
  if (users >= 0 && k >= 0)
    pr_plan_set_memory (plan, (guint64)(users * k * 8));
  return TRUE;
}

static gboolean
metrics_run (const void *params_, PrRun *run, GError **error)
{
  g_autoptr (PrDataset) dataset = pr_dataset_load (pr_run_input_dir (run, "dataset"), error);
  g_autoptr (PrRanking) ranking = NULL;
  g_autofree gint64 *ranks = NULL;
  Work w = { .run = run, .dataset = dataset };

  if (dataset == NULL)
    return FALSE;
  ranking = pr_ranking_load (pr_run_input_dir (run, "ranking"), pr_dataset_n_items (dataset), error);
  if (ranking == NULL)
    return FALSE;
  ranks = g_new (gint64, MAX (ranking->n_users, 1));
  w.ranking = ranking;
  w.ranks = ranks;
  return measure (&w, params_, error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "rank-metrics",
  .version = "1",
  .summary = "Measure a ranking: Hit, NDCG, MRR and coverage over the whole catalogue.",
  .source = "PauseRec section 4",
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = metrics_validate,
  .plan = metrics_plan,
  .run = metrics_run,
};

static const PrStage *const stages[] = { &stage, NULL };

PR_EXPORT const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "rank-metrics", .stages = stages };
