/* check-probe-attention.c - where heads look whose weights were made by hand, on average and user by user. */
#include "attention-world.h"

#include <math.h>

START_TEST (a_uniform_head_has_lift_one)
{
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) check = look (dir, NULL);

  for (int query = 0; query < QUERIES; query++)
    {
      double entropy = 0, keys = 0;

      for (int u = 0; u < EXPECTED; u++)
        {
          entropy += log (seen (u, query, KEYS_N_CLASSES)) / EXPECTED;
          keys += seen (u, query, KEYS_N_CLASSES) / EXPECTED;
        }
      for (int class = 0; class < KEYS_N_CLASSES; class ++)
        {
          double lift = value (&check, "attention_mass", "lift", 1, 2, query, class);

          ck_assert_double_eq_tol (value (&check, "attention_mass", "share", 1, 2, query, class), share (query, class),
                                   1e-12);
          ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 1, 2, query, class), share (query, class),
                                   TOLERANCE);
          ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 0, query, class), share (query, class),
                                   TOLERANCE);
          if (share (query, class) == 0)
            ck_assert (isnan (lift));
          else
            {
              ck_assert_double_eq_tol (lift, 1, TOLERANCE * 10);
              ck_assert_double_eq_tol (value (&check, "attention_mass", "lift_se", 1, 2, query, class), 0,
                                       TOLERANCE * 10);
            }
        }
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "entropy", 1, 2, query, -1), entropy, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "effective", 1, 2, query, -1), keys,
                               TOLERANCE * 100);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "keys", 1, 2, query, -1), keys, 1e-12);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "evenness", 1, 2, query, -1), 1, TOLERANCE);
    }
  ck_assert_double_eq (stage_check_metric (&check, "users"), EXPECTED);
  ck_assert_double_eq (stage_check_metric (&check, "users_without_category"), 1);
  ck_assert_double_gt (check.record->costs[PR_COST_FLOPS], 0);
  drop_world (dir);
}
END_TEST

START_TEST (heads_that_look_at_one_token)
{
  /* Of the one or two <a_0>: none of user 0's tents... one is; user 1's is; user 4's is a mat; one of user 5's is. */
  static const double relevant[EXPECTED] = { 0.5, 1, 0, 0.5 };
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) check = look (dir, NULL);
  double residuals = 0;

  for (int query = 0; query <= PAUSES; query++)
    {
      double mean = 0, entropy = 0, rest = 0, others = 0;

      for (int u = 0; u < EXPECTED; u++)
        {
          mean += relevant[u] / EXPECTED;
          entropy += log (first_a0[u]) / EXPECTED;
          rest += seen (u, query, KEYS_INSTRUCTION) / (seen (u, query, KEYS_N_CLASSES) - first_a0[u]) / EXPECTED;
          others += (seen (u, query, KEYS_ITEM_FIRST) - first_a0[u]) / (seen (u, query, KEYS_N_CLASSES) - first_a0[u])
                    / EXPECTED;
        }
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 1, query, KEYS_TAGS), 1, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "lift", 0, 1, query, KEYS_TAGS),
                               1 / share (query, KEYS_TAGS), 1e-3);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 1, query, KEYS_RELEVANT), 0, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "entropy", 0, 1, query, -1), 0, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "effective", 0, 1, query, -1), 1, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 2, query, KEYS_RELEVANT), mean, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 2, query, KEYS_OTHER), 1 - mean, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 2, query, KEYS_ITEM_FIRST), 1, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 2, query, KEYS_SAME_CODE), 1, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 2, query, KEYS_ITEM_LAST), 0, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_entropy", "entropy", 0, 2, query, -1), entropy, TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 3, query, KEYS_INSTRUCTION), rest,
                               TOLERANCE);
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 0, 3, query, KEYS_ITEM_FIRST), others,
                               TOLERANCE);
    }
  /* A mass of 1 on one position of 20, 12, 12 and 20: a ratio of means, and the error of one. */
  for (int u = 0; u < EXPECTED; u++)
    residuals += pow (1 - 1 / (seen (u, 0, KEYS_N_CLASSES) * share (0, KEYS_TAGS)), 2);
  ck_assert_double_eq_tol (value (&check, "attention_mass", "lift_se", 0, 1, 0, KEYS_TAGS),
                           sqrt (residuals / EXPECTED / (EXPECTED - 1)) / share (0, KEYS_TAGS), 1e-3);
  /* 0, 1 and twice 1/2: variance 1/8 over four users. */
  ck_assert_double_eq_tol (value (&check, "attention_mass", "mass_se", 0, 2, 0, KEYS_RELEVANT), sqrt (0.125 / 3),
                           TOLERANCE);
  drop_world (dir);
}
END_TEST

/* Layers and the whole are means of their heads, and the parts share out everything. */
START_TEST (means_are_means)
{
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) check = look (dir, NULL);

  for (int query = 0; query < QUERIES; query++)
    {
      double whole = 0, parts = 0;

      for (int layer = 0; layer < 2; layer++)
        {
          double sum = 0;

          for (int head = 0; head < 4; head++)
            sum += value (&check, "attention_mass", "mass", layer, head, query, KEYS_BORDER) / 4;
          ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", layer, -1, query, KEYS_BORDER), sum, 1e-12);
          whole += sum / 2;
        }
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", -1, -1, query, KEYS_BORDER), whole, 1e-12);
      for (int class = 0; class < KEYS_N_PARTS; class ++)
        parts += value (&check, "attention_mass", "mass", -1, -1, query, class);
      ck_assert_double_eq_tol (parts, 1, TOLERANCE);
    }
  ck_assert_double_eq (stage_check_metric (&check, "mass_border_pause3"),
                       value (&check, "attention_mass", "mass", -1, -1, 2, KEYS_BORDER));
  ck_assert_double_eq (stage_check_metric (&check, "mass_self_answer"),
                       value (&check, "attention_mass", "mass", -1, -1, PAUSES, KEYS_SELF));
  ck_assert_double_eq (stage_check_metric (&check, "entropy_code2"),
                       value (&check, "attention_entropy", "entropy", -1, -1, PAUSES + 2, -1));
  drop_world (dir);
}
END_TEST

/* What pause QUERY of expected user U spends on <a_0> in the head that narrows. */
static double
narrow (int u, int query)
{
  double n = seen (u, query, KEYS_N_CLASSES), late = 5 * 2 * (query + 1) / n;
  double q = 0.25 * late / sqrt ((1 + 1 + late * late) / HIDDEN), k = 8 * 2;
  double e = exp (q * k / sqrt (HEAD_DIM));

  return first_a0[u] * e / (first_a0[u] * e + n - first_a0[u]);
}

/* A head that narrows from pause to pause, and the last pause against the first, user by user. */
START_TEST (late_pauses_look_narrowly)
{
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) check = look (dir, NULL);
  const GArray *difference = record_users (check.record, "same_code_difference");
  double sum = 0, squares = 0;

  for (int query = 0; query < PAUSES; query++)
    {
      double mean = 0, dense = 0;

      for (int u = 0; u < EXPECTED; u++)
        {
          double m = narrow (u, query), n = seen (u, query, KEYS_N_CLASSES);

          mean += m / EXPECTED;
          /* What is not spent on <a_0> is spread evenly over the other codes of such purchases, among others. */
          dense += (m + (1 - m) * (seen (u, query, KEYS_SAME_CODE) - first_a0[u]) / (n - first_a0[u])) / EXPECTED;
        }
      ck_assert_double_eq_tol (value (&check, "attention_mass", "mass", 1, 0, query, KEYS_SAME_CODE), dense,
                               TOLERANCE * 10);
      ck_assert (query == 0 || mean > narrow (0, 0));
    }
  ck_assert_double_lt (value (&check, "attention_entropy", "entropy", 1, 0, 2, -1),
                       value (&check, "attention_entropy", "entropy", 1, 0, 0, -1) - 0.2);
  ck_assert_uint_eq (difference->len, USERS);
  for (int u = 0, e = 0; u < USERS; u++)
    {
      gboolean drawn = e < EXPECTED && expected_users[e] == u;
      double d = (double)g_array_index (difference, float, u);

      ck_assert (drawn != isnan (d));
      sum += drawn ? d : 0;
      squares += drawn ? d * d : 0;
      e += drawn;
    }
  ck_assert_double_eq_tol (stage_check_metric (&check, "same_code_difference"),
                           value (&check, "attention_mass", "mass", -1, -1, 2, KEYS_SAME_CODE)
                               - value (&check, "attention_mass", "mass", -1, -1, 0, KEYS_SAME_CODE),
                           TOLERANCE);
  ck_assert_double_eq_tol (stage_check_metric (&check, "same_code_difference_se"),
                           sqrt ((squares / EXPECTED - sum / EXPECTED * (sum / EXPECTED)) / (EXPECTED - 1)), TOLERANCE);
  /* User 4 has no relevant purchase; of user 1's two, layer 0's head 2 looks at the relevant one alone. */
  ck_assert (isnan (g_array_index (record_users (check.record, "selectivity_first"), float, 4)));
  ck_assert (isnan (g_array_index (record_users (check.record, "relevant_last"), float, 4)));
  ck_assert_float_gt (g_array_index (record_users (check.record, "selectivity_first"), float, 1), 1.1f);
  drop_world (dir);
}
END_TEST

/* Neither the number of threads nor who else is looked at shows in what is said of a user. */
START_TEST (same_numbers_for_any_number_of_threads)
{
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) one = look (dir, NULL);
  g_auto (StageCheck) three = { 0 };

  pr_threads_set (3);
  three = look (dir, NULL);
  ck_assert_uint_eq (one.record->columns->len, three.record->columns->len);
  for (guint i = 0; i < one.record->columns->len; i++)
    {
      const PrRecordColumn *a = g_ptr_array_index (one.record->columns, i),
                           *b = g_ptr_array_index (three.record->columns, i);

      ck_assert_uint_eq (a->values->len, b->values->len);
      ck_assert_mem_eq (a->values->data, b->values->data, a->values->len * sizeof (double));
    }
  drop_world (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("probe-attention");
  TCase *tcase = tcase_create ("probe-attention");

  suite_add_tcase (suite, tcase);
  tcase_set_timeout (tcase, 60);
  tcase_add_test (tcase, a_uniform_head_has_lift_one);
  tcase_add_test (tcase, heads_that_look_at_one_token);
  tcase_add_test (tcase, means_are_means);
  tcase_add_test (tcase, late_pauses_look_narrowly);
  tcase_add_test (tcase, same_numbers_for_any_number_of_threads);
  return pr_check_main (suite);
}
