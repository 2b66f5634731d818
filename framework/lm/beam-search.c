#include "config.h"

#include <pauserec/error.h>
#include <pauserec/threads.h>

#include "lm/beam-decoder.h"

#include <math.h>
#include <string.h>

const char *const pr_normalise_names[] = { "trie", "vocabulary", NULL };

/* One thread's memory; made when the thread takes its first group. */
typedef struct
{
  PrBeamDecoder *decoder;
  PrBeams *beams, *paths; /* paths: one beam a search, to the wanted leaf */
} Worker;

typedef struct
{
  const PrLm *lm;
  const PrTrie *trie;
  const PrBeamParams *params;
  const gint32 *tokens, *offsets;
  const PrBranches *branches; /* NULL: none */
  const gint32 *wanted;       /* [searches] NULL: none */
  gint32 n_prompts, group;    /* prompts in all and in a group */
  gint32 n_users;             /* searches: prompts or branches */
  gint32 width;               /* beams that can exist */
  PrBeamDecoderSize size;
  Worker *workers;

  gint32 *leaves;
  float *scores;
  double *log_probs; /* [searches] of the wanted leaves */
  double *flops;     /* [groups] */
  gint64 *decoded;   /* [groups] */
  GError **errors;   /* [groups] */
} Search;

/* The first search of PROMPT. */
static gint32
first_user (const Search *s, gint32 prompt)
{
  return s->branches != NULL ? s->branches->first[prompt] : prompt;
}

static gboolean
check_prompts (const Search *s, GError **error)
{
  const PrLmConfig *c = &s->lm->config;
  gint32 most = c->max_positions - s->trie->levels + 1;

  for (gint32 u = 0; u < s->n_prompts; u++)
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
check_branch (const Search *s, gint32 prompt, gint32 branch, GError **error)
{
  const PrLmConfig *c = &s->lm->config;
  const gint32 *offsets = s->branches->offsets + branch;
  gint32 n = s->offsets[prompt + 1] - s->offsets[prompt], most = c->max_positions - s->trie->levels + 1 - n;
  gint32 number = branch - s->branches->first[prompt];

  if (offsets[1] < offsets[0] || offsets[1] - offsets[0] > most)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "prompt %d: branch %d has %d tokens, behind a prompt of %d and before %d levels the model takes at "
                   "most %d; shorten the history, the template or what stands before the answer",
                   prompt, number, offsets[1] - offsets[0], n, s->trie->levels, most);
      return FALSE;
    }
  for (gint32 i = offsets[0]; i < offsets[1]; i++)
    if (s->branches->tokens[i] != PR_TOKEN_LATENT && (s->branches->tokens[i] < 0 || s->branches->tokens[i] >= c->vocab))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA, "prompt %d: token %d of branch %d is not in the vocabulary of %d",
                     prompt, s->branches->tokens[i], number, c->vocab);
        return FALSE;
      }
  return TRUE;
}

static gboolean
check_branches (const Search *s, GError **error)
{
  for (gint32 u = 0; u < s->n_prompts; u++)
    {
      if (s->branches->first[u + 1] <= s->branches->first[u])
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA, "prompt %d has no branch: a search needs one, be it empty", u);
          return FALSE;
        }
      for (gint32 b = s->branches->first[u]; b < s->branches->first[u + 1]; b++)
        if (!check_branch (s, u, b, error))
          return FALSE;
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
  PrBeamDecoderSize *size = &s->size;

  for (gint32 first = 0; first < s->n_prompts; first += s->group)
    {
      gint32 from = first_user (s, first), end = first_user (s, MIN (first + s->group, s->n_prompts));

      size->users = MAX (size->users, end - from);
      if (s->branches != NULL)
        size->branch_tokens = MAX (size->branch_tokens, s->branches->offsets[end] - s->branches->offsets[from]);
    }
  for (gint32 p = 0; p < s->n_prompts; p++)
    size->longest = MAX (size->longest, s->offsets[p + 1] - s->offsets[p]);
  for (gint32 b = 0; s->branches != NULL && b < s->n_users; b++)
    size->longest_branch = MAX (size->longest_branch, s->branches->offsets[b + 1] - s->branches->offsets[b]);
  size->prompts = s->group;
  size->rows = size->users * s->width;
  size->steps = s->trie->levels - 1;
  size->scores = most_scores (s->trie, size->users, s->width);
  size->vocabulary = s->params->normalise == PR_NORMALISE_VOCAB;
  size->again = s->wanted != NULL;
}

static gboolean
worker_ready (Search *s, Worker *w, GError **error)
{
  if (w->beams == NULL)
    w->beams = pr_beams_new (s->trie, (gint32)s->size.users, s->width, !s->size.vocabulary, error);
  if (w->beams != NULL && w->paths == NULL && s->wanted != NULL)
    {
      w->paths = pr_beams_new (s->trie, (gint32)s->size.users, 1, !s->size.vocabulary, error);
      if (w->paths == NULL)
        return FALSE;
    }
  if (w->beams != NULL && w->decoder == NULL)
    w->decoder = pr_beam_decoder_new (s->lm, &s->size, error);
  return w->decoder != NULL;
}

/* Prompts FIRST .. FIRST + N - 1 are asked, for the first time or from where they began. */
typedef struct
{
  const Search *s;
  PrBeamDecoder *decoder;
  gint32 first, n;
  gboolean again;
  gint64 *decoded;
} Group;

static const float *
ask (gpointer ctx, const PrBeams *beams, GError **error G_GNUC_UNUSED)
{
  const Group *g = ctx;

  if (beams->depth > 0)
    {
      pr_beam_decoder_step (g->decoder, beams);
      *g->decoded += beams->n_rows;
    }
  else if (g->again)
    pr_beam_decoder_again (g->decoder);
  else
    pr_beam_decoder_start (g->decoder, g->s->tokens, g->s->offsets, g->s->branches, g->first, g->n);
  return pr_beam_decoder_log_probs (g->decoder, beams);
}

/* LEAVES: NULL, or where BEAMS go in the place of searching. */
static gboolean
run_group (const Group *group, PrBeams *beams, const gint32 *leaves, GError **error)
{
  const Search *s = group->s;
  gint32 first = group->first, start = first_user (s, first), user = 0;

  if (pr_beams_run (beams, first_user (s, first + group->n) - start, leaves, ask, (gpointer)group, &user, error))
    return TRUE;
  while (first_user (s, first + 1) <= start + user)
    first++;
  g_prefix_error (error, "prompt %d: ", first);
  return FALSE;
}

static gboolean
search_group (Search *s, gint32 first, gint32 n, Worker *w, gint64 *ret_decoded, GError **error)
{
  Group group = { s, w->decoder, first, n, FALSE, ret_decoded };
  gint32 from = first_user (s, first);

  if (!run_group (&group, w->beams, NULL, error))
    return FALSE;
  if (s->wanted == NULL)
    return TRUE;
  /* The paths to the wanted leaves. */
  group.again = TRUE;
  if (!run_group (&group, w->paths, s->wanted + from, error))
    return FALSE;
  for (gint32 u = 0; u < w->paths->n_users; u++)
    s->log_probs[from + u] = w->paths->scores[u];
  return TRUE;
}

static void
write_user (const Search *s, const PrBeams *beams, gint32 first, gint32 user)
{
  gint64 place = (gint64)user * s->params->beams;

  pr_beams_result (beams, user - first, s->leaves + place, s->scores + place);
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
  gint32 first = (gint32)tile * s->group, n = MIN (s->group, s->n_prompts - first);

  if (!worker_ready (s, w, &s->errors[tile]) || !search_group (s, first, n, w, &s->decoded[tile], &s->errors[tile]))
    return;
  s->flops[tile] = pr_beam_decoder_take_flops (w->decoder);
  for (gint32 u = first_user (s, first); u < first_user (s, first + n); u++)
    write_user (s, w->beams, first_user (s, first), u);
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
  stats->prompt_tokens += s->offsets[s->n_prompts] - s->offsets[0];
  if (s->branches != NULL)
    stats->branch_tokens += s->branches->offsets[s->n_users] - s->branches->offsets[0];
  for (gint64 i = 0; i < (gint64)s->n_users * s->params->beams; i++)
    if (s->leaves[i] >= 0)
      stats->generated_tokens += s->trie->levels;
  return TRUE;
}

static gboolean
check_wanted (const Search *s, GError **error)
{
  for (gint32 u = 0; u < s->n_users; u++)
    if (s->wanted[u] < 0 || s->wanted[u] >= pr_trie_n_leaves (s->trie))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA, "search %d: there is no tuple %d among the %d of the catalogue", u,
                     s->wanted[u], pr_trie_n_leaves (s->trie));
        return FALSE;
      }
  return TRUE;
}

gboolean
pr_beam_search (PrLm *lm, const PrTrie *trie, const PrBeamParams *params, const gint32 *tokens, const gint32 *offsets,
                gsize n_users, const PrBranches *branches, gint32 *ret_leaves, float *ret_scores,
                PrBeamStats *ret_stats, GError **error)
{
  return pr_beam_search_for (lm, trie, params, tokens, offsets, n_users, branches, NULL, ret_leaves, ret_scores, NULL,
                             ret_stats, error);
}

gboolean
pr_beam_search_for (PrLm *lm, const PrTrie *trie, const PrBeamParams *params, const gint32 *tokens,
                    const gint32 *offsets, gsize n_users, const PrBranches *branches, const gint32 *wanted,
                    gint32 *ret_leaves, float *ret_scores, double *ret_log_probs, PrBeamStats *ret_stats,
                    GError **error)
{
  Search s = { .lm = lm,
               .trie = trie,
               .params = params,
               .tokens = tokens,
               .offsets = offsets,
               .branches = branches,
               .wanted = wanted };
  gsize n_found, n_groups, n_workers = pr_threads_get ();
  g_autofree gint32 *leaves = NULL;
  g_autofree float *scores = NULL;
  g_autofree double *log_probs = NULL;
  gboolean ok;

  g_return_val_if_fail (params->beams >= 1 && params->users_at_once >= 1 && n_users < G_MAXINT32, FALSE);
  if (n_users == 0)
    return TRUE;
  if (!check_trie (lm, trie, error))
    return FALSE;
  s.n_prompts = (gint32)n_users;
  if (!check_prompts (&s, error) || (branches != NULL && !check_branches (&s, error)))
    return FALSE;
  s.n_users = first_user (&s, s.n_prompts);
  if (wanted != NULL && !check_wanted (&s, error))
    return FALSE;
  s.group = (gint32)MIN (params->users_at_once, s.n_prompts);
  s.width = (gint32)MIN (params->beams, pr_trie_n_leaves (trie));
  measure (&s);
  if (s.size.users * s.width * (s.size.longest_branch + trie->levels) > G_MAXINT32)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "%d beams of %" G_GINT64_FORMAT " users or branches at once are too many: lower one of them",
                   s.width, s.size.users);
      return FALSE;
    }

  n_groups = (n_users + (gsize)s.group - 1) / (gsize)s.group;
  n_found = (gsize)s.n_users * (gsize)params->beams;
  s.leaves = leaves = g_new (gint32, n_found);
  s.scores = scores = g_new (float, n_found);
  s.log_probs = log_probs = g_new0 (double, (gsize)s.n_users);
  s.workers = g_new0 (Worker, n_workers);
  s.flops = g_new0 (double, n_groups);
  s.decoded = g_new0 (gint64, n_groups);
  s.errors = g_new0 (GError *, n_groups);
  pr_parallel (n_groups, search_tile, &s);

  ok = finish (&s, n_groups, ret_stats, error);
  if (ok)
    {
      memcpy (ret_leaves, leaves, n_found * sizeof *leaves);
      memcpy (ret_scores, scores, n_found * sizeof *scores);
      if (wanted != NULL)
        memcpy (ret_log_probs, log_probs, (gsize)s.n_users * sizeof *log_probs);
    }
  for (gsize i = 0; i < n_workers; i++)
    {
      pr_beam_decoder_free (s.workers[i].decoder);
      pr_beams_free (s.workers[i].beams);
      pr_beams_free (s.workers[i].paths);
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
  PrBeamDecoderSize size = { .prompts = params->users_at_once,
                             .longest = prompt,
                             .users = params->users_at_once,
                             .rows = params->users_at_once * params->beams,
                             .steps = levels - 1,
                             .scores = params->users_at_once * params->beams * 256,
                             .vocabulary = params->normalise == PR_NORMALISE_VOCAB };

  return n_threads * pr_beam_decoder_bytes (config, &size);
}
