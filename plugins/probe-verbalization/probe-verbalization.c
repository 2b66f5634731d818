/* probe-verbalization - does a model say what it knows?  (paper section 2, finding 3: weakened verbalization)
 *
 * The same questions about items are answered in two ways: by what the model writes, greedily, and by which of all
 * possible answers it gives the highest probability.  What the second finds and the first does not is knowledge that
 * is in the logits and does not get out.  Run it on every checkpoint of a pipeline; it changes nothing.
 */
#include "config.h"

#include "judge.h"

typedef struct
{
  bool on[VERBAL_N_KINDS];
  int64_t questions, text_tokens, candidates, rows_at_once;
  int category, others, normalise;
} Params;

static const char *const category_names[] = { "path", "leaf", NULL };
static const char *const others_names[] = { "frequent", "drawn", NULL };
static const char *const normalise_names[] = { "none", "tokens", NULL };

static const PrParamSpec params[] = {
  PR_PARAM_BOOL_AT (Params, "sid_category", on[VERBAL_SID_CATEGORY], true,
                    "Ask for the category of a semantic id, in the words of sid-grounding."),
  PR_PARAM_BOOL_AT (Params, "sid_brand", on[VERBAL_SID_BRAND], true,
                    "Ask for the brand of a semantic id; models learn to be asked by sid-grounding's `brand = true`."),
  PR_PARAM_BOOL_AT (Params, "title_category", on[VERBAL_TITLE_CATEGORY], true,
                    "Ask for the category behind a title and a brand, in the form of plain item texts."),
  PR_PARAM_INT (Params, questions, 0, G_MAXINT32, 1000,
                "Items asked about in every kind, drawn by the run's seed; 0: all."),
  PR_PARAM_CHOICE (Params, category, category_names, 0,
                   "A category is right as a whole path, or if its last level is (`leaf`)."),
  PR_PARAM_INT (Params, text_tokens, 1, 4096, 64, "Longest answer, in tokens, as text_tokens of sid-grounding."),
  PR_PARAM_INT (Params, candidates, 0, G_MAXINT32, 256,
                "Answers that are scored for a question, the true one included; 0: all that the data set has."),
  PR_PARAM_CHOICE (Params, others, others_names, 0,
                   "Which others, where not all are scored: the most `frequent`, or some `drawn` for each question."),
  PR_PARAM_CHOICE (Params, normalise, normalise_names, 0,
                   "Scores are log-probabilities, or these divided by the number of `tokens`."),
  PR_PARAM_INT (Params, rows_at_once, 1, 65536, 1024,
                "Tokens of answers that one thread scores at once; bounds memory."),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "lm", "lm/1", "The model to ask.", FALSE },
  { PR_SLOT_IN, "dataset", "dataset/1", "Items with their texts.", FALSE },
  { PR_SLOT_IN, "sids", "sids/1", "Their semantic ids, for the questions about these.", TRUE },
};

static const char *const kind_names[VERBAL_N_KINDS] = { "sid_category", "sid_brand", "title_category" };

/* Nobody knows how long questions and answers are before they are read. */
#define PROMPT_GUESS 32
#define ANSWER_GUESS 12

static gboolean
asks_sids (const Params *p)
{
  return p->on[VERBAL_SID_CATEGORY] || p->on[VERBAL_SID_BRAND];
}

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;

  for (int kind = 0; kind < VERBAL_N_KINDS; kind++)
    if (p->on[kind])
      return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "nothing is asked: switch sid_category, sid_brand or title_category on");
  return FALSE;
}

static gboolean
check_inputs (const Params *p, const PrPlan *plan, GError **error)
{
  if (asks_sids (p))
    {
      if (!pr_plan_require_sids (plan, "lm", error))
        return FALSE;
      if (!pr_plan_input_connected (plan, "sids"))
        {
          g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                       "questions about semantic ids need input 'sids': put sid-quantizer before this stage, or switch "
                       "sid_category and sid_brand off");
          return FALSE;
        }
    }
  if ((p->on[VERBAL_SID_CATEGORY] || p->on[VERBAL_TITLE_CATEGORY])
      && !pr_plan_require_categories (plan, "dataset", "questions about categories", error))
    return FALSE;
  return !p->on[VERBAL_SID_BRAND] || pr_plan_require_brands (plan, "dataset", "questions about brands", error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error)
{
  const Params *p = params_;
  gint64 n = pr_plan_input_dim (plan_, "dataset", "n_items"), n_kinds = 0;
  double candidates = p->candidates > 0 ? (double)p->candidates : 1000;
  const PrGenerateParams generate = { .samples = 1, .max_tokens = p->text_tokens, .rows_at_once = 32, .top_p = 1 };
  PrLmConfig config;

  if (!check_inputs (p, plan_, error))
    return FALSE;
  if (!pr_plan_input_lm (plan_, "lm", &config, NULL))
    return TRUE;
  for (int kind = 0; kind < VERBAL_N_KINDS; kind++)
    n_kinds += p->on[kind];
  pr_plan_set_memory (plan_, (guint64)pr_lm_config_n_params (&config) * sizeof (float)
                                 + MAX (pr_generate_bytes (&config, &generate, PROMPT_GUESS, pr_threads_get ()),
                                        pr_score_texts_bytes (&config, p->rows_at_once, PROMPT_GUESS, p->text_tokens,
                                                              pr_threads_get ())));
  if (n >= 0)
    n = p->questions > 0 ? MIN (n, p->questions) : n;
  if (n > 0)
    pr_plan_set_flops (plan_,
                       (double)(n * n_kinds) * (2 * PROMPT_GUESS + candidates * ANSWER_GUESS / 2)
                           * (pr_lm_config_token_flops (&config, PROMPT_GUESS) + 2.0 * config.hidden * config.vocab));
  return TRUE;
}

typedef struct
{
  const Params *params;
  PrRun *run;
  PrLm *lm;
  PrDataset *dataset;
  PrSids *sids;           /* NULL: nothing is asked about them */
  PrGrounding *grounding; /* the same */
  gint32 end;             /* <|endoftext|> */
  guint64 seed;
  PrGenerateStats written;
  PrScoreStats scored;
  guint64 steps, n_steps; /* progress: passes over questions done, in all */
} Job;

/* Progress of a pass in per mille. */
static gboolean
tick (gpointer ctx, gsize done, gsize total, GError **error)
{
  Job *job = ctx;

  return pr_run_step (job->run, job->steps * 1000 + done * 1000 / MAX (total, 1), job->n_steps * 1000, error);
}

static void
say (const Job *job, VerbalKind kind, const char *what, double value)
{
  g_autofree char *name = g_strdup_printf ("%s_%s", what, kind_names[kind]);

  pr_run_metric (job->run, name, value);
}

/* One row a question. */
static void
report_rows (const Job *job, VerbalKind kind, const Questions *questions, const Verdict *verdicts)
{
  for (gsize q = 0; q < questions->n; q++)
    {
      const Verdict *v = &verdicts[q];
      const struct
      {
        const char *name;
        double value;
      } columns[] = {
        { "kind", kind },
        { "item", g_array_index (questions->items, gint32, q) },
        { "free_right", v->said == v->truth },
        { "scored_right", v->rank == 1 },
        { "rank", v->rank },
        { "candidates", v->n_candidates },
        { "truth", v->truth },
        { "said", v->said },
        { "levels_right", v->levels },
        { "levels", v->n_levels },
        { "score", v->score },
      };

      for (gsize c = 0; c < G_N_ELEMENTS (columns); c++)
        pr_run_table (job->run, "questions", columns[c].name, columns[c].value);
    }
}

/* Share of the questions that the answer which is right most often is right for. */
static double
most_frequent (const Answers *answers, const Verdict *verdicts, gsize n)
{
  g_autofree gint32 *counts = g_new0 (gint32, answers->n_names + 1);
  gint32 most = 0;

  for (gsize q = 0; q < n; q++)
    {
      gint32 *count = &counts[verdicts[q].truth];

      (*count)++;
      most = MAX (most, *count);
    }
  return (double)most / (double)n;
}

static void
report (const Job *job, const Answers *answers, const Questions *questions, const Verdict *verdicts)
{
  VerbalKind kind = answers->kind;
  double free = 0, scored = 0, prefix = 0, levels = 0, malformed = 0, mrr = 0, uniform = 0, n = (double)questions->n;

  for (gsize q = 0; q < questions->n; q++)
    {
      const Verdict *v = &verdicts[q];

      free += v->said == v->truth;
      scored += v->rank == 1;
      prefix += v->levels > 0;
      levels += (double)v->levels / v->n_levels;
      malformed += v->said < 0;
      mrr += 1.0 / v->rank;
      uniform += 1.0 / v->n_candidates;
    }
  say (job, kind, "questions", n);
  say (job, kind, "answers", answers->n_names);
  say (job, kind, "accuracy_free", free / n);
  say (job, kind, "accuracy_scored", scored / n);
  say (job, kind, "gap", (scored - free) / n);
  if (kind != VERBAL_SID_BRAND)
    {
      say (job, kind, "prefix", prefix / n);
      say (job, kind, "levels", levels / n);
    }
  say (job, kind, "malformed", malformed / n);
  say (job, kind, "mrr", mrr / n);
  say (job, kind, "chance", most_frequent (answers, verdicts, questions->n));
  say (job, kind, "uniform", uniform / n);
  report_rows (job, kind, questions, verdicts);
}

static gboolean
ask_kind (Job *job, VerbalKind kind, GError **error)
{
  const Params *p = job->params;
  const Judging judging = { p->candidates, p->others == 1, p->normalise == 1, p->rows_at_once, job->seed, tick, job };
  g_autoptr (Answers) answers =
      answers_new (kind, p->category == 1, job->dataset, pr_lm_tokenizer (job->lm), job->end, p->text_tokens);
  g_auto (Questions) questions = { 0 };
  g_autofree Verdict *verdicts = NULL;

  questions_init (&questions, answers, job->dataset, job->lm, job->grounding, p->questions, job->seed);
  if (questions.n == 0)
    {
      g_set_error (
          error, PR_ERROR, PR_ERROR_DATA,
          "%s: no item of data set '%s' has what is asked for in a question that fits the model's %d positions; "
          "switch %s off",
          kind_names[kind], pr_dataset_name (job->dataset), pr_lm_config (job->lm)->max_positions, kind_names[kind]);
      return FALSE;
    }
  verdicts = g_new0 (Verdict, questions.n);
  if (!judge_free (job->lm, answers, &questions, &judging, job->end, verdicts, &job->written, error))
    return FALSE;
  job->steps++;
  if (!judge_scored (job->lm, answers, &questions, &judging, verdicts, &job->scored, error))
    return FALSE;
  job->steps++;
  report (job, answers, &questions, verdicts);
  return TRUE;
}

static gboolean
load (Job *job, GError **error)
{
  const Params *p = job->params;
  const char *sids = pr_run_input_dir (job->run, "sids");
  /* The answer carries the loss: what has none is the question. */
  const PrGroundingParams wording = { PR_GROUNDING_LOSS_ANSWER, 1, p->text_tokens, 0, 0, true };

  job->lm = pr_lm_load (pr_run_input_dir (job->run, "lm"), error);
  if (job->lm == NULL)
    return FALSE;
  job->dataset = pr_dataset_load (pr_run_input_dir (job->run, "dataset"), error);
  if (job->dataset == NULL)
    return FALSE;
  job->end = pr_tokenizer_lookup (pr_lm_tokenizer (job->lm), "<|endoftext|>");
  if (job->end < 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "the model's tokenizer lacks '<|endoftext|>', which ends answers");
      return FALSE;
    }
  if (!asks_sids (p))
    return TRUE;
  job->sids = pr_sids_load (sids, error);
  if (job->sids == NULL)
    return FALSE;
  job->grounding = pr_grounding_new (job->lm, job->dataset, job->sids, &wording, job->seed, error);
  return job->grounding != NULL;
}

static void
report_costs (const Job *job)
{
  pr_run_add_cost (job->run, PR_COST_INFER_TOKENS,
                   (double)(job->written.prompt_tokens + job->scored.prompt_tokens + job->scored.text_tokens));
  pr_run_add_cost (job->run, PR_COST_GENERATED_TOKENS, (double)job->written.generated_tokens);
  pr_run_add_cost (job->run, PR_COST_FLOPS, job->written.flops + job->scored.flops);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  Job job = { .params = params_, .run = run_, .seed = pr_run_seed (run_) };
  gboolean ok = load (&job, error);

  for (int kind = 0; kind < VERBAL_N_KINDS; kind++)
    job.n_steps += job.params->on[kind] ? 2 : 0;
  for (int kind = 0; ok && kind < VERBAL_N_KINDS; kind++)
    if (job.params->on[kind])
      {
        pr_run_status (run_, kind_names[kind]);
        ok = ask_kind (&job, (VerbalKind)kind, error);
      }
  if (ok)
    report_costs (&job);
  pr_grounding_free (job.grounding);
  pr_sids_free (job.sids);
  pr_dataset_free (job.dataset);
  pr_lm_free (job.lm);
  return ok;
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "probe-verbalization",
  .version = "1",
  .summary = "Ask what a model knows of items twice: by what it writes, and by the probabilities of all answers.",
  .source = "PauseRec section 2 (weakened verbalization); how it was measured is not public, the questions are ours",
  .stochastic = TRUE, /* which items are asked about */
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

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "probe-verbalization", .stages = stages };
