/* check-collisions.c - items of sid-quantizer that share all codes: counted, told apart by a digit, moved. */
#include "pr-check.h"

#include "../../plugins/sid-quantizer/collisions.h"

#include <math.h>

static PrSids *
make_sids (const gint32 *codes, gint64 n, gint32 size)
{
  PrSids *sids = pr_sids_new (n, 2, (gint32[]){ size, size });

  memcpy (sids->codes, codes, sizeof (gint32) * n * 2);
  return sids;
}

static const gint32 colliding[] = { 0, 1, 2, 3, 0, 1, 1, 1, 0, 1, 2, 3 }; /* (0,1) x 3, (2,3) x 2, (1,1) */

START_TEST (collisions_are_counted)
{
  g_autoptr (PrSids) sids = make_sids (colliding, 6, 4);
  CollisionCount count = collisions_count (sids);

  ck_assert_int_eq (count.distinct, 3);
  ck_assert_int_eq (count.shared, 5);
  ck_assert_int_eq (count.largest, 3);
  ck_assert_int_eq (count.histogram[1], 1);
  ck_assert_int_eq (count.histogram[2], 1);
  ck_assert_int_eq (count.histogram[3], 1);
  collisions_count_clear (&count);
}
END_TEST

START_TEST (digit_numbers_colliding_items)
{
  const gint32 expected[] = { 1, 1, 2, 0, 3, 2 };
  g_autoptr (PrSids) sids = make_sids (colliding, 6, 4);
  g_autoptr (PrSids) longer = collisions_add_digit (sids);
  CollisionCount count = collisions_count (longer);

  ck_assert_int_eq (longer->levels, 3);
  ck_assert_int_eq (longer->sizes[2], 4);
  for (int i = 0; i < 6; i++)
    {
      ck_assert_int_eq (pr_sids_item (longer, i)[0], colliding[2 * i]);
      ck_assert_int_eq (pr_sids_item (longer, i)[1], colliding[2 * i + 1]);
      ck_assert_int_eq (pr_sids_item (longer, i)[2], expected[i]);
    }
  ck_assert_int_eq (count.distinct, 6);
  collisions_count_clear (&count);
}
END_TEST

START_TEST (digit_of_unique_tuples_is_one_code)
{
  g_autoptr (PrSids) sids = make_sids ((const gint32[]){ 0, 1, 1, 0 }, 2, 2);
  g_autoptr (PrSids) longer = collisions_add_digit (sids);

  ck_assert_int_eq (longer->sizes[2], 1);
  ck_assert_int_eq (pr_sids_item (longer, 1)[2], 0);
}
END_TEST

/* Item i sits at i / 10 on a line, code c at c. */
static void
line_cost (gpointer ctx, gint64 item, double *ret_costs)
{
  const double *place = ctx;

  for (int c = 0; c < 4; c++)
    ret_costs[c] = fabs (place[item] - c);
}

START_TEST (reassign_moves_to_the_nearest_free_code)
{
  /* Items 0, 2, 4 share (0,1): 2 stands nearest and keeps it, 0 wants code 0, 4 wants code 2. */
  double place[] = { 0.6, 3, 1.1, 1, 1.8, 2.9 };
  g_autoptr (PrSids) sids = make_sids (colliding, 6, 4);
  gint64 moved = collisions_reassign (sids, 20, line_cost, place);
  CollisionCount count = collisions_count (sids);

  ck_assert_int_eq (moved, 3);
  ck_assert_int_eq (count.distinct, 6);
  ck_assert_int_eq (pr_sids_item (sids, 2)[1], 1);
  ck_assert_int_eq (pr_sids_item (sids, 0)[1], 0);
  ck_assert_int_eq (pr_sids_item (sids, 4)[1], 2);
  ck_assert_int_eq (pr_sids_item (sids, 1)[1], 3);
  ck_assert_int_eq (pr_sids_item (sids, 5)[1], 2);
  ck_assert_int_eq (pr_sids_item (sids, 3)[1], 1);
  for (int i = 0; i < 6; i++)
    ck_assert_int_eq (pr_sids_item (sids, i)[0], colliding[2 * i]);
  collisions_count_clear (&count);
}
END_TEST

START_TEST (reassign_never_takes_the_code_of_a_unique_item)
{
  /* Item 2 alone has code 0, where items 0 and 1 would like to go. */
  double place[] = { 0.4, 0.9, 0 };
  g_autoptr (PrSids) sids = make_sids ((const gint32[]){ 0, 1, 0, 1, 0, 0 }, 3, 4);

  ck_assert_int_eq (collisions_reassign (sids, 20, line_cost, place), 1);
  ck_assert_int_eq (pr_sids_item (sids, 2)[1], 0);
  ck_assert_int_eq (pr_sids_item (sids, 1)[1], 1);
  ck_assert_int_eq (pr_sids_item (sids, 0)[1], 2);
}
END_TEST

START_TEST (reassign_leaves_what_does_not_fit)
{
  double place[] = { 1, 1, 1, 1, 1, 1 };
  gint32 codes[12] = { 0 };
  g_autoptr (PrSids) sids = NULL;
  CollisionCount count;

  for (int i = 0; i < 6; i++)
    codes[2 * i + 1] = 1;
  sids = make_sids (codes, 6, 4);
  ck_assert_int_eq (collisions_reassign (sids, 20, line_cost, place), 3);
  count = collisions_count (sids);
  ck_assert_int_eq (count.distinct, 4);
  ck_assert_int_eq (pr_sids_item (sids, 0)[1], 1);
  collisions_count_clear (&count);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("collisions");
  TCase *tcase = tcase_create ("collisions");

  tcase_add_test (tcase, collisions_are_counted);
  tcase_add_test (tcase, digit_numbers_colliding_items);
  tcase_add_test (tcase, digit_of_unique_tuples_is_one_code);
  tcase_add_test (tcase, reassign_moves_to_the_nearest_free_code);
  tcase_add_test (tcase, reassign_never_takes_the_code_of_a_unique_item);
  tcase_add_test (tcase, reassign_leaves_what_does_not_fit);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
