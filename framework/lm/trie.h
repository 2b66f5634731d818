/* trie.h - what the beam search reads of a trie: flat arrays, depth by depth.
 *
 * A node of depth l is a prefix of l codes.  Nodes of a depth stand in lexicographic order of their prefixes, so the
 * children of node i are the nodes [first[l][i], first[l][i + 1]) of depth l + 1, with strictly increasing codes.
 */
#ifndef PR_TRIE_H
#define PR_TRIE_H

#include <pauserec/decode.h>

struct PrTrie
{
  gint32 levels;
  gint32 sizes[PR_SID_MAX_LEVELS];       /* codes of a level */
  gint32 bases[PR_SID_MAX_LEVELS];       /* token id of code 0 of a level; the codes are consecutive ids */
  gint32 n_nodes[PR_SID_MAX_LEVELS + 1]; /* n_nodes[0] = 1, n_nodes[levels] = leaves; all 0 for an empty catalogue */
  gint32 *first[PR_SID_MAX_LEVELS];      /* [n_nodes[l] + 1] children of a node of depth l */
  gint32 *codes[PR_SID_MAX_LEVELS + 1];  /* [n_nodes[l]] last code of a node of depth l; codes[0] is NULL */
  gint32 *leaves[PR_SID_MAX_LEVELS + 1]; /* [n_nodes[l] + 1] first leaf below a node */
  gint32 *item_first;                    /* [leaves + 1] */
  gint32 *items;                         /* by leaf, then by number */
  gint32 n_items;
  gint32 *item_leaf;                     /* [n_items] */
};

/* As pr_trie_new(), with the token id of the first code of every level. */
PrTrie *pr_trie_new_bases (const PrSids *sids, const gint32 *bases);

static inline gint32
pr_trie_n_children (const PrTrie *trie, gint32 depth, gint32 node)
{
  return trie->first[depth][node + 1] - trie->first[depth][node];
}

/* Children of the node with the most of them. */
gint32 pr_trie_max_children (const PrTrie *trie, gint32 depth);

/* TRUE if only one tuple continues NODE: nothing is left to decide. */
static inline gboolean
pr_trie_is_lone (const PrTrie *trie, gint32 depth, gint32 node)
{
  return trie->leaves[depth][node + 1] - trie->leaves[depth][node] == 1;
}

#endif
