/* item-knn - recommend what was bought by those who bought what this user bought (Sarwar et al. 2001).
 *
 * Similarity of two items (section 3.1.1, over who bought them, as there are no ratings), over training purchases only:
 *
 *     s(i, j) = users of both / (sqrt (users of i x users of j) + shrink)
 *
 * Each item keeps its most similar `neighbours` (section 3.2.1).  The score of item j for a user sums s(h, j) over the
 * user's purchases h that have j as a neighbour, the a-th before the last weighted by decay^a: sequences drift, and
 * the latest purchases say most.  Items that no purchase speaks for follow by popularity.
 */
#include "config.h"

#include <math.h>
#include <pauserec/pauserec.h>

typedef struct
{
  int64_t neighbours, length;
  double shrink, decay;
  PrRankingParams list;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_INT (Params, neighbours, 1, 100000, 100, "Most similar items kept for an item (RecBole's ItemKNN: 100)."),
  PR_PARAM_REAL (
      Params, shrink, 0, 1e6, 50,
      "Added to the denominator of similarities: what few users bought counts less (RecBole: 0; 50 was best on "
      "Beauty's validation targets)."),
  PR_PARAM_REAL (Params, decay, 0, 1, 0.5,
                 "Weight of a purchase, compared with the one after it; 1: all count alike, as in the source; 0.5 "
                 "was best on Beauty's validation targets."),
  PR_PARAM_INT (Params, length, 0, 1000000, 0, "Purchases of a user that speak, the last ones; 0: all."),
  PR_RANKING_PARAMS (Params, list),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "dataset", "dataset/1", "Whose purchases are compared.", FALSE },
  { PR_SLOT_OUT, "ranking", "ranking/1", "The best items for every user, ties by popularity and item number.", FALSE },
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
    pr_plan_set_memory (plan_, (guint64)(n_users * (p->list.k * 8 + 100))
                                   + (guint64)n_items
                                         * (1000 + 8 * (guint64)MIN (p->neighbours, n_items) + 16 * pr_threads_get ()));
  return TRUE;
}

typedef struct
{
  gint32 item;
  float similarity;
} Neighbour;

/* What one thread needs for an item or a user. */
typedef struct
{
  gint32 *counts;  /* [n_items] 0 between items */
  float *scores;   /* [n_items] 0 between users */
  GArray *touched; /* Neighbour */
} Worker;

typedef struct
{
  const Params *params;
  PrDataset *dataset;
  gint64 n_items, n_users;
  gint64 *first;     /* [n_items + 1] into buyers */
  gint32 *buyers;    /* users of each item, once each, in their order */
  float *popularity; /* [n_items] users of the item */
  Neighbour **near;  /* [n_items] most similar first */
  gint32 *n_near;    /* [n_items] */
  double *n_counted; /* [n_items] pairs looked at */
  PrRanking *ranking;
  gsize from; /* of the block at hand */
  guint n_workers;
  Worker *workers;
} Job;

static gboolean
is_repeat (const gint32 *items, gint64 at)
{
  for (gint64 i = 0; i < at; i++)
    if (items[i] == items[at])
      return TRUE;
  return FALSE;
}

/* Users of each item. */
static void
list_buyers (Job *job)
{
  g_autofree gint64 *next = g_new0 (gint64, (gsize)job->n_items);

  job->first = g_new0 (gint64, (gsize)job->n_items + 1);
  for (int pass = 0; pass < 2; pass++)
    {
      for (gint64 u = 0; u < job->n_users; u++)
        {
          gint64 n;
          const gint32 *items = pr_dataset_train_sequence (job->dataset, u, &n);

          for (gint64 i = 0; i < n; i++)
            if (is_repeat (items, i))
              continue;
            else if (pass == 0)
              job->first[items[i] + 1]++;
            else
              job->buyers[next[items[i]]++] = (gint32)u;
        }
      for (gint64 i = 0; pass == 0 && i < job->n_items; i++)
        {
          job->popularity[i] = (float)job->first[i + 1];
          next[i] = job->first[i];
          job->first[i + 1] += job->first[i];
        }
      if (pass == 0)
        job->buyers = g_new (gint32, (gsize)job->first[job->n_items] + 1);
    }
}

static int
most_similar_first (gconstpointer a_, gconstpointer b_)
{
  const Neighbour *a = a_, *b = b_;

  if (a->similarity != b->similarity)
    return a->similarity < b->similarity ? 1 : -1;
  return a->item < b->item ? -1 : a->item > b->item;
}

static void
find_neighbours (gpointer ctx, gsize tile, guint worker)
{
  Job *job = ctx;
  gint64 item = (gint64)(job->from + tile);
  gint32 *counts = job->workers[worker].counts;
  GArray *touched = job->workers[worker].touched;

  g_array_set_size (touched, 0);
  for (gint64 b = job->first[item]; b < job->first[item + 1]; b++)
    {
      gint64 n;
      const gint32 *items = pr_dataset_train_sequence (job->dataset, job->buyers[b], &n);

      job->n_counted[item] += (double)n;
      for (gint64 i = 0; i < n; i++)
        {
          Neighbour other = { items[i], 0 };

          if (other.item == item || is_repeat (items, i))
            continue;
          if (counts[other.item]++ == 0)
            g_array_append_val (touched, other);
        }
    }
  for (guint i = 0; i < touched->len; i++)
    {
      Neighbour *other = &g_array_index (touched, Neighbour, i);
      double norm = sqrt ((double)job->popularity[item] * (double)job->popularity[other->item]);

      other->similarity = (float)(counts[other->item] / (norm + job->params->shrink));
      counts[other->item] = 0;
    }
  if (touched->len > 0)
    qsort (touched->data, touched->len, sizeof (Neighbour), most_similar_first);
  job->n_near[item] = (gint32)MIN ((gint64)touched->len, job->params->neighbours);
  job->near[item] = g_memdup2 (touched->data, (gsize)job->n_near[item] * sizeof (Neighbour));
}

static void
recommend (gpointer ctx, gsize tile, guint worker)
{
  Job *job = ctx;
  const Params *p = job->params;
  gint64 user = (gint64)(job->from + tile), n;
  const gint32 *items = pr_dataset_history (job->dataset, user, job->ranking->split, &n);
  gint64 oldest = p->length > 0 ? MAX (0, n - p->length) : 0;
  float *scores = job->workers[worker].scores;
  double weight = 1;

  for (gint64 i = n - 1; i >= oldest; i--, weight *= p->decay)
    for (gint32 j = 0; j < job->n_near[items[i]]; j++)
      scores[job->near[items[i]][j].item] += (float)(weight * (double)job->near[items[i]][j].similarity);
  pr_ranking_fill (job->ranking, user, job->n_items, scores, job->popularity, items, p->list.exclude_seen ? n : 0);
  for (gint64 i = oldest; i < n; i++)
    for (gint32 j = 0; j < job->n_near[items[i]]; j++)
      scores[job->near[items[i]][j].item] = 0;
}

#define BLOCK 512 /* items or users between two reports of progress */

/* F for all of N, reported as the part of the stage from DONE on. */
static gboolean
in_blocks (Job *job, PrRun *run, PrTileFunc f, gint64 n, gint64 done, GError **error)
{
  for (gint64 at = 0; at < n; at += BLOCK)
    {
      gint64 end = MIN (at + BLOCK, n);

      job->from = (gsize)at;
      pr_parallel ((gsize)(end - at), f, job);
      if (!pr_run_step (run, (guint64)(done + end), (guint64)(job->n_items + job->n_users), error))
        return FALSE;
    }
  return TRUE;
}

static void
say_costs (const Job *job, PrRun *run, gint64 microseconds)
{
  double counted = 0, near = 0;

  for (gint64 i = 0; i < job->n_items; i++)
    {
      counted += job->n_counted[i];
      near += job->n_near[i];
    }
  pr_run_metric (run, "neighbours_mean", near / (double)job->n_items);
  pr_run_add_cost (run, PR_COST_FLOPS, counted);
  pr_run_add_cost (run, PR_COST_INFER_USERS, (double)job->n_users);
  pr_run_add_cost (run, PR_COST_INFER_SECONDS, (double)microseconds / G_USEC_PER_SEC);
}

static void
job_init (Job *job)
{
  gsize n = (gsize)job->n_items;

  job->popularity = g_new0 (float, n);
  job->near = g_new0 (Neighbour *, n);
  job->n_near = g_new0 (gint32, n);
  job->n_counted = g_new0 (double, n);
  job->n_workers = pr_threads_get ();
  job->workers = g_new0 (Worker, job->n_workers);
  for (guint i = 0; i < job->n_workers; i++)
    job->workers[i] = (Worker){ g_new0 (gint32, n), g_new0 (float, n), g_array_new (FALSE, FALSE, sizeof (Neighbour)) };
  job->ranking = pr_ranking_new (job->n_users, job->params->list.k, pr_target_split (job->params->list.split));
}

static void
job_clear (Job *job)
{
  for (guint i = 0; i < job->n_workers; i++)
    {
      g_free (job->workers[i].counts);
      g_free (job->workers[i].scores);
      g_array_unref (job->workers[i].touched);
    }
  for (gint64 i = 0; i < job->n_items; i++)
    g_free (job->near[i]);
  g_free (job->workers);
  g_free (job->near);
  g_free (job->n_near);
  g_free (job->n_counted);
  g_free (job->popularity);
  g_free (job->first);
  g_free (job->buyers);
  pr_ranking_free (job->ranking);
}

static gboolean
work (Job *job, PrRun *run, GError **error)
{
  gint64 start;

  list_buyers (job);
  if (!in_blocks (job, run, find_neighbours, job->n_items, 0, error))
    return FALSE;
  start = g_get_monotonic_time ();
  if (!in_blocks (job, run, recommend, job->n_users, job->n_items, error))
    return FALSE;
  say_costs (job, run, g_get_monotonic_time () - start);
  pr_run_set_dim (run, "ranking", "n_users", job->n_users);
  pr_run_set_dim (run, "ranking", "k", job->params->list.k);
  return pr_ranking_save (job->ranking, pr_run_output_dir (run, "ranking"), error);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  g_autoptr (PrDataset) dataset = pr_dataset_load (pr_run_input_dir (run_, "dataset"), error);
  Job job = { .params = params_, .dataset = dataset };
  gboolean ok;

  if (dataset == NULL)
    return FALSE;
  job.n_items = pr_dataset_n_items (dataset);
  job.n_users = pr_dataset_n_users (dataset);
  job_init (&job);
  ok = work (&job, run_, error);
  job_clear (&job);
  return ok;
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "item-knn",
  .version = "1",
  .summary = "Recommend the items most similar to what the user bought, by who bought them.",
  .source = "Sarwar et al. 2001; RecBole's ItemKNN for the number of neighbours",
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "item-knn", .stages = stages };
