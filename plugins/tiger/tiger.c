/* tiger - generative retrieval without a language model (Rajput et al. 2023, "Recommender Systems with Generative
 * Retrieval"): an encoder reads the semantic ids of what a user bought, a decoder writes that of the next item, and a
 * beam search over the catalogue makes a list of items.
 *
 *   model.h      the network              learn.h   fitting it
 *   examples.h   what it reads and says   answer.h  asking it
 */
#include "config.h"

#include "learn.h"

#include <pauserec/pauserec.h>

#define CODES_GUESS 256 /* of a level, for plan(): the quantizer does not promise its sizes */
#define LEVELS_GUESS 4

typedef struct
{
  TigerExamplesParams examples;
  int64_t encoder_layers, decoder_layers, hidden, heads, head_dim, ffn, user_tokens;
  PrTrainParams train;
  TigerValidParams valid;
  int split;
  int64_t beams, top_k;
  int normalise;
  int64_t users_at_once;
  bool exclude_history;
} Params;

static const char *const normalise_names[] = { "trie", "level", NULL };

static const PrParamSpec params[] = {
  PR_PARAM_CHOICE_AT (Params, "targets", examples.targets, tiger_targets_names, TIGER_TARGETS_SUB_SEQUENCES,
                      "Train each user's third-last purchase only (`last`), every purchase but the first given what"
                      " came before (`all-prefixes`), or the same given a history that begins anywhere, drawn anew in"
                      " each epoch (`sub-sequences`: GRID's augmentation)."),
  PR_PARAM_INT_AT (Params, "history", examples.history, 1, 1000, 20,
                   "Items of the history at most, the latest (TIGER: 20)."),
  PR_PARAM_BOOL_AT (Params, "separator", examples.separator, true, "A token behind every item of the history (GRID)."),
  PR_PARAM_INT (Params, user_tokens, 0, 1 << 20, 0,
                "Tokens that users are hashed to, before the history; 0: none (GRID; TIGER: 2000)."),
  PR_PARAM_INT (Params, encoder_layers, 1, TIGER_MAX_LAYERS, 4, "Layers of the encoder (GRID and TIGER: 4)."),
  PR_PARAM_INT (Params, decoder_layers, 1, TIGER_MAX_LAYERS, 4, "Layers of the decoder (GRID and TIGER: 4)."),
  PR_PARAM_INT (Params, hidden, 1, 4096, 128, "Width of the network (GRID and TIGER: 128)."),
  PR_PARAM_INT (Params, heads, 1, 128, 6, "Heads of attention (GRID and TIGER: 6)."),
  PR_PARAM_INT (Params, head_dim, 1, 512, 64,
                "Width of a head; heads x head_dim need not be hidden (GRID and TIGER: 64)."),
  PR_PARAM_INT (Params, ffn, 1, 16384, 1024, "Width inside the feed-forward blocks (GRID and TIGER: 1024)."),
  PR_TRAIN_PARAMS_WITH_DROPOUT (Params, 20, 1e-3, 256, 1e-4, 0.15),
  PR_PARAM_CHOICE_AT (Params, "valid_score", valid.score, tiger_valid_score_names, TIGER_VALID_NDCG_10,
                      "What chooses the best weights: mean loss of, or NDCG@10 of a beam search for, the validation"
                      " targets."),
  PR_PARAM_INT_AT (Params, "valid_users", valid.users, 0, G_MAXINT32, 1000, "Users asked at each validation; 0: none."),
  PR_PARAM_CHOICE (Params, split, pr_target_split_names, 1,
                   "Whose target is predicted: `valid` to choose settings, `test` to report."),
  PR_PARAM_INT (Params, beams, 1, 4096, 20,
                "Beams kept at every level (as `recommend`; GRID keeps as many as it lists)."),
  PR_PARAM_INT (Params, top_k, 1, 4096, 10, "Items listed for a user (GRID: 10)."),
  PR_PARAM_CHOICE (Params, normalise, normalise_names, PR_NORMALISE_TRIE,
                   "Log-probabilities are normalised over the codes that the catalogue allows (`trie`: GRID) or over"
                   " all codes of the `level`."),
  PR_PARAM_INT (Params, users_at_once, 1, 4096, 64, "Users answered together; bounds memory."),
  PR_PARAM_BOOL (Params, exclude_history, false,
                 "Leave out items that the user bought before; the papers do not, so the default does not either."),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "dataset", "dataset/1", "Users and their purchases.", FALSE },
  { PR_SLOT_IN, "sids", "sids/1", "The semantic ids of the items.", FALSE },
  { PR_SLOT_OUT, "ranking", "ranking/1", "The best items of every user.", FALSE },
};

static TigerShape
shape_of (const Params *p, gint32 levels, const gint32 *sizes)
{
  TigerShape shape = { .levels = levels,
                       .encoder_layers = (gint32)p->encoder_layers,
                       .decoder_layers = (gint32)p->decoder_layers,
                       .hidden = (gint32)p->hidden,
                       .heads = (gint32)p->heads,
                       .head_dim = (gint32)p->head_dim,
                       .ffn = (gint32)p->ffn,
                       .buckets = 32, /* T5Config.relative_attention_num_buckets */
                       .user_tokens = (gint32)p->user_tokens };

  for (gint32 l = 0; l < levels; l++)
    shape.sizes[l] = sizes != NULL ? sizes[l] : CODES_GUESS;
  return shape;
}

static PrBeamParams
search_of (const Params *p)
{
  return (PrBeamParams){ p->beams, (PrNormalise)p->normalise, p->users_at_once };
}

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;

  return pr_train_params_check (&p->train, error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error)
{
  const Params *p = params_;
  gint64 n_users = pr_plan_input_dim (plan_, "dataset", "n_users"),
         levels = pr_plan_input_dim (plan_, "sids", "levels");
  gint64 n_items = pr_plan_input_dim (plan_, "dataset", "n_items"),
         n_sids = pr_plan_input_dim (plan_, "sids", "n_items");
  TigerShape shape = shape_of (p, levels > 0 ? (gint32)MIN (levels, PR_SID_MAX_LEVELS) : LEVELS_GUESS, NULL);
  PrBeamParams search = search_of (p);
  /* A history is half as long as it may be; whole ones are what memory is needed for. */
  double history = (double)tiger_history_tokens (&shape, &p->examples, p->examples.history), mean = history / 2;
  double chunk = (double)MAX (p->train.chunk_tokens, history + shape.levels), training, answering;
  double copies = 4 + p->train.keep_best;

  if (n_items >= 0 && n_sids >= 0 && n_items != n_sids)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "the semantic ids of stage '%s' are those of %" G_GINT64_FORMAT
                   " items, the data set of stage '%s' has "
                   "%" G_GINT64_FORMAT ": both must come from the same data stage",
                   pr_plan_input_stage (plan_, "sids"), n_sids, pr_plan_input_stage (plan_, "dataset"), n_items);
      return FALSE;
    }
  pr_plan_set_dim (plan_, "ranking", "n_users", n_users);
  pr_plan_set_dim (plan_, "ranking", "k", p->top_k);
  training = tiger_shape_bytes (&shape, chunk * mean / (mean + shape.levels),
                                chunk * shape.levels / (mean + shape.levels), mean);
  answering = tiger_answers_bytes (&shape, &search, history);
  pr_plan_set_memory (plan_, (guint64)(copies * sizeof (float) * tiger_shape_n_params (&shape) + training + answering));
  /* How many purchases there are is not known; four targets a user is what the Amazon sets have. */
  if (n_users > 0)
    {
      double examples = (double)n_users * (p->examples.targets == TIGER_TARGETS_LAST ? 1 : 4);
      double steps = (double)pr_train_n_steps (&p->train, (gsize)examples, 0);
      double seen = MIN (steps * (double)p->train.batch_size, examples * p->train.epochs);

      pr_plan_set_flops (
          plan_, 3 * seen * tiger_shape_flops (&shape, mean, shape.levels)
                     + (double)n_users
                           * tiger_shape_flops (&shape, mean, (double)(p->beams * shape.levels * shape.levels) / 2));
    }
  return TRUE;
}

typedef struct
{
  const Params *params;
  PrRun *run;
  PrDataset *dataset;
  PrSids *sids;
  TigerModel model;
  TigerExamples examples;
  TigerAnswers answers;
} Job;

static gboolean
job_init (Job *job, GError **error)
{
  const Params *p = job->params;
  const PrBeamParams search = search_of (p);
  TigerShape shape;

  job->dataset = pr_dataset_load (pr_run_input_dir (job->run, "dataset"), error);
  if (job->dataset == NULL)
    return FALSE;
  job->sids = pr_sids_load (pr_run_input_dir (job->run, "sids"), error);
  if (job->sids == NULL || !pr_sids_check_items (job->sids, pr_dataset_n_items (job->dataset), error))
    return FALSE;
  shape = shape_of (p, job->sids->levels, job->sids->sizes);
  if (!tiger_examples_init (&job->examples, &shape, &p->examples, job->dataset, job->sids, pr_run_seed (job->run),
                            error))
    return FALSE;
  tiger_model_init (&job->model, &shape, pr_run_seed (job->run));
  tiger_answers_init (&job->answers, &job->model, &job->examples, &search);
  return TRUE;
}

static void
job_clear (Job *job)
{
  tiger_answers_clear (&job->answers);
  tiger_examples_clear (&job->examples);
  tiger_model_clear (&job->model);
  pr_sids_free (job->sids);
  pr_dataset_free (job->dataset);
}

/* The users who have a target. */
static GArray *
users_to_ask (const Job *job)
{
  GArray *users = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (gint32 u = 0; u < pr_dataset_n_users (job->dataset); u++)
    if (pr_dataset_target (job->dataset, u, pr_target_split (job->params->split)) >= 0)
      g_array_append_val (users, u);
  return users;
}

static gboolean
tick (gpointer run, gsize done, gsize total, GError **error)
{
  return pr_run_step (run, done, total, error);
}

static PrRanking *
rank (Job *job, const GArray *users, GError **error)
{
  const Params *p = job->params;
  PrSplit split = pr_target_split (p->split);
  g_autoptr (PrRanking) ranking = pr_ranking_new (pr_dataset_n_users (job->dataset), p->top_k, split);
  g_autofree float *prior = pr_dataset_train_counts (job->dataset);
  g_autofree gint32 *leaves = g_new (gint32, users->len * (gsize)p->beams);
  g_autofree float *scores = g_new (float, users->len *(gsize)p->beams);

  if (!tiger_answer (&job->answers, split, (const gint32 *)(gconstpointer)users->data, users->len, tick, job->run,
                     leaves, scores, error))
    return NULL;
  for (guint i = 0; i < users->len; i++)
    {
      gint32 user = g_array_index (users, gint32, i);
      gint64 n;
      const gint32 *history = pr_dataset_history (job->dataset, user, split, &n);

      pr_beams_to_ranking (job->answers.trie, leaves + i * p->beams, scores + i * p->beams, p->beams, prior, history,
                           p->exclude_history ? n : 0, user, ranking);
    }
  if (!pr_run_step (job->run, users->len, users->len, error))
    return NULL;
  return g_steal_pointer (&ranking);
}

/* Answer everybody; what that cost comes to what fitting cost. */
static gboolean
answer_all (Job *job, GError **error)
{
  g_autoptr (GArray) users = users_to_ask (job);
  gint64 start = g_get_monotonic_time ();
  g_autoptr (PrRanking) ranking = rank (job, users, error);
  double costs[PR_N_COSTS] = { 0 };

  if (ranking == NULL || !pr_ranking_save (ranking, pr_run_output_dir (job->run, "ranking"), error))
    return FALSE;
  tiger_answers_take_costs (&job->answers, costs);
  costs[PR_COST_INFER_USERS] = users->len;
  costs[PR_COST_INFER_SECONDS] = (double)(g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  for (int cost = 0; cost < PR_N_COSTS; cost++)
    if (costs[cost] != 0)
      pr_run_add_cost (job->run, (PrCost)cost, costs[cost]);
  pr_run_metric (job->run, "flops_a_user", costs[PR_COST_FLOPS] / MAX (users->len, 1));
  pr_run_set_dim (job->run, "ranking", "n_users", ranking->n_users);
  pr_run_set_dim (job->run, "ranking", "k", ranking->k);
  return TRUE;
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  Job job = { .params = p, .run = run_ };
  gboolean ok = job_init (&job, error);

  if (ok)
    {
      pr_run_metric (run_, "parameters", (double)pr_net_size (job.model.net));
      ok = tiger_learn (run_, &job.model, &job.answers, &p->train, &p->valid, pr_run_seed (run_), error)
           && answer_all (&job, error);
    }
  job_clear (&job);
  return ok;
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "tiger",
  .version = "1",
  .summary = "TIGER: train an encoder-decoder over semantic ids, and recommend items by beam search.",
  .source = "Rajput et al. 2023, Recommender Systems with Generative Retrieval; defaults of GRID (snap-research/GRID, "
            "tiger_train_flat)",
  .stochastic = TRUE,
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = validate,
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "tiger", .stages = stages };
