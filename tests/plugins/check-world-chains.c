/* The causal chains of the synthetic world: true, in words of its corpus, and silent on what only the text may tell. */
#include "config.h"

#include "pr-check.h"
#include "../../plugins/synthetic-world/world.h"

#define USERS 2000
#define LONGEST 10

static const WorldParams params = {
  .world_seed = 1,
  .n_items = 480,
  .n_categories = 24,
  .n_brands = 10,
  .n_users = USERS,
  .min_length = 5,
  .max_length = LONGEST,
  .documents_per_rule = 40,
  .documents_per_item = 2,
  .oracle_k = 20,
  .follow = 0.8,
  .loyalty = 0.6,
  .skew = 0.5,
  .text_only_rules = 0.25,
  .text_only_users = 0.2,
};

/* "After buying a tent," of CATEGORY: how a chain tells its rule. */
static char *
telling (gint32 category)
{
  g_autoptr (GString) text = g_string_new ("After buying ");

  world_append_article (text, world_categories[category].noun, FALSE);
  g_string_append_c (text, ',');
  return g_strdup (text->str);
}

/* What everybody can check who sees the purchases, and how often what only the world knows is said. */
START_TEST (chains_are_true)
{
  g_autoptr (World) world = world_new (&params);
  gint32 items[LONGEST];
  WorldCause causes[LONGEST];
  double steps = 0, follows = 0, brands = 0;

  for (gint64 u = 0; u < USERS; u++)
    {
      gint64 n = world_sequence (world, u, items, causes);
      const char *favourite = world_brands[world_favourite (world, u)];

      for (gint64 t = 1; t < n; t++)
        {
          gint32 source = world->category[items[t - 1]], category = world->category[items[t]];
          g_autofree char *chain = world_chain (world, &causes[t], items[t]), *told = telling (source);
          const char *need = strstr (chain, ". You need "), *like = strstr (chain, " You like ");
          gboolean may = t < n - 2 || t == n - 1;

          ck_assert_int_eq (causes[t].source, source);
          ck_assert_ptr_nonnull (strstr (chain, world_categories[source].noun));
          ck_assert_ptr_nonnull (strstr (chain, world_categories[category].noun));
          if (need != NULL)
            {
              ck_assert_int_eq (category, world->rule[source]);
              ck_assert_ptr_nonnull (strstr (chain, told));
            }
          if (like != NULL)
            {
              ck_assert_ptr_nonnull (need);
              ck_assert_str_eq (world_brands[world->brand[items[t]]], favourite);
              ck_assert_ptr_nonnull (strstr (like, favourite));
            }
          steps += may;
          follows += may && need != NULL;
          brands += may && like != NULL;
        }
    }
  /* Four standard errors of some 11,000 steps. */
  ck_assert_double_eq_tol (follows / steps, 0.8, 0.016);
  ck_assert_double_eq_tol (brands / follows, 0.6, 0.021);
}
END_TEST

START_TEST (what_stands_only_in_the_text_is_not_told_before_the_test)
{
  g_autoptr (World) world = world_new (&params);
  gint32 items[LONGEST], told_at_test = 0;
  WorldCause causes[LONGEST];

  for (gint64 u = 0; u < USERS; u++)
    {
      gint64 n = world_sequence (world, u, items, causes);

      for (gint64 t = 1; t < n; t++)
        {
          g_autofree char *chain = world_chain (world, &causes[t], items[t]);

          for (gint32 c = 0; c < world->n_categories; c++)
            {
              g_autofree char *told = telling (c);

              if (!world->text_only[c] || strstr (chain, told) == NULL)
                continue;
              ck_assert_int_eq (t, n - 1);
              told_at_test++;
            }
        }
    }
  ck_assert_int_gt (told_at_test, 300);
}
END_TEST

static void
add_words (GHashTable *words, const char *text)
{
  g_auto (GStrv) parts = g_strsplit_set (text, " .,:?", -1);

  for (guint i = 0; parts[i] != NULL; i++)
    g_hash_table_add (words, g_ascii_strdown (parts[i], -1));
}

START_TEST (chains_need_no_word_that_the_corpus_lacks)
{
  g_autoptr (World) world = world_new (&params);
  g_autoptr (GPtrArray) corpus = world_corpus (world);
  g_autoptr (GHashTable) known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
                         used = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer word;
  gint32 items[LONGEST];
  WorldCause causes[LONGEST];

  for (guint i = 0; i < corpus->len; i++)
    add_words (known, corpus->pdata[i]);
  for (gint64 u = 0; u < USERS; u++)
    for (gint64 t = 1, n = world_sequence (world, u, items, causes); t < n; t++)
      {
        g_autofree char *chain = world_chain (world, &causes[t], items[t]);

        add_words (used, chain);
      }
  g_hash_table_iter_init (&iter, used);
  while (g_hash_table_iter_next (&iter, &word, NULL))
    ck_assert_msg (g_hash_table_contains (known, word), "'%s' is no word of the corpus", (char *)word);
  ck_assert_uint_gt (g_hash_table_size (used), 60);
}
END_TEST

START_TEST (a_chain_reads_as_written_here)
{
  g_autoptr (World) world = world_new (&params);
  gint32 tent = 0, needed = world->rule[tent], bought = world->members[world->first[needed]];
  g_autoptr (GString) noun = g_string_new (NULL);
  g_autofree char *follow = NULL, *loyal = NULL, *wander = NULL, *silent = NULL, *expected = NULL;

  world_append_article (noun, world_categories[needed].noun, FALSE);
  follow = world_chain (world, &(WorldCause){ tent, TRUE, TRUE, -1 }, bought);
  expected = g_strdup_printf ("After buying a tent, most people look for %s. You need %s because you bought a tent.",
                              noun->str, noun->str);
  ck_assert_str_eq (follow, expected);
  loyal = world_chain (world, &(WorldCause){ tent, TRUE, TRUE, 0 }, bought);
  ck_assert (g_str_has_prefix (loyal, expected));
  ck_assert_str_eq (loyal + strlen (expected), " You like Norvik.");
  /* By chance into the rule's category: the rule was not followed. */
  wander = world_chain (world, &(WorldCause){ tent, TRUE, FALSE, -1 }, bought);
  g_free (expected);
  expected = g_strdup_printf ("After buying a tent, most people look for %s. You look for the next thing without a "
                              "list: %s.",
                              noun->str, noun->str);
  ck_assert_str_eq (wander, expected);
  silent = world_chain (world, &(WorldCause){ tent, FALSE, FALSE, -1 }, bought);
  g_free (expected);
  expected = g_strdup_printf ("You bought a tent. You look for the next thing without a list: %s.", noun->str);
  ck_assert_str_eq (silent, expected);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("world-chains");
  TCase *tc = tcase_create ("world-chains");

  tcase_add_test (tc, chains_are_true);
  tcase_add_test (tc, what_stands_only_in_the_text_is_not_told_before_the_test);
  tcase_add_test (tc, chains_need_no_word_that_the_corpus_lacks);
  tcase_add_test (tc, a_chain_reads_as_written_here);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
