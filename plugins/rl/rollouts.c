#include "config.h"

#include "rollouts.h"

#define ROWS_AT_ONCE 32
#define USERS_AT_ONCE 4 /* prompts of a group; each has a branch for every roll-out */

#define INTS(array) ((const gint32 *)(const void *)(array)->data)

static gint32
target_of (const RolloutSettings *s, gsize index)
{
  gint32 user, position;
  gint64 n;

  pr_sft_place (s->sft, index, &user, &position);
  return pr_dataset_sequence (s->dataset, user, &n)[position];
}

static void
append_length (GArray *offsets, const GArray *of)
{
  gint32 end = (gint32)of->len;

  g_array_append_val (offsets, end);
}

static void
add_prompts (const RolloutSettings *s, const guint32 *picked, Rollouts *r)
{
  append_length (r->offsets, r->tokens);
  for (gsize p = 0; p < r->n_prompts; p++)
    {
      gint32 user, position;
      gint64 n;

      pr_sft_place (s->sft, picked[p], &user, &position);
      pr_prompter_prompt (s->prompter, pr_dataset_sequence (s->dataset, user, &n), position, r->tokens);
      append_length (r->offsets, r->tokens);
    }
}

/* Actions of roll-out I: its text, and in words the tag that ended it. */
static void
add_actions (const RolloutSettings *s, const PrTexts *texts, gsize i, Rollouts *r)
{
  const gint32 *offsets = INTS (texts->offsets);
  gint32 end = pr_prompter_end_think (s->prompter);

  g_array_append_vals (r->actions, INTS (texts->tokens) + offsets[i], (guint)(offsets[i + 1] - offsets[i]));
  if (g_array_index (texts->stopped, guint8, i))
    g_array_append_val (r->actions, end);
  append_length (r->starts, r->actions);
}

static gboolean
is_sound (const RolloutSettings *s, const PrTexts *texts, gsize i)
{
  const gint32 *offsets = INTS (texts->offsets);
  gsize n = (gsize)(offsets[i + 1] - offsets[i]);

  return g_array_index (texts->stopped, guint8, i)
         && pr_thought_sound_length (s->prompter, INTS (texts->tokens) + offsets[i], n) == n;
}

/* Sound thoughts as branches of their prompts; a prompt without any has an empty branch, whose beams nobody looks at.
 */
static void
collect_branches (const RolloutSettings *s, const PrTexts *texts, const Rollouts *r, GArray *first, GArray *tokens,
                  GArray *starts, GArray *whose)
{
  append_length (first, whose);
  append_length (starts, tokens);
  for (gsize p = 0; p < r->n_prompts; p++)
    {
      guint before = whose->len;
      gint32 none = -1;

      for (gsize i = p * (gsize)s->group; i < (p + 1) * (gsize)s->group; i++)
        {
          gint32 from = INTS (r->starts)[i], number = (gint32)i;

          if (!is_sound (s, texts, i))
            continue;
          g_array_append_vals (tokens, INTS (r->actions) + from, (guint)(INTS (r->starts)[i + 1] - from));
          append_length (starts, tokens);
          g_array_append_val (whose, number);
        }
      if (whose->len == before)
        {
          append_length (starts, tokens);
          g_array_append_val (whose, none);
        }
      append_length (first, whose);
    }
}

static gboolean
reward_thoughts (const RolloutSettings *s, PrLm *lm, const guint32 *picked, const PrTexts *texts, Rollouts *r,
                 GError **error)
{
  const PrBeamParams beam = { s->beams, PR_NORMALISE_TRIE, USERS_AT_ONCE };
  g_autoptr (GArray) first = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) starts = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) whose = g_array_new (FALSE, FALSE, sizeof (gint32));
  PrAnswerStats stats = { .thoughts = 0 };

  collect_branches (s, texts, r, first, tokens, starts, whose);

  const PrBranches branches = { INTS (first), INTS (tokens), INTS (starts) };
  g_autofree gint32 *leaves = g_new (gint32, whose->len * (gsize)s->beams);
  g_autofree float *scores = g_new (float, whose->len *(gsize)s->beams);

  if (!pr_beam_search (lm, s->trie, &beam, INTS (r->tokens), INTS (r->offsets), r->n_prompts, &branches, leaves, scores,
                       &stats.search, error))
    return FALSE;
  r->malformed = r->n;
  for (guint b = 0; b < whose->len; b++)
    {
      gint32 i = INTS (whose)[b];

      if (i < 0)
        continue;
      r->malformed--;
      r->rewards[i] = reward_of_beams (s->reward, s->trie, s->sids, target_of (s, picked[i / s->group]),
                                       leaves + b * s->beams, s->beams);
    }
  pr_answer_costs (&stats, r->costs);
  return TRUE;
}

static void
reward_tuples (const RolloutSettings *s, const guint32 *picked, Rollouts *r)
{
  for (gsize i = 0; i < r->n; i++)
    {
      gint32 from = INTS (r->starts)[i], to = INTS (r->starts)[i + 1];
      gboolean valid;

      r->rewards[i] = reward_of_tuple (s->reward, s->prompter, s->sids, target_of (s, picked[i / (gsize)s->group]),
                                       INTS (r->actions) + from, (gsize)(to - from), &valid);
      r->malformed += !valid;
    }
}

static gboolean
act (const RolloutSettings *s, PrLm *lm, const guint32 *picked, guint64 seed, PrTrainLog *log, Rollouts *r,
     GError **error)
{
  gboolean words = pr_prompter_thinking (s->prompter) == PR_THINKING_COT;
  const PrGenerateParams params = { .samples = s->group,
                                    .max_tokens = words ? s->thought_tokens + 1 : s->sids->levels,
                                    .temperature = s->temperature,
                                    .top_p = 1,
                                    .stop = words ? pr_prompter_end_think (s->prompter) : -1,
                                    .seed = seed,
                                    .rows_at_once = MAX (ROWS_AT_ONCE, s->group) };
  g_autofree guint64 *ids = g_new (guint64, r->n_prompts);
  g_auto (PrTexts) texts = { 0 };
  PrAnswerStats stats = { .thoughts = 0 };

  for (gsize p = 0; p < r->n_prompts; p++)
    ids[p] = picked[p];
  pr_texts_init (&texts);
  if (!pr_generate (lm, &params, INTS (r->tokens), INTS (r->offsets), r->n_prompts, ids, NULL, NULL, &texts,
                    &stats.text, error)
      || !pr_train_log_tick (log, error))
    return FALSE;
  append_length (r->starts, r->actions);
  for (gsize i = 0; i < r->n; i++)
    add_actions (s, &texts, i, r);
  r->action_tokens = r->actions->len;
  pr_answer_costs (&stats, r->costs);
  if (words)
    return reward_thoughts (s, lm, picked, &texts, r, error);
  reward_tuples (s, picked, r);
  return TRUE;
}

gboolean
rollouts_make (const RolloutSettings *s, PrLm *lm, const guint32 *picked, gsize n_prompts, guint64 seed,
               PrTrainLog *log, Rollouts *ret, GError **error)
{
  g_auto (Rollouts) r = { .n_prompts = n_prompts, .n = n_prompts * (gsize)s->group };

  r.tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  r.offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  r.actions = g_array_new (FALSE, FALSE, sizeof (gint32));
  r.starts = g_array_new (FALSE, FALSE, sizeof (gint32));
  r.rewards = g_new0 (double, r.n);
  add_prompts (s, picked, &r);
  if (!act (s, lm, picked, seed, log, &r, error))
    return FALSE;
  *ret = r;
  r = (Rollouts){ 0 };
  return TRUE;
}

void
rollouts_clear (Rollouts *r)
{
  g_clear_pointer (&r->tokens, g_array_unref);
  g_clear_pointer (&r->offsets, g_array_unref);
  g_clear_pointer (&r->actions, g_array_unref);
  g_clear_pointer (&r->starts, g_array_unref);
  g_clear_pointer (&r->rewards, g_free);
}
