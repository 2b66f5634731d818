/* sensitivity.c - the gold rationale perturbed at inference (paper section 2, (5)): how much of Hit, NDCG and log p
 * does each kind of perturbation cost, at each strength? */
#include "config.h"

#include "report.h"
#include "stages.h"

#include <string.h>

typedef struct
{
  AskParams ask;
  const char *kinds;
  PrInts shuffle_percent, drop_percent;
} Params;

static const PrParamSpec params[] = {
  ASK_PARAMS (Params),
  PR_PARAM_STRING (Params, kinds, "paraphrase,shuffle-words,drop-words,wrong-category,other-user",
                   "How the gold rationale is perturbed, as in rationale-distillation; `empty` is known too."),
  PR_PARAM_INTS (Params, shuffle_percent, 1, 100, "25,50,100", "Strengths of shuffle-words: per cent of the words."),
  PR_PARAM_INTS (Params, drop_percent, 1, 100, "25,50,100", "Strengths of drop-words: per cent of the words."),
};

static const PrSlotSpec slots[] = { ASK_SLOTS };

/* A kind at a strength; number 0 is the rationale as it is. */
typedef struct
{
  PrCorruption kind;
  double strength;
  char name[32];
} Condition;

#define INTACT "intact"

/* The number of a kind in pr_corruption_names; `none` is no perturbation. */
static int
kind_of (const char *name)
{
  for (int kind = PR_CORRUPTION_NONE + 1; kind < PR_N_CORRUPTIONS; kind++)
    if (strcmp (name, pr_corruption_names[kind]) == 0)
      return kind;
  return -1;
}

static void
add_condition (GArray *conditions, int kind, gint64 percent)
{
  Condition c = { (PrCorruption)kind, (double)percent / 100, "" };

  g_snprintf (c.name, sizeof c.name, percent > 0 ? "%s_%d" : "%s", pr_corruption_names[kind], (int)percent);
  g_strdelimit (c.name, "-", '_');
  g_array_append_val (conditions, c);
}

static gboolean
check_strengths (const char *key, const PrInts *percent, GError **error)
{
  for (gint64 i = 0; i < percent->n; i++)
    for (gint64 j = 0; j < i; j++)
      if (percent->v[i] == percent->v[j])
        {
          g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "%s = ...,%d: %d stands there twice", key,
                       (int)percent->v[i], (int)percent->v[i]);
          return FALSE;
        }
  return TRUE;
}

/* Append what `kinds` asks for (Condition) to CONDITIONS. */
static gboolean
list_conditions (const Params *p, GArray *conditions, GError **error)
{
  g_auto (GStrv) names = g_strsplit (p->kinds, ",", -1);
  gboolean seen[PR_N_CORRUPTIONS] = { FALSE };
  Condition intact = { PR_CORRUPTION_NONE, 0, INTACT };

  if (!check_strengths ("shuffle_percent", &p->shuffle_percent, error)
      || !check_strengths ("drop_percent", &p->drop_percent, error))
    return FALSE;
  g_array_append_val (conditions, intact);
  for (gsize i = 0; names[i] != NULL; i++)
    {
      int kind = kind_of (g_strstrip (names[i]));
      const PrInts *percent = kind == PR_CORRUPTION_SHUFFLE_WORDS ? &p->shuffle_percent
                              : kind == PR_CORRUPTION_DROP_WORDS  ? &p->drop_percent
                                                                  : NULL;

      if (kind < 0 || seen[kind])
        {
          g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                       "kinds: '%s' %s; write a list of paraphrase, shuffle-words, drop-words, wrong-category, "
                       "other-user and empty",
                       names[i], kind < 0 ? "is no kind of perturbation" : "stands there twice");
          return FALSE;
        }
      seen[kind] = TRUE;
      if (percent == NULL)
        add_condition (conditions, kind, 0);
      for (gint64 s = 0; percent != NULL && s < percent->n; s++)
        add_condition (conditions, kind, percent->v[s]);
    }
  if (conditions->len > 1)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "kinds = %s: nothing is perturbed at any strength", p->kinds);
  return FALSE;
}

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;
  g_autoptr (GArray) conditions = g_array_new (FALSE, FALSE, sizeof (Condition));

  return ask_check (&p->ask, error) && list_conditions (p, conditions, error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error)
{
  const Params *p = params_;
  g_autoptr (GArray) conditions = g_array_new (FALSE, FALSE, sizeof (Condition));

  if (!list_conditions (p, conditions, error))
    return FALSE;
  for (guint c = 0; c < conditions->len; c++)
    if (g_array_index (conditions, Condition, c).kind == PR_CORRUPTION_WRONG_CATEGORY
        && !pr_plan_require_categories (plan_, "dataset", "perturbations of kind wrong-category", error))
      return FALSE;
  return ask_plan (&p->ask, plan_, conditions->len, error);
}

typedef struct
{
  Probe *probe;
  const GArray *conditions; /* Condition */
  PrCorruptor corruptor;
  gint64 *n_unchanged; /* [conditions]: texts that a kind leaves as they are */
  gsize n_texts;
} Sensitivity;

static const Condition *
condition_at (const Sensitivity *s, gsize index)
{
  return &g_array_index (s->conditions, Condition, index);
}

/* The gold rationale of asked user INDEX under every condition; one that a kind leaves as it is says nothing of it. */
static gboolean
add_user (Sensitivity *s, gsize index, Thoughts *thoughts, GError **error)
{
  const char *gold = probe_gold (s->probe, index)->text;

  for (gsize c = 0; c < s->conditions->len; c++)
    {
      const Condition *condition = condition_at (s, c);
      g_autofree char *text = NULL;

      if (!pr_corrupt (&s->corruptor, condition->kind, condition->strength, g_array_index (s->probe->own, guint, index),
                       &text, error))
        return FALSE;
      if (c > 0 && (text == NULL || strcmp (text, gold) == 0))
        {
          s->n_unchanged[c]++;
          thoughts_add_none (thoughts);
          continue;
        }
      thoughts_add_text (s->probe, thoughts, text);
      s->n_texts++;
    }
  return TRUE;
}

static gboolean
think (gpointer ctx, gsize from, gsize n, const Prompts *prompts G_GNUC_UNUSED, Thoughts *thoughts, GError **error)
{
  for (gsize i = from; i < from + n; i++)
    if (!add_user (ctx, i, thoughts, error))
      return FALSE;
  return TRUE;
}

static void
report (const Sensitivity *s, const Answers *answers)
{
  const Probe *probe = s->probe;
  g_autofree Arm *arms = g_new0 (Arm, s->conditions->len);

  for (gsize c = 0; c < s->conditions->len; c++)
    arms[c].name = condition_at (s, c)->name;
  for (gsize c = 0; c < s->conditions->len; c++)
    {
      g_autofree char *unchanged = g_strdup_printf ("%s_unchanged_share", arms[c].name);

      report_arm (probe, answers, arms, c);
      if (c == 0)
        continue;
      report_difference (probe, answers, arms, c, 0);
      pr_run_metric (probe->run, unchanged, (double)s->n_unchanged[c] / MAX (probe->users->len, 1));
    }
  report_asked (probe, s->n_texts);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_autoptr (GArray) conditions = g_array_new (FALSE, FALSE, sizeof (Condition));
  g_auto (Probe) probe = { 0 };
  g_auto (Answers) answers = { 0 };
  g_autofree gint64 *n_unchanged = NULL;
  Sensitivity s = { .probe = &probe, .conditions = conditions };

  if (!list_conditions (p, conditions, error) || !probe_load (&probe, &p->ask, run_, error))
    return FALSE;
  s.n_unchanged = n_unchanged = g_new0 (gint64, conditions->len);
  s.corruptor = (PrCorruptor){ .dataset = probe.inputs.dataset,
                               .reasons = probe_reasons (&probe),
                               .n = probe.reasons->len,
                               .seed = pr_run_seed (run_) };
  if (!probe_ask (&probe, conditions->len, think, &s, &answers, error))
    return FALSE;
  report (&s, &answers);
  return TRUE;
}

const PrStage sensitivity_stage = {
  .size = sizeof (PrStage),
  .id = "probe-rationale-sensitivity",
  .version = "1",
  .summary = "Drop of Hit, NDCG and log p(target) when the gold rationale is perturbed at inference.",
  .source = "PauseRec section 2, finding 5; how rationales were perturbed is not public",
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
