/* score-texts.c - log probabilities of given texts: sorted once, cut into loads for the threads. */
#include "config.h"

#include "lm/scorer.h"

#include <pauserec/error.h>
#include <pauserec/threads.h>

#include <string.h>

#define MOST_ROWS 65536
/* Prompts of a load: their keys and values need no more memory than so many times those of the texts. */
#define MOST_PROMPTS 64
#define PROMPT_SHARE 4
/* Tiles a thread between two ticks: the threads meet there, and wait for the slowest. */
#define BATCH 4

typedef struct
{
  PrScorerJob job;
  gint32 n; /* prompts */
  gint64 rows_at_once;
  GArray *loads; /* PrScorerLoad */
  GArray *tiles; /* guint: the first load of each; the parts of a prompt's texts are one tile */
  guint first;   /* tile that tile 0 of the batch is */

  PrScorer **scorers;  /* [threads], made when a thread takes its first tile */
  PrScoreStats *stats; /* [tiles] */
  GError **errors;     /* [tiles] */
} Score;

/* Checks ------------------------------------------------------------------- */

static gboolean
refuse_tokens (const char *what, gsize number, const PrLm *lm, const gint32 *tokens, gint32 n, GError **error)
{
  if (n < 1)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s %zu is empty: there is nothing to score", what, number);
      return FALSE;
    }
  for (gint32 i = 0; i < n; i++)
    if (tokens[i] < 0 || tokens[i] >= lm->config.vocab)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s %zu: token %d is not in the vocabulary of %d", what, number,
                     tokens[i], lm->config.vocab);
        return FALSE;
      }
  return TRUE;
}

static gboolean
check_candidates (const PrLm *lm, const PrCandidates *candidates, GError **error)
{
  for (gsize i = 0; i < candidates->n; i++)
    if (!refuse_tokens ("candidate", i, lm, candidates->tokens + candidates->offsets[i],
                        candidates->offsets[i + 1] - candidates->offsets[i], error))
      return FALSE;
  return TRUE;
}

static gboolean
check_choice (const Score *s, gint32 prompt, GError **error)
{
  const PrChoice *choice = s->job.choice;

  if (choice == NULL)
    return TRUE;
  if (choice->first[prompt + 1] < choice->first[prompt])
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "prompt %d: its candidates end before they begin", prompt);
      return FALSE;
    }
  for (gint32 i = choice->first[prompt]; i < choice->first[prompt + 1]; i++)
    if (choice->chosen[i] < 0 || (gsize)choice->chosen[i] >= s->job.candidates->n)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA, "prompt %d: candidate %d is none of the %zu that there are",
                     prompt, choice->chosen[i], s->job.candidates->n);
        return FALSE;
      }
  return TRUE;
}

/* PROMPT with the longest of its texts must fit. */
static gboolean
check_room (const Score *s, gint32 prompt, gint32 longest_text, GError **error)
{
  const PrChoice *choice = s->job.choice;
  const gint32 *offsets = s->job.candidates->offsets;
  gint32 n = s->job.offsets[prompt + 1] - s->job.offsets[prompt], positions = s->job.lm->config.max_positions;

  if (choice != NULL)
    {
      longest_text = 0;
      for (gint32 i = choice->first[prompt]; i < choice->first[prompt + 1]; i++)
        longest_text = MAX (longest_text, offsets[choice->chosen[i] + 1] - offsets[choice->chosen[i]]);
    }
  if (n <= positions - longest_text)
    return TRUE;
  g_set_error (
      error, PR_ERROR, PR_ERROR_DATA,
      "prompt %d has %d tokens, with a candidate of %d more than the model's %d positions; shorten one of them", prompt,
      n, longest_text, positions);
  return FALSE;
}

static gboolean
check (Score *s, GError **error)
{
  const PrScorerJob *job = &s->job;
  gint32 longest_text = 0;

  if (s->rows_at_once < 1 || s->rows_at_once > MOST_ROWS)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "rows_at_once = %" G_GINT64_FORMAT ": outside 1 to %d",
                   s->rows_at_once, MOST_ROWS);
      return FALSE;
    }
  if (!check_candidates (job->lm, job->candidates, error))
    return FALSE;
  for (gsize i = 0; i < job->candidates->n; i++)
    longest_text = MAX (longest_text, job->candidates->offsets[i + 1] - job->candidates->offsets[i]);
  for (gint32 p = 0; p < s->n; p++)
    if (!refuse_tokens ("prompt", (gsize)p, job->lm, job->tokens + job->offsets[p],
                        job->offsets[p + 1] - job->offsets[p], error)
        || !check_choice (s, p, error) || !check_room (s, p, longest_text, error))
      return FALSE;
  return TRUE;
}

/* Order -------------------------------------------------------------------- */

static int
compare_texts (gconstpointer a_, gconstpointer b_, gpointer ctx)
{
  const PrCandidates *c = ctx;
  gint32 a = *(const gint32 *)a_, b = *(const gint32 *)b_, n = c->offsets[a + 1] - c->offsets[a],
         m = c->offsets[b + 1] - c->offsets[b];

  for (gint32 i = 0; i < n && i < m; i++)
    {
      gint32 x = c->tokens[c->offsets[a] + i], y = c->tokens[c->offsets[b] + i];

      if (x != y)
        return x < y ? -1 : 1;
    }
  return n != m ? (n < m ? -1 : 1) : (a > b) - (a < b);
}

typedef struct
{
  const gint32 *ranks, *chosen;
} Ranked;

static int
compare_ranks (gconstpointer a_, gconstpointer b_, gpointer ctx)
{
  const Ranked *ranked = ctx;
  gint32 a = *(const gint32 *)a_, b = *(const gint32 *)b_, x = ranked->ranks[ranked->chosen[a]],
         y = ranked->ranks[ranked->chosen[b]];

  return x != y ? (x < y ? -1 : 1) : (a > b) - (a < b);
}

/* PrScorerJob.order; the caller frees. */
static gint32 *
sort_texts (const Score *s)
{
  const PrCandidates *candidates = s->job.candidates;
  const PrChoice *choice = s->job.choice;
  g_autofree gint32 *all = g_new (gint32, candidates->n + 1);
  g_autofree gint32 *ranks = NULL;
  gint32 *order;

  for (gsize i = 0; i < candidates->n; i++)
    all[i] = (gint32)i;
  g_qsort_with_data (all, (gint)candidates->n, sizeof *all, compare_texts, (gpointer)candidates);
  if (choice == NULL)
    return g_steal_pointer (&all);
  ranks = g_new (gint32, candidates->n + 1);
  for (gsize i = 0; i < candidates->n; i++)
    ranks[all[i]] = (gint32)i;
  order = g_new (gint32, (gsize)choice->first[s->n] + 1);
  for (gint32 i = 0; i < choice->first[s->n]; i++)
    order[i] = i;
  for (gint32 p = 0; p < s->n; p++)
    g_qsort_with_data (order + choice->first[p], choice->first[p + 1] - choice->first[p], sizeof *order, compare_ranks,
                       &(Ranked){ ranks, choice->chosen });
  return order;
}

/* Loads -------------------------------------------------------------------- */

static void
add_load (Score *s, gint32 prompt, gint32 n_prompts, gint32 from, gint32 to, gint64 nodes)
{
  const PrScorerLoad load = { prompt, n_prompts, from, to };
  guint number = s->loads->len;

  if (from == 0)
    g_array_append_val (s->tiles, number);
  g_array_append_val (s->loads, load);
  s->job.most_nodes = MAX (s->job.most_nodes, nodes);
  s->job.most_prompts = MAX (s->job.most_prompts, n_prompts);
}

/* Nodes that text K adds to those of the text before it. */
static gint64
text_nodes (const Score *s, gint32 prompt, gint32 k, gboolean alone)
{
  gint32 n;
  gsize place;

  pr_scorer_text (&s->job, prompt, k, &n, &place);
  return alone || k == 0 ? n : n - pr_scorer_shared (&s->job, prompt, k);
}

/* The texts of a prompt in as many loads as they need. */
static void
split (Score *s, gint32 prompt)
{
  gint32 from = 0, n_texts = pr_scorer_n_texts (&s->job, prompt);
  gint64 nodes = 0;

  for (gint32 k = 0; k < n_texts; k++)
    {
      gint64 more = text_nodes (s, prompt, k, k == from);

      if (k > from && nodes + more > s->rows_at_once)
        {
          add_load (s, prompt, 1, from, k, nodes);
          from = k;
          nodes = 0;
          more = text_nodes (s, prompt, k, TRUE);
        }
      nodes += more;
    }
  add_load (s, prompt, 1, from, n_texts, nodes);
}

static gint64
prompt_nodes (const Score *s, gint32 prompt)
{
  gint32 n_texts = pr_scorer_n_texts (&s->job, prompt);
  gint64 nodes = 0;

  for (gint32 k = 0; k < n_texts; k++)
    nodes += text_nodes (s, prompt, k, FALSE);
  return nodes;
}

/* A load is what one thread does at once.  Where they are cut depends on what is asked alone. */
static void
make_loads (Score *s)
{
  gint64 common = s->job.choice == NULL && s->n > 0 ? prompt_nodes (s, 0) : 0, nodes = 0;
  gint32 first = 0, most = (gint32)CLAMP (PROMPT_SHARE * s->rows_at_once / MAX (s->job.longest, 1), 1, MOST_PROMPTS);

  for (gint32 p = 0; p <= s->n; p++)
    {
      gint64 more = p == s->n ? 0 : s->job.choice == NULL ? common : prompt_nodes (s, p);

      /* Prompts of a load are neighbours and have texts. */
      if (p > first && (more == 0 || nodes + more > s->rows_at_once || p - first == most))
        {
          add_load (s, first, p - first, 0, pr_scorer_n_texts (&s->job, first), nodes);
          first = p;
          nodes = 0;
        }
      if (more == 0)
        first = p + 1;
      else if (more > s->rows_at_once)
        {
          split (s, p);
          first = p + 1;
        }
      else
        nodes += more;
    }
}

/* ... are done ------------------------------------------------------------- */

static void
score_tile (gpointer ctx, gsize tile, guint worker)
{
  Score *s = ctx;
  guint number = s->first + (guint)tile, load = g_array_index (s->tiles, guint, number),
        end = number + 1 < s->tiles->len ? g_array_index (s->tiles, guint, number + 1) : s->loads->len;
  GError **error = &s->errors[number];

  if (s->scorers[worker] == NULL)
    s->scorers[worker] = pr_scorer_new (&s->job, error);
  if (s->scorers[worker] == NULL)
    return;
  for (; load < end; load++)
    if (!pr_scorer_run (s->scorers[worker], &g_array_index (s->loads, PrScorerLoad, load), &s->stats[number], error))
      return;
}

static gboolean
score_all (Score *s, PrTickFunc tick, gpointer tick_ctx, GError **error)
{
  guint batch = BATCH * pr_threads_get ();

  for (s->first = 0; s->first < s->tiles->len; s->first += batch)
    {
      guint end = MIN (s->first + batch, s->tiles->len);
      gint32 done = s->n;

      pr_parallel (end - s->first, score_tile, s);
      for (guint i = s->first; i < end; i++)
        if (s->errors[i] != NULL)
          {
            g_propagate_error (error, g_steal_pointer (&s->errors[i]));
            return FALSE;
          }
      if (end < s->tiles->len)
        done = g_array_index (s->loads, PrScorerLoad, g_array_index (s->tiles, guint, end)).prompt;
      if (tick != NULL && !tick (tick_ctx, (gsize)done, (gsize)s->n, error))
        return FALSE;
    }
  return TRUE;
}

static void
add_stats (const Score *s, PrScoreStats *stats)
{
  const gint32 *offsets = s->job.candidates->offsets;
  gint64 all = s->job.candidates->n > 0 ? offsets[s->job.candidates->n] : 0;

  for (guint i = 0; i < s->tiles->len; i++)
    {
      stats->prompt_tokens += s->stats[i].prompt_tokens;
      stats->text_tokens += s->stats[i].text_tokens;
      stats->flops += s->stats[i].flops;
    }
  if (s->job.choice == NULL)
    stats->scored_tokens += s->n * all;
  else
    for (gint32 i = 0; i < s->job.choice->first[s->n]; i++)
      stats->scored_tokens += offsets[s->job.choice->chosen[i] + 1] - offsets[s->job.choice->chosen[i]];
}

static void
measure (Score *s)
{
  PrScorerJob *job = &s->job;

  for (gint32 p = 0; p < s->n; p++)
    job->longest = MAX (job->longest, job->offsets[p + 1] - job->offsets[p]);
  for (gsize i = 0; i < job->candidates->n; i++)
    job->longest_text = MAX (job->longest_text, job->candidates->offsets[i + 1] - job->candidates->offsets[i]);
}

static void
score_init (Score *s, guint n_workers)
{
  s->loads = g_array_new (FALSE, FALSE, sizeof (PrScorerLoad));
  s->tiles = g_array_new (FALSE, FALSE, sizeof (guint));
  make_loads (s);
  s->scorers = g_new0 (PrScorer *, n_workers);
  s->stats = g_new0 (PrScoreStats, s->tiles->len + 1);
  s->errors = g_new0 (GError *, s->tiles->len + 1);
}

static void
score_clear (Score *s, guint n_workers)
{
  for (guint i = 0; i < n_workers; i++)
    pr_scorer_free (s->scorers[i]);
  for (guint i = 0; i < s->tiles->len; i++)
    g_clear_error (&s->errors[i]);
  g_free (s->scorers);
  g_free (s->stats);
  g_free (s->errors);
  g_array_unref (s->loads);
  g_array_unref (s->tiles);
}

gboolean
pr_score_texts (PrLm *lm, gint64 rows_at_once, const gint32 *tokens, const gint32 *offsets, gsize n,
                const PrCandidates *candidates, const PrChoice *choice, PrTickFunc tick, gpointer tick_ctx,
                float *ret_log_probs, PrScoreStats *ret_stats, GError **error)
{
  Score s = { .job = { .lm = lm, .tokens = tokens, .offsets = offsets, .candidates = candidates, .choice = choice },
              .n = (gint32)n,
              .rows_at_once = rows_at_once };
  g_autofree gint32 *order = NULL;
  g_autofree float *log_probs = NULL;
  gsize n_scores;
  guint n_workers = pr_threads_get ();
  gboolean ok;

  g_return_val_if_fail (n < G_MAXINT32 && candidates->n < G_MAXINT32, FALSE);
  if (!check (&s, error))
    return FALSE;
  n_scores = choice == NULL ? n * candidates->n : (gsize)choice->first[n];
  log_probs = g_try_new (float, n_scores + 1);
  if (log_probs == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "no memory for %zu scores: ask for fewer prompts or candidates",
                   n_scores);
      return FALSE;
    }
  measure (&s);
  s.job.log_probs = log_probs;
  s.job.order = order = sort_texts (&s);
  score_init (&s, n_workers);
  ok = score_all (&s, tick, tick_ctx, error);
  if (ok && n_scores > 0)
    memcpy (ret_log_probs, log_probs, n_scores * sizeof *log_probs);
  if (ok && ret_stats != NULL)
    add_stats (&s, ret_stats);
  score_clear (&s, n_workers);
  return ok;
}

guint64
pr_score_texts_bytes (const PrLmConfig *config, gint64 rows_at_once, gint64 prompt, gint64 text, guint n_threads)
{
  const PrScorerJob job = { .longest = (gint32)MIN (prompt, G_MAXINT32),
                            .longest_text = (gint32)MIN (text, G_MAXINT32),
                            .most_prompts =
                                (gint32)CLAMP (PROMPT_SHARE * rows_at_once / MAX (prompt, 1), 1, MOST_PROMPTS),
                            .most_nodes = MAX (rows_at_once, text) };

  return n_threads * pr_scorer_bytes (config, &job);
}
