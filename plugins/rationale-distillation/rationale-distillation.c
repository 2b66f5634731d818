/* rationale-distillation - why a user should want what comes next, in words (paper, section 2).
 *
 * A teacher writes a rationale for every target: a template that names the target's categories (OneRec-Think, public
 * data), a language model that is told history and target (OneRec-Think, industrial data), the synthetic world itself,
 * or a file made elsewhere.  A stated share can be spoilt, to see what the quality of rationales is worth.
 */
#include "config.h"

#include "distill.h"

static const char *const teacher_names[] = { "template", "lm", "world", "file", NULL };
static const char *const target_names[] = { "last", "all-prefixes", "valid", "test", NULL };
static const char *const choice_names[] = { "first", "cycle", "random", NULL };

static const PrParamSpec params[] = {
  PR_PARAM_CHOICE (DistillParams, teacher, teacher_names, TEACHER_TEMPLATE,
                   "Who writes: sentences with blanks (OneRec-Think, public data), the connected model, the synthetic "
                   "world, or a file."),
  PR_PARAM_CHOICE (DistillParams, targets, target_names, TARGETS_LAST,
                   "Purchases that get a rationale: the third last (paper: the only training target), every training "
                   "purchase but the first, or the target of validation or test (test: for probes only, never for "
                   "training)."),
  PR_PARAM_PATH (DistillParams, templates,
                 "Templates, one a line, in sections [purpose]; not given: the built-in ones (see README)."),
  PR_PARAM_STRING (DistillParams, purpose, "default", "The section of the templates to use."),
  PR_PARAM_CHOICE (DistillParams, choice, choice_names, CHOICE_FIRST,
                   "Which template of the purpose: always the first, each in turn, or drawn for user and position."),
  PR_PARAM_PATH (
      DistillParams, file,
      "Rationales of teacher = file: JSONL (plain or gzip) of {\"user\", \"rationale\"}, with \"item\" where a "
      "user has several targets."),
  PR_PARAM_STRING (DistillParams, prompt,
                   "A customer bought {history_title} and then {target_title}, a {target_category}. Why?",
                   "What the model of teacher = lm is told, as a template (template.h)."),
  PR_PARAM_STRING (DistillParams, opening, "You need a {target_category} because",
                   "Words with blanks that stand behind the prompt and open the model's rationale."),
  PR_PARAM_INT (DistillParams, prune, 0, 1000, 10,
                "Purchases of the history shown to the model: those most similar to the target (OneRec-Think: 10)."),
  PR_PARAM_INT (DistillParams, max_tokens, 1, 4096, 64, "Tokens that the model writes at most."),
  PR_PARAM_INT (DistillParams, sentences, 0, 1000, 2, "Sentences of the model that are kept; 0: all."),
  PR_PARAM_REAL (DistillParams, temperature, 0.0, 100.0, 0.0, "Temperature of the model's draws; 0: greedy."),
  PR_PARAM_INT (DistillParams, top_k, 0, 1000000, 0, "Draw among so many most probable tokens; 0: all."),
  PR_PARAM_REAL (DistillParams, top_p, 0.000001, 1.0, 1.0,
                 "Draw among the fewest tokens whose probabilities reach this; 1: all."),
  PR_PARAM_INT (DistillParams, rows_at_once, 1, 4096, 16, "Texts that one thread writes together; bounds memory."),
  PR_PARAM_INT (DistillParams, max_words, 0, 100000, 0, "Longer rationales are cut after so many words; 0: never."),
  PR_PARAM_CHOICE (DistillParams, corruption, pr_corruption_names, PR_CORRUPTION_NONE, "How rationales are spoilt."),
  PR_PARAM_REAL (DistillParams, share, 0.0, 1.0, 1.0,
                 "Share of the rationales that are spoilt; a larger share holds a smaller one."),
  PR_PARAM_REAL (DistillParams, strength, 0.0, 1.0, 0.3, "Share of the words that drop-words drops, at least one."),
};

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "dataset", "dataset/1", "Users, purchases, and the words of items.", FALSE },
  { PR_SLOT_IN, "lm", "lm/1", "The model that teacher = lm asks.", TRUE },
  { PR_SLOT_IN, "sids", "sids/1", "What counts as the name of a semantic id; without it every <a_1> to <h_...>.",
    TRUE },
  { PR_SLOT_IN, "embeddings", "embeddings/1",
    "Which purchases are similar to the target; without it those that share most of its category path.", TRUE },
  { PR_SLOT_IN, "chains", "rationales/1", "The causal chains that teacher = world hands on.", TRUE },
  { PR_SLOT_OUT, "rationales", "rationales/1", "One rationale for every target that the teacher has one for.", FALSE },
};

static PrGenerateParams
generate_params (const DistillParams *p)
{
  return (PrGenerateParams){ .samples = 1,
                             .max_tokens = p->max_tokens,
                             .temperature = p->temperature,
                             .top_k = p->top_k,
                             .top_p = p->top_p,
                             .stop = -1,
                             .rows_at_once = p->rows_at_once };
}

static gboolean
validate (const void *params_, GError **error)
{
  const DistillParams *p = params_;
  const PrGenerateParams generate = generate_params (p);
  g_autoptr (PrTemplate) prompt = pr_template_parse (p->prompt, PR_TEMPLATE_ANY, "prompt", error);
  g_autoptr (PrTemplate) opening =
      prompt == NULL ? NULL : pr_template_parse (p->opening, PR_TEMPLATE_ANY, "opening", error);

  if (prompt == NULL || opening == NULL || (p->templates[0] == '\0' && !distill_check_purpose (p->purpose, error)))
    return FALSE;
  if (p->teacher == TEACHER_FILE && p->file[0] == '\0')
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "teacher = file needs `file`, a path");
      return FALSE;
    }
  return p->teacher != TEACHER_LM || pr_generate_params_check (&generate, error);
}

static PrSplit
split_of (const DistillParams *p)
{
  return p->targets == TARGETS_TEST ? PR_SPLIT_TEST : p->targets == TARGETS_VALID ? PR_SPLIT_VALID : PR_SPLIT_TRAIN;
}

static gboolean
need (PrPlan *plan_, const char *slot, const char *teacher, GError **error)
{
  if (pr_plan_input_connected (plan_, slot))
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "teacher = %s needs the input `%s`: put a stage that makes it before this one, or say `in.%s = ...`",
               teacher, slot, slot);
  return FALSE;
}

/* Nobody knows the lengths of prompts before the data are read. */
#define PROMPT_GUESS 128

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error)
{
  const DistillParams *p = params_;
  gint64 n_users = pr_plan_input_dim (plan_, "dataset", "n_users");
  const PrGenerateParams generate = generate_params (p);
  PrLmConfig config;

  pr_plan_set_dim (plan_, "rationales", "n_users", n_users);
  pr_plan_set_dim (plan_, "rationales", "split", split_of (p));
  if ((p->teacher == TEACHER_LM && !need (plan_, "lm", "lm", error))
      || (p->teacher == TEACHER_WORLD
          && (!need (plan_, "chains", "world", error)
              || !pr_plan_require_rationales (plan_, "chains", split_of (p), error))))
    return FALSE;
  if (p->teacher != TEACHER_LM || !pr_plan_input_lm (plan_, "lm", &config, NULL))
    return TRUE;
  pr_plan_set_memory (plan_, (guint64)pr_lm_config_n_params (&config) * sizeof (float)
                                 + pr_generate_bytes (&config, &generate, PROMPT_GUESS, pr_threads_get ()));
  if (n_users > 0)
    pr_plan_set_flops (plan_, (double)n_users * (double)(PROMPT_GUESS + p->max_tokens)
                                  * pr_lm_config_token_flops (&config, PROMPT_GUESS));
  return TRUE;
}

static gboolean
teach (Distill *distill, GError **error)
{
  switch ((Teacher)distill->params->teacher)
    {
    case TEACHER_LM:
      return teach_by_lm (distill, error);
    case TEACHER_WORLD:
      return teach_by_world (distill, error);
    case TEACHER_FILE:
      return teach_by_file (distill, error);
    case TEACHER_TEMPLATE:
    default:
      return teach_by_template (distill, error);
    }
}

/* Cut what is too long; there must be something at all. */
static gboolean
cut (Distill *distill, GError **error)
{
  guint n = 0, n_cut = 0;

  for (guint i = 0; i < distill->drafts->len; i++)
    {
      Draft *draft = distill_draft (distill, i);

      n += draft->text != NULL;
      if (draft->text != NULL && distill->params->max_words > 0)
        n_cut += pr_words_cut (draft->text, (gsize)distill->params->max_words);
    }
  pr_run_metric (distill->run, "cut_share", (double)n_cut / MAX (n, 1));
  if (n > 0)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "teacher = %s has no rationale for any of the %u targets of targets = %s",
               teacher_names[distill->params->teacher], distill->drafts->len, target_names[distill->params->targets]);
  return FALSE;
}

static gboolean
save (const Distill *distill, GError **error)
{
  const DistillParams *p = distill->params;
  g_autoptr (PrRationales) rationales = pr_rationales_new ();

  for (guint i = 0; i < distill->drafts->len; i++)
    {
      const Draft *draft = distill_draft (distill, i);
      const PrRationale rationale = { .user = draft->user,
                                      .position = draft->position,
                                      .text = draft->text,
                                      .teacher = teacher_names[p->teacher],
                                      .prompt = draft->prompt,
                                      .corruption = draft->corruption,
                                      .sampled = p->teacher == TEACHER_LM,
                                      .sampling = { p->temperature, p->top_p, p->top_k, p->max_tokens },
                                      .seed = draft->seed };

      if (draft->text != NULL)
        pr_rationales_add (rationales, &rationale);
    }
  pr_run_set_dim (distill->run, "rationales", "n_users", pr_dataset_n_users (distill->dataset));
  pr_run_set_dim (distill->run, "rationales", "split", split_of (p));
  return pr_rationales_save (rationales, distill->dataset, pr_run_output_dir (distill->run, "rationales"), error);
}

static void
draft_clear (gpointer draft)
{
  g_free (((Draft *)draft)->text);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  Distill distill = { .params = params_, .run = run_ };
  gboolean ok;

  distill.dataset = pr_dataset_load (pr_run_input_dir (run_, "dataset"), error);
  if (distill.dataset == NULL)
    return FALSE;
  distill.drafts = g_array_new (FALSE, FALSE, sizeof (Draft));
  g_array_set_clear_func (distill.drafts, draft_clear);
  distill_list_targets (&distill);
  ok = distill_load_templates (&distill, error) && teach (&distill, error) && cut (&distill, error)
       && distill_corrupt (&distill, error) && distill_measure (&distill, error) && save (&distill, error);
  g_clear_pointer (&distill.templates, g_ptr_array_unref);
  g_array_unref (distill.drafts);
  pr_dataset_free (distill.dataset);
  return ok;
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "rationale-distillation",
  .version = "1",
  .summary = "Let a teacher write why users want what comes next, and spoil a stated share of it.",
  .source = "PauseRec section 2; OneRec-Think: template on public data, aligned model with pruned history elsewhere",
  .stochastic = TRUE,
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (DistillParams),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = validate,
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "rationale-distillation", .stages = stages };
