/* answer.c - think, then search: one call for every thinking mode. */
#include "config.h"

#include <pauserec/answer.h>
#include <pauserec/error.h>

#include <math.h>
#include <string.h>

const char *const pr_malformed_names[] = { "miss", "close", NULL };
const char *const pr_pool_names[] = { "mean", "max", NULL };

typedef struct
{
  PrLm *lm;
  const PrPrompter *prompter;
  const PrTrie *trie;
  const PrBeamParams *beam;
  const PrThinkParams *think;
  const gint32 *tokens, *offsets;
  gsize n;
  gint64 keep;
  gint32 *leaves;
  float *scores;
  PrAnswerStats *stats;
} Answer;

/* Continuations of the prompts at hand, and those of them that have any. */
typedef struct
{
  GArray *users;                   /* gint32: who is searched */
  GArray *prompts, *offsets;       /* gint32: their prompts, packed */
  GArray *first, *tokens, *starts; /* gint32: PrBranches */
} Continuations;

gboolean
pr_think_params_check (const PrThinkParams *think, GError **error)
{
  const PrGenerateParams params = {
    .samples = think->thoughts,
    .max_tokens = think->thought_tokens,
    .temperature = think->temperature,
    .top_k = think->top_k,
    .top_p = think->top_p,
    .stop = 0,
    .rows_at_once = 1,
  };

  if (think->thoughts > 1 && think->temperature == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "thoughts = %" G_GINT64_FORMAT " with temperature = 0: greedy thoughts are all the same; set a "
                   "temperature, or one thought",
                   (gint64)think->thoughts);
      return FALSE;
    }
  return pr_generate_params_check (&params, error);
}

gsize
pr_thought_sound_length (const PrPrompter *prompter, const gint32 *tokens, gsize n)
{
  gsize sound = 0;

  while (sound < n && pr_prompter_is_word (prompter, tokens[sound]))
    sound++;
  return sound;
}

static void
append_ints (GArray *to, const gint32 *from, gsize n)
{
  if (n > 0)
    g_array_append_vals (to, from, (guint)n);
}

static void
append_length (GArray *offsets, const GArray *of)
{
  gint32 end = (gint32)of->len;

  g_array_append_val (offsets, end);
}

static const gint32 *
ints (const GArray *array)
{
  return (const gint32 *)(const void *)array->data;
}

static Continuations
continuations_new (void)
{
  Continuations c;
  GArray **arrays[] = { &c.users, &c.prompts, &c.offsets, &c.first, &c.tokens, &c.starts };
  gint32 zero = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (arrays); i++)
    *arrays[i] = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_val (c.offsets, zero);
  g_array_append_val (c.first, zero);
  g_array_append_val (c.starts, zero);
  return c;
}

static void
continuations_clear (Continuations *c)
{
  GArray *arrays[] = { c->users, c->prompts, c->offsets, c->first, c->tokens, c->starts };

  for (gsize i = 0; i < G_N_ELEMENTS (arrays); i++)
    g_array_unref (arrays[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Continuations, continuations_clear)

/* Count a thought; FALSE if it is not searched.  *N becomes what of it stands. */
static gboolean
accept_thought (Answer *a, const gint32 *thought, gsize *n, gboolean stopped)
{
  gsize sound = pr_thought_sound_length (a->prompter, thought, *n);
  gboolean foreign = sound < *n;

  a->stats->thoughts++;
  a->stats->thought_tokens += (gint64)*n;
  a->stats->unclosed += !stopped && !foreign;
  a->stats->foreign += foreign;
  a->stats->empty += *n == 0 && stopped;
  *n = MIN (sound, (gsize)a->think->thought_tokens); /* the last token was drawn for </think> alone */
  return (stopped && !foreign) || a->think->malformed == PR_MALFORMED_CLOSE;
}

/* The thoughts of every user as branches; a single one is simply a longer prompt, which runs faster. */
static void
collect (Answer *a, const PrTexts *texts, Continuations *c)
{
  gint32 close = pr_prompter_end_think (a->prompter);
  gboolean single = a->think->thoughts == 1;

  for (gsize u = 0; u < a->n; u++)
    {
      guint before = c->starts->len;
      gint32 user = (gint32)u;

      for (gsize t = u * (gsize)a->think->thoughts; t < (u + 1) * (gsize)a->think->thoughts; t++)
        {
          const gint32 *offsets = ints (texts->offsets), *thought = ints (texts->tokens) + offsets[t];
          gsize n = (gsize)(offsets[t + 1] - offsets[t]);

          if (!accept_thought (a, thought, &n, g_array_index (texts->stopped, guint8, t)))
            continue;
          append_ints (c->tokens, thought, n);
          g_array_append_val (c->tokens, close);
          append_length (c->starts, c->tokens);
        }
      if (c->starts->len == before)
        {
          a->stats->silent_users++;
          continue;
        }
      g_array_append_val (c->users, user);
      append_ints (c->prompts, a->tokens + a->offsets[u], (gsize)(a->offsets[u + 1] - a->offsets[u]));
      if (single)
        {
          append_ints (c->prompts, ints (c->tokens), c->tokens->len);
          g_array_set_size (c->tokens, 0);
        }
      append_length (c->offsets, c->prompts);
      user = (gint32)c->starts->len - 1;
      g_array_append_val (c->first, user);
    }
}

typedef struct
{
  gint32 leaf;
  double score;
} Pooled;

static gint
by_leaf (gconstpointer a_, gconstpointer b_)
{
  const Pooled *a = a_, *b = b_;

  return a->leaf < b->leaf ? -1 : a->leaf > b->leaf ? 1 : a->score > b->score ? -1 : a->score < b->score;
}

static gint
best_first (gconstpointer a_, gconstpointer b_)
{
  const Pooled *a = a_, *b = b_;

  return a->score > b->score ? -1 : a->score < b->score ? 1 : by_leaf (a, b);
}

/* Equal leaves [FROM, TO) become one score. */
static double
pool_scores (const Answer *a, const Pooled *found, gsize from, gsize to)
{
  double sum = 0;

  if (a->think->pool == PR_POOL_MAX)
    return found[from].score;
  for (gsize i = from; i < to; i++)
    sum += exp (found[i].score - found[from].score);
  return found[from].score + log (sum / (double)a->think->thoughts);
}

static void
write_best (Answer *a, gsize user, gsize rank, gint32 leaf, double score)
{
  a->leaves[(gint64)user * a->keep + (gint64)rank] = leaf;
  a->scores[(gint64)user * a->keep + (gint64)rank] = (float)score;
}

/* The best distinct tuples of one user from the N found below all thoughts. */
static void
pool_user (Answer *a, gsize user, const gint32 *leaves, const float *scores, gsize n)
{
  g_autofree Pooled *found = g_new (Pooled, n + 1);
  gsize n_found = 0, n_pooled = 0;

  for (gsize i = 0; i < n; i++)
    if (leaves[i] >= 0)
      found[n_found++] = (Pooled){ leaves[i], (double)scores[i] };
  qsort (found, n_found, sizeof *found, by_leaf);
  for (gsize from = 0, to; from < n_found; from = to)
    {
      for (to = from + 1; to < n_found && found[to].leaf == found[from].leaf; to++)
        ;
      found[n_pooled] = (Pooled){ found[from].leaf, pool_scores (a, found, from, to) };
      n_pooled++;
    }
  qsort (found, n_pooled, sizeof *found, best_first);
  for (gsize k = 0; k < MIN (n_pooled, (gsize)a->keep); k++)
    write_best (a, user, k, found[k].leaf, found[k].score);
}

/* Search below the continuations and write what was found; users without any keep their empty lists. */
static gboolean
search (Answer *a, const Continuations *c, GError **error)
{
  gboolean branched = c->tokens->len > 0;
  const PrBranches branches = { ints (c->first), ints (c->tokens), ints (c->starts) };
  gsize n = c->users->len, n_searches = branched ? c->starts->len - 1 : n, beams = (gsize)a->beam->beams;
  g_autofree gint32 *leaves = g_new (gint32, n_searches * beams + 1);
  g_autofree float *scores = g_new (float, n_searches *beams + 1);

  if (n == 0)
    return TRUE;
  if (!pr_beam_search (a->lm, a->trie, a->beam, ints (c->prompts), ints (c->offsets), n, branched ? &branches : NULL,
                       leaves, scores, &a->stats->search, error))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      gsize from = branched ? (gsize)branches.first[i] : i, to = branched ? (gsize)branches.first[i + 1] : i + 1;

      gsize user = (gsize)ints (c->users)[i];

      if (a->think->thoughts > 1)
        pool_user (a, user, leaves + from * beams, scores + from * beams, (to - from) * beams);
      else /* as the search ordered them, ties included */
        for (gsize k = 0; k < MIN (beams, (gsize)a->keep); k++)
          write_best (a, user, k, leaves[from * beams + k], (double)scores[from * beams + k]);
    }
  return TRUE;
}

static gboolean
write_thoughts (Answer *a, guint64 seed, const guint64 *ids, PrTexts *texts, GError **error)
{
  const PrThinkParams *think = a->think;
  const PrGenerateParams params = { .samples = think->thoughts,
                                    .max_tokens = think->thought_tokens + 1, /* </think> itself */
                                    .temperature = think->temperature,
                                    .top_k = think->top_k,
                                    .top_p = think->top_p,
                                    .stop = pr_prompter_end_think (a->prompter),
                                    .seed = seed,
                                    .rows_at_once = MAX (a->beam->users_at_once, 1) * 2 };

  return pr_generate (a->lm, &params, a->tokens, a->offsets, a->n, ids, NULL, NULL, texts, &a->stats->text, error);
}

static gboolean
think_in_words (Answer *a, guint64 seed, const guint64 *ids, PrTexts *ret_thoughts, GError **error)
{
  g_auto (PrTexts) texts = { 0 };
  g_auto (Continuations) c = continuations_new ();

  pr_texts_init (&texts);
  if (!write_thoughts (a, seed, ids, &texts, error))
    return FALSE;
  collect (a, &texts, &c);
  if (!search (a, &c, error))
    return FALSE;
  if (ret_thoughts != NULL)
    {
      pr_texts_clear (ret_thoughts);
      *ret_thoughts = texts;
      texts = (PrTexts){ 0 };
    }
  return TRUE;
}

/* Prompts as they are, or each with the one bridge. */
static gboolean
think_silently (Answer *a, GError **error)
{
  g_auto (Continuations) c = continuations_new ();

  for (gsize u = 0; u < a->n; u++)
    {
      gint32 user = (gint32)u, next = user + 1;

      g_array_append_val (c.users, user);
      g_array_append_val (c.first, next);
      pr_prompter_bridge (a->prompter, c.tokens);
      append_length (c.starts, c.tokens);
    }
  append_ints (c.prompts, a->tokens, (gsize)a->offsets[a->n]);
  append_ints (c.offsets, a->offsets + 1, a->n);
  return search (a, &c, error);
}

static gboolean
check_room (const Answer *a, gint32 levels, GError **error)
{
  gint64 most = pr_lm_config (a->lm)->max_positions, thought = a->think->thought_tokens + 1 + levels;

  for (gsize u = 0; u < a->n; u++)
    if (a->offsets[u + 1] - a->offsets[u] + thought > most)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                     "prompt %zu has %d tokens; with a thought of %" G_GINT64_FORMAT
                     " and the SID it exceeds the %" G_GINT64_FORMAT
                     " positions of the model; lower thought_tokens or history",
                     u, a->offsets[u + 1] - a->offsets[u], (gint64)a->think->thought_tokens, most);
        return FALSE;
      }
  return TRUE;
}

gboolean
pr_answer (PrLm *lm, const PrPrompter *prompter, const PrTrie *trie, const PrBeamParams *beam,
           const PrThinkParams *think, guint64 seed, const gint32 *tokens, const gint32 *offsets, gsize n,
           const guint64 *ids, gint64 keep, gint32 *ret_leaves, float *ret_scores, PrAnswerStats *stats,
           PrTexts *ret_thoughts, GError **error)
{
  PrAnswerStats unused = { 0 };
  g_autofree gint32 *leaves = g_new (gint32, n * (gsize)keep + 1);
  g_autofree float *scores = g_new (float, n *(gsize)keep + 1);
  Answer a = { lm, prompter, trie, beam, think, tokens, offsets, n, keep, leaves, scores, stats ? stats : &unused };
  gboolean words = pr_prompter_thinking (prompter) == PR_THINKING_COT;
  PrThinkParams silent = { .thoughts = 1, .pool = PR_POOL_MAX };

  g_return_val_if_fail (n < G_MAXINT32 && offsets[0] == 0, FALSE);
  for (gsize i = 0; i < n * (gsize)keep; i++)
    {
      leaves[i] = -1;
      scores[i] = -INFINITY;
    }
  if (!words)
    a.think = &silent;
  if (words ? !check_room (&a, pr_trie_levels (trie), error) || !think_in_words (&a, seed, ids, ret_thoughts, error)
            : !think_silently (&a, error))
    return FALSE;
  memcpy (ret_leaves, leaves, n * (gsize)keep * sizeof *leaves);
  memcpy (ret_scores, scores, n * (gsize)keep * sizeof *scores);
  return TRUE;
}

gboolean
pr_answer_think (PrLm *lm, const PrPrompter *prompter, const PrTrie *trie, const PrBeamParams *beam,
                 const PrThinkParams *think, guint64 seed, const gint32 *tokens, const gint32 *offsets, gsize n,
                 const guint64 *ids, PrTexts *ret_thoughts, PrAnswerStats *stats, GError **error)
{
  PrAnswerStats unused = { 0 };
  Answer a = { .lm = lm,
               .prompter = prompter,
               .beam = beam,
               .think = think,
               .tokens = tokens,
               .offsets = offsets,
               .n = n,
               .stats = stats ? stats : &unused };
  g_auto (PrTexts) texts = { 0 };
  gsize n_thoughts = n * (gsize)think->thoughts;

  pr_texts_init (&texts);
  if (!check_room (&a, pr_trie_levels (trie), error) || !write_thoughts (&a, seed, ids, &texts, error))
    return FALSE;
  pr_texts_clear (ret_thoughts);
  pr_texts_init (ret_thoughts);
  ret_thoughts->n = n_thoughts;
  for (gsize t = 0; t < n_thoughts; t++)
    {
      const gint32 *starts = ints (texts.offsets), *thought = ints (texts.tokens) + starts[t];
      gsize length = (gsize)(starts[t + 1] - starts[t]);
      guint8 searched = accept_thought (&a, thought, &length, g_array_index (texts.stopped, guint8, t));

      if (searched)
        append_ints (ret_thoughts->tokens, thought, length);
      append_length (ret_thoughts->offsets, ret_thoughts->tokens);
      g_array_append_val (ret_thoughts->stopped, searched);
    }
  return TRUE;
}

void
pr_answer_costs (const PrAnswerStats *stats, double costs[PR_N_COSTS])
{
  const PrBeamStats *beams = &stats->search;

  costs[PR_COST_INFER_TOKENS] += (double)(beams->prompt_tokens + beams->branch_tokens + beams->decoded_tokens
                                          + stats->text.prompt_tokens + stats->text.generated_tokens);
  costs[PR_COST_GENERATED_TOKENS] += (double)(beams->generated_tokens + stats->text.generated_tokens);
  costs[PR_COST_FLOPS] += beams->flops + stats->text.flops;
}
