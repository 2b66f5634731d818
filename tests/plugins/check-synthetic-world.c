/* The laws of the synthetic world, checked from outside: the Bayes check below is written from the
 * specification (datasets/synthetic-world/README.md), not from the code. */
#include "config.h"

#include "pr-check.h"
#include "../../plugins/synthetic-world/world.h"

#include <math.h>

#define TOP 10

static const WorldParams defaults = {
  .world_seed = 1,
  .n_items = 480,
  .n_categories = 24,
  .n_brands = 10,
  .n_users = 2000,
  .min_length = 5,
  .max_length = 10,
  .documents_per_rule = 40,
  .documents_per_item = 2,
  .oracle_k = 20,
  .follow = 0.8,
  .loyalty = 0.6,
  .skew = 0.5,
  .text_only_rules = 0.25,
  .text_only_users = 0.2,
};

START_TEST (rules_form_one_cycle_and_hidden_rules_lead_into_it)
{
  for (gint64 seed = 0; seed < 20; seed++)
    {
      WorldParams params = defaults;
      g_autoptr (World) world = NULL;
      gint32 hidden = 0, start = -1, c, n = 0;

      params.world_seed = seed;
      world = world_new (&params);
      for (c = 0; c < world->n_categories; c++)
        {
          ck_assert_int_ne (world->rule[c], c);
          ck_assert (!world->text_only[world->rule[c]]);
          hidden += world->text_only[c];
          if (!world->text_only[c])
            start = c;
        }
      ck_assert_int_eq (hidden, 6);
      c = start;
      do
        {
          c = world->rule[c];
          n++;
        }
      while (c != start);
      ck_assert_int_eq (n, world->n_categories - hidden);
    }
}
END_TEST

START_TEST (items_are_spread_evenly_and_titles_are_distinct)
{
  g_autoptr (World) world = world_new (&defaults);
  g_autoptr (GHashTable) titles = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (gint32 c = 0; c < world->n_categories; c++)
    {
      double sum = 0;

      ck_assert_int_eq (world->first[c + 1] - world->first[c], 20);
      for (gint32 i = world->first[c]; i < world->first[c + 1]; i++)
        {
          ck_assert_int_eq (world->category[world->members[i]], c);
          sum += world->share[world->members[i]];
        }
      ck_assert_double_eq_tol (sum, 1, 1e-12);
    }
  for (gint32 i = 0; i < world->n_items; i++)
    {
      char *title = world_title (world, i);

      ck_assert (g_str_has_suffix (title, world_categories[world->category[i]].noun));
      ck_assert (g_hash_table_add (titles, title));
    }
}
END_TEST

/* What no training method may see: a step out of a text-only category in the training part, or one that obeys its
 * rule in the validation step. */
START_TEST (text_only_rules_are_never_followed_before_the_test)
{
  g_autoptr (World) world = world_new (&defaults);
  gint32 items[10];
  gint64 tested = 0, obeyed = 0, reached = 0;

  for (gint64 u = 0; u < 2000; u++)
    {
      gint64 n = world_sequence (world, u, items, NULL);

      ck_assert_int_ge (n, 5);
      ck_assert_int_le (n, 10);
      for (gint64 t = 0; t + 3 < n; t++)
        ck_assert (!world->text_only[world->category[items[t]]]);
      if (world->text_only[world->category[items[n - 3]]])
        {
          reached++;
          ck_assert_int_ne (world->category[items[n - 2]], world->rule[world->category[items[n - 3]]]);
        }
      if (world->text_only[world->category[items[n - 2]]])
        {
          tested++;
          obeyed += world->category[items[n - 1]] == world->rule[world->category[items[n - 2]]];
        }
    }
  /* Their items are known as targets, and the test asks for their rules. */
  ck_assert_int_gt (reached, 30);
  ck_assert_int_gt (tested, 300);
  ck_assert_double_eq_tol ((double)obeyed / (double)tested, 0.8, 0.07);
}
END_TEST

START_TEST (users_follow_rules_and_brands_as_often_as_stated)
{
  g_autoptr (World) world = world_new (&defaults);
  gint32 items[10];
  double steps = 0, follow = 0, same_brand = 0;

  for (gint64 u = 0; u < 2000; u++)
    {
      gint64 n = world_sequence (world, u, items, NULL);

      for (gint64 t = 1; t + 2 < n; t++)
        {
          gboolean follows = world->category[items[t]] == world->rule[world->category[items[t - 1]]];

          steps++;
          follow += follows;
          same_brand += follows && world->brand[items[t]] == world_favourite (world, u);
        }
    }
  /* Chance finds the rule's category too, in one of 18 (24 at the last of these steps). */
  ck_assert_double_eq_tol (follow / steps, 0.8 + 0.2 / 19, 0.015);
  /* Loyal, or by chance one brand of ten. */
  ck_assert_double_eq_tol (same_brand / follow, 0.6 + 0.4 / 10, 0.02);
}
END_TEST

static char *
fingerprint (const WorldParams *params)
{
  g_autoptr (World) world = world_new (params);
  g_autoptr (GPtrArray) corpus = world_corpus (world);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gint32 items[10];

  for (guint i = 0; i < corpus->len; i++)
    g_checksum_update (sum, corpus->pdata[i], -1);
  for (gint64 u = 0; u < params->n_users; u++)
    g_checksum_update (sum, (const guchar *)items, world_sequence (world, u, items, NULL) * (gssize)sizeof *items);
  return g_strdup (g_checksum_get_string (sum));
}

START_TEST (a_seed_is_a_world)
{
  WorldParams other = defaults;
  g_autofree char *a = fingerprint (&defaults), *b = fingerprint (&defaults), *c = NULL;

  other.world_seed = 2;
  c = fingerprint (&other);
  ck_assert_str_eq (a, b);
  ck_assert_str_ne (a, c);
}
END_TEST

/* A world small enough to read the specification literally. */
static const WorldParams small = {
  .world_seed = 5,
  .n_items = 24,
  .n_categories = 6,
  .n_brands = 3,
  .n_users = 400,
  .min_length = 4,
  .max_length = 6,
  .documents_per_rule = 1,
  .documents_per_item = 0,
  .oracle_k = 5,
  .follow = 0.7,
  .loyalty = 0.5,
  .skew = 1,
  .text_only_rules = 0.34,
  .text_only_users = 0.3,
};

/* P(item j after item i | brand b, sent or not), by the words of the specification: left = steps that still follow. */
static double
spec_step (const World *w, int i, int j, int b, gboolean sent, int left)
{
  double follow = w->params.follow, explore = 0, rule = 0, same = 0;
  int ci = w->category[i], cj = w->category[j], allowed = 0;
  gboolean j_allowed = FALSE;

  if (left == 1 && (sent || w->text_only[ci]))
    follow = 0;
  for (int c = 0; c < w->n_categories; c++)
    {
      gboolean ok = left >= 3   ? !w->text_only[c]
                    : left != 1 ? TRUE
                    : sent      ? w->text_only[c]
                                : !w->text_only[ci] || c != w->rule[ci];

      allowed += ok;
      j_allowed |= ok && c == cj;
    }
  if (j_allowed)
    explore = w->share[j] / allowed;
  for (int k = 0; k < w->n_items; k++)
    if (w->category[k] == cj && w->brand[k] == b)
      same += w->share[k];
  if (cj == w->rule[ci])
    rule = same == 0
               ? w->share[j]
               : (1 - w->params.loyalty) * w->share[j] + (w->brand[j] == b) * w->params.loyalty * w->share[j] / same;
  return follow * rule + (1 - follow) * explore;
}

/* P(j | history) = sum over brand and kind of user of the joint probability, divided by that of the history. */
static void
brute_force (const World *w, const gint32 *history, int n, double *ret)
{
  double total = 0;

  memset (ret, 0, (size_t)w->n_items * sizeof *ret);
  for (int b = 0; b < w->n_brands; b++)
    for (int sent = 0; sent < 2; sent++)
      {
        double joint = (sent ? w->params.text_only_users : 1 - w->params.text_only_users) / w->n_brands;

        for (int t = 1; t < n; t++)
          joint *= spec_step (w, history[t - 1], history[t], b, sent, n - t);
        total += joint;
        for (int j = 0; j < w->n_items; j++)
          ret[j] += joint * spec_step (w, history[n - 1], j, b, sent, 0);
      }
  for (int j = 0; j < w->n_items; j++)
    ret[j] /= total;
}

START_TEST (the_oracle_is_bayes_rule)
{
  g_autoptr (World) world = world_new (&small);
  double probability[24], expected[24];
  gint32 items[6];

  for (gint64 u = 0; u < 400; u++)
    {
      gint64 n = world_sequence (world, u, items, NULL);
      double sum = 0;

      world_predict (world, items, n - 1, FALSE, probability);
      brute_force (world, items, (int)n - 1, expected);
      for (int j = 0; j < 24; j++)
        {
          ck_assert_double_eq_tol (probability[j], expected[j], 1e-12);
          sum += probability[j];
        }
      ck_assert_double_eq_tol (sum, 1, 1e-12);
    }
}
END_TEST

/* The oracle's expectation is kept by the users; popularity and whoever cannot read are far below. */
START_TEST (the_oracle_hits_as_often_as_it_expects)
{
  for (gint64 seed = 1; seed <= 3; seed++)
    {
      WorldParams params = defaults;
      g_autoptr (World) world = NULL;
      double probability[480], blind[480], count[480] = { 0 };
      double expected = 0, variance = 0, hits = 0, popular = 0, blind_expected = 0, hidden = 0, hidden_expected = 0;
      gint32 items[10], top[TOP], best[TOP];

      params.world_seed = seed;
      world = world_new (&params);
      for (gint64 u = 0; u < 2000; u++)
        {
          gint64 n = world_sequence (world, u, items, NULL);

          for (gint64 t = 0; t + 2 < n; t++)
            count[items[t]]++;
        }
      world_top (count, 480, TOP, best);
      for (gint64 u = 0; u < 2000; u++)
        {
          gint64 n = world_sequence (world, u, items, NULL);
          gboolean text_only = world->text_only[world->category[items[n - 2]]];
          double p = 0, q = 0;

          world_predict (world, items, n - 1, FALSE, probability);
          world_predict (world, items, n - 1, TRUE, blind);
          world_top (probability, 480, TOP, top);
          for (int r = 0; r < TOP; r++)
            {
              p += probability[top[r]];
              hits += top[r] == items[n - 1];
              popular += best[r] == items[n - 1];
            }
          world_top (blind, 480, TOP, top);
          for (int r = 0; r < TOP; r++)
            q += probability[top[r]];
          if (!text_only)
            ck_assert_double_eq_tol (p, q, 1e-12);
          expected += p;
          variance += p * (1 - p);
          hidden += text_only;
          hidden_expected += text_only ? p : 0;
          blind_expected += text_only ? q : 0;
        }
      ck_assert_double_le (fabs (hits - expected), 4 * sqrt (variance));
      ck_assert_double_gt (expected / 2000, 0.5);
      ck_assert_double_lt (popular / 2000, 0.1);
      ck_assert_double_gt (hidden_expected / hidden, 0.5);
      ck_assert_double_lt (blind_expected / hidden, 0.2);
      if (g_getenv ("PR_CHECK_VERBOSE"))
        g_print ("seed %d: oracle %.4f seen %.4f popular %.4f; text only: %g users, oracle %.4f blind %.4f\n",
                 (int)seed, expected / 2000, hits / 2000, popular / 2000, hidden, hidden_expected / hidden,
                 blind_expected / hidden);
    }
}
END_TEST

START_TEST (the_corpus_states_every_rule_and_no_other)
{
  g_autoptr (World) world = world_new (&defaults);
  g_autoptr (GPtrArray) corpus = world_corpus (world);

  ck_assert_uint_eq (corpus->len, 24 * 40 + 480 * 2);
  for (gint32 c = 0; c < world->n_categories; c++)
    {
      guint stated = 0;

      for (guint i = 0; i < world_n_wordings (); i++)
        {
          g_autofree char *sentence = world_rule_sentence (world, c, i);

          ck_assert_ptr_nonnull (strstr (sentence, world_categories[c].noun));
          ck_assert_ptr_nonnull (strstr (sentence, world_categories[world->rule[c]].noun));
          ck_assert_ptr_null (strchr (sentence, '{'));
          for (guint d = 0; d < corpus->len; d++)
            stated += strstr (corpus->pdata[d], sentence) != NULL;
        }
      /* 40 documents; 13 of them, one in three, say it in two ways. */
      ck_assert_uint_eq (stated, 53);
    }
}
END_TEST

START_TEST (articles_are_english)
{
  g_autoptr (World) world = world_new (&defaults);
  gint32 easel = 4;
  g_autofree char *sentence = world_rule_sentence (world, easel, 0);

  ck_assert_str_eq (world_categories[easel].noun, "easel");
  ck_assert (g_str_has_prefix (sentence, "People who use an easel soon need a"));
}
END_TEST

START_TEST (the_most_probable_come_first_and_ties_by_number)
{
  const double p[6] = { 0.1, 0.3, 0.1, 0.3, 0.1, 0.2 };
  gint32 top[6];

  world_top (p, 6, 4, top);
  ck_assert_int_eq (top[0], 1);
  ck_assert_int_eq (top[1], 3);
  ck_assert_int_eq (top[2], 5);
  ck_assert_int_eq (top[3], 0);
}
END_TEST

static void
expect_refusal (WorldParams params, const char *part)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!world_params_check (&params, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, part);
}

START_TEST (impossible_worlds_are_refused)
{
  WorldParams p = defaults;

  ck_assert (world_params_check (&p, NULL));
  p.n_categories = 4;
  p.text_only_rules = 0.5;
  expect_refusal (p, "text_only_rules");
  p = defaults;
  p.n_items = 47;
  expect_refusal (p, "n_items must be at least");
  p.n_items = 24 * 288 + 1;
  expect_refusal (p, "n_items must be at most");
  p = defaults;
  p.min_length = 11;
  expect_refusal (p, "min_length");
  p = defaults;
  p.oracle_k = 481;
  expect_refusal (p, "oracle_k");
}
END_TEST

/* The edges of every parameter must not crash, nor give an improper distribution. */
START_TEST (extreme_worlds_work)
{
  const double ends[2] = { 0, 1 };

  for (int bits = 0; bits < 32; bits++)
    {
      WorldParams p = small;
      g_autoptr (World) world = NULL;
      double probability[24];
      gint32 items[6];

      p.follow = ends[bits & 1];
      p.loyalty = ends[bits >> 1 & 1];
      p.text_only_users = ends[bits >> 2 & 1];
      p.text_only_rules = bits >> 3 & 1 ? 0 : 0.34;
      p.n_brands = bits >> 4 & 1 ? 1 : 24;
      world = world_new (&p);
      for (gint64 u = 0; u < 50; u++)
        {
          gint64 n = world_sequence (world, u, items, NULL);
          double sum = 0;

          world_predict (world, items, n - 1, FALSE, probability);
          for (int j = 0; j < 24; j++)
            sum += probability[j];
          ck_assert_double_eq_tol (sum, 1, 1e-9);
          ck_assert_double_gt (probability[items[n - 1]], 0);
        }
    }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("synthetic-world");
  TCase *tc = tcase_create ("synthetic-world");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, rules_form_one_cycle_and_hidden_rules_lead_into_it);
  tcase_add_test (tc, items_are_spread_evenly_and_titles_are_distinct);
  tcase_add_test (tc, text_only_rules_are_never_followed_before_the_test);
  tcase_add_test (tc, users_follow_rules_and_brands_as_often_as_stated);
  tcase_add_test (tc, a_seed_is_a_world);
  tcase_add_test (tc, the_oracle_is_bayes_rule);
  tcase_add_test (tc, the_oracle_hits_as_often_as_it_expects);
  tcase_add_test (tc, the_corpus_states_every_rule_and_no_other);
  tcase_add_test (tc, articles_are_english);
  tcase_add_test (tc, the_most_probable_come_first_and_ties_by_number);
  tcase_add_test (tc, impossible_worlds_are_refused);
  tcase_add_test (tc, extreme_worlds_work);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
