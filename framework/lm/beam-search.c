#include "config.h"

#include <pauserec/error.h>
#include <pauserec/threads.h>

#include "lm/decoder.h"

#include <math.h>
#include <string.h>

/* One thread's memory; made when the thread takes its first group. */
typedef struct
{
  PrDecoder *decoder;
  PrBeams *beams;
} Worker;

typedef struct
{
  const PrLm *lm;
  const PrTrie *trie;
  const PrBeamParams *params;
  const gint32 *tokens, *offsets;
  gint32 n_users, group; /* users in all and in a group */
  gint32 width;          /* beams that can exist */
  PrDecoderSize size;
  Worker *workers;

  gint32 *leaves;
  float *scores;
  double *flops;   /* [groups] */
  gint64 *decoded; /* [groups] */
  GError **errors; /* [groups] */
} Search;

static gboolean
check_prompts (const Search *s, GError **error)
{
  const PrLmConfig *c = &s->lm->config;
  gint32 most = c->max_positions - s->trie->levels + 1;

  for (gint32 u = 0; u < s->n_users; u++)
    {
      gint32 n = s->offsets[u + 1] - s->offsets[u];

      if (n < 1)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA, "prompt %d is empty: a search starts from one token at least",
                       u);
          return FALSE;
        }
      if (n > most)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                       "prompt %d has %d tokens, the model takes at most %d before %d levels; shorten the history or "
                       "the template",
                       u, n, most, s->trie->levels);
          return FALSE;
        }
      for (gint32 i = s->offsets[u]; i < s->offsets[u + 1]; i++)
        if (s->tokens[i] < 0 || s->tokens[i] >= c->vocab)
          {
            g_set_error (error, PR_ERROR, PR_ERROR_DATA, "prompt %d: token %d is not in the vocabulary of %d", u,
                         s->tokens[i], c->vocab);
            return FALSE;
          }
    }
  return TRUE;
}

static gboolean
check_trie (const PrLm *lm, const PrTrie *trie, GError **error)
{
  if (pr_trie_n_leaves (trie) == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "the catalogue is empty: there is nothing to recommend");
      return FALSE;
    }
  for (gint32 l = 0; l < trie->levels; l++)
    if (trie->bases[l] < 0 || trie->bases[l] > lm->config.vocab - trie->sizes[l])
      {
        g_set_error (
            error, PR_ERROR, PR_ERROR_DATA,
            "semantic id level %d has tokens %d..%d, the model's vocabulary has %d: the model was not grounded "
            "with these semantic ids",
            l, trie->bases[l], trie->bases[l] + trie->sizes[l] - 1, lm->config.vocab);
        return FALSE;
      }
  return TRUE;
}

/* Children of all rows at most, over the depths. */
static gint64
most_scores (const PrTrie *trie, gint64 users, gint64 width)
{
  gint64 most = 1, beams = 1;

  for (gint32 depth = 0; depth < trie->levels; depth++)
    {
      most = MAX (most, MIN (beams * pr_trie_max_children (trie, depth), trie->n_nodes[depth + 1]));
      beams = MIN (width, trie->n_nodes[depth + 1]);
    }
  return users * most;
}

static void
measure (Search *s)
{
  s->size = (PrDecoderSize){ .users = s->group,
                             .rows = (gint64)s->group * s->width,
                             .steps = s->trie->levels - 1,
                             .scores = most_scores (s->trie, s->group, s->width),
                             .vocabulary = s->params->normalise == PR_NORMALISE_VOCAB };
  for (gint32 first = 0; first < s->n_users; first += s->group)
    {
      gint32 end = MIN (first + s->group, s->n_users);

      s->size.prompt_tokens = MAX (s->size.prompt_tokens, s->offsets[end] - s->offsets[first]);
    }
  for (gint32 u = 0; u < s->n_users; u++)
    s->size.longest = MAX (s->size.longest, s->offsets[u + 1] - s->offsets[u]);
}

static gboolean
worker_ready (Search *s, Worker *w, GError **error)
{
  if (w->beams == NULL)
    w->beams = pr_beams_new (s->trie, s->group, s->width, !s->size.vocabulary, error);
  if (w->beams != NULL && w->decoder == NULL)
    w->decoder = pr_decoder_new (s->lm, &s->size, error);
  return w->decoder != NULL;
}

/* Scores must be numbers before anything is sorted by them. */
static gboolean
scores_are_finite (const PrBeams *beams, const float *log_probs, gint32 first_user, GError **error)
{
  for (gint32 r = 0; r < beams->n_rows; r++)
    for (gsize i = beams->row_first[r]; i < beams->row_first[r + 1]; i++)
      if (!isfinite (log_probs[i]))
        {
          g_set_error (
              error, PR_ERROR, PR_ERROR_NUMERIC,
              "prompt %d: the model's score of a code of level %d is not finite: its weights are broken (NaN or "
              "Inf); look at the training of this model",
              first_user + beams->row_user[r], beams->depth);
          return FALSE;
        }
  return TRUE;
}

static gboolean
search_group (Search *s, gint32 first, gint32 n_users, Worker *w, gint64 *ret_decoded, GError **error)
{
  pr_beams_start (w->beams, n_users);
  if (!pr_beams_done (w->beams))
    pr_decoder_prompts (w->decoder, s->tokens, s->offsets + first, n_users);
  while (!pr_beams_done (w->beams))
    {
      const float *log_probs = pr_decoder_log_probs (w->decoder, w->beams);

      if (!scores_are_finite (w->beams, log_probs, first, error))
        return FALSE;
      pr_beams_advance (w->beams, log_probs);
      if (!pr_beams_done (w->beams))
        pr_decoder_step (w->decoder, w->beams);
      *ret_decoded += w->beams->n_rows;
    }
  return TRUE;
}

static void
write_user (const Search *s, const PrBeams *beams, gint32 first, gint32 user)
{
  gint64 place = (gint64)(first + user) * s->params->beams;

  pr_beams_result (beams, user, s->leaves + place, s->scores + place);
  for (gint64 b = s->width; b < s->params->beams; b++)
    {
      s->leaves[place + b] = -1;
      s->scores[place + b] = -INFINITY;
    }
}

static void
search_tile (gpointer ctx, gsize tile, guint worker)
{
  Search *s = ctx;
  Worker *w = &s->workers[worker];
  gint32 first = (gint32)tile * s->group, n = MIN (s->group, s->n_users - first);

  if (!worker_ready (s, w, &s->errors[tile]) || !search_group (s, first, n, w, &s->decoded[tile], &s->errors[tile]))
    return;
  s->flops[tile] = pr_decoder_take_flops (w->decoder);
  for (gint32 u = 0; u < n; u++)
    write_user (s, w->beams, first, u);
}

/* Sum up the cost, or hand out the first group's error. */
static gboolean
finish (const Search *s, gsize n_groups, PrBeamStats *stats, GError **error)
{
  for (gsize g = 0; g < n_groups; g++)
    if (s->errors[g] != NULL)
      {
        g_propagate_error (error, g_error_copy (s->errors[g]));
        return FALSE;
      }
  if (stats == NULL)
    return TRUE;
  for (gsize g = 0; g < n_groups; g++)
    {
      stats->decoded_tokens += s->decoded[g];
      stats->flops += s->flops[g];
    }
  stats->prompt_tokens += s->offsets[s->n_users] - s->offsets[0];
  for (gint64 i = 0; i < s->n_users * s->params->beams; i++)
    if (s->leaves[i] >= 0)
      stats->generated_tokens += s->trie->levels;
  return TRUE;
}

gboolean
pr_beam_search (PrLm *lm, const PrTrie *trie, const PrBeamParams *params, const gint32 *tokens, const gint32 *offsets,
                gsize n_users, const PrBranches *branches, gint32 *ret_leaves, float *ret_scores,
                PrBeamStats *ret_stats, GError **error)
{
  Search s = { .lm = lm, .trie = trie, .params = params, .tokens = tokens, .offsets = offsets };
  gsize n_groups, n_workers = pr_threads_get ();
  g_autofree gint32 *leaves = NULL;
  g_autofree float *scores = NULL;
  gboolean ok;

  g_return_val_if_fail (params->beams >= 1 && params->users_at_once >= 1 && n_users < G_MAXINT32, FALSE);
  if (n_users == 0)
    return TRUE;
  if (!check_trie (lm, trie, error))
    return FALSE;
  s.n_users = (gint32)n_users;
  if (!check_prompts (&s, error))
    return FALSE;
  s.group = (gint32)MIN (params->users_at_once, s.n_users);
  s.width = (gint32)MIN (params->beams, pr_trie_n_leaves (trie));
  if ((gint64)s.group * s.width * trie->levels > G_MAXINT32)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "%d beams of %d users at once are too many: lower one of them",
                   s.width, s.group);
      return FALSE;
    }
  measure (&s);

  n_groups = (n_users + (gsize)s.group - 1) / (gsize)s.group;
  s.leaves = leaves = g_new (gint32, n_users * (gsize)params->beams);
  s.scores = scores = g_new (float, n_users *(gsize)params->beams);
  s.workers = g_new0 (Worker, n_workers);
  s.flops = g_new0 (double, n_groups);
  s.decoded = g_new0 (gint64, n_groups);
  s.errors = g_new0 (GError *, n_groups);
  pr_parallel (n_groups, search_tile, &s);

  ok = finish (&s, n_groups, ret_stats, error);
  if (ok)
    {
      memcpy (ret_leaves, leaves, n_users * (gsize)params->beams * sizeof *leaves);
      memcpy (ret_scores, scores, n_users * (gsize)params->beams * sizeof *scores);
    }
  for (gsize i = 0; i < n_workers; i++)
    {
      pr_decoder_free (s.workers[i].decoder);
      pr_beams_free (s.workers[i].beams);
    }
  for (gsize g = 0; g < n_groups; g++)
    g_clear_error (&s.errors[g]);
  g_free (s.workers);
  g_free (s.flops);
  g_free (s.decoded);
  g_free (s.errors);
  return ok;
}

guint64
pr_beam_search_bytes (const PrLmConfig *config, const PrBeamParams *params, gint32 levels, gint64 prompt,
                      guint n_threads)
{
  PrDecoderSize size = { .users = params->users_at_once,
                         .prompt_tokens = params->users_at_once * prompt,
                         .longest = prompt,
                         .rows = params->users_at_once * params->beams,
                         .steps = levels - 1,
                         .scores = params->users_at_once * params->beams * 256,
                         .vocabulary = params->normalise == PR_NORMALISE_VOCAB };

  return n_threads * pr_decoder_bytes (config, &size);
}
