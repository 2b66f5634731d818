/* The tutorial's stage, item-transitions, on three users whose lists can be worked out by hand. */
#include "pr-check.h"
#include "runtime/params.h"
#include "runtime/stage-run.h"

#include <pauserec/dataset.h>
#include <pauserec/ranking.h>

/* Training parts: 0 1 0 2, 0 1, 1 0.  Bought: 0 four times, 1 three times, 2 once; 3 and 4 never. */
static const gint32 purchases[3][6] = { { 0, 1, 0, 2, 3, 4 }, { 0, 1, 2, 0 }, { 1, 0, 3, 1 } };
static const gint64 n_purchases[3] = { 6, 4, 4 };

static char *dir;
static PrRegistry *registry;

static void
setup (void)
{
  g_autofree char *path = g_build_filename (g_getenv ("PR_BUILD_DIR"), "plugins/template/.libs/template.so", NULL);
  g_autoptr (GError) error = NULL;

  dir = pr_check_tmpdir ();
  registry = pr_registry_new ();
  pr_registry_load (registry, path, &error);
  ck_assert_no_error (error);
}

static void
teardown (void)
{
  pr_check_rmdir (dir);
  g_clear_pointer (&dir, g_free);
  g_clear_pointer (&registry, pr_registry_free);
}

/* DIR/data: the first N_MOST purchases of every user. */
static char *
write_data (gint64 n_most)
{
  static const char *const none[] = { NULL };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("tiny");
  char *data = g_build_filename (dir, "data", NULL);
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 5; i++)
    {
      g_autofree char *id = g_strdup_printf ("i%d", i);
      const PrItem item = { id, id, "", "", none };

      pr_dataset_builder_add_item (builder, &item);
    }
  for (int u = 0; u < 3; u++)
    {
      g_autofree char *id = g_strdup_printf ("u%d", u);

      pr_dataset_builder_add_user (builder, id, purchases[u], MIN (n_most, n_purchases[u]));
    }
  ck_assert_int_eq (g_mkdir_with_parents (data, 0755), 0);
  pr_dataset_builder_write (builder, data, &error);
  ck_assert_no_error (error);
  return data;
}

/* Run the stage on DATA, with lists of three for the validation targets and the N VALUES besides. */
static PrRanking *
run (const char *data, const PrParamValue *values, gsize n, const gint *cancel, GError **error)
{
  const PrStageEntry *entry = pr_registry_find (registry, "item-transitions");
  g_autofree char *out = g_build_filename (dir, "out", NULL), *made = g_build_filename (out, "ranking", NULL);
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (PrParamValue));
  const PrParamValue usual[] = { { "k", "3", "-", "-", "/" }, { "split", "valid", "-", "-", "/" } };
  g_autoptr (GPtrArray) complaints = g_ptr_array_new_with_free_func (g_free), nodes = g_ptr_array_new ();
  PrNode upstream = { .name = (char *)"data", .entry = entry };
  PrEdge edge = { .slot = &entry->stage->slots[0], .from = &upstream, .from_slot = &entry->stage->slots[1] };
  PrNode node = { .name = (char *)"t", .entry = entry, .edges = &edge, .n_edges = 1 };
  PrRunSpec spec = { .arm = (char *)"a", .nodes = nodes };
  const char *const inputs[] = { data };
  const PrWatch watch = { .cancel = cancel };
  const PrStageRun call = { .node = &node, .input_dirs = inputs, .dir = out, .scratch = dir, .watch = &watch };
  g_autoptr (PrRunPlan) plan = NULL;
  g_autoptr (PrRecord) record = NULL;
  g_autoptr (PrDims) dims = NULL;
  PrRanking *ranking = NULL;
  PrParams params;

  g_array_append_vals (all, usual, G_N_ELEMENTS (usual));
  g_array_append_vals (all, values, (guint)n);
  ck_assert (
      pr_params_fill (entry->stage, (const PrParamValue *)(void *)all->data, all->len, "-", NULL, complaints, &params));
  node.params = params.params;
  g_ptr_array_add (nodes, &node);
  ck_assert_int_eq (g_mkdir_with_parents (out, 0755), 0);
  plan = pr_run_plan_new (&spec, NULL, NULL, NULL);
  ck_assert_ptr_nonnull (plan);
  if (pr_stage_run (&call, plan->nodes->pdata[0], &record, &dims, error))
    {
      ranking = pr_ranking_load (made, 5, error);
      ck_assert_ptr_nonnull (ranking);
      ck_assert_int_eq (pr_dims_get (dims, "ranking", "n_users"), 3);
    }
  pr_params_clear (entry->stage, &params);
  return ranking;
}

static void
assert_lists (const PrRanking *ranking, const gint32 *expected)
{
  ck_assert_int_eq (ranking->k, 3);
  for (int i = 0; i < 9; i++)
    ck_assert_msg (ranking->items[i] == expected[i], "place %d of user %d: item %d, not %d", i % 3, i / 3,
                   ranking->items[i], expected[i]);
}

START_TEST (followers_first_then_what_is_popular)
{
  g_autofree char *data = write_data (6);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrRanking) ranking = run (data, NULL, 0, NULL, &error);
  /* After 2 nobody bought anything; after 1 twice 0 (of 3); after 0 twice 1 and once 2 (of 4). */
  static const gint32 lists[] = { 0, 1, 2, 0, 1, 2, 1, 2, 0 };

  ck_assert_no_error (error);
  assert_lists (ranking, lists);
  ck_assert_double_eq_tol (ranking->scores[3], 2.0 / 3.0, 1e-6);
  ck_assert_double_eq_tol (ranking->scores[6], 2.0 / 4.0, 1e-6);
  ck_assert_double_eq_tol (ranking->scores[7], 1.0 / 4.0, 1e-6);
  ck_assert_double_eq (ranking->scores[8], 0.0);
}
END_TEST

START_TEST (what_was_seen_can_be_left_out)
{
  const PrParamValue value = { "exclude_seen", "true", "-", "-", "/" };
  g_autofree char *data = write_data (6);
  g_autoptr (PrRanking) ranking = run (data, &value, 1, NULL, NULL);
  static const gint32 lists[] = { 3, 4, -1, 2, 3, 4, 2, 3, 4 };

  assert_lists (ranking, lists);
}
END_TEST

START_TEST (lists_need_not_be_filled)
{
  const PrParamValue value = { "fill", "false", "-", "-", "/" };
  g_autofree char *data = write_data (6);
  g_autoptr (PrRanking) ranking = run (data, &value, 1, NULL, NULL);
  static const gint32 lists[] = { -1, -1, -1, 0, -1, -1, 1, 2, -1 };

  assert_lists (ranking, lists);
}
END_TEST

/* Wider: 0 is followed by 1 (2), 2 (1), 0 (0.5); 1 by 0 (2), 2 (0.5). */
START_TEST (later_followers_count_less)
{
  const PrParamValue values[] = { { "window", "2", "-", "-", "/" }, { "decay", "0.5", "-", "-", "/" } };
  g_autofree char *data = write_data (6);
  g_autoptr (PrRanking) ranking = run (data, values, 2, NULL, NULL);

  ck_assert_int_eq (ranking->items[6], 1);
  ck_assert_int_eq (ranking->items[7], 0);
  ck_assert_int_eq (ranking->items[8], 2);
  ck_assert_double_eq_tol (ranking->scores[6], 2.0 / 4.0, 1e-6);
  ck_assert_double_eq_tol (ranking->scores[7], 0.5 / 4.0 + 0.5 * 2.0 / 3.0, 1e-6);
  ck_assert_double_eq_tol (ranking->scores[8], 1.0 / 4.0 + 0.5 * 0.5 / 3.0, 1e-6);
}
END_TEST

START_TEST (nothing_to_count_is_the_data_sets_fault)
{
  g_autofree char *data = write_data (3);
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (run (data, NULL, 0, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "stage 't': data set 'tiny': no user has two purchases");
}
END_TEST

START_TEST (cancelled_it_unwinds)
{
  g_autofree char *data = write_data (6);
  g_autoptr (GError) error = NULL;
  const gint cancel = 1;

  ck_assert_ptr_null (run (data, NULL, 0, &cancel, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "cancelled");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("template");
  TCase *tc = tcase_create ("item-transitions");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, followers_first_then_what_is_popular);
  tcase_add_test (tc, what_was_seen_can_be_left_out);
  tcase_add_test (tc, lists_need_not_be_filled);
  tcase_add_test (tc, later_followers_count_less);
  tcase_add_test (tc, nothing_to_count_is_the_data_sets_fault);
  tcase_add_test (tc, cancelled_it_unwinds);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
