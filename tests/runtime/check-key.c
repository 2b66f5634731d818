#include "config.h"

#include "pr-check.h"

#include "fake-node.h"
#include "runtime/key.h"

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "in", "dataset/1", "In.", TRUE },
  { PR_SLOT_OUT, "out", "text/1", "Out.", FALSE },
  { PR_SLOT_OUT, "more", "text/1", "More.", FALSE },
};

static FakeNode fake;

static void
setup (void)
{
  fake_node_init (&fake, slots, G_N_ELEMENTS (slots));
}

static void
teardown (void)
{
  fake_node_clear (&fake);
}

/* The key after one thing was changed. */
static char *
key_now (void)
{
  g_autoptr (PrRunKeys) keys = pr_run_keys_new (&fake.run);

  return g_strdup (pr_run_keys_get (keys, &fake.node));
}

START_TEST (the_key_is_what_results_depend_on)
{
  g_autofree char *before = key_now (), *same = NULL;
  FakeNode from;
  PrEdge edge = { &slots[0], &from.node, &slots[1] };
  GHashTable *seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  fake.node.name = (char *)"other";
  fake.run.arm = (char *)"other";
  fake.run.seed = 2; /* the stage is not stochastic */
  same = key_now ();
  ck_assert_str_eq (before, same);
  ck_assert (g_hash_table_add (seen, g_strdup (before)));
  fake.stage.stochastic = TRUE;
  ck_assert (g_hash_table_add (seen, key_now ()));
  fake.run.seed = G_MAXUINT64;
  ck_assert (g_hash_table_add (seen, key_now ()));
  fake.run.seed = G_MAXUINT64 - 1;
  ck_assert (g_hash_table_add (seen, key_now ()));
  /* A seed of the stage's own stands for the run's. */
  fake.node.seeded = TRUE;
  fake.node.seed = 2;
  ck_assert (!g_hash_table_add (seen, key_now ()));
  fake.run.seed = 5;
  ck_assert (!g_hash_table_add (seen, key_now ()));
  ck_assert_uint_eq (pr_node_seed (&fake.node, &fake.run), 2);
  fake.node.seed = 7;
  ck_assert (g_hash_table_add (seen, key_now ()));
  fake.stage.version = "2";
  ck_assert (g_hash_table_add (seen, key_now ()));
  fake.stage.id = "fake2";
  ck_assert (g_hash_table_add (seen, key_now ()));
  fake.entry.digest = (char *)"d2";
  ck_assert (g_hash_table_add (seen, key_now ()));
  json_object_set_new (fake.node.identity, "k", json_string ("6"));
  ck_assert (g_hash_table_add (seen, key_now ()));

  fake_node_init (&from, slots, G_N_ELEMENTS (slots));
  g_ptr_array_insert (fake.nodes, 0, &from.node);
  fake.node.edges = &edge;
  fake.node.n_edges = 1;
  ck_assert (g_hash_table_add (seen, key_now ()));
  edge.from_slot = &slots[2];
  ck_assert (g_hash_table_add (seen, key_now ()));
  from.stage.version = "3"; /* of the input's maker */
  ck_assert (g_hash_table_add (seen, key_now ()));
  fake_node_clear (&from);
  g_hash_table_unref (seen);
}
END_TEST

START_TEST (the_name_of_a_run_depends_on_all_of_it)
{
  GHashTable *seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (int change = 0; change < 5; change++)
    {
      g_autoptr (PrRunKeys) keys = NULL;

      if (change == 1)
        fake.run.seed = 2;
      else if (change == 2)
        fake.run.arm = (char *)"other";
      else if (change == 3)
        fake.node.name = (char *)"other";
      else if (change == 4)
        fake.stage.version = "2";
      keys = pr_run_keys_new (&fake.run);
      ck_assert (g_hash_table_add (seen, pr_run_keys_run (keys, "x", &fake.run)));
      ck_assert (g_hash_table_add (seen, pr_run_keys_run (keys, "y", &fake.run)));
      ck_assert (!g_hash_table_add (seen, pr_run_keys_run (keys, "y", &fake.run)));
    }
  g_hash_table_unref (seen);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("key");
  TCase *tc = tcase_create ("key");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, the_key_is_what_results_depend_on);
  tcase_add_test (tc, the_name_of_a_run_depends_on_all_of_it);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
