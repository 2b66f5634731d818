/* item-knn on four users whose neighbours and scores can be worked out by hand. */
#include "seq-world.h"

#include <math.h>

#define ITEMS 6

/* Training parts: 0 1 2, 0 1, 0 3, 0 1 1.  Users of 0: 4, of 1: 3, of 2 and 3: 1; 4 and 5 stand in held-out parts only.
 * Similarities: 0-1 3 / sqrt 12, 0-2 and 0-3 1 / 2, 1-2 1 / sqrt 3. */
static const gint32 purchases[4][5] = { { 0, 1, 2, 4, 5 }, { 0, 1, 4, 4, 4 }, { 0, 3, 5, 1, 1 }, { 0, 1, 1, 2, 5 } };
static const gint64 n_purchases[4] = { 5, 4, 4, 5 };

static void
write_data (void)
{
  static const char *const none[] = { NULL };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("hand");

  for (int i = 0; i < ITEMS; i++)
    {
      const char id[] = { (char)('a' + i), '\0' };

      pr_dataset_builder_add_item (builder, &(PrItem){ id, id, "", "", none });
    }
  for (int u = 0; u < 4; u++)
    {
      const char id[] = { (char)('A' + u), '\0' };

      pr_dataset_builder_add_user (builder, id, purchases[u], n_purchases[u]);
    }
  ck_assert (pr_dataset_builder_write (builder, seq_dir, NULL));
}

#define S01 (3 / sqrt (12))
#define S12 (1 / sqrt (3))

START_TEST (as_by_hand)
{
  static const struct
  {
    const char *settings;
    gint64 user;
    gint32 items[ITEMS];
    double scores[ITEMS];
  } cases[] = {
    /* History 0 1 2.  0: from 1 and 2; 1: from 0 and 2; 2: from 0 and 1; 3: from 0; 4, 5 from nobody. */
    { "decay=1 shrink=0", 0, { 1, 0, 2, 3, 4, 5 }, { S01 + S12, S01 + 0.5, 0.5 + S12, 0.5, 0, 0 } },
    /* History 0 3: 0 from 3, 1 and 2 from 0, 3 from 0; ties of 0.5 by popularity, then number. */
    { "decay=1 shrink=0", 2, { 1, 0, 2, 3, 4, 5 }, { S01, 0.5, 0.5, 0.5, 0, 0 } },
    { "exclude_seen=true decay=1 shrink=0", 2, { 1, 2, 4, 5, -1, -1 }, { S01, 0.5, 0, 0, -INFINITY, -INFINITY } },
    /* The purchase before the last counts half: 3 speaks for 0, then 0 for 1, 2, 3. */
    { "decay=0.5 shrink=0", 2, { 0, 1, 2, 3, 4, 5 }, { 0.5, S01 / 2, 0.25, 0.25, 0, 0 } },
    { "decay=0 shrink=0", 2, { 0, 1, 2, 3, 4, 5 }, { 0.5, 0, 0, 0, 0, 0 } },
    { "length=1 decay=1 shrink=0", 2, { 0, 1, 2, 3, 4, 5 }, { 0.5, 0, 0, 0, 0, 0 } },
    /* Only the nearest of each: 0 -> 1, 3 -> 0. */
    { "neighbours=1 decay=1 shrink=0", 2, { 1, 0, 2, 3, 4, 5 }, { S01, 0.5, 0, 0, 0, 0 } },
    { "shrink=2 decay=1", 2, { 1, 0, 2, 3, 4, 5 }, { 3 / (sqrt (12) + 2), 0.25, 0.25, 0.25, 0, 0 } },
    /* What was bought twice is one user of the item, but speaks twice: 0 1 1. */
    { "decay=1 shrink=0", 3, { 0, 2, 1, 3, 4, 5 }, { 2 * S01, 0.5 + 2 * S12, S01, 0.5, 0, 0 } },
  };
  g_autofree char *settings = g_strconcat ("k=6 split=valid ", cases[_i].settings, NULL);
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrRanking) ranking = NULL;

  write_data ();
  ranking = seq_run ("item-knn", settings, ITEMS, &result, NULL);
  ck_assert_ptr_nonnull (ranking);
  for (int i = 0; i < ITEMS; i++)
    {
      gint64 at = cases[_i].user * ITEMS + i;

      if (!isinf (cases[_i].scores[i]))
        ck_assert_double_eq_tol ((double)ranking->scores[at], cases[_i].scores[i], 1e-6);
      ck_assert_int_eq (ranking->items[at], cases[_i].items[i]);
    }
}
END_TEST

/* The test history has one purchase more, which is not counted in similarities. */
START_TEST (the_test_split_sees_one_more)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrRanking) ranking = NULL;

  write_data ();
  ranking = seq_run ("item-knn", "k=6 length=1 shrink=0", ITEMS, &result, NULL);
  ck_assert_ptr_nonnull (ranking);
  /* User 2: the last purchase before the test target is 5, which nobody bought in training: all by popularity. */
  for (int i = 0; i < ITEMS; i++)
    {
      ck_assert_int_eq (ranking->items[2 * ITEMS + i], i);
      ck_assert_double_eq ((double)ranking->scores[2 * ITEMS + i], 0);
    }
  /* User 3: it is 2, of which 0 and 1 are neighbours. */
  ck_assert_int_eq (ranking->items[3 * ITEMS], 1);
  ck_assert_double_eq_tol ((double)ranking->scores[3 * ITEMS], S12, 1e-6);
  ck_assert_int_eq (ranking->items[3 * ITEMS + 1], 0);
}
END_TEST

START_TEST (same_bytes_for_any_threads)
{
  g_auto (StageResult) one = { 0 }, three = { 0 };

  seq_write (50, 600, 9, seq_noise);
  pr_ranking_free (seq_run ("item-knn", "decay=0.7 shrink=3", 50, &one, NULL));
  pr_threads_set (3);
  pr_ranking_free (seq_run ("item-knn", "decay=0.7 shrink=3", 50, &three, NULL));
  seq_assert_same (&one, &three);
}
END_TEST

START_TEST (noise_is_chance)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrRanking) ranking = NULL;

  seq_write (50, 600, 9, seq_noise);
  ranking = seq_run ("item-knn", "", 50, &result, NULL);
  ck_assert_double_eq_tol (seq_hit (ranking, 5), 0.1, 0.05);
}
END_TEST

/* In a circle what is bought together is near: of the last purchase's two neighbours one is next. */
START_TEST (finds_what_goes_together)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrRanking) ranking = NULL;

  seq_write (50, 200, 6, seq_circle);
  ranking = seq_run ("item-knn", "shrink=0 exclude_seen=true", 50, &result, NULL);
  ck_assert_double_ge (seq_hit (ranking, 1), 0.99);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("item-knn");
  TCase *tc = tcase_create ("item-knn");

  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, seq_setup, seq_teardown);
  tcase_add_loop_test (tc, as_by_hand, 0, 9);
  tcase_add_test (tc, the_test_split_sees_one_more);
  tcase_add_test (tc, same_bytes_for_any_threads);
  tcase_add_test (tc, noise_is_chance);
  tcase_add_test (tc, finds_what_goes_together);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
