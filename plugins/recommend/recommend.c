/* recommend - ask a trained model for the next item of every user (paper, section 3, step 4: inference).
 *
 * The prompt is the one of training (protocol.json): in pause mode the k literal pauses stand between <think> and
 * </think>, nothing verbal is generated, and the semantic id is decoded right after.  A model that thinks in words
 * writes its thoughts first (answer.h).  A beam search over the trie of the catalogue finds items only.
 */
#include <pauserec/pauserec.h>

#include <math.h>

typedef struct
{
  int split;
  int64_t beams, top_k;
  int normalise;
  int64_t users_at_once, max_users;
  bool exclude_history;
  int64_t kept_thoughts;
  PrThinkParams think;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_CHOICE (Params, split, pr_target_split_names, 1,
                   "Whose target is predicted: `valid` to choose settings, `test` to report."),
  PR_PARAM_INT (Params, beams, 1, 4096, 20, "Beams kept at every level (LC-Rec: 20)."),
  PR_PARAM_INT (Params, top_k, 1, 4096, 10, "Items listed for a user (the paper reports Hit and NDCG at 5 and 10)."),
  PR_PARAM_CHOICE (
      Params, normalise, pr_normalise_names, PR_NORMALISE_TRIE,
      "Log-probabilities are normalised over the codes that the catalogue allows (`trie`, faster) or over the "
      "whole `vocabulary`, as transformers does."),
  PR_PARAM_INT (Params, users_at_once, 1, 4096, 16, "Users that one thread decodes together; bounds memory."),
  PR_PARAM_INT (Params, max_users, 0, G_MAXINT32, 0, "Answer only the first so many users, for quick tests; 0: all."),
  PR_PARAM_BOOL (Params, exclude_history, false,
                 "Leave out items that the user bought before; the papers do not, so the default does not either."),
  PR_THINK_PARAMS (Params),
  PR_PARAM_INT (Params, kept_thoughts, 0, G_MAXINT32, 1000,
                "Users whose thoughts in words are kept to be read, in output `thoughts`; 0: none."),
};

/* Everything that answering needs. */
typedef struct
{
  const Params *params;
  PrRecInputs inputs;
  PrPrompter *prompter;
  PrTrie *trie;
  PrRanking *ranking;
  PrSplit split;
  float *prior; /* [n_items] how often training users bought it */

  /* The batch at hand. */
  GArray *tokens, *offsets, *users; /* gint32 */
  gint32 *leaves;
  float *scores;

  guint64 seed;
  PrAnswerStats stats;
  GString *thoughts; /* lines of thoughts.jsonl */
  guint64 n_answered, n_beams, n_invalid;
  double seconds;
} Job;

static gboolean
recommend_validate (const void *params_, GError **error)
{
  const Params *p = params_;

  if (p->top_k > p->beams)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "top_k = %" G_GINT64_FORMAT " is more than beams = %" G_GINT64_FORMAT
                   ": every listed item needs a beam; raise beams",
                   (gint64)p->top_k, (gint64)p->beams);
      return FALSE;
    }
  return pr_think_params_check (&p->think, error);
}

/* Nobody knows the lengths of prompts before the data are read. */
#define PROMPT_GUESS 128

/* What thinking in words adds: its caches, and a prompt and a thought that run before the search. */
static void
plan_thoughts (const Params *p, const PrLmConfig *config, guint64 *bytes, double *rows)
{
  const PrGenerateParams generate = { .samples = p->think.thoughts,
                                      .max_tokens = p->think.thought_tokens,
                                      .top_p = 1,
                                      .rows_at_once = 2 * p->users_at_once };

  *bytes = MAX (*bytes, pr_generate_bytes (config, &generate, PROMPT_GUESS, pr_threads_get ()));
  *rows = (1 + (double)p->think.thoughts) * *rows + (double)(p->think.thoughts * p->think.thought_tokens) / 2;
}

static gboolean
recommend_plan (const void *params_, PrPlan *plan, GError **error)
{
  const Params *p = params_;
  gint64 n_users = pr_plan_input_dim (plan, "dataset", "n_users"), levels = pr_plan_input_dim (plan, "sids", "levels");
  PrBeamParams search = { p->beams, (PrNormalise)p->normalise, p->users_at_once };
  PrLmConfig config;
  guint64 bytes;
  double rows;

  (void)error;
  pr_plan_set_dim (plan, "ranking", "n_users", n_users);
  pr_plan_set_dim (plan, "ranking", "k", p->top_k);
  if (!pr_plan_input_lm (plan, "lm", &config, NULL))
    return TRUE;
  levels = levels > 0 ? levels : 4;
  bytes = pr_beam_search_bytes (&config, &search, (gint32)levels, PROMPT_GUESS, pr_threads_get ());
  rows = PROMPT_GUESS + (double)((levels - 1) * p->beams);
  if (pr_plan_input_dim (plan, "lm", "thinking") == PR_THINKING_COT)
    plan_thoughts (p, &config, &bytes, &rows);
  pr_plan_set_memory (plan, (guint64)pr_lm_config_n_params (&config) * sizeof (float) + bytes);
  if (n_users > 0)
    {
      n_users = p->max_users > 0 ? MIN (n_users, p->max_users) : n_users;
      pr_plan_set_flops (plan, (double)n_users * rows * pr_lm_config_token_flops (&config, PROMPT_GUESS));
    }
  return TRUE;
}

static gboolean
load_inputs (Job *job, PrRun *run, GError **error)
{
  const PrProtocol *protocol;

  if (!pr_rec_inputs_load (run, &job->inputs, error))
    return FALSE;
  protocol = pr_lm_protocol (job->inputs.lm);
  if (protocol == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "the language model has no protocol.json: it was not trained for recommendation; put next-item-sft "
                   "before this stage");
      return FALSE;
    }
  if (!pr_sids_check_items (job->inputs.sids, pr_dataset_n_items (job->inputs.dataset), error))
    return FALSE;
  job->prompter =
      pr_prompter_new (protocol, pr_lm_tokenizer (job->inputs.lm), job->inputs.sids, job->inputs.dataset, error);
  if (job->prompter == NULL)
    return FALSE;
  job->trie = pr_trie_new (job->inputs.sids, job->prompter);
  return TRUE;
}

/* Append the prompt of USER to the batch. */
static gboolean
ask (Job *job, gint64 user, GError **error)
{
  gint64 n, longest = pr_lm_config (job->inputs.lm)->max_positions - job->inputs.sids->levels + 1;
  const gint32 *history = pr_dataset_history (job->inputs.dataset, user, job->split, &n);
  guint before = job->tokens->len;
  gint32 number = (gint32)user, end;

  pr_prompter_prompt (job->prompter, history, n, job->tokens);
  if ((gint64)(job->tokens->len - before) > longest)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "user %s: the prompt has %u tokens, the model takes at most %" G_GINT64_FORMAT
                   " before a semantic id; shorten the template or `history`",
                   pr_dataset_user_id (job->inputs.dataset, user), job->tokens->len - before, longest);
      return FALSE;
    }
  end = (gint32)job->tokens->len;
  g_array_append_val (job->offsets, end);
  g_array_append_val (job->users, number);
  return TRUE;
}

/* The best items of a user. */
static void
list_items (Job *job, gint64 user, const gint32 *leaves, const float *scores)
{
  gint64 n = 0;
  const gint32 *history = pr_dataset_history (job->inputs.dataset, user, job->split, &n);

  pr_beams_to_ranking (job->trie, leaves, scores, job->params->beams, job->prior, history,
                       job->params->exclude_history ? n : 0, user, job->ranking);
}

/* Beams that are no item, or the same as another beam of the user: 0 by construction, counted as a proof of it. */
static void
count_beams (Job *job, const gint32 *leaves)
{
  for (gint64 b = 0; b < job->params->beams && leaves[b] >= 0; b++)
    {
      gboolean invalid = leaves[b] >= pr_trie_n_leaves (job->trie);

      for (gint64 a = 0; a < b && !invalid; a++)
        invalid = leaves[a] == leaves[b];
      job->n_beams++;
      job->n_invalid += invalid;
    }
}

/* Users are named in the draws by their number, so batches do not matter. */
static guint64 *
user_ids (const GArray *users)
{
  guint64 *ids = g_new (guint64, users->len + 1);

  for (guint i = 0; i < users->len; i++)
    ids[i] = (guint64)g_array_index (users, gint32, i);
  return ids;
}

/* A line for each of THOUGHTS, which are those of the batch. */
static gboolean
keep_thoughts (Job *job, const PrTexts *thoughts, GError **error)
{
  const gint32 *tokens = (const gint32 *)(gconstpointer)thoughts->tokens->data;
  gsize each = thoughts->n / MAX (job->users->len, 1);

  for (gsize i = 0; i < thoughts->n && job->n_answered + i / each < (guint64)job->params->kept_thoughts; i++)
    {
      gint32 from = g_array_index (thoughts->offsets, gint32, i), to = g_array_index (thoughts->offsets, gint32, i + 1);
      g_autofree char *text =
          pr_tokenizer_decode (pr_lm_tokenizer (job->inputs.lm), tokens + from, (gsize)(to - from), FALSE);
      gint32 user = g_array_index (job->users, gint32, i / each);
      json_t *line =
          json_pack ("{s:s, s:I, s:s, s:b}", "user", pr_dataset_user_id (job->inputs.dataset, user), "thought",
                     (json_int_t)(i % each), "text", text, "closed", g_array_index (thoughts->stopped, guint8, i));
      char *dump = line != NULL ? json_dumps (line, JSON_SORT_KEYS) : NULL;

      json_decref (line);
      if (dump == NULL)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_IO, "no memory to write down thoughts; lower kept_thoughts");
          return FALSE;
        }
      g_string_append (job->thoughts, dump);
      g_string_append_c (job->thoughts, '\n');
      free (dump);
    }
  return TRUE;
}

/* Answer the batch and empty it. */
static gboolean
answer (Job *job, GError **error)
{
  gint64 beams = job->params->beams, start = g_get_monotonic_time ();
  PrBeamParams search = { beams, (PrNormalise)job->params->normalise, job->params->users_at_once };
  g_autofree guint64 *ids = user_ids (job->users);
  g_auto (PrTexts) thoughts = { 0 };

  pr_texts_init (&thoughts);
  if (!pr_answer (job->inputs.lm, job->prompter, job->trie, &search, &job->params->think, job->seed,
                  (const gint32 *)(gpointer)job->tokens->data, (const gint32 *)(gpointer)job->offsets->data,
                  job->users->len, ids, beams, job->leaves, job->scores, &job->stats, &thoughts, error))
    {
      g_prefix_error (error, "users %s and following: ",
                      pr_dataset_user_id (job->inputs.dataset, g_array_index (job->users, gint32, 0)));
      return FALSE;
    }
  for (guint i = 0; i < job->users->len; i++)
    {
      list_items (job, g_array_index (job->users, gint32, i), job->leaves + i * beams, job->scores + i * beams);
      count_beams (job, job->leaves + i * beams);
    }
  job->seconds += (double)(g_get_monotonic_time () - start) / G_USEC_PER_SEC;
  if (!keep_thoughts (job, &thoughts, error))
    return FALSE;
  job->n_answered += job->users->len;
  g_array_set_size (job->tokens, 0);
  g_array_set_size (job->offsets, 1);
  g_array_set_size (job->users, 0);
  return TRUE;
}

static void
job_init (Job *job, gsize batch)
{
  const Params *p = job->params;
  gint32 zero = 0;

  job->split = pr_target_split (p->split);
  job->thoughts = g_string_new (NULL);
  job->prior = pr_dataset_train_counts (job->inputs.dataset);
  job->ranking = pr_ranking_new (pr_dataset_n_users (job->inputs.dataset), p->top_k, job->split);
  job->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  job->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  job->users = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_val (job->offsets, zero);
  job->leaves = g_new (gint32, batch * (gsize)p->beams);
  job->scores = g_new (float, batch *(gsize)p->beams);
}

static void
job_clear (Job *job)
{
  pr_rec_inputs_clear (&job->inputs);
  pr_prompter_free (job->prompter);
  pr_trie_free (job->trie);
  pr_ranking_free (job->ranking);
  if (job->thoughts != NULL)
    g_string_free (job->thoughts, TRUE);
  g_free (job->prior);
  g_clear_pointer (&job->tokens, g_array_unref);
  g_clear_pointer (&job->offsets, g_array_unref);
  g_clear_pointer (&job->users, g_array_unref);
  g_free (job->leaves);
  g_free (job->scores);
}

static gboolean
answer_all (Job *job, PrRun *run, gsize batch, GError **error)
{
  gint64 n_users = pr_dataset_n_users (job->inputs.dataset);

  if (job->params->max_users > 0)
    n_users = MIN (n_users, job->params->max_users);
  for (gint64 u = 0; u < n_users; u++)
    {
      if (pr_dataset_target (job->inputs.dataset, u, job->split) >= 0 && !ask (job, u, error))
        return FALSE;
      if (job->users->len == batch || (u == n_users - 1 && job->users->len > 0))
        {
          g_autofree char *status = NULL;

          if (!answer (job, error))
            return FALSE;
          status = g_strdup_printf ("%.0f users/s", (double)job->n_answered / MAX (job->seconds, 1e-9));
          pr_run_status (run, status);
          if (!pr_run_step (run, (guint64)u + 1, (guint64)n_users, error))
            return FALSE;
        }
    }
  return TRUE;
}

/* What the thoughts were like; malformed ones are counted here, and cost their users items. */
static void
report_thoughts (const Job *job, PrRun *run)
{
  const PrAnswerStats *stats = &job->stats;
  double thoughts = (double)MAX (stats->thoughts, 1);

  pr_run_metric (run, "thoughts", (double)stats->thoughts);
  pr_run_metric (run, "thought_tokens_mean", (double)stats->thought_tokens / thoughts);
  pr_run_metric (run, "thoughts_unclosed", (double)stats->unclosed);
  pr_run_metric (run, "thoughts_foreign", (double)stats->foreign);
  pr_run_metric (run, "thoughts_empty", (double)stats->empty);
  pr_run_metric (run, "malformed_share", (double)(stats->unclosed + stats->foreign) / thoughts);
  pr_run_metric (run, "silent_users", (double)stats->silent_users);
}

static void
report (const Job *job, PrRun *run)
{
  double users = MAX ((double)job->n_answered, 1), costs[PR_N_COSTS] = { 0 };
  gboolean words = pr_prompter_thinking (job->prompter) == PR_THINKING_COT;
  /* A thought in words is read again as part of the prompt below which beams are searched. */
  double prompt_tokens = words ? (double)job->stats.text.prompt_tokens
                               : (double)(job->stats.search.prompt_tokens + job->stats.search.branch_tokens);

  pr_run_set_dim (run, "ranking", "n_users", job->ranking->n_users);
  pr_run_set_dim (run, "ranking", "k", job->ranking->k);
  pr_run_metric (run, "prompt_tokens_mean", prompt_tokens / users);
  pr_run_metric (run, "beams_mean", (double)job->n_beams / users);
  pr_run_metric (run, "invalid_beams", (double)job->n_invalid);
  if (words)
    report_thoughts (job, run);
  pr_answer_costs (&job->stats, costs);
  costs[PR_COST_INFER_USERS] = (double)job->n_answered;
  costs[PR_COST_INFER_SECONDS] = job->seconds;
  for (int cost = 0; cost < PR_N_COSTS; cost++)
    pr_run_add_cost (run, (PrCost)cost, costs[cost]);
}

static gboolean
save_thoughts (const Job *job, PrRun *run, GError **error)
{
  g_autofree char *path = g_build_filename (pr_run_output_dir (run, "thoughts"), "thoughts.jsonl", NULL);

  return pr_file_write (path, job->thoughts->str, job->thoughts->len, error);
}

static gboolean
recommend_run (const void *params_, PrRun *run, GError **error)
{
  Job job = { .params = params_, .seed = pr_run_seed (run) };
  /* Every thread gets a few groups a batch; where the batches are cut does not change the bits. */
  gsize batch = (gsize)job.params->users_at_once * 4 * MAX (pr_threads_get (), 1);
  gboolean ok = load_inputs (&job, run, error);

  if (ok)
    {
      job_init (&job, batch);
      ok = answer_all (&job, run, batch, error)
           && pr_ranking_save (job.ranking, pr_run_output_dir (run, "ranking"), error)
           && save_thoughts (&job, run, error);
    }
  if (ok)
    report (&job, run);
  job_clear (&job);
  return ok;
}

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "lm", "lm/1", "The model to ask, with its protocol.", FALSE },
  { PR_SLOT_IN, "dataset", "dataset/1", "Whom to recommend to.", FALSE },
  { PR_SLOT_IN, "sids", "sids/1", "Semantic ids of the catalogue.", FALSE },
  { PR_SLOT_OUT, "ranking", "ranking/1", "The best items of every user.", FALSE },
  { PR_SLOT_OUT, "thoughts", "thoughts/1", "What the model thought in words, to be read; empty in other modes.",
    FALSE },
};

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "recommend",
  .version = "3",
  .summary = "Recommend items to every user by beam search over semantic ids.",
  .source = "PauseRec, section 3 (inference); beam 20 with a trie as in LC-Rec",
  .stochastic = TRUE, /* thoughts may be sampled */
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = recommend_validate,
  .plan = recommend_plan,
  .run = recommend_run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "recommend", .stages = stages };
