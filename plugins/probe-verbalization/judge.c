#include "config.h"

#include "judge.h"

#include <math.h>

/* Texts that one thread writes side by side. */
#define TEXTS_AT_ONCE 32

#define DATA(array) ((const gint32 *)(gconstpointer)(array)->data)

static void
hear (const Answers *answers, const char *said, gboolean stopped, const char *truth, Verdict *verdict)
{
  g_autofree char *folded = answers_fold (said), *part = NULL;

  verdict->said = answers_find (answers, folded, stopped, &part);
  verdict->levels = answers_levels (truth, part, &verdict->n_levels);
}

gboolean
judge_free (PrLm *lm, const Answers *answers, const Questions *questions, const Judging *judging, gint32 end,
            Verdict *verdicts, PrGenerateStats *stats, GError **error)
{
  const PrGenerateParams params = {
    .samples = 1, .max_tokens = answers->longest, .top_p = 1, .stop = end, .rows_at_once = TEXTS_AT_ONCE
  };
  g_auto (PrTexts) texts = { 0 };

  pr_texts_init (&texts);
  if (!pr_generate (lm, &params, DATA (questions->tokens), DATA (questions->offsets), questions->n, NULL, judging->tick,
                    judging->tick_ctx, &texts, stats, error))
    return FALSE;
  for (gsize q = 0; q < questions->n; q++)
    {
      gint32 from = g_array_index (texts.offsets, gint32, q), to = g_array_index (texts.offsets, gint32, q + 1);
      gint32 text = answers->of_item[g_array_index (questions->items, gint32, q)];
      g_autofree char *said =
          pr_tokenizer_decode (pr_lm_tokenizer (lm), DATA (texts.tokens) + from, (gsize)(to - from), FALSE);
      g_autofree char *truth = answers_fold (answers->texts->pdata[text]);

      verdicts[q].truth = g_array_index (answers->name_of, gint32, text);
      hear (answers, said, g_array_index (texts.stopped, guint8, q), truth, &verdicts[q]);
    }
  return TRUE;
}

/* Names that question Q is to choose from: the truth, then others. */
static void
choose_names (const Answers *answers, const Judging *judging, gint32 item, gint32 truth, GArray *names)
{
  gint64 most = judging->candidates > 0 ? MIN (judging->candidates, answers->n_names) : answers->n_names;
  g_autofree guint32 *drawn = NULL;

  if (judging->drawn && most < answers->n_names)
    drawn = pr_rng_permutation (pr_rng_new (judging->seed, "verbalization-candidates"), (guint64)item,
                                (guint32)answers->n_names);
  g_array_set_size (names, 0);
  g_array_append_val (names, truth);
  for (gint32 i = 0; (gint64)names->len < most; i++)
    {
      gint32 name = drawn != NULL ? (gint32)drawn[i] : answers->frequent[i];

      if (name != truth)
        g_array_append_val (names, name);
    }
}

/* Candidates of all questions, one question after the other; a name has all its texts. */
typedef struct
{
  GArray *first, *chosen; /* gint32 */
} Lists;

static void
list_candidates (const Answers *answers, const Questions *questions, const Judging *judging, Verdict *verdicts,
                 Lists *lists)
{
  g_autoptr (GArray) names = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (gsize q = 0; q < questions->n; q++)
    {
      gint32 variant = g_array_index (questions->stops, guint8, q) ? answers->n_texts : 0, end;

      choose_names (answers, judging, g_array_index (questions->items, gint32, q), verdicts[q].truth, names);
      verdicts[q].n_candidates = (gint32)names->len;
      for (guint i = 0; i < names->len; i++)
        {
          gint32 name = g_array_index (names, gint32, i);

          for (gint32 m = answers->first[name]; m < answers->first[name + 1]; m++)
            {
              gint32 candidate = variant + answers->members[m];

              g_array_append_val (lists->chosen, candidate);
            }
        }
      end = (gint32)lists->chosen->len;
      g_array_append_val (lists->first, end);
    }
}

/* A name scores what the best of its texts does. */
static void
rank (const Answers *answers, const gint32 *chosen, const float *scores, gint32 n, gboolean per_token, double *best,
      Verdict *verdict)
{
  for (gint32 i = 0; i < n; i++)
    best[g_array_index (answers->name_of, gint32, chosen[i] % answers->n_texts)] = -INFINITY;
  for (gint32 i = 0; i < n; i++)
    {
      gint32 name = g_array_index (answers->name_of, gint32, chosen[i] % answers->n_texts);
      gint32 length = DATA (answers->offsets)[chosen[i] + 1] - DATA (answers->offsets)[chosen[i]];
      double score = per_token ? (double)scores[i] / length : (double)scores[i];

      best[name] = MAX (best[name], score);
    }
  verdict->score = best[verdict->truth];
  verdict->rank = 1;
  for (gint32 i = 0; i < n; i++)
    {
      gint32 name = g_array_index (answers->name_of, gint32, chosen[i] % answers->n_texts);

      if (name == verdict->truth || best[name] < verdict->score)
        continue;
      verdict->rank++;
      best[name] = -INFINITY; /* counted */
    }
}

static gboolean
score_lists (PrLm *lm, const Answers *answers, const Questions *questions, const Judging *judging, const Lists *lists,
             Verdict *verdicts, PrScoreStats *stats, GError **error)
{
  const PrCandidates candidates = { DATA (answers->tokens), DATA (answers->offsets), answers->offsets->len - 1 };
  const PrChoice choice = { DATA (lists->first), DATA (lists->chosen) };
  g_autofree float *scores = g_new (float, lists->chosen->len + 1);
  g_autofree double *best = g_new (double, answers->n_names + 1);

  if (!pr_score_texts (lm, judging->rows_at_once, DATA (questions->tokens), DATA (questions->offsets), questions->n,
                       &candidates, &choice, judging->tick, judging->tick_ctx, scores, stats, error))
    return FALSE;
  for (gsize q = 0; q < questions->n; q++)
    {
      gint32 from = choice.first[q], n = choice.first[q + 1] - from;

      rank (answers, choice.chosen + from, scores + from, n, judging->per_token, best, &verdicts[q]);
    }
  return TRUE;
}

gboolean
judge_scored (PrLm *lm, const Answers *answers, const Questions *questions, const Judging *judging, Verdict *verdicts,
              PrScoreStats *stats, GError **error)
{
  Lists lists = { g_array_new (FALSE, FALSE, sizeof (gint32)), g_array_new (FALSE, FALSE, sizeof (gint32)) };
  gboolean ok;

  g_array_append_val (lists.first, (gint32){ 0 });
  list_candidates (answers, questions, judging, verdicts, &lists);
  ok = score_lists (lm, answers, questions, judging, &lists, verdicts, stats, error);
  g_array_unref (lists.first);
  g_array_unref (lists.chosen);
  return ok;
}
