/* From the leaves that a beam search found to the items of a ranking. */
#include "config.h"

#include <pauserec/decode.h>

#include <math.h>

typedef struct
{
  gint32 item;
  float prior;
} Candidate;

/* Higher prior first, then lower number. */
static gint
compare_candidates (gconstpointer a_, gconstpointer b_)
{
  const Candidate *a = a_, *b = b_;

  if (a->prior != b->prior)
    return a->prior > b->prior ? -1 : 1;
  return a->item < b->item ? -1 : a->item > b->item;
}

void
pr_beams_to_items (const PrTrie *trie, const gint32 *leaves, const float *scores, gint64 beams, const float *item_prior,
                   gint64 k, gint32 *ret_items, float *ret_scores)
{
  gint64 n = 0;

  for (gint64 b = 0; b < beams && leaves[b] >= 0 && n < k; b++)
    {
      gsize n_items;
      const gint32 *items = pr_trie_leaf_items (trie, leaves[b], &n_items);
      g_autofree Candidate *candidates = g_new (Candidate, n_items);

      for (gsize i = 0; i < n_items; i++)
        candidates[i] = (Candidate){ items[i], item_prior != NULL ? item_prior[items[i]] : 0 };
      qsort (candidates, n_items, sizeof *candidates, compare_candidates);
      for (gsize i = 0; i < n_items && n < k; i++, n++)
        {
          ret_items[n] = candidates[i].item;
          ret_scores[n] = scores[b];
        }
    }
  for (; n < k; n++)
    {
      ret_items[n] = -1;
      ret_scores[n] = -INFINITY;
    }
}

void
pr_beams_to_ranking (const PrTrie *trie, const gint32 *leaves, const float *scores, gint64 beams,
                     const float *item_prior, const gint32 *excluded, gint64 n_excluded, gint64 user,
                     PrRanking *ranking)
{
  gint64 k = ranking->k, most = k + n_excluded, n = 0;
  g_autofree gint32 *items = g_new (gint32, (gsize)most);
  g_autofree float *sums = g_new (float, (gsize)most);

  pr_beams_to_items (trie, leaves, scores, beams, item_prior, most, items, sums);
  for (gint64 i = 0; i < most && n < k && items[i] >= 0; i++)
    {
      gboolean out = FALSE;

      for (gint64 j = 0; j < n_excluded && !out; j++)
        out = excluded[j] == items[i];
      if (out)
        continue;
      ranking->items[user * k + n] = items[i];
      ranking->scores[user * k + n] = sums[i];
      n++;
    }
}
