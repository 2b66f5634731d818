/* check-pause-insert.c - where pauses stand, how many, and what keeps its loss. */
#include "pr-check.h"

#include "../../plugins/pause-pretrain/insert.h"

#include <math.h>

enum
{
  PAUSE = 999
};

static PrExample example;

/* Tokens 0 .. n-1; every third without loss. */
static void
fill (gint32 n)
{
  pr_example_clear (&example);
  for (gint32 i = 0; i < n; i++)
    pr_example_add (&example, i, i % 3 != 0);
}

static void
setup (void)
{
  example.tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  example.loss = g_array_new (FALSE, FALSE, sizeof (float));
}

static void
teardown (void)
{
  g_array_unref (example.tokens);
  g_array_unref (example.loss);
}

START_TEST (about_a_tenth_of_the_length)
{
  ck_assert_uint_eq (pause_count (100, 0.1), 10);
  ck_assert_uint_eq (pause_count (14, 0.1), 1);
  ck_assert_uint_eq (pause_count (15, 0.1), 2);
  ck_assert_uint_eq (pause_count (2, 0.1), 1);
  ck_assert_uint_eq (pause_count (1, 0.1), 0);
  ck_assert_uint_eq (pause_count (0, 0.1), 0);
  ck_assert_uint_eq (pause_count (10, 1), 10);
}
END_TEST

START_TEST (tokens_and_losses_stay)
{
  PrRng rng = pr_rng_new (1, "pause-positions");

  for (gint32 n = 0; n < 60; n++)
    for (guint64 step = 0; step < 5; step++)
      {
        gint32 next = 0;

        fill (n);
        pause_insert (&example, PAUSE, 0.3, rng, step, (guint64)n);
        ck_assert_uint_eq (example.tokens->len, (gsize)n + pause_count ((gsize)n, 0.3));
        ck_assert_uint_eq (example.loss->len, example.tokens->len);
        for (guint i = 0; i < example.tokens->len; i++)
          {
            gint32 token = g_array_index (example.tokens, gint32, i);
            gboolean loss = g_array_index (example.loss, float, i) != 0;

            if (token == PAUSE)
              {
                ck_assert (!loss);
                ck_assert (i > 0 && i + 1 < example.tokens->len);
                continue;
              }
            ck_assert_int_eq (token, next);
            ck_assert_int_eq (loss, next % 3 != 0);
            next++;
          }
        ck_assert_int_eq (next, n);
      }
}
END_TEST

/* 11 tokens, 10 gaps, one pause each time: every gap is drawn a tenth of the time. */
START_TEST (gaps_are_uniform)
{
  PrRng rng = pr_rng_new (3, "pause-positions");
  const int draws = 20000;
  int hits[11] = { 0 };
  double chi = 0;

  for (int d = 0; d < draws; d++)
    {
      fill (11);
      pause_insert (&example, PAUSE, 0.1, rng, (guint64)d % 7, (guint64)d);
      for (guint i = 0; i < example.tokens->len; i++)
        if (g_array_index (example.tokens, gint32, i) == PAUSE)
          hits[i]++;
    }
  ck_assert_int_eq (hits[0], 0);
  for (int i = 1; i <= 10; i++)
    chi += pow (hits[i] - draws / 10.0, 2) / (draws / 10.0);
  ck_assert_double_lt (chi, 27.9); /* 9 degrees of freedom: p = .001 */
}
END_TEST

START_TEST (pure_and_new_in_each_epoch)
{
  PrRng rng = pr_rng_new (1, "pause-positions");
  g_autofree gint32 *first = NULL;

  fill (100);
  pause_insert (&example, PAUSE, 0.1, rng, 0, 5);
  first = g_memdup2 (example.tokens->data, 110 * sizeof (gint32));
  fill (100);
  pause_insert (&example, PAUSE, 0.1, rng, 0, 5);
  ck_assert_mem_eq (example.tokens->data, first, 110 * sizeof (gint32));
  fill (100);
  pause_insert (&example, PAUSE, 0.1, rng, 1, 5);
  ck_assert_mem_ne (example.tokens->data, first, 110 * sizeof (gint32));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("pause-insert");
  TCase *tcase = tcase_create ("insert");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, about_a_tenth_of_the_length);
  tcase_add_test (tcase, tokens_and_losses_stay);
  tcase_add_test (tcase, gaps_are_uniform);
  tcase_add_test (tcase, pure_and_new_in_each_epoch);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
