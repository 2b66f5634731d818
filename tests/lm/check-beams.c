#include "pr-check.h"

#include "lm/beams.h"

#include <math.h>

static const gint32 bases[] = { 10, 20, 30 };
static gint32 codes[] = { 0, 0, 0, /**/ 0, 0, 1, /**/ 0, 1, 0, /**/ 1, 0, 0, /**/ 2, 1, 1, /**/ 2, 1, 2 };
static PrSids sids = { .n_items = 6, .levels = 3, .sizes = { 3, 2, 3 }, .codes = codes };

/* By hand: the root has children 0 (3 leaves), 1 (lone), 2 (2 leaves). */
START_TEST (best_children_live)
{
  const float level1[] = { -1.f, -2.f, -1.f }, level2[] = { -.5f, -.25f, 0.f };
  g_autoptr (GError) error = NULL;
  g_autoptr (PrTrie) trie = pr_trie_new_bases (&sids, bases);
  g_autoptr (PrBeams) beams = pr_beams_new (trie, 1, 3, TRUE, &error);
  gint32 leaves[3];
  float scores[3];

  ck_assert_no_error (error);
  pr_beams_start (beams, 1);
  ck_assert_int_eq (beams->n_rows, 1);
  ck_assert_uint_eq (beams->row_first[1], 3);

  /* 0 and 2 tie: the lower code comes first; 1 is closed. */
  pr_beams_advance (beams, level1);
  ck_assert_int_eq (beams->n_rows, 2);
  ck_assert_int_eq (pr_beams_row_node (beams, 0), 0);
  ck_assert_int_eq (pr_beams_row_node (beams, 1), 2);
  ck_assert_int_eq (beams->row_beam[1], 1);

  /* Children: (0,0) -1.5, (0,1) -1.25, (2,1) -1, (1,0) -2 which is dropped. */
  pr_beams_advance (beams, level2);
  ck_assert_int_eq (beams->n_rows, 2);
  ck_assert_int_eq (beams->row_beam[0], 0);
  ck_assert_int_eq (beams->row_beam[1], 2);
  ck_assert_int_eq (pr_beams_row_history (beams, 0)[1], 1);
  ck_assert_int_eq (pr_beams_row_history (beams, 1)[1], 0);
  ck_assert_int_eq (pr_beams_row_history (beams, 1)[2], 1);

  pr_beams_advance (beams, (const float[]){ -.125f, -2.f, -.5f, -1.f });
  ck_assert (pr_beams_done (beams));
  pr_beams_result (beams, 0, leaves, scores);
  ck_assert_int_eq (leaves[0], 4);
  ck_assert_int_eq (leaves[1], 2);
  ck_assert_int_eq (leaves[2], 0);
  ck_assert (scores[0] == -1.125f && scores[1] == -1.25f && scores[2] == -2.f);
}
END_TEST

/* Without closing every beam keeps a row; too wide a search ends with all leaves, then nothing. */
START_TEST (wide_beams_hold_every_leaf)
{
  static const float zeros[64];
  g_autoptr (GError) error = NULL;
  g_autoptr (PrTrie) trie = pr_trie_new_bases (&sids, bases);
  g_autoptr (PrBeams) beams = pr_beams_new (trie, 2, 8, FALSE, &error);
  gint32 leaves[8];
  float scores[8];

  ck_assert_no_error (error);
  pr_beams_start (beams, 2);
  pr_beams_advance (beams, zeros);
  ck_assert_int_eq (beams->n_rows, 6);
  pr_beams_advance (beams, zeros);
  ck_assert_int_eq (beams->n_rows, 8);
  pr_beams_advance (beams, zeros);
  ck_assert (pr_beams_done (beams));
  pr_beams_result (beams, 1, leaves, scores);
  for (gint32 i = 0; i < 6; i++)
    ck_assert_int_eq (leaves[i], i);
  ck_assert_int_eq (leaves[6], -1);
  ck_assert (scores[7] == -INFINITY);
}
END_TEST

/* A catalogue of one item leaves nothing to decide from the start. */
START_TEST (one_item_needs_no_model)
{
  PrSids one = { .n_items = 1, .levels = 3, .sizes = { 3, 2, 3 }, .codes = codes };
  g_autoptr (GError) error = NULL;
  g_autoptr (PrTrie) trie = pr_trie_new_bases (&one, bases);
  g_autoptr (PrBeams) beams = pr_beams_new (trie, 1, 2, TRUE, &error);
  gint32 leaves[2];
  float scores[2];

  pr_beams_start (beams, 1);
  ck_assert (pr_beams_done (beams));
  pr_beams_result (beams, 0, leaves, scores);
  ck_assert_int_eq (leaves[0], 0);
  ck_assert_int_eq (leaves[1], -1);
  ck_assert (scores[0] == 0.f);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("beams");
  TCase *tc = tcase_create ("beams");

  tcase_add_test (tc, best_children_live);
  tcase_add_test (tc, wide_beams_hold_every_leaf);
  tcase_add_test (tc, one_item_needs_no_model);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
