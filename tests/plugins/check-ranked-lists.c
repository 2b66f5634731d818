/* How ranked lists are scored and compared, worked out by hand. */
#include "config.h"

#include "pr-check.h"
#include "../../plugins/probe-rationale-sensitivity/lists.h"

#include <math.h>

START_TEST (hits_and_gains)
{
  const gint32 items[] = { 7, 3, 9, -1 };

  ck_assert (list_hit (items, 4, 9) == 1 && list_hit (items, 2, 9) == 0 && list_hit (items, 4, 5) == 0);
  ck_assert (list_ndcg (items, 4, 7) == 1 && list_ndcg (items, 4, 5) == 0);
  ck_assert_double_eq_tol ((double)list_ndcg (items, 4, 3), 1 / log2 (3), 1e-7);
  ck_assert_double_eq_tol ((double)list_ndcg (items, 4, 9), 0.5, 1e-7);
}
END_TEST

static const struct
{
  gint32 a[3], b[3];
  double kendall, overlap;
  int differ[3]; /* of the first 1, 2, 3 */
} pairs[] = {
  { { 1, 2, 3 }, { 1, 2, 3 }, 1, 1, { 0, 0, 0 } },
  /* Nothing in common: 9 pairs across and 1/2 each of 3 + 3 within. */
  { { 1, 2, 3 }, { 4, 5, 6 }, 0, 0, { 1, 1, 1 } },
  /* One pair of 12 turned round; in common 0/1, 2/2, 3/3. */
  { { 1, 2, 3 }, { 2, 1, 3 }, 1 - 1. / 12, 2. / 3, { 1, 1, 1 } },
  { { 1, 2, 3 }, { 3, 2, 1 }, 1 - 3. / 12, (0 + 1. / 2 + 1) / 3, { 1, 1, 1 } },
  /* 3 gone for 4: {3, 4} are of one list each; {1, 3}, {2, 3}, {1, 4}, {2, 4} agree. */
  { { 1, 2, 3 }, { 1, 2, 4 }, 1 - 1. / 12, (1 + 1 + 2. / 3) / 3, { 0, 0, 1 } },
  /* 4 before 1 and 2, and 3 gone: {1, 4}, {2, 4} turned round, {3, 4} of one list each. */
  { { 1, 2, 3 }, { 4, 1, 2 }, 1 - 3. / 12, (0 + 1. / 2 + 2. / 3) / 3, { 1, 1, 1 } },
  /* 2 and 3 are in one list only: 1/2; {2, 4}, {3, 4}, {2, 5}, {3, 5}: 1; {4, 5}: 1/2. */
  { { 1, 2, 3 }, { 1, 4, 5 }, 1 - 5. / 12, (1 + 1. / 2 + 1. / 3) / 3, { 0, 1, 1 } },
  /* Shorter: 2 pairs across, none or one within: most 2 + 1/2. */
  { { 1, -1, -1 }, { 2, 3, -1 }, 0, 0, { 1, 1, 1 } },
  { { 1, -1, -1 }, { 2, 1, -1 }, 1 - 1 / 2.5, (0 + 1. / 2 + 1. / 3) / 3, { 1, 1, 1 } },
  { { -1, -1, -1 }, { 2, 1, -1 }, NAN, NAN, { 1, 1, 1 } },
};

START_TEST (lists_are_compared)
{
  double kendall = (double)lists_kendall (pairs[_i].a, pairs[_i].b, 3),
         back = (double)lists_kendall (pairs[_i].b, pairs[_i].a, 3),
         overlap = (double)lists_overlap (pairs[_i].a, pairs[_i].b, 3);

  for (int n = 1; n <= 3; n++)
    ck_assert_int_eq ((int)lists_differ (pairs[_i].a, pairs[_i].b, n), pairs[_i].differ[n - 1]);
  if (isnan (pairs[_i].kendall))
    {
      ck_assert (isnan (kendall) && isnan (overlap) && isnan (back));
      return;
    }
  ck_assert_double_eq_tol (kendall, pairs[_i].kendall, 1e-6);
  ck_assert_double_eq_tol (back, pairs[_i].kendall, 1e-6);
  ck_assert_double_eq_tol (overlap, pairs[_i].overlap, 1e-6);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("ranked-lists");
  TCase *tc = tcase_create ("ranked-lists");

  tcase_add_test (tc, hits_and_gains);
  tcase_add_loop_test (tc, lists_are_compared, 0, G_N_ELEMENTS (pairs));
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
