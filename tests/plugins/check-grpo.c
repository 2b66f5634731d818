/* check-grpo.c - advantages, terms and rewards against numbers worked out by hand, and slopes against differences. */
#include "pr-check.h"
#include "tiny-world.h"

#include "plugins/rl/grpo.h"
#include "plugins/rl/rewards.h"

#include <math.h>

#define EXACT 1e-12

/* Rewards 1, 0, 1/2, 1/2: mean 1/2, variance (1/4 + 1/4) / 3 = 1/6. */
START_TEST (advantages_by_hand)
{
  const double rewards[] = { 1, 0, 0.5, 0.5 };
  double a[4], sd = sqrt (1.0 / 6) + 1e-4;

  ck_assert (grpo_advantages (rewards, 4, TRUE, a));
  ck_assert_double_eq_tol (a[0], 0.5 / sd, EXACT);
  ck_assert_double_eq_tol (a[1], -0.5 / sd, EXACT);
  ck_assert_double_eq_tol (a[2], 0, EXACT);
  ck_assert (grpo_advantages (rewards, 4, FALSE, a));
  ck_assert_double_eq_tol (a[0], 0.5, EXACT);
  ck_assert_double_eq_tol (a[1], -0.5, EXACT);
}
END_TEST

START_TEST (equal_rewards_teach_nothing)
{
  const double rewards[] = { 0.3, 0.3, 0.3 };
  double a[3] = { 7, 7, 7 };

  ck_assert (!grpo_advantages (rewards, 3, TRUE, a));
  for (int i = 0; i < 3; i++)
    ck_assert_double_eq (a[i], 0);
  ck_assert (!grpo_advantages (rewards, 1, TRUE, a));
}
END_TEST

/* Two roll-outs of two and one tokens, worked out on paper: p_old = 1/2 everywhere, clip 0.1, KL weight 2.
 *   o_1, A = 1:   p = 0.6 (ratio 1.2, clipped to 1.1), p_ref = 0.3; and p = 0.45 (ratio 0.9, kept), p_ref = 0.45
 *   o_2, A = -1:  p = 0.6 (ratio 1.2, kept: the larger loss), p_ref = 0.6
 * terms: -1.1 + 2 (0.5 - ln 0.5 - 1) = -1.1 + 2 x 0.1931471805599453; -0.9; 1.2
 * loss = 1/2 (1/2 (-0.7137056388801094 - 0.9) + 1.2) = 0.19657359027997265 */
START_TEST (the_loss_by_hand)
{
  static const struct
  {
    double p, ref, advantage, length, value, slope;
  } tokens[] = {
    { 0.6, 0.3, 1, 2, -0.7137056388801094, 2 * 0.5 },
    { 0.45, 0.45, 1, 2, -0.9, -0.9 },
    { 0.6, 0.6, -1, 1, 1.2, 1.2 },
  };
  double loss = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (tokens); i++)
    {
      double value, slope;

      ck_assert_int_eq (
          grpo_term (log (tokens[i].p), log (0.5), log (tokens[i].ref), tokens[i].advantage, 0.1, 2, &value, &slope),
          GRPO_FINE);
      ck_assert_double_eq_tol (value, tokens[i].value, EXACT);
      ck_assert_double_eq_tol (slope, tokens[i].slope, EXACT);
      loss += value / (2 * tokens[i].length);
    }
  ck_assert_double_eq_tol (loss, 0.19657359027997265, EXACT);
}
END_TEST

START_TEST (slopes_are_derivatives)
{
  const double step = 1e-6;

  for (double log_prob = -3; log_prob < -0.5; log_prob += 0.17)
    for (double advantage = -1.5; advantage < 2; advantage += 1)
      {
        double up, down, value, slope, unused;

        grpo_term (log_prob + step, -1.5, -1.2, advantage, 0.2, 0.3, &up, &unused);
        grpo_term (log_prob - step, -1.5, -1.2, advantage, 0.2, 0.3, &down, &unused);
        grpo_term (log_prob, -1.5, -1.2, advantage, 0.2, 0.3, &value, &slope);
        ck_assert_double_eq_tol (slope, (up - down) / (2 * step), 1e-6);
      }
}
END_TEST

START_TEST (overflow_is_told)
{
  double value = 5, slope = 6;

  ck_assert_int_eq (grpo_term (0, -100, -1, 1, 0.2, 1, &value, &slope), GRPO_RATIO_OVERFLOW);
  ck_assert_int_eq (grpo_term (-100, -100, -1, 1, 0.2, 1, &value, &slope), GRPO_KL_OVERFLOW);
  ck_assert_int_eq (grpo_term (NAN, -1, -1, 1, 0.2, 1, &value, &slope), GRPO_RATIO_OVERFLOW);
  ck_assert_double_eq (value, 5);
  ck_assert_double_eq (slope, 6);
  /* Without KL nobody looks at the reference. */
  ck_assert_int_eq (grpo_term (-100, -100, NAN, 1, 0.2, 0, &value, &slope), GRPO_FINE);
  ck_assert_double_eq (grpo_kl (-1, -1), 0);
  ck_assert_double_gt (grpo_kl (-1, -2), 0);
}
END_TEST

/* SIDs: item 0 = (0, 0), item 1 = (0, 1), item 2 = (2, 1). */
START_TEST (rewards_by_hand)
{
  g_autoptr (PrSids) sids = tiny_sids ();
  g_autoptr (PrLm) lm = tiny_lm (64, TRUE);
  g_autoptr (PrProtocol) protocol = pr_protocol_new ("U:{history}", "", 3);
  g_autoptr (PrPrompter) prompter = pr_prompter_new (protocol, pr_lm_tokenizer (lm), sids, NULL, NULL);
  g_autoptr (PrTrie) trie = pr_trie_new (sids, prompter);
  const gint32 all[] = { 2, 0, 1 }, one[] = { 2, -1, -1 }, none[] = { -1, -1, -1 };
  const gint32 exact[] = { A0, B1 }, half[] = { A1, B1 }, wrong[] = { B0, A0 }, words[] = { 65, B1 };
  gboolean valid;

  ck_assert_double_eq (reward_of_beams (REWARD_MATCH, trie, sids, 1, all, 3), 1);
  ck_assert_double_eq (reward_of_beams (REWARD_HIT, trie, sids, 1, all, 3), 1);
  ck_assert_double_eq_tol (reward_of_beams (REWARD_NDCG, trie, sids, 1, all, 3), 1 / log2 (4), EXACT);
  ck_assert_double_eq (reward_of_beams (REWARD_NDCG, trie, sids, 2, all, 3), 1);
  ck_assert_double_eq (reward_of_beams (REWARD_MATCH, trie, sids, 1, one, 3), 0.5);
  ck_assert_double_eq (reward_of_beams (REWARD_MATCH, trie, sids, 0, one, 3), 0);
  ck_assert_double_eq (reward_of_beams (REWARD_HIT, trie, sids, 1, one, 3), 0);
  ck_assert_double_eq (reward_of_beams (REWARD_MATCH, trie, sids, 1, none, 3), 0);

  ck_assert_double_eq (reward_of_tuple (REWARD_MATCH, prompter, sids, 1, exact, 2, &valid), 1);
  ck_assert (valid);
  ck_assert_double_eq (reward_of_tuple (REWARD_HIT, prompter, sids, 0, exact, 2, &valid), 0);
  ck_assert_double_eq (reward_of_tuple (REWARD_MATCH, prompter, sids, 1, half, 2, &valid), 0.5);
  ck_assert (valid); /* codes, though of no item */
  ck_assert_double_eq (reward_of_tuple (REWARD_MATCH, prompter, sids, 1, wrong, 2, &valid), 0);
  ck_assert (!valid);
  ck_assert_double_eq (reward_of_tuple (REWARD_MATCH, prompter, sids, 1, words, 2, &valid), 0.5);
  ck_assert (!valid);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("grpo");
  TCase *tcase = tcase_create ("arithmetic");

  tcase_add_test (tcase, advantages_by_hand);
  tcase_add_test (tcase, equal_rewards_teach_nothing);
  tcase_add_test (tcase, the_loss_by_hand);
  tcase_add_test (tcase, slopes_are_derivatives);
  tcase_add_test (tcase, overflow_is_told);
  tcase_add_test (tcase, rewards_by_hand);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
