/* The purchases of a history that are most like the target. */
#include "config.h"

#include "tiny-world.h"
#include "../../plugins/rationale-distillation/similar.h"

/* Items 0 .. 4: a/b/c, a/b/d, a/x, none, a/b/c. */
static PrDataset *
catalogue (const char *dir)
{
  static const char *const paths[5][4] = {
    { "a", "b", "c" }, { "a", "b", "d" }, { "a", "x" }, { NULL }, { "a", "b", "c" }
  };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("similar");
  const gint32 bought = 0;

  for (int i = 0; i < 5; i++)
    {
      const char id[] = { (char)('0' + i), '\0' };
      const PrItem item = { id, "", "", "", paths[i] };

      pr_dataset_builder_add_item (builder, &item);
    }
  pr_dataset_builder_add_user (builder, "u", &bought, 1);
  ck_assert (pr_dataset_builder_write (builder, dir, NULL));
  return pr_dataset_load (dir, NULL);
}

START_TEST (the_most_similar_purchases_stay_in_their_order)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autoptr (PrDataset) dataset = catalogue (dir);
  g_autoptr (PrMatrix) embeddings = pr_matrix_new (5, 2, NULL);
  const gint32 history[] = { 1, 2, 3, 1, 0, 2 };
  const float rows[5][2] = { { 0, 1 }, { 0, 0 }, { 1, 1 }, { 5, 0 }, { 1, 0 } };
  gint32 items[6];

  memcpy (embeddings->data, rows, sizeof rows);
  /* By category: 0 shares all of 4's path, 1 two levels, 2 one, 3 none; every item once, at its newest place. */
  ck_assert_int_eq (similar_items (dataset, NULL, history, 6, 4, 2, items), 2);
  ck_assert_int_eq (items[0], 1);
  ck_assert_int_eq (items[1], 0);
  ck_assert_int_eq (similar_items (dataset, NULL, history, 6, 4, 9, items), 4);
  ck_assert_int_eq (items[0], 3);
  ck_assert_int_eq (items[3], 2);
  /* By cosine with (1, 0): 3 has 1, 2 has 0.7, 0 and the zero vector 1 have 0: the newer of them. */
  ck_assert_int_eq (similar_items (dataset, embeddings, history, 6, 4, 3, items), 3);
  ck_assert_int_eq (items[0], 3);
  ck_assert_int_eq (items[1], 0);
  ck_assert_int_eq (items[2], 2);
  ck_assert_int_eq (similar_items (dataset, embeddings, history, 6, 4, 0, items), 0);
  ck_assert_int_eq (similar_items (dataset, embeddings, NULL, 0, 4, 3, items), 0);
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("similar-purchases");
  TCase *tc = tcase_create ("similar-purchases");

  tcase_add_test (tc, the_most_similar_purchases_stay_in_their_order);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
