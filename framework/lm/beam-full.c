#include "config.h"

#include "lm/beam-full.h"

#include "lm/model.h"

#include <pauserec/error.h>

#include <math.h>
#include <string.h>

typedef struct
{
  double score;
  gint32 parent; /* place among the beams of the level before */
  gint32 node;
  gint32 codes[PR_SID_MAX_LEVELS];
} Beam;

static int
compare_beams (const void *a_, const void *b_)
{
  const Beam *a = a_, *b = b_;

  if (a->score != b->score)
    return a->score > b->score ? -1 : 1;
  if (a->parent != b->parent)
    return a->parent < b->parent ? -1 : 1;
  return a->node < b->node ? -1 : a->node > b->node;
}

static double
logit (const PrLm *lm, const float *hidden, gint32 token)
{
  const float *row = lm->weights + lm->layout->embedding + (gsize)token * (gsize)lm->config.hidden;
  double sum = 0;

  for (gint32 j = 0; j < lm->config.hidden; j++)
    sum += (double)hidden[j] * (double)row[j];
  return sum;
}

/* log of the sum of exp of the logits of the children of NODE, or of the whole vocabulary. */
static double
normaliser (const PrLm *lm, const PrTrie *trie, PrNormalise normalise, const float *hidden, gint32 depth, gint32 node)
{
  gboolean whole = normalise == PR_NORMALISE_VOCAB;
  gint32 first = whole ? 0 : trie->first[depth][node], end = whole ? lm->config.vocab : trie->first[depth][node + 1];
  g_autofree double *logits = g_new (double, (gsize)(end - first));
  double most = -INFINITY, sum = 0;

  for (gint32 i = first; i < end; i++)
    {
      logits[i - first] = logit (lm, hidden, whole ? i : trie->bases[depth] + trie->codes[depth + 1][i]);
      most = MAX (most, logits[i - first]);
    }
  for (gint32 i = first; i < end; i++)
    sum += exp (logits[i - first] - most);
  return most + log (sum);
}

/* Last hidden states of all beams: PROMPT and the codes so far, each in full. */
static void
run_model (PrModel *model, const PrLm *lm, const PrTrie *trie, const gint32 *prompt, gint32 n_prompt, gint32 depth,
           const Beam *beams, gint32 n, float *ret_hidden)
{
  gint32 length = n_prompt + depth;
  g_autofree gint32 *tokens = g_new (gint32, (gsize)n * (gsize)length);
  g_autofree gint32 *offsets = g_new (gint32, (gsize)n + 1);
  PrChunk chunk = { .tokens = tokens, .offsets = offsets, .n_sequences = (gsize)n };

  for (gint32 b = 0; b <= n; b++)
    offsets[b] = b * length;
  for (gint32 b = 0; b < n; b++)
    {
      memcpy (tokens + offsets[b], prompt, (gsize)n_prompt * sizeof *tokens);
      for (gint32 l = 0; l < depth; l++)
        tokens[offsets[b] + n_prompt + l] = trie->bases[l] + beams[b].codes[l];
    }
  pr_model_hidden (model, lm->weights, &chunk, ret_hidden);
}

/* All children of all beams, sorted; returns how many there are. */
static gsize
expand (const PrLm *lm, const PrTrie *trie, PrNormalise normalise, const float *hidden, gint32 length, gint32 depth,
        const Beam *beams, gint32 n, Beam *ret_children)
{
  gsize n_children = 0;

  for (gint32 b = 0; b < n; b++)
    {
      const float *last = hidden + ((gsize)(b + 1) * (gsize)length - 1) * (gsize)lm->config.hidden;
      double norm = normaliser (lm, trie, normalise, last, depth, beams[b].node);

      for (gint32 c = trie->first[depth][beams[b].node]; c < trie->first[depth][beams[b].node + 1]; c++)
        {
          Beam *child = &ret_children[n_children++];
          gint32 code = trie->codes[depth + 1][c];

          *child = beams[b];
          child->parent = b;
          child->node = c;
          child->codes[depth] = code;
          child->score += logit (lm, last, trie->bases[depth] + code) - norm;
        }
    }
  qsort (ret_children, n_children, sizeof *ret_children, compare_beams);
  return n_children;
}

gboolean
pr_beam_search_full (PrLm *lm, const PrTrie *trie, const PrBeamParams *params, const gint32 *tokens,
                     const gint32 *offsets, gsize n_users, gint32 *ret_leaves, float *ret_scores, GError **error)
{
  gint32 width = (gint32)MIN (params->beams, pr_trie_n_leaves (trie)), longest = 0;
  g_autofree Beam *beams = g_new (Beam, (gsize)width);
  g_autofree Beam *children = NULL;
  g_autofree float *hidden = NULL;
  g_autoptr (PrModel) model = NULL;
  gsize most = 1;

  for (gsize u = 0; u < n_users; u++)
    longest = MAX (longest, offsets[u + 1] - offsets[u]);
  for (gint32 depth = 0; depth < trie->levels; depth++)
    most = MAX (most, (gsize)width * (gsize)pr_trie_max_children (trie, depth));
  model = pr_model_new (&lm->config, (gint64)width * (longest + trie->levels - 1), FALSE, error);
  if (model == NULL)
    return FALSE;
  children = g_new (Beam, most);
  hidden = g_new (float, (gsize)width *(gsize)(longest + trie->levels - 1) * (gsize)lm->config.hidden);

  for (gsize u = 0; u < n_users; u++)
    {
      gint32 n_prompt = offsets[u + 1] - offsets[u], n = 1;

      beams[0] = (Beam){ .score = 0 };
      for (gint32 depth = 0; depth < trie->levels; depth++)
        {
          run_model (model, lm, trie, tokens + offsets[u], n_prompt, depth, beams, n, hidden);
          n = (gint32)MIN ((gsize)width,
                           expand (lm, trie, params->normalise, hidden, n_prompt + depth, depth, beams, n, children));
          memcpy (beams, children, (gsize)n * sizeof *beams);
        }
      for (gint64 b = 0; b < params->beams; b++)
        {
          ret_leaves[(gint64)u * params->beams + b] = b < n ? beams[b].node : -1;
          ret_scores[(gint64)u * params->beams + b] = b < n ? (float)beams[b].score : -INFINITY;
        }
    }
  return TRUE;
}
