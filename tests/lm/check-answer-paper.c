/* check-answer-paper.c - answers of a model so simple that its scores, pools and silences can be worked out on paper.
 */
#include "answer-fixture.h"

/* Items (1, 0), (1, 1), (0, 0) .. (0, 3): the best is (1, 1) with 3/4 x 3/4, then (1, 0) with 3/4 x 1/4. */
static void
set_tuples (World *w)
{
  static const gint32 tuples[] = { 1, 0, 1, 1, 0, 0, 0, 1, 0, 2, 0, 3 };

  for (gint32 i = 0; i < ITEMS * LEVELS; i++)
    w->sids->codes[i] = tuples[i % (gint32)G_N_ELEMENTS (tuples)];
  pr_trie_free (w->trie);
  w->trie = pr_trie_new (w->sids, w->prompter);
  ck_assert_int_eq (pr_trie_n_leaves (w->trie), 6);
}

/* Thoughts of one token at most, closed with probability 1/2 each time; top_k keeps everything but words and
 * </think> out.  Of a user's T thoughts m are sound: the mean is log (m / T p), the max is log p. */
START_TEST (pools_are_as_on_paper)
{
  static const double p[] = { 9. / 16, 3. / 16 };
  Settings s = { .beam = { 2, PR_NORMALISE_TRIE, 2 },
                 .think = { .thoughts = 4, .thought_tokens = 1, .temperature = 1, .top_k = N_WORDS + 1, .top_p = 1 },
                 .keep = 2,
                 .seed = 5 };
  gint64 sound = 0;
  World w;
  Answers mean, max, closed;

  world_init (&w, 1, PR_THINKING_COT);
  make_plain (&w, .5);
  set_tuples (&w);
  s.think.pool = PR_POOL_MEAN;
  ask (&w, &s, &mean);
  s.think.pool = PR_POOL_MAX;
  ask (&w, &s, &max);
  s.think.pool = PR_POOL_MEAN;
  s.think.malformed = PR_MALFORMED_CLOSE;
  ask (&w, &s, &closed);
  for (gint64 u = 0; u < USERS; u++)
    {
      double m = exp ((double)mean.scores[u * 2]) / p[0] * 4;

      sound += (gint64)round (m);
      ck_assert_double_eq_tol (m, round (m), 1e-4);
      for (gint64 k = 0; k < 2; k++)
        {
          ck_assert_int_eq (closed.leaves[u * 2 + k], k == 0 ? 5 : 4);
          ck_assert_double_eq_tol ((double)closed.scores[u * 2 + k], log (p[k]), TOLERANCE);
          if (m < .5)
            {
              ck_assert_int_eq (mean.leaves[u * 2 + k], -1);
              continue;
            }
          ck_assert_int_eq (mean.leaves[u * 2 + k], k == 0 ? 5 : 4);
          ck_assert_double_eq_tol ((double)mean.scores[u * 2 + k], log (round (m) / 4 * p[k]), TOLERANCE);
          ck_assert_double_eq_tol ((double)max.scores[u * 2 + k], log (p[k]), TOLERANCE);
        }
    }
  /* 3/4 of 36 thoughts end in time; five standard deviations. */
  ck_assert_double_eq_tol ((double)sound, .75 * 36, 5 * sqrt (36 * .75 * .25));
  ck_assert_int_eq (mean.stats.unclosed, 36 - sound);
  ck_assert_int_eq (closed.stats.unclosed, 36 - sound);
  ck_assert_int_eq (mean.stats.foreign, 0);
  world_clear (&w);
}
END_TEST

/* </think> is never among the words drawn: nobody is answered, or everybody below a cut thought. */
START_TEST (silent_users_have_no_items)
{
  Settings s = { .beam = { 2, PR_NORMALISE_TRIE, 2 },
                 .think = { .thoughts = _i, .thought_tokens = 7, .top_k = N_WORDS, .top_p = 1 } };
  World w;
  Answers a;

  s.keep = 2;
  s.think.temperature = _i > 1;
  world_init (&w, 2, PR_THINKING_COT);
  make_plain (&w, .01);
  ask (&w, &s, &a);
  ck_assert_int_eq (a.stats.silent_users, USERS);
  ck_assert_int_eq (a.stats.search.prompt_tokens, 0);
  for (gint64 i = 0; i < USERS * 2; i++)
    ck_assert (a.leaves[i] == -1 && isinf (a.scores[i]));
  s.think.malformed = PR_MALFORMED_CLOSE;
  ask (&w, &s, &a);
  ck_assert_int_eq (a.stats.silent_users, 0);
  ck_assert_int_eq (a.stats.unclosed + a.stats.foreign, USERS * _i);
  for (gint64 i = 0; i < USERS * 2; i++)
    ck_assert_int_ge (a.leaves[i], 0);
  world_clear (&w);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("answer-paper");
  TCase *tc = tcase_create ("paper");

  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, pools_are_as_on_paper);
  tcase_add_loop_test (tc, silent_users_have_no_items, 1, 3);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
