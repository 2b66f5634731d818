/* The beam search of beams.h for any model that can score the next codes of a prefix. */
#include "config.h"

#include <pauserec/decode.h>
#include <pauserec/error.h>

#include "lm/beams.h"

#include <math.h>

typedef struct
{
  const PrTrie *trie;
  PrNormalise normalise;
  PrTrieScoreFunc score;
  gpointer ctx;
  gint32 *prefixes; /* of the rows, [users width, levels - 1] */
  GArray *codes;    /* gint32: of the children of all rows */
  GArray *scores;   /* float: the same */
} Search;

/* The codes that lead to NODE of DEPTH, last to first: its ancestor at a depth is the last node there whose children
 * begin at or before it. */
static void
write_prefix (const PrTrie *trie, gint32 depth, gint32 node, gint32 *ret_codes)
{
  for (; depth > 0; depth--)
    {
      gint32 low = 0, high = trie->n_nodes[depth - 1] - 1;

      ret_codes[depth - 1] = trie->codes[depth][node];
      while (low < high)
        {
          gint32 middle = low + (high - low + 1) / 2;

          if (trie->first[depth - 1][middle] <= node)
            low = middle;
          else
            high = middle - 1;
        }
      node = low;
    }
}

static const float *
ask (gpointer ctx, const PrBeams *beams, GError **error)
{
  Search *s = ctx;
  const PrTrie *trie = s->trie;
  gint32 depth = beams->depth;
  gsize n = beams->row_first[beams->n_rows];
  PrTrieStep step;
  float *scores;

  g_array_set_size (s->codes, 0);
  g_array_set_size (s->scores, (guint)n);
  for (gint32 r = 0; r < beams->n_rows; r++)
    {
      gint32 node = pr_beams_row_node (beams, r);

      write_prefix (trie, depth, node, s->prefixes + r * depth);
      g_array_append_vals (s->codes, trie->codes[depth + 1] + trie->first[depth][node],
                           (guint)pr_trie_n_children (trie, depth, node));
    }
  step = (PrTrieStep){ .depth = depth,
                       .n_rows = beams->n_rows,
                       .users = beams->row_user,
                       .prefixes = s->prefixes,
                       .first = beams->row_first,
                       .codes = (const gint32 *)(gpointer)s->codes->data };
  scores = (float *)(gpointer)s->scores->data;
  if (!s->score (s->ctx, &step, scores, error))
    return NULL;
  if (s->normalise == PR_NORMALISE_TRIE)
    pr_beams_normalise (beams, scores);
  return scores;
}

gboolean
pr_trie_search (const PrTrie *trie, const PrBeamParams *params, gsize n_users, PrTrieScoreFunc score, gpointer ctx,
                gint32 *ret_leaves, float *ret_scores, GError **error)
{
  g_autoptr (GArray) codes = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) scores = g_array_new (FALSE, FALSE, sizeof (float));
  g_autoptr (PrBeams) beams = NULL;
  g_autofree gint32 *prefixes = NULL;
  Search s = { trie, params->normalise, score, ctx, NULL, codes, scores };
  gint32 width, user = -1;

  g_return_val_if_fail (params->beams >= 1 && n_users < G_MAXINT32, FALSE);
  if (pr_trie_n_leaves (trie) == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "the catalogue is empty: there is nothing to recommend");
      return FALSE;
    }
  width = (gint32)MIN (params->beams, pr_trie_n_leaves (trie));
  if ((gint64)n_users * width * trie->levels > G_MAXINT32
      || (prefixes = g_try_new (gint32, n_users * (gsize)(width * trie->levels))) == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "%d beams of %" G_GSIZE_FORMAT " users at once are too many: lower one of them", width, n_users);
      return FALSE;
    }
  s.prefixes = prefixes;
  beams = pr_beams_new (trie, (gint32)n_users, width, params->normalise == PR_NORMALISE_TRIE, error);
  if (beams == NULL)
    return FALSE;
  if (!pr_beams_run (beams, (gint32)n_users, NULL, ask, &s, &user, error))
    {
      if (user >= 0)
        g_prefix_error (error, "user %d: ", user);
      return FALSE;
    }
  for (gint64 u = 0; u < (gint64)n_users; u++)
    {
      gint32 *leaves = ret_leaves + u * params->beams;
      float *sums = ret_scores + u * params->beams;

      pr_beams_result (beams, (gint32)u, leaves, sums);
      for (gint64 b = width; b < params->beams; b++)
        {
          leaves[b] = -1;
          sums[b] = -INFINITY;
        }
    }
  return TRUE;
}
