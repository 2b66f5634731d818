/* synthetic-world - a shop whose customers obey known rules, some of which stand only in the text.
 *
 * Specification, formulas and reasons: datasets/synthetic-world/README.md.
 */
#include "config.h"

#include "world.h"

#include <math.h>
#include <pauserec/pauserec.h>

static const PrParamSpec params[] = {
  PR_PARAM_INT (WorldParams, world_seed, 0, G_MAXINT32, 1,
                "Which world; not the run's seed, so that all arms and seeds are compared on one world."),
  PR_PARAM_INT (WorldParams, n_items, 8, 10000, 480, "Items, spread evenly over the categories."),
  PR_PARAM_INT (WorldParams, n_categories, 4, WORLD_MAX_CATEGORIES, 24, "Categories; each has one rule."),
  PR_PARAM_INT (WorldParams, n_brands, 1, WORLD_MAX_BRANDS, 10, "Brands; each user has one favourite."),
  PR_PARAM_INT (WorldParams, n_users, 1, 1000000, 2000, "Users."),
  PR_PARAM_INT (WorldParams, min_length, 4, 1000, 5, "Purchases of a user, at least."),
  PR_PARAM_INT (WorldParams, max_length, 4, 1000, 10, "Purchases of a user, at most."),
  PR_PARAM_REAL (WorldParams, follow, 0.0, 1.0, 0.8, "Probability that a step follows the rule of the last purchase."),
  PR_PARAM_REAL (WorldParams, loyalty, 0.0, 1.0, 0.6,
                 "Probability that a step which follows a rule takes the favourite brand."),
  PR_PARAM_REAL (WorldParams, skew, 0.0, 3.0, 0.5, "Exponent of the popularity of items within a category."),
  PR_PARAM_REAL (WorldParams, text_only_rules, 0.0, 0.5, 0.25, "Share of rules that stand only in the text."),
  PR_PARAM_REAL (WorldParams, text_only_users, 0.0, 1.0, 0.2,
                 "Share of users whose last purchase before the test target is sent to such a rule."),
  PR_PARAM_INT (WorldParams, documents_per_rule, 0, 10000, 40, "Documents of the corpus that state each rule."),
  PR_PARAM_INT (WorldParams, documents_per_item, 0, 100, 2, "Documents of the corpus that describe each item."),
  PR_PARAM_INT (WorldParams, oracle_k, 1, 1000, 20, "Items a user in the oracle's ranking."),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_OUT, "dataset", "dataset/1", "Items, users, purchases; groups text_only and data_rule.", FALSE },
  { PR_SLOT_OUT, "text", "text/1", "The corpus: every rule in several wordings, and sentences on products.", FALSE },
  { PR_SLOT_OUT, "oracle", "ranking/1", "The most probable test targets for one who knows all laws.", FALSE },
  { PR_SLOT_OUT, "chains", "rationales/1",
    "Why every purchase but the first was made; those of test targets are for probes only.", FALSE },
};

static gboolean
validate (const void *params_, GError **error)
{
  return world_params_check (params_, error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error G_GNUC_UNUSED)
{
  const WorldParams *p = params_;

  pr_plan_set_dim (plan_, "dataset", "n_items", p->n_items);
  pr_plan_set_dim (plan_, "dataset", "n_users", p->n_users);
  pr_plan_set_dim (plan_, "dataset", "n_categories", p->n_categories);
  pr_plan_set_dim (plan_, "dataset", "n_brands", PR_DIM_UNKNOWN);
  pr_plan_set_dim (plan_, "oracle", "n_users", p->n_users);
  pr_plan_set_dim (plan_, "oracle", "k", p->oracle_k);
  pr_plan_set_dim (plan_, "chains", "n_users", p->n_users);
  pr_plan_set_memory (plan_, (guint64)(1000 * p->n_items + p->n_users * (400 * p->max_length + 8 * p->oracle_k + 100)
                                       + 200 * p->n_categories * p->documents_per_rule));
  pr_plan_set_flops (plan_, (double)p->n_users * (double)p->n_items * 10);
  return TRUE;
}

static void
add_items (const World *world, PrDatasetBuilder *builder)
{
  for (gint32 i = 0; i < world->n_items; i++)
    {
      const WorldCategory *category = &world_categories[world->category[i]];
      const char *const path[] = { category->department, category->noun, NULL };
      g_autofree char *id = g_strdup_printf ("item-%d", i);
      g_autofree char *title = world_title (world, i);
      g_autofree char *description = world_description (world, i);
      const PrItem item = { id, title, world_brands[world->brand[i]], description, path };

      pr_dataset_builder_add_item (builder, &item);
    }
}

/* Sums over users of what the oracle may expect; divided by the number of users at the end. */
typedef struct
{
  gint64 n;
  double hit_5, hit_10, ndcg_5, ndcg_10, blind_hit_5, blind_hit_10;
} Expectation;

static void
expect (Expectation *sum, const double *probability, const gint32 *top, const gint32 *blind_top, gint32 n_items)
{
  for (gint32 r = 0; r < MIN (10, n_items); r++)
    {
      double p = probability[top[r]], gain = p / log2 (r + 2.0), blind = probability[blind_top[r]];

      sum->hit_10 += p;
      sum->ndcg_10 += gain;
      sum->blind_hit_10 += blind;
      if (r >= 5)
        continue;
      sum->hit_5 += p;
      sum->ndcg_5 += gain;
      sum->blind_hit_5 += blind;
    }
  sum->n++;
}

static void
report (PrRun *run, const char *group, const Expectation *sum)
{
  const char *const names[] = { "oracle_hit_5",   "oracle_hit_10", "oracle_ndcg_5",
                                "oracle_ndcg_10", "blind_hit_5",   "blind_hit_10" };
  const double values[] = { sum->hit_5, sum->hit_10, sum->ndcg_5, sum->ndcg_10, sum->blind_hit_5, sum->blind_hit_10 };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *name = g_strconcat (names[i], group, NULL);

      if (sum->n > 0)
        pr_run_metric (run, name, values[i] / (double)sum->n);
    }
}

typedef struct
{
  const World *world;
  PrDatasetBuilder *builder;
  PrRanking *ranking;
  gsize text_only, data_rule; /* groups */
  Expectation all, only_text, only_data;
  double *probability, *blind; /* [n_items] */
  PrRationales *chains;
  gint32 *sequence, *top, *blind_top;
  WorldCause *causes;
} Work;

/* The causal chains of USER, whose N purchases and causes are at hand. */
static void
add_chains (Work *work, gint64 user, gint64 n)
{
  for (gint64 t = 1; t < n; t++)
    {
      const WorldCause *cause = &work->causes[t];
      g_autofree char *text = world_chain (work->world, cause, work->sequence[t]);
      g_autofree char *given =
          g_strdup_printf ("source %d, may follow %d, follows %d, brand %d, item %d", cause->source, cause->may_follow,
                           cause->follows, cause->brand, work->sequence[t]);
      g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, given, -1);
      const PrRationale chain = { .user = (gint32)user,
                                  .position = (gint32)t,
                                  .text = text,
                                  .teacher = "world",
                                  .prompt = hash,
                                  .seed = (guint64)work->world->params.world_seed };

      pr_rationales_add (work->chains, &chain);
    }
}

static void
add_user (Work *work, gint64 user)
{
  const World *world = work->world;
  g_autofree char *id = g_strdup_printf ("user-%" G_GINT64_FORMAT, user);
  gint64 n = world_sequence (world, user, work->sequence, work->causes);
  gboolean text_only = world->text_only[world->category[work->sequence[n - 2]]];
  gint32 k = (gint32)MAX (work->ranking->k, MIN (10, world->n_items));
  gint32 *items = work->ranking->items + user * work->ranking->k;
  float *scores = work->ranking->scores + user * work->ranking->k;

  pr_dataset_builder_add_user (work->builder, id, work->sequence, n);
  add_chains (work, user, n);
  pr_dataset_builder_set_group (work->builder, work->text_only, user, text_only);
  pr_dataset_builder_set_group (work->builder, work->data_rule, user, !text_only);
  world_predict (world, work->sequence, n - 1, FALSE, work->probability);
  world_predict (world, work->sequence, n - 1, TRUE, work->blind);
  world_top (work->probability, world->n_items, k, work->top);
  world_top (work->blind, world->n_items, k, work->blind_top);
  for (gint64 i = 0; i < work->ranking->k; i++)
    {
      items[i] = work->top[i];
      scores[i] = (float)log (work->probability[work->top[i]]);
    }
  expect (&work->all, work->probability, work->top, work->blind_top, world->n_items);
  expect (text_only ? &work->only_text : &work->only_data, work->probability, work->top, work->blind_top,
          world->n_items);
}

static gboolean
make_users (Work *work, PrRun *run, GError **error)
{
  const World *world = work->world;
  gsize k = (gsize)MAX (work->ranking->k, 10);
  gboolean ok = TRUE;

  work->probability = g_new (double, (gsize)world->n_items);
  work->blind = g_new (double, (gsize)world->n_items);
  work->sequence = g_new (gint32, (gsize)world->params.max_length);
  work->causes = g_new (WorldCause, (gsize)world->params.max_length);
  work->top = g_new (gint32, k);
  work->blind_top = g_new (gint32, k);
  for (gint64 u = 0; u < world->params.n_users && ok; u++)
    {
      add_user (work, u);
      ok = pr_run_step (run, (guint64)u + 1, (guint64)world->params.n_users, error);
    }
  g_free (work->probability);
  g_free (work->blind);
  g_free (work->sequence);
  g_free (work->causes);
  g_free (work->top);
  g_free (work->blind_top);
  if (!ok)
    return FALSE;
  report (run, "", &work->all);
  report (run, "_text_only", &work->only_text);
  report (run, "_data_rule", &work->only_data);
  pr_run_metric (run, "text_only_users", (double)work->only_text.n);
  return TRUE;
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const WorldParams *p = params_;
  g_autoptr (World) world = world_new (p);
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("synthetic-world");
  g_autoptr (PrRanking) ranking = pr_ranking_new (p->n_users, p->oracle_k, PR_SPLIT_TEST);
  g_autoptr (GPtrArray) corpus = world_corpus (world);
  g_autoptr (PrRationales) chains = pr_rationales_new ();
  g_autoptr (PrDataset) dataset = NULL;
  Work work = { .world = world, .builder = builder, .ranking = ranking, .chains = chains };

  pr_dataset_builder_note (builder, "tie_rule", "none: the world has no equal times");
  pr_dataset_builder_note (builder, "filter", "none");
  work.text_only = pr_dataset_builder_add_group (builder, "text_only");
  work.data_rule = pr_dataset_builder_add_group (builder, "data_rule");
  add_items (world, builder);
  if (!make_users (&work, run_, error))
    return FALSE;
  pr_run_metric (run_, "documents", corpus->len);
  pr_run_set_dataset (run_, "dataset", builder);
  pr_run_set_dim (run_, "oracle", "n_users", p->n_users);
  pr_run_set_dim (run_, "oracle", "k", p->oracle_k);
  pr_run_set_dim (run_, "chains", "n_users", p->n_users);
  return pr_dataset_builder_write (builder, pr_run_output_dir (run_, "dataset"), error)
         && pr_text_save (corpus, pr_run_output_dir (run_, "text"), error)
         && pr_ranking_save (ranking, pr_run_output_dir (run_, "oracle"), error)
         && (dataset = pr_dataset_load (pr_run_output_dir (run_, "dataset"), error)) != NULL
         && pr_rationales_save (chains, dataset, pr_run_output_dir (run_, "chains"), error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "synthetic-world",
  .version = "2",
  .summary = "Make a small shop whose customers obey known rules, some of which stand only in its text.",
  .source = "datasets/synthetic-world/README.md",
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (WorldParams),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = validate,
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "synthetic-world", .stages = stages };
