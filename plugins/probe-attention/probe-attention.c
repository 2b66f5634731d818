/* probe-attention - where the pauses look (paper, section 4: early ones broadly, late ones at a few relevant items).
 *
 * Users are drawn and asked as in evaluation; nothing is decoded, but the target's codes stand behind the prompt, so
 * that the positions which predict them can be looked at too.  keys.c says what there is to look at, sums.c adds up.
 */
#include <pauserec/pauserec.h>

#include "sums.h"

#include <math.h>

typedef struct
{
  int split;
  int64_t users, cases;
  int maps;
} Params;

enum
{
  MAPS_MEAN,
  MAPS_LAYERS,
  MAPS_HEADS,
};
static const char *const maps_names[] = { "mean", "layers", "heads", NULL };

static const PrParamSpec params[] = {
  PR_PARAM_CHOICE (Params, split, pr_target_split_names, 1, "Whose target tells relevant purchases from others."),
  PR_PARAM_INT (Params, users, 1, G_MAXINT32, 1000,
                "Users looked at, the same ones in every arm and for every seed; all if there are fewer."),
  PR_PARAM_INT (Params, cases, 0, 1000, 3,
                "Users whose full map is kept: the first of those drawn who have a relevant purchase to look at."),
  PR_PARAM_CHOICE (Params, maps, maps_names, MAPS_LAYERS,
                   "Rows of these maps: the `mean` over all heads, also that of each of the `layers`, or all `heads` "
                   "too."),
};

#define USERS_AT_ONCE 32
/* Nobody knows the lengths of prompts before the data are read. */
#define PROMPT_GUESS 128

/* What is known of each user in the first pause, in the last, and as the difference of the two. */
enum
{
  USER_INSTRUCTION,
  USER_BORDER,
  USER_RELEVANT,
  USER_SAME_CODE,
  USER_NEWEST,
  USER_SELECTIVITY,
  USER_ENTROPY,
  USER_N,
};
static const char *const user_names[USER_N] = { "instruction", "border",      "relevant", "same_code",
                                                "newest",      "selectivity", "entropy" };

typedef struct
{
  const Params *params;
  PrRecInputs inputs;
  PrPrompter *prompter;
  KeysSource source;
  PrSplit split;
  gint32 *drawn; /* [n_drawn] users */
  gsize n_drawn, n_without_category;
  Sums sums;
  float *first[USER_N], *last[USER_N]; /* [n_users], NaN where undefined */

  /* The users at hand. */
  GArray *keys;              /* Key */
  GArray *offsets, *queries; /* gint32: of keys; rows */
  double tokens, flops;
  gint64 n_mapped; /* users whose map was kept */
} Job;

static gboolean
attention_plan (const void *params_, PrPlan *plan, GError **error)
{
  const Params *p = params_;
  gint64 n_users = pr_plan_input_dim (plan, "dataset", "n_users");
  PrLmConfig config;
  double users = (double)(n_users >= 0 ? MIN (n_users, p->users) : p->users);

  if (!pr_plan_require_sids (plan, "lm", error) || !pr_plan_require_thinking (plan, "lm", PR_THINKING_PAUSE, error)
      || !pr_plan_require_categories (plan, "dataset", "the classes of relevant purchases", error))
    return FALSE;
  if (!pr_plan_input_lm (plan, "lm", &config, NULL))
    return TRUE;
  /* Some ten queries a user, each with a row for every head. */
  pr_plan_set_memory (plan, (guint64)pr_lm_config_n_params (&config) * sizeof (float)
                                + (guint64)USERS_AT_ONCE * PROMPT_GUESS * sizeof (float)
                                      * (10 * (guint64)config.layers * (guint64)config.heads
                                         + 8 * (guint64)(config.hidden + config.ffn)));
  pr_plan_set_flops (plan, users * PROMPT_GUESS * pr_lm_config_token_flops (&config, PROMPT_GUESS));
  return TRUE;
}

static gboolean
load_inputs (Job *job, PrRun *run, GError **error)
{
  const PrProtocol *protocol;

  if (!pr_rec_inputs_load (run, &job->inputs, error))
    return FALSE;
  protocol = pr_lm_protocol (job->inputs.lm);
  if (protocol == NULL || protocol->thinking != PR_THINKING_PAUSE || protocol->pauses == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "the language model %s, so there are no pauses to look at; read the model of pause-sft, with k of 1 "
                   "or more",
                   protocol == NULL                          ? "has no protocol.json"
                   : protocol->thinking != PR_THINKING_PAUSE ? "was not trained to pause"
                                                             : "was trained with k = 0 pauses");
      return FALSE;
    }
  if (!pr_sids_check_items (job->inputs.sids, pr_dataset_n_items (job->inputs.dataset), error))
    return FALSE;
  job->prompter =
      pr_prompter_new (protocol, pr_lm_tokenizer (job->inputs.lm), job->inputs.sids, job->inputs.dataset, error);
  return job->prompter != NULL;
}

/* Users who have a target with a category: without one nothing is relevant. */
static gboolean
draw_users (Job *job, GError **error)
{
  const PrDataset *dataset = job->inputs.dataset;
  g_autoptr (GArray) users = pr_dataset_draw_users (dataset, job->split, G_MAXINT32, "probe-attention:users");

  job->drawn = g_new (gint32, users->len + 1);
  for (guint i = 0; i < users->len && (gint64)job->n_drawn < job->params->users; i++)
    {
      gint32 user = g_array_index (users, gint32, i), target = pr_dataset_target (dataset, user, job->split);

      if (pr_item_leaf_category (pr_dataset_item (dataset, target))[0] == '\0')
        job->n_without_category++;
      else
        job->drawn[job->n_drawn++] = user;
    }
  if (job->n_drawn > 0)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "no user of data set %s has a target in split %s whose item has a category, so that nothing can be "
               "relevant to it; choose another data set",
               pr_dataset_name (dataset), pr_target_split_names[job->params->split]);
  return FALSE;
}

static void
job_init (Job *job)
{
  const PrLmConfig *config = pr_lm_config (job->inputs.lm);
  gint64 pauses = pr_lm_protocol (job->inputs.lm)->pauses, n_users = pr_dataset_n_users (job->inputs.dataset);
  gint32 zero = 0;

  job->source = (KeysSource){ job->prompter, job->inputs.sids, job->inputs.dataset };
  job->split = pr_target_split (job->params->split);
  job->keys = g_array_new (FALSE, FALSE, sizeof (Key));
  job->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  job->queries = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_val (job->offsets, zero);
  sums_init (&job->sums, config->layers, config->heads, (Queries){ pauses, pauses + job->inputs.sids->levels });
  for (int v = 0; v < USER_N; v++)
    {
      job->first[v] = g_new (float, n_users + 1);
      job->last[v] = g_new (float, n_users + 1);
      for (gint64 u = 0; u < n_users; u++)
        job->first[v][u] = job->last[v][u] = NAN;
    }
}

static void
job_clear (Job *job)
{
  pr_rec_inputs_clear (&job->inputs);
  pr_prompter_free (job->prompter);
  g_free (job->drawn);
  sums_clear (&job->sums);
  for (int v = 0; v < USER_N; v++)
    {
      g_free (job->first[v]);
      g_free (job->last[v]);
    }
  g_clear_pointer (&job->keys, g_array_unref);
  g_clear_pointer (&job->offsets, g_array_unref);
  g_clear_pointer (&job->queries, g_array_unref);
}

/* Append the prompt of USER, and the rows that are looked at: the last ones, from the first pause on. */
static gboolean
ask (Job *job, gint32 user, GError **error)
{
  const PrLmConfig *config = pr_lm_config (job->inputs.lm);
  gint32 start = g_array_index (job->offsets, gint32, job->offsets->len - 1), end;
  double n;

  keys_append (&job->source, user, job->split, job->keys);
  end = (gint32)job->keys->len;
  if (end - start > config->max_positions)
    {
      g_set_error (
          error, PR_ERROR, PR_ERROR_DATA,
          "user %s: the prompt and the target's codes have %d tokens, the model takes %d; shorten the template "
          "or `history`",
          pr_dataset_user_id (job->inputs.dataset, user), end - start, config->max_positions);
      return FALSE;
    }
  for (gint32 row = end - (gint32)job->sums.queries.n; row < end; row++)
    g_array_append_val (job->queries, row);
  g_array_append_val (job->offsets, end);
  n = (double)(end - start);
  job->tokens += n;
  job->flops += n * pr_lm_config_token_flops (config, (n + 1) / 2)
                + 2 * n * (double)job->sums.queries.n * config->layers * config->heads * config->head_dim;
  return TRUE;
}

/* How much of what a pause spends on purchases goes to relevant ones, over what it would be if it spread evenly. */
static double
selectivity (const Sums *sums, gint64 query)
{
  const double *share = sums->share + query * KEYS_N_CLASSES;
  double relevant = sums_mass (sums, query, KEYS_RELEVANT), other = sums_mass (sums, query, KEYS_OTHER);

  if (share[KEYS_RELEVANT] == 0 || share[KEYS_OTHER] == 0 || relevant + other <= 0)
    return NAN;
  return relevant / (relevant + other) * (share[KEYS_RELEVANT] + share[KEYS_OTHER]) / share[KEYS_RELEVANT];
}

static void
note_user (Job *job, gint32 user, gint64 query, float *const values[USER_N])
{
  const Sums *sums = &job->sums;
  const double *share = sums->share + query * KEYS_N_CLASSES;

  values[USER_INSTRUCTION][user] = (float)sums_mass (sums, query, KEYS_INSTRUCTION);
  values[USER_BORDER][user] = (float)sums_mass (sums, query, KEYS_BORDER);
  values[USER_RELEVANT][user] = share[KEYS_RELEVANT] > 0 ? (float)sums_mass (sums, query, KEYS_RELEVANT) : NAN;
  values[USER_SAME_CODE][user] = share[KEYS_SAME_CODE] > 0 ? (float)sums_mass (sums, query, KEYS_SAME_CODE) : NAN;
  values[USER_NEWEST][user] = (float)sums_mass (sums, query, KEYS_NEWEST);
  values[USER_SELECTIVITY][user] = (float)selectivity (sums, query);
  values[USER_ENTROPY][user] = (float)sums->entropy[query];
}

/* One row of a map: the mean of COUNT heads that stand side by side. */
static void
map_row (PrRun *run, gint32 user, gint64 query, double layer, double head, const Key *keys, gint32 n, const float *p,
         gint64 count)
{
  for (gint32 i = 0; i < n; i++)
    {
      double weight = 0;

      for (gint64 h = 0; h < count; h++)
        weight += (double)p[h * n + i] / (double)count;
      pr_run_table (run, "attention_cases", "user", user);
      pr_run_table (run, "attention_cases", "query", (double)query);
      pr_run_table (run, "attention_cases", "layer", layer);
      pr_run_table (run, "attention_cases", "head", head);
      pr_run_table (run, "attention_cases", "position", i);
      pr_run_table (run, "attention_cases", "class", i == n - 1 ? KEYS_SELF : (int)keys[i].part);
      pr_run_table (run, "attention_cases", "same_code", (keys[i].views >> KEYS_SAME_CODE) & 1);
      pr_run_table (run, "attention_cases", "item", keys[i].item);
      pr_run_table (run, "attention_cases", "place", keys[i].place);
      pr_run_table (run, "attention_cases", "level", keys[i].level);
      pr_run_table (run, "attention_cases", "token", keys[i].token);
      pr_run_table (run, "attention_cases", "weight", weight);
    }
}

static void
map_user (const Job *job, PrRun *run, gint32 user, const Key *keys, const gint32 *positions, const float *attention)
{
  gint64 layers = job->sums.layers, heads = job->sums.heads;

  for (gint64 q = 0; q < job->sums.queries.n; q++)
    {
      gint32 n = positions[q] + 1;

      map_row (run, user, q, -1, -1, keys, n, attention, layers * heads);
      for (gint64 l = 0; l < layers && job->params->maps >= MAPS_LAYERS; l++)
        map_row (run, user, q, (double)l, -1, keys, n, attention + l * heads * n, heads);
      for (gint64 h = 0; h < layers * heads && job->params->maps == MAPS_HEADS; h++)
        map_row (run, user, q, (double)(h / heads), (double)(h % heads), keys, n, attention + h * n, 1);
      attention += layers * heads * n;
    }
}

/* The users at hand, numbers FIRST and following of those drawn; then there are none. */
static gboolean
look (Job *job, PrRun *run, gsize first, GError **error)
{
  const gint32 *offsets = (const gint32 *)(gconstpointer)job->offsets->data,
               *queries = (const gint32 *)(gconstpointer)job->queries->data;
  gsize n = job->offsets->len - 1, n_queries = (gsize)job->sums.queries.n;
  gsize size = pr_lm_attention_size (job->inputs.lm, offsets, n, queries, job->queries->len);
  g_autofree float *attention = g_try_new (float, size);
  g_autofree gint32 *tokens = g_new (gint32, job->keys->len + 1), *positions = g_new (gint32, n_queries);
  const float *next = attention, *here;

  if (attention == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "no memory for the attention of %d users (%zu MiB)", USERS_AT_ONCE,
                   size * sizeof (float) >> 20);
      return FALSE;
    }
  for (guint i = 0; i < job->keys->len; i++)
    tokens[i] = g_array_index (job->keys, Key, i).token;
  if (!pr_lm_attention (job->inputs.lm, tokens, offsets, n, queries, job->queries->len, attention, NULL, error))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      const Key *keys = &g_array_index (job->keys, Key, offsets[i]);
      gint32 user = job->drawn[first + i];

      for (gsize q = 0; q < n_queries; q++)
        positions[q] = queries[i * n_queries + q] - offsets[i];
      here = next;
      next += sums_measure (&job->sums, keys, positions, here);
      if (job->n_mapped < job->params->cases && job->sums.share[KEYS_RELEVANT] > 0)
        {
          map_user (job, run, user, keys, positions, here);
          job->n_mapped++;
        }
      sums_add (&job->sums);
      note_user (job, user, 0, job->first);
      note_user (job, user, job->sums.queries.pauses - 1, job->last);
    }
  g_array_set_size (job->keys, 0);
  g_array_set_size (job->offsets, 1);
  g_array_set_size (job->queries, 0);
  return TRUE;
}

static gboolean
look_at_all (Job *job, PrRun *run, GError **error)
{
  gsize first = 0;

  for (gsize i = 0; i < job->n_drawn; i++)
    {
      if (!ask (job, job->drawn[i], error))
        return FALSE;
      if (i + 1 - first < USERS_AT_ONCE && i + 1 < job->n_drawn)
        continue;
      if (!look (job, run, first, error) || !pr_run_step (run, i + 1, job->n_drawn, error))
        return FALSE;
      first = i + 1;
    }
  return TRUE;
}

/* The mean difference between the last pause and the first is a metric of its own, with its standard error over users.
 */
static void
report_users (Job *job, PrRun *run)
{
  gsize n = (gsize)pr_dataset_n_users (job->inputs.dataset);
  g_autofree float *difference = g_new (float, n + 1);

  for (int v = 0; v < USER_N; v++)
    {
      g_autofree char *first = g_strconcat (user_names[v], "_first", NULL);
      g_autofree char *last = g_strconcat (user_names[v], "_last", NULL);
      g_autofree char *between = g_strconcat (user_names[v], "_difference", NULL);
      g_autofree char *error = g_strconcat (user_names[v], "_difference_se", NULL);
      double sum = 0, squares = 0, count = 0;

      for (gsize u = 0; u < n; u++)
        {
          double d = (double)job->last[v][u] - (double)job->first[v][u];

          difference[u] = (float)d;
          if (isnan (d))
            continue;
          sum += d;
          squares += d * d;
          count++;
        }
      pr_run_user_metric (run, first, job->first[v], n);
      pr_run_user_metric (run, last, job->last[v], n);
      pr_run_user_metric (run, between, difference, n);
      pr_run_metric (run, error,
                     count > 1 ? sqrt (MAX (squares / count - sum / count * (sum / count), 0) / (count - 1)) : NAN);
    }
}

static gboolean
attention_run (const void *params_, PrRun *run, GError **error)
{
  Job job = { .params = params_ };
  gboolean ok = load_inputs (&job, run, error);

  if (ok)
    {
      job_init (&job);
      ok = draw_users (&job, error) && look_at_all (&job, run, error);
    }
  if (ok)
    {
      sums_report (&job.sums, run);
      report_users (&job, run);
      pr_run_metric (run, "users", (double)job.n_drawn);
      pr_run_metric (run, "users_without_category", (double)job.n_without_category);
      pr_run_add_cost (run, PR_COST_INFER_TOKENS, job.tokens);
      pr_run_add_cost (run, PR_COST_FLOPS, job.flops);
    }
  job_clear (&job);
  return ok;
}

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "lm", "lm/1", "A model that pauses, with its protocol.", FALSE },
  { PR_SLOT_IN, "dataset", "dataset/1", "Whose prompts are looked at.", FALSE },
  { PR_SLOT_IN, "sids", "sids/1", "Semantic ids of the catalogue.", FALSE },
};

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "probe-attention",
  .version = "1",
  .summary = "Where each pause looks: attention on instruction, item borders, relevant and other purchases.",
  .source = "PauseRec, section 4 (attention); its measures are not public, these are ours",
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .plan = attention_plan,
  .run = attention_run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "probe-attention", .stages = stages };
