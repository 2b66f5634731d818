#include "config.h"

#include "pr-check.h"

#include <pauserec/threads.h>

static void
count (gpointer ctx, gsize tile, guint worker)
{
  ck_assert_uint_lt (worker, pr_threads_get ());
  __atomic_fetch_add ((guint *)ctx + tile, 1, __ATOMIC_RELAXED);
}

static void
nest (gpointer ctx, gsize tile, guint worker)
{
  (void)worker;
  pr_parallel (10, count, (guint *)ctx + 10 * tile);
}

START_TEST (every_tile_runs_once)
{
  guint seen[1000] = { 0 };

  pr_threads_set (3);
  for (int round = 0; round < 200; round++)
    pr_parallel (1000, count, seen);
  for (int i = 0; i < 1000; i++)
    ck_assert_uint_eq (seen[i], 200);
}
END_TEST

START_TEST (nested_loops_run_on_the_caller)
{
  guint seen[100] = { 0 };

  pr_threads_set (3);
  pr_parallel (10, nest, seen);
  for (int i = 0; i < 100; i++)
    ck_assert_uint_eq (seen[i], 1);
}
END_TEST

/* The number may go up and down between loops; idle threads stay out. */
START_TEST (the_number_of_threads_may_change)
{
  const guint numbers[] = { 4, 2, 1, 3, 6, 2 };
  guint seen[50] = { 0 };

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      pr_threads_set (numbers[i]);
      ck_assert_uint_eq (pr_threads_get (), numbers[i]);
      for (int round = 0; round < 100; round++)
        pr_parallel (50, count, seen);
    }
  for (int i = 0; i < 50; i++)
    ck_assert_uint_eq (seen[i], 600);
}
END_TEST

static void
look_inside (gpointer ctx, gsize tile, guint worker)
{
  (void)tile;
  (void)worker;
  *(gboolean *)ctx = pr_threads_inside ();
}

START_TEST (a_tile_knows_that_it_is_one)
{
  gboolean inside = FALSE;

  ck_assert (!pr_threads_inside ());
  pr_parallel (1, look_inside, &inside);
  ck_assert (inside);
  ck_assert (!pr_threads_inside ());
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("threads");
  TCase *tc = tcase_create ("threads");

  tcase_add_test (tc, every_tile_runs_once);
  tcase_add_test (tc, nested_loops_run_on_the_caller);
  tcase_add_test (tc, the_number_of_threads_may_change);
  tcase_add_test (tc, a_tile_knows_that_it_is_one);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
