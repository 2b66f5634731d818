/* effect.c - what the model's own rationale does to its prediction (paper section 2, (4)): log p of the target and the
 * ranking when it is removed, swapped with another user's, or given as gold. */
#include "config.h"

#include "report.h"
#include "stages.h"

#include <string.h>

typedef struct
{
  AskParams ask;
  int malformed;
} Params;

static const PrParamSpec params[] = {
  ASK_PARAMS (Params),
  PR_PARAM_CHOICE (Params, malformed, pr_malformed_names, PR_MALFORMED_MISS,
                   "A thought of the model's own that is not closed or has SIDs in it: `miss`, no items come of it and "
                   "there is no log p; `close`, it is cut there and closed."),
};

static const PrSlotSpec slots[] = { ASK_SLOTS };

enum
{
  OWN,
  NONE,
  OTHER,
  GOLD,
  N_VARIANTS,
};

static const Arm variants[N_VARIANTS] = {
  [OWN] = { "own", TRUE }, [NONE] = { "none", FALSE }, [OTHER] = { "other", FALSE }, [GOLD] = { "gold", FALSE }
};

typedef struct
{
  Probe *probe;
  const Params *params;
  PrCorruptor corruptor;
  gint64 n_same; /* own thoughts that are the gold rationale */
  gdouble n_tokens_gold;
} Effect;

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;

  return ask_check (&p->ask, error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error)
{
  const Params *p = params_;

  return ask_plan (&p->ask, plan_, N_VARIANTS, error);
}

/* What the model writes itself, greedily. */
static gboolean
think_own (Effect *e, gsize n, const Prompts *prompts, PrTexts *ret, GError **error)
{
  const Probe *probe = e->probe;
  const PrBeamParams beam = { probe->params->beams, (PrNormalise)probe->params->normalise,
                              probe->params->users_at_once };
  const PrThinkParams greedy = {
    .thoughts = 1, .thought_tokens = probe->params->thought_tokens, .top_p = 1, .malformed = e->params->malformed
  };

  return pr_answer_think (probe->inputs.lm, probe->prompter, probe->trie, &beam, &greedy, 0,
                          (const gint32 *)(gconstpointer)prompts->tokens->data,
                          (const gint32 *)(gconstpointer)prompts->offsets->data, n, NULL, ret, &e->probe->stats, error);
}

/* The thoughts of asked user INDEX; OWN [n] are the model's, NULL: malformed. */
static gboolean
add_user (Effect *e, gsize index, const gint32 *own, gsize n, Thoughts *thoughts, GError **error)
{
  Probe *probe = e->probe;
  g_autofree char *other = NULL;
  gint32 start;
  gsize n_gold;

  if (!pr_corrupt (&e->corruptor, PR_CORRUPTION_OTHER_USER, 0, g_array_index (probe->own, guint, index), &other, error))
    return FALSE;
  if (own != NULL)
    thoughts_add (thoughts, own, n);
  else
    thoughts_add_none (thoughts);
  thoughts_add (thoughts, NULL, 0);
  thoughts_add_text (probe, thoughts, other);
  start = (gint32)thoughts->tokens->len;
  thoughts_add_text (probe, thoughts, probe_gold (probe, index)->text);
  n_gold = thoughts->tokens->len - (guint)start;
  e->n_tokens_gold += (double)n_gold;
  e->n_same += own != NULL && n == n_gold
               && memcmp (own, &g_array_index (thoughts->tokens, gint32, start), n * sizeof *own) == 0;
  return TRUE;
}

static gboolean
think (gpointer ctx, gsize from, gsize n, const Prompts *prompts, Thoughts *thoughts, GError **error)
{
  Effect *e = ctx;
  g_auto (PrTexts) own = { 0 };

  pr_texts_init (&own);
  if (!think_own (e, n, prompts, &own, error))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      const gint32 *offsets = (const gint32 *)(gconstpointer)own.offsets->data + i;
      const gint32 *tokens = (const gint32 *)(gconstpointer)own.tokens->data + offsets[0];
      static const gint32 nothing = 0; /* an empty thought has an address too */

      if (offsets[1] == offsets[0])
        tokens = &nothing;
      if (!add_user (e, from + i, g_array_index (own.stopped, guint8, i) ? tokens : NULL,
                     (gsize)(offsets[1] - offsets[0]), thoughts, error))
        return FALSE;
    }
  return TRUE;
}

static void
report (const Effect *e, const Answers *answers)
{
  const Probe *probe = e->probe;
  const PrAnswerStats *stats = &probe->stats;
  double users = MAX ((double)probe->users->len, 1), thoughts = MAX ((double)stats->thoughts, 1);

  for (gsize v = 0; v < N_VARIANTS; v++)
    report_arm (probe, answers, variants, v);
  for (gsize v = NONE; v < N_VARIANTS; v++)
    {
      report_difference (probe, answers, variants, v, OWN);
      report_lists (probe, answers, variants, v, OWN);
    }
  for (gsize v = NONE; v < GOLD; v++)
    {
      report_difference (probe, answers, variants, v, GOLD);
      report_lists (probe, answers, variants, v, GOLD);
    }
  pr_run_metric (probe->run, "own_malformed_share", (double)(stats->unclosed + stats->foreign) / thoughts);
  pr_run_metric (probe->run, "own_empty_share", (double)stats->empty / thoughts);
  pr_run_metric (probe->run, "own_tokens_mean", (double)stats->thought_tokens / thoughts);
  pr_run_metric (probe->run, "own_is_gold_share", (double)e->n_same / users);
  pr_run_metric (probe->run, "gold_tokens_mean", e->n_tokens_gold / users);
  report_asked (probe, 2 * probe->users->len);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_auto (Probe) probe = { 0 };
  g_auto (Answers) answers = { 0 };
  Effect effect = { .probe = &probe, .params = p };

  if (!probe_load (&probe, &p->ask, run_, error))
    return FALSE;
  effect.corruptor = (PrCorruptor){ .dataset = probe.inputs.dataset,
                                    .reasons = probe_reasons (&probe),
                                    .n = probe.reasons->len,
                                    .seed = pr_run_seed (run_) };
  if (!probe_ask (&probe, N_VARIANTS, think, &effect, &answers, error))
    return FALSE;
  report (&effect, &answers);
  return TRUE;
}

const PrStage effect_stage = {
  .size = sizeof (PrStage),
  .id = "probe-rationale-effect",
  .version = "1",
  .summary =
      "Change of log p(target) and of the ranking when a model's rationale is removed, swapped or given as gold.",
  .source = "PauseRec section 2, finding 4; how it was measured is not public",
  .stochastic = TRUE, /* whose rationale is swapped in is drawn */
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = validate,
  .plan = plan,
  .run = run,
};
