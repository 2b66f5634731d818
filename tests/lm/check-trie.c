#include "pr-check.h"

#include "lm/trie.h"

#include <pauserec/rng.h>

#include <math.h>

static const gint32 bases[PR_SID_MAX_LEVELS] = { 100, 200, 300, 400, 500, 600, 700, 800 };

static PrSids *
make_sids (gint64 n, gint32 levels, const gint32 *sizes, const gint32 *codes)
{
  PrSids *sids = g_new0 (PrSids, 1);

  sids->n_items = n;
  sids->levels = levels;
  memcpy (sids->sizes, sizes, (gsize)levels * sizeof *sizes);
  sids->codes = g_memdup2 (codes, (gsize)n * (gsize)levels * sizeof *codes);
  return sids;
}

static void
drop_sids (PrSids *sids)
{
  g_free (sids->codes);
  g_free (sids);
}

/* Five items, two of one tuple, levels of 4, 1 and 3 codes. */
START_TEST (small_trie_is_as_drawn)
{
  const gint32 sizes[] = { 4, 1, 3 };
  const gint32 codes[] = { 3, 0, 1, /**/ 0, 0, 2, /**/ 3, 0, 0, /**/ 0, 0, 2, /**/ 1, 0, 0 };
  PrSids *sids = make_sids (5, 3, sizes, codes);
  g_autoptr (PrTrie) trie = pr_trie_new_bases (sids, bases);
  const gint32 *items;
  gsize n;

  ck_assert_int_eq (trie->n_nodes[0], 1);
  ck_assert_int_eq (trie->n_nodes[1], 3);
  ck_assert_int_eq (trie->n_nodes[2], 3);
  ck_assert_int_eq (trie->n_nodes[3], 4);
  ck_assert_int_eq (trie->codes[1][0], 0);
  ck_assert_int_eq (trie->codes[1][1], 1);
  ck_assert_int_eq (trie->codes[1][2], 3);
  ck_assert_int_eq (pr_trie_n_children (trie, 0, 0), 3);
  ck_assert_int_eq (pr_trie_n_children (trie, 1, 2), 1);
  ck_assert_int_eq (pr_trie_n_children (trie, 2, 2), 2);
  ck_assert_int_eq (pr_trie_max_children (trie, 2), 2);
  ck_assert_int_eq (trie->codes[3][2], 0);
  ck_assert_int_eq (trie->codes[3][3], 1);
  ck_assert (pr_trie_is_lone (trie, 1, 0));
  ck_assert (!pr_trie_is_lone (trie, 1, 2));
  ck_assert_int_eq (trie->leaves[1][2], 2);

  items = pr_trie_leaf_items (trie, 0, &n);
  ck_assert_uint_eq (n, 2);
  ck_assert_int_eq (items[0], 1);
  ck_assert_int_eq (items[1], 3);
  items = pr_trie_leaf_items (trie, 3, &n);
  ck_assert_uint_eq (n, 1);
  ck_assert_int_eq (items[0], 0);
  drop_sids (sids);
}
END_TEST

/* Walking down from the root by an item's codes ends at the leaf that holds the item; every item stands once. */
static void
check_random (guint64 seed)
{
  PrRng rng = pr_rng_new (seed, "trie");
  gint32 levels = 1 + (gint32)pr_rng_below (rng, 0, 0, PR_SID_MAX_LEVELS), sizes[PR_SID_MAX_LEVELS];
  gint64 n = 1 + (gint64)pr_rng_below (rng, 0, 1, 300);
  g_autofree gint32 *codes = g_new (gint32, (gsize)n * PR_SID_MAX_LEVELS);
  g_autofree gboolean *seen = g_new0 (gboolean, n);
  g_autoptr (PrTrie) trie = NULL;
  PrSids *sids;

  for (gint32 l = 0; l < levels; l++)
    sizes[l] = 1 + (gint32)pr_rng_below (rng, 1, (guint64)l, 9);
  for (gint64 i = 0; i < n * levels; i++)
    codes[i] = (gint32)pr_rng_below (rng, 2, (guint64)i, (guint64)sizes[i % levels]);
  sids = make_sids (n, levels, sizes, codes);
  trie = pr_trie_new_bases (sids, bases);
  for (gint64 i = 0; i < n; i++)
    {
      const gint32 *items;
      gint32 node = 0;
      gsize n_items;

      for (gint32 l = 0; l < levels; l++)
        {
          gint32 child = trie->first[l][node];

          ck_assert_int_gt (pr_trie_n_children (trie, l, node), 0);
          while (child < trie->first[l][node + 1] && trie->codes[l + 1][child] != codes[i * levels + l])
            child++;
          ck_assert_int_lt (child, trie->first[l][node + 1]);
          ck_assert (child == trie->first[l][node] || trie->codes[l + 1][child - 1] < trie->codes[l + 1][child]);
          ck_assert_int_ge (trie->leaves[l + 1][child], trie->leaves[l][node]);
          ck_assert_int_le (trie->leaves[l + 1][child + 1], trie->leaves[l][node + 1]);
          node = child;
        }
      items = pr_trie_leaf_items (trie, node, &n_items);
      for (gsize k = 0; k < n_items; k++)
        if (items[k] == i)
          {
            ck_assert (!seen[i]);
            seen[i] = TRUE;
          }
      ck_assert (seen[i]);
    }
  ck_assert_int_eq (trie->item_first[pr_trie_n_leaves (trie)], n);
  drop_sids (sids);
}

START_TEST (random_tries_hold_every_item)
{
  for (guint64 seed = 0; seed < 100; seed++)
    check_random (seed);
}
END_TEST

START_TEST (empty_catalogue_has_no_leaf)
{
  const gint32 sizes[] = { 4, 4 };
  PrSids *sids = make_sids (0, 2, sizes, sizes);
  g_autoptr (PrTrie) trie = pr_trie_new_bases (sids, bases);

  ck_assert_int_eq (pr_trie_n_leaves (trie), 0);
  ck_assert_int_eq (trie->n_nodes[0], 0);
  drop_sids (sids);
}
END_TEST

/* Items of a leaf: prior first, then number; what lacks is -1 and -inf. */
START_TEST (leaves_become_items)
{
  const gint32 sizes[] = { 3 };
  const gint32 codes[] = { 2, 0, 2, 1, 2 };
  const gint32 leaves[] = { 2, 0, -1 };
  const float scores[] = { -1, -2, -INFINITY }, prior[] = { 1, 9, 1, 9, 5 };
  PrSids *sids = make_sids (5, 1, sizes, codes);
  g_autoptr (PrTrie) trie = pr_trie_new_bases (sids, bases);
  gint32 items[6];
  float found[6];

  pr_beams_to_items (trie, leaves, scores, 3, prior, 6, items, found);
  ck_assert_int_eq (items[0], 4);
  ck_assert_int_eq (items[1], 0);
  ck_assert_int_eq (items[2], 2);
  ck_assert_int_eq (items[3], 1);
  ck_assert_int_eq (items[4], -1);
  ck_assert (found[2] == -1.f && found[3] == -2.f && found[5] == -INFINITY);

  pr_beams_to_items (trie, leaves, scores, 3, NULL, 2, items, found);
  ck_assert_int_eq (items[0], 0);
  ck_assert_int_eq (items[1], 2);
  drop_sids (sids);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("trie");
  TCase *tc = tcase_create ("trie");

  tcase_add_test (tc, small_trie_is_as_drawn);
  tcase_add_test (tc, random_tries_hold_every_item);
  tcase_add_test (tc, empty_catalogue_has_no_leaf);
  tcase_add_test (tc, leaves_become_items);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
