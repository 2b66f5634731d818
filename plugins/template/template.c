/* template - a complete stage to copy and change: what do others buy soon after what this user bought last?
 *
 * A first-order Markov chain over items, the baseline that FPMC set out to beat (Rendle et al. 2010, section 4.1).  It
 * counts in the training purchases how often one item follows another, and ranks for every user the followers of
 * the latest purchases.  README.md walks through the file; the numbers in brackets are its sections.
 */
#include <pauserec/pauserec.h>

#include <math.h>

/* [1] Parameters: a struct of our own, and the table by which the runtime fills it.  Names, ranges, defaults and help
 * stand here once; the manifest, `pauserec inspect` and the results all read them from the table. */
typedef struct
{
  int64_t k, window;
  double decay;
  int split;
  bool exclude_seen, fill;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_INT (Params, k, 1, 1000, 20, "Items listed for a user."),
  PR_PARAM_INT (Params, window, 1, 50, 1,
                "A follower is bought at most so many purchases later (1: Markov chain of FPMC)."),
  PR_PARAM_REAL (Params, decay, 0.0, 1.0, 0.5,
                 "Weight of a purchase one place further away, as a factor (our choice)."),
  PR_PARAM_CHOICE (Params, split, pr_target_split_names, 1,
                   "Whose targets are to be predicted: `valid` to choose settings, `test` to report."),
  PR_PARAM_BOOL (Params, exclude_seen, false, "Leave out what the user has bought before."),
  PR_PARAM_BOOL (Params, fill, true, "Fill lists that are too short with the most popular items."),
};

/* [2] Slots: what the stage reads and writes.  The type decides which files are in the folder (ranking.h, dataset.h).
 */
static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "dataset", "dataset/1", "Purchases: counted in the training part, recommended to every user.", FALSE },
  { PR_SLOT_OUT, "ranking", "ranking/1", "The k items of every user, best first.", FALSE },
};

/* [3] Check parameters against each other.  Their ranges are checked already. */
static gboolean
template_validate (const void *params_, GError **error)
{
  const Params *p = params_;

  if (p->window > 1 && p->decay == 0.0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "window = %" G_GINT64_FORMAT " has no effect with decay = 0; raise decay or leave window at 1",
                   (gint64)p->window);
      return FALSE;
    }
  return TRUE;
}

/* [4] Say what run() will make and need, without looking at data.  Sizes may still be unknown here: hand them on. */
static gboolean
template_plan (const void *params_, PrPlan *plan, GError **error)
{
  const Params *p = params_;
  gint64 n_users = pr_plan_input_dim (plan, "dataset", "n_users");
  gint64 n_items = pr_plan_input_dim (plan, "dataset", "n_items");

  (void)error;
  pr_plan_set_dim (plan, "ranking", "n_users", n_users);
  pr_plan_set_dim (plan, "ranking", "k", p->k);
  if (n_users != PR_DIM_UNKNOWN && n_items != PR_DIM_UNKNOWN)
    pr_plan_set_memory (plan, (guint64)n_users * (guint64)p->k * 8 + (guint64)n_items * 32);
  return TRUE;
}

/* [5] The work.  All state lives in a struct on the stack of run(): a stage has no globals. */
typedef struct
{
  gint32 from, to;
  double weight;
} Pair;

typedef struct
{
  const Params *params;
  PrDataset *dataset;
  gint64 n_items;
  double *popularity; /* [n_items] training purchases */
  gint32 *popular;    /* [n_items] by falling popularity */
  GArray *pairs;      /* Pair, by (from, to), each once */
  gsize *first;       /* [n_items + 1] where the pairs of an item begin */
  double *scores;     /* [n_items] of the user at hand; 0 elsewhere */
  GArray *candidates; /* gint32: items with a score */
} Work;

/* Order by every field, so that equal pairs are summed in the same order on every machine. */
static int
compare_pairs (const void *a_, const void *b_)
{
  const Pair *a = a_, *b = b_;

  if (a->from != b->from)
    return a->from < b->from ? -1 : 1;
  if (a->to != b->to)
    return a->to < b->to ? -1 : 1;
  return a->weight < b->weight ? -1 : a->weight > b->weight;
}

/* Best first; equal scores by popularity, then by number: an order without ties is the same everywhere. */
static int
compare_items (const void *a_, const void *b_, void *work_)
{
  const Work *work = work_;
  gint32 a = *(const gint32 *)a_, b = *(const gint32 *)b_;

  if (work->scores[a] != work->scores[b])
    return work->scores[a] > work->scores[b] ? -1 : 1;
  if (work->popularity[a] != work->popularity[b])
    return work->popularity[a] > work->popularity[b] ? -1 : 1;
  return a < b ? -1 : a > b;
}

/* Count followers in the training purchases. */
static gboolean
count_pairs (Work *work, GError **error)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (Pair));

  for (gint64 user = 0; user < pr_dataset_n_users (work->dataset); user++)
    {
      gint64 n;
      const gint32 *items = pr_dataset_train_sequence (work->dataset, user, &n);

      for (gint64 i = 0; i < n; i++)
        {
          work->popularity[items[i]] += 1.0;
          for (gint64 j = i + 1; j < n && j <= i + work->params->window; j++)
            {
              const Pair pair = { items[i], items[j], pow (work->params->decay, (double)(j - i - 1)) };

              g_array_append_val (all, pair);
            }
        }
    }
  if (all->len == 0)
    {
      /* [6] An error says what is wrong with what, and what to do.  DATA: the data set's owner has to move. */
      g_set_error (
          error, PR_ERROR, PR_ERROR_DATA,
          "data set '%s': no user has two purchases before the validation target, so there is nothing to count; "
          "use a data set with longer histories",
          pr_dataset_name (work->dataset));
      return FALSE;
    }

  g_array_sort (all, compare_pairs);
  for (guint i = 0; i < all->len; i++)
    {
      const Pair *pair = &g_array_index (all, Pair, i);
      Pair *last = work->pairs->len > 0 ? &g_array_index (work->pairs, Pair, work->pairs->len - 1) : NULL;

      if (last != NULL && last->from == pair->from && last->to == pair->to)
        last->weight += pair->weight;
      else
        g_array_append_val (work->pairs, *pair);
    }
  for (guint i = 0; i < work->pairs->len; i++)
    work->first[g_array_index (work->pairs, Pair, i).from + 1] = i + 1;
  for (gint64 item = 0; item < work->n_items; item++)
    work->first[item + 1] = MAX (work->first[item + 1], work->first[item]);
  return TRUE;
}

/* Score the followers of the latest purchases. */
static void
score_user (Work *work, const gint32 *history, gint64 n)
{
  for (gint64 age = 0; age < n && age < work->params->window; age++)
    {
      gint32 from = history[n - 1 - age];

      for (gsize i = work->first[from]; i < work->first[from + 1]; i++)
        {
          const Pair *pair = &g_array_index (work->pairs, Pair, i);

          if (work->scores[pair->to] == 0.0)
            g_array_append_val (work->candidates, pair->to);
          work->scores[pair->to] += pow (work->params->decay, (double)age) * pair->weight / work->popularity[from];
        }
    }
}

static gboolean
is_seen (const gint32 *history, gint64 n, gint32 item)
{
  for (gint64 i = 0; i < n; i++)
    if (history[i] == item)
      return TRUE;
  return FALSE;
}

/* Write the list of one user; returns how many of its items are followers. */
static gint64
list_user (Work *work, gint64 user, PrRanking *ranking)
{
  gint64 n, length = 0, n_followers;
  const gint32 *history = pr_dataset_history (work->dataset, user, ranking->split, &n);
  gint32 *items = ranking->items + user * ranking->k;
  float *scores = ranking->scores + user * ranking->k;

  score_user (work, history, n);
  g_array_sort_with_data (work->candidates, compare_items, work);
  for (guint i = 0; i < work->candidates->len && length < ranking->k; i++)
    {
      gint32 item = g_array_index (work->candidates, gint32, i);

      if (work->params->exclude_seen && is_seen (history, n, item))
        continue;
      items[length] = item;
      scores[length++] = (float)work->scores[item];
    }
  n_followers = length;
  for (gint64 i = 0; work->params->fill && i < work->n_items && length < ranking->k; i++)
    {
      gint32 item = work->popular[i];

      if (work->scores[item] > 0.0 || (work->params->exclude_seen && is_seen (history, n, item)))
        continue;
      items[length] = item;
      scores[length++] = 0.0f;
    }
  for (guint i = 0; i < work->candidates->len; i++)
    work->scores[g_array_index (work->candidates, gint32, i)] = 0.0;
  g_array_set_size (work->candidates, 0);
  return n_followers;
}

static gboolean
rank_users (Work *work, PrRun *run, GError **error)
{
  gint64 n_users = pr_dataset_n_users (work->dataset), n_followers = 0, started = g_get_monotonic_time ();
  g_autoptr (PrRanking) ranking = pr_ranking_new (n_users, work->params->k, pr_target_split (work->params->split));

  for (gint64 user = 0; user < n_users; user++)
    {
      n_followers += list_user (work, user, ranking);
      /* [7] Progress and Ctrl-C in one call.  On FALSE unwind as after any other error: the error is set. */
      if (!pr_run_step (run, (guint64)user + 1, (guint64)n_users, error))
        return FALSE;
    }

  /* [8] Numbers for the results file; costs are summed over stages by the runtime. */
  pr_run_metric (run, "followers_mean", n_users > 0 ? (double)n_followers / (double)n_users : 0.0);
  pr_run_metric (run, "pairs", (double)work->pairs->len);
  pr_run_add_cost (run, PR_COST_INFER_USERS, (double)n_users);
  pr_run_add_cost (run, PR_COST_INFER_SECONDS, (double)(g_get_monotonic_time () - started) / 1e6);

  /* [9] The output: sizes as promised by plan(), files by the writer of the type. */
  pr_run_set_dim (run, "ranking", "n_users", n_users);
  pr_run_set_dim (run, "ranking", "k", work->params->k);
  return pr_ranking_save (ranking, pr_run_output_dir (run, "ranking"), error);
}

static gboolean
template_run (const void *params_, PrRun *run, GError **error)
{
  g_autoptr (PrDataset) dataset = pr_dataset_load (pr_run_input_dir (run, "dataset"), error);
  Work work = { .params = params_, .dataset = dataset };
  gboolean ok;

  if (dataset == NULL)
    return FALSE;
  work.n_items = pr_dataset_n_items (dataset);
  work.popularity = g_new0 (double, work.n_items);
  work.popular = g_new (gint32, work.n_items);
  work.first = g_new0 (gsize, work.n_items + 1);
  work.scores = g_new0 (double, work.n_items);
  work.pairs = g_array_new (FALSE, FALSE, sizeof (Pair));
  work.candidates = g_array_new (FALSE, FALSE, sizeof (gint32));
  for (gint64 item = 0; item < work.n_items; item++)
    work.popular[item] = (gint32)item;

  ok = count_pairs (&work, error);
  if (ok)
    {
      /* All scores are 0 here, so this orders by popularity. */
      g_qsort_with_data (work.popular, (gint)work.n_items, sizeof (gint32), compare_items, &work);
      ok = rank_users (&work, run, error);
    }

  g_free (work.popularity);
  g_free (work.popular);
  g_free (work.first);
  g_free (work.scores);
  g_array_unref (work.pairs);
  g_array_unref (work.candidates);
  return ok;
}

/* [10] The description, and the one symbol that the file exports.  Raise `version` whenever the same inputs would give
 * other results: it is part of the cache key. */
static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "item-transitions",
  .version = "1",
  .summary = "Rank what others bought soon after the user's latest purchases",
  .source = "Rendle et al. 2010 (FPMC), section 4.1: first-order Markov chain",
  .stochastic = FALSE,
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = template_validate,
  .plan = template_plan,
  .run = template_run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "template", .stages = stages };
