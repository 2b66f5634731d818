#include "config.h"

#include "pr-check.h"

#include <pauserec/threads.h>

static void
count (gpointer ctx, gsize tile, guint worker)
{
  ck_assert_uint_lt (worker, pr_threads_get ());
  __atomic_fetch_add ((guint *) ctx + tile, 1, __ATOMIC_RELAXED);
}

static void
nest (gpointer ctx, gsize tile, guint worker)
{
  (void) worker;
  pr_parallel (10, count, (guint *) ctx + 10 * tile);
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

int
main (void)
{
  Suite *suite = suite_create ("threads");
  TCase *tc = tcase_create ("threads");

  tcase_add_test (tc, every_tile_runs_once);
  tcase_add_test (tc, nested_loops_run_on_the_caller);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
