#include "config.h"

#include "data-check.h"

#include <math.h>
#include <pauserec/ranking.h>

/* Two users, three places, sound. */
static PrRanking *
sound (void)
{
  PrRanking *ranking = pr_ranking_new (2, 3, PR_SPLIT_TEST);
  const gint32 items[6] = { 4, 0, 2, 1, -1, -1 };
  const float scores[6] = { 2, 1, 1, -3, -INFINITY, -INFINITY };

  memcpy (ranking->items, items, sizeof items);
  memcpy (ranking->scores, scores, sizeof scores);
  return ranking;
}

START_TEST (what_is_saved_is_loaded)
{
  g_autofree char *dir = pr_check_tmpdir ();
  GError *error = NULL;
  g_autoptr (PrRanking) ranking = sound ();
  g_autoptr (PrRanking) back = NULL;

  ranking->split = PR_SPLIT_VALID;
  ck_assert (pr_ranking_save (ranking, dir, &error));
  back = pr_ranking_load (dir, 5, &error);
  ck_assert_no_error (error);
  ck_assert_int_eq (back->n_users, 2);
  ck_assert_int_eq (back->k, 3);
  ck_assert_int_eq (back->split, PR_SPLIT_VALID);
  ck_assert_int_eq (memcmp (back->items, ranking->items, 6 * sizeof (gint32)), 0);
  ck_assert_int_eq (memcmp (back->scores, ranking->scores, 6 * sizeof (float)), 0);
  ranking->split = PR_SPLIT_TRAIN;
  ck_assert (!pr_ranking_save (ranking, dir, &error));
  data_expect (&error, PR_ERROR_DATA, "valid or test");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_new_ranking_is_empty)
{
  g_autoptr (PrRanking) ranking = pr_ranking_new (3, 2, PR_SPLIT_TEST);

  for (int i = 0; i < 6; i++)
    {
      ck_assert_int_eq (ranking->items[i], -1);
      ck_assert (isinf (ranking->scores[i]) && ranking->scores[i] < 0);
    }
}
END_TEST

static void
expect_error (guint place, gint32 item, float score, const char *part)
{
  g_autofree char *dir = pr_check_tmpdir ();
  GError *error = NULL;
  g_autoptr (PrRanking) ranking = sound ();

  ranking->items[place] = item;
  ranking->scores[place] = score;
  ck_assert (pr_ranking_save (ranking, dir, NULL));
  ck_assert_ptr_null (pr_ranking_load (dir, 5, &error));
  data_expect (&error, PR_ERROR_DATA, part);
  pr_check_rmdir (dir);
}

START_TEST (unsound_lists_are_refused)
{
  expect_error (1, 5, 1, "user 0 has an item number outside");
  expect_error (1, -2, 1, "outside");
  expect_error (1, 4, 1, "the same item twice");
  expect_error (1, 0, 0.5f, "scores that rise");
  expect_error (1, 0, NAN, "not a number");
  expect_error (1, -1, -INFINITY, "a gap");
  expect_error (4, -1, -4, "user 1 has a score without an item");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("ranking");
  TCase *tc = tcase_create ("ranking");

  tcase_add_test (tc, what_is_saved_is_loaded);
  tcase_add_test (tc, a_new_ranking_is_empty);
  tcase_add_test (tc, unsound_lists_are_refused);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
