#include "config.h"

#include "lm/trie.h"

/* Order of tuples, then of item numbers. */
static gint
compare_items (gconstpointer a_, gconstpointer b_, gpointer sids_)
{
  const PrSids *sids = sids_;
  gint32 a = *(const gint32 *)a_, b = *(const gint32 *)b_;
  const gint32 *x = pr_sids_item (sids, a), *y = pr_sids_item (sids, b);

  for (gint32 l = 0; l < sids->levels; l++)
    if (x[l] != y[l])
      return x[l] < y[l] ? -1 : 1;
  return a < b ? -1 : a > b;
}

/* Levels that two tuples share from the start. */
static gint32
common_levels (const PrSids *sids, gint32 a, gint32 b)
{
  const gint32 *x = pr_sids_item (sids, a), *y = pr_sids_item (sids, b);
  gint32 l = 0;

  while (l < sids->levels && x[l] == y[l])
    l++;
  return l;
}

static void
count_nodes (PrTrie *trie, const PrSids *sids)
{
  for (gint64 i = 0; i < sids->n_items; i++)
    {
      gint32 shared = i == 0 ? -1 : common_levels (sids, trie->items[i - 1], trie->items[i]);

      for (gint32 depth = shared + 1; depth <= trie->levels; depth++)
        trie->n_nodes[depth]++;
    }
}

static void
fill_nodes (PrTrie *trie, const PrSids *sids)
{
  gint32 next[PR_SID_MAX_LEVELS + 1] = { 0 };

  for (gint64 i = 0; i < sids->n_items; i++)
    {
      gint32 shared = i == 0 ? -1 : common_levels (sids, trie->items[i - 1], trie->items[i]);

      if (shared < trie->levels)
        trie->item_first[next[trie->levels]] = (gint32)i;
      for (gint32 depth = shared + 1; depth <= trie->levels; depth++)
        {
          gint32 node = next[depth]++;

          if (depth > 0)
            trie->codes[depth][node] = pr_sids_item (sids, trie->items[i])[depth - 1];
          if (depth < trie->levels)
            trie->first[depth][node] = next[depth + 1];
          trie->leaves[depth][node] = next[trie->levels] - (depth == trie->levels);
        }
    }
  for (gint32 depth = 0; depth <= trie->levels; depth++)
    {
      if (depth < trie->levels)
        trie->first[depth][next[depth]] = next[depth + 1];
      trie->leaves[depth][next[depth]] = next[trie->levels];
    }
  trie->item_first[next[trie->levels]] = (gint32)sids->n_items;
}

PrTrie *
pr_trie_new_bases (const PrSids *sids, const gint32 *bases)
{
  PrTrie *trie;

  g_return_val_if_fail (sids != NULL && sids->levels >= 1 && sids->levels <= PR_SID_MAX_LEVELS, NULL);
  g_return_val_if_fail (sids->n_items >= 0 && sids->n_items < G_MAXINT32, NULL);
  trie = g_new0 (PrTrie, 1);
  trie->levels = sids->levels;
  for (gint32 l = 0; l < sids->levels; l++)
    {
      trie->sizes[l] = sids->sizes[l];
      trie->bases[l] = bases[l];
    }

  trie->items = g_new (gint32, sids->n_items + 1);
  for (gint64 i = 0; i < sids->n_items; i++)
    trie->items[i] = (gint32)i;
  g_qsort_with_data (trie->items, (gint)sids->n_items, sizeof *trie->items, compare_items, (gpointer)sids);

  count_nodes (trie, sids);
  for (gint32 depth = 0; depth <= trie->levels; depth++)
    {
      trie->leaves[depth] = g_new (gint32, (gsize)trie->n_nodes[depth] + 1);
      if (depth > 0)
        trie->codes[depth] = g_new (gint32, (gsize)trie->n_nodes[depth] + 1);
      if (depth < trie->levels)
        trie->first[depth] = g_new (gint32, (gsize)trie->n_nodes[depth] + 1);
    }
  trie->item_first = g_new (gint32, (gsize)pr_trie_n_leaves (trie) + 1);
  fill_nodes (trie, sids);
  trie->n_items = (gint32)sids->n_items;
  trie->item_leaf = g_new (gint32, sids->n_items + 1);
  for (gint32 leaf = 0; leaf < pr_trie_n_leaves (trie); leaf++)
    for (gint32 i = trie->item_first[leaf]; i < trie->item_first[leaf + 1]; i++)
      trie->item_leaf[trie->items[i]] = leaf;
  return trie;
}

PrTrie *
pr_trie_new (const PrSids *sids, const PrPrompter *prompter)
{
  gint32 bases[PR_SID_MAX_LEVELS];

  for (gint32 l = 0; l < sids->levels; l++)
    bases[l] = pr_prompter_sid_token (prompter, l, 0);
  return pr_trie_new_bases (sids, bases);
}

PrTrie *
pr_trie_new_codes (const PrSids *sids)
{
  gint32 bases[PR_SID_MAX_LEVELS];

  for (gint32 l = 0; l < sids->levels; l++)
    bases[l] = pr_sids_token_index (sids, l, 0);
  return pr_trie_new_bases (sids, bases);
}

void
pr_trie_free (PrTrie *trie)
{
  if (trie == NULL)
    return;
  for (gint32 depth = 0; depth <= trie->levels; depth++)
    {
      g_free (trie->leaves[depth]);
      g_free (trie->codes[depth]);
      if (depth < trie->levels)
        g_free (trie->first[depth]);
    }
  g_free (trie->item_first);
  g_free (trie->items);
  g_free (trie->item_leaf);
  g_free (trie);
}

gint32
pr_trie_max_children (const PrTrie *trie, gint32 depth)
{
  gint32 most = 0;

  for (gint32 node = 0; node < trie->n_nodes[depth]; node++)
    most = MAX (most, pr_trie_n_children (trie, depth, node));
  return most;
}

gint32
pr_trie_levels (const PrTrie *trie)
{
  return trie->levels;
}

gint32
pr_trie_n_leaves (const PrTrie *trie)
{
  return trie->n_nodes[trie->levels];
}

gint32
pr_trie_item_leaf (const PrTrie *trie, gint32 item)
{
  return item >= 0 && item < trie->n_items ? trie->item_leaf[item] : -1;
}

const gint32 *
pr_trie_leaf_items (const PrTrie *trie, gint32 leaf, gsize *ret_n)
{
  g_return_val_if_fail (leaf >= 0 && leaf < pr_trie_n_leaves (trie), NULL);
  *ret_n = (gsize)(trie->item_first[leaf + 1] - trie->item_first[leaf]);
  return trie->items + trie->item_first[leaf];
}
