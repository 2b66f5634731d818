#include "plugins-for-tests.h"
#include "runtime/plan.h"

static PrRegistry *registry;
static char *dir;

static void
setup (void)
{
  registry = test_registry ("sound", "breaks-plan", NULL);
  dir = pr_check_tmpdir ();
}

static void
teardown (void)
{
  g_clear_pointer (&registry, pr_registry_free);
  pr_check_rmdir (dir);
  g_clear_pointer (&dir, g_free);
}

static PrExperiment *
load (const char *text)
{
  g_autofree char *path = test_file (dir, "x.manifest", text);
  g_autoptr (GError) error = NULL;
  PrExperiment *experiment = pr_experiment_load (path, registry, NULL, &error);

  ck_assert_no_error (error);
  return experiment;
}

static const PrNodePlan *
at (const PrRunPlan *plan, guint index)
{
  ck_assert_uint_lt (index, plan->nodes->len);
  return plan->nodes->pdata[index];
}

START_TEST (sizes_travel_along_the_graph)
{
  g_autoptr (PrExperiment) e = load ("[stage source]\nn = 21\n[stage more]\nuses = train\n"
                                     "[arm a]\npipeline = source; train; more\n");
  g_autoptr (GError) error = NULL;
  g_autoptr (PrRunPlan) plan = pr_run_plan_new (e->runs->pdata[0], NULL, NULL, &error);

  ck_assert_no_error (error);
  ck_assert_uint_eq (plan->nodes->len, 3);
  ck_assert_int_eq (pr_dims_get (at (plan, 0)->promised, "data", "n"), 21);
  ck_assert_int_eq (pr_dims_get (at (plan, 1)->promised, "model", "rows"), 42);
  ck_assert_int_eq (pr_dims_get (at (plan, 1)->promised, "model", "start"), 0);
  ck_assert_int_eq (pr_dims_get (at (plan, 2)->promised, "model", "start"), 1);
  ck_assert_int_eq (pr_dims_get (at (plan, 2)->promised, "model", "nobody"), PR_DIM_UNKNOWN);
  ck_assert_uint_eq (plan->memory, 3000);
  ck_assert_double_eq (plan->flops, 5.0 + 7.0 + 7.0);
  ck_assert_ptr_eq (pr_run_plan_find (plan, at (plan, 1)->node), at (plan, 1));
}
END_TEST

/* The first node is there, with 33 rows. */
static gboolean
first_is_cached (const PrNode *node, PrDims *dims, gpointer user_data)
{
  int *n_asked = user_data;

  (*n_asked)++;
  if (strcmp (node->name, "source") != 0)
    return FALSE;
  pr_dims_set (dims, "data", "n", 33);
  return TRUE;
}

START_TEST (what_exists_is_known_and_costs_nothing)
{
  g_autoptr (PrExperiment) unknown = load ("[stage source]\nn = 0\n[arm a]\npipeline = source; train\n");
  g_autoptr (PrExperiment) promised = load ("[stage source]\nn = 34\n[arm a]\npipeline = source; train\n");
  g_autoptr (GError) error = NULL;
  int n_asked = 0;
  g_autoptr (PrRunPlan) before = pr_run_plan_new (unknown->runs->pdata[0], NULL, NULL, NULL);
  g_autoptr (PrRunPlan) after = pr_run_plan_new (unknown->runs->pdata[0], first_is_cached, &n_asked, NULL);

  ck_assert_int_eq (pr_dims_get (at (before, 1)->promised, "model", "rows"), PR_DIM_UNKNOWN);
  ck_assert_int_eq (pr_dims_get (at (after, 1)->promised, "model", "rows"), 66);
  ck_assert (at (after, 0)->cached && !at (after, 1)->cached);
  ck_assert_double_eq (after->flops, 7.0);
  ck_assert_int_eq (n_asked, 2);
  ck_assert_ptr_null (pr_run_plan_new (promised->runs->pdata[0], first_is_cached, &n_asked, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "promised data.n = 34, run() made it 33");
}
END_TEST

START_TEST (promises_are_kept)
{
  g_autoptr (PrExperiment) e = load ("[stage source]\nn = 21\n[arm a]\npipeline = source\n");
  g_autoptr (PrRunPlan) plan = pr_run_plan_new (e->runs->pdata[0], NULL, NULL, NULL);
  g_autoptr (PrDims) dims = pr_dims_new ();
  g_autoptr (GError) error = NULL;

  ck_assert (pr_node_plan_check (at (plan, 0), dims, NULL)); /* nothing said: nothing broken */
  pr_dims_set (dims, "data", "n", 21);
  pr_dims_set (dims, "data", "extra", 5);
  ck_assert (pr_node_plan_check (at (plan, 0), dims, NULL));
  pr_dims_set (dims, "data", "n", 22);
  ck_assert (!pr_node_plan_check (at (plan, 0), dims, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "stage 'source'");
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "promised data.n = 21, run() made it 22");
}
END_TEST

static const struct
{
  const char *how, *part;
} breakers[] = {
  { "silent-failure", "plan() of plugin '" },
  { "silent-failure", "failed and did not say why" },
  { "lying-success", "returned success and yet set an error (all is well)" },
  { "strange-truth", "returned 7" },
  { "unknown-input", "asks about an input 'nowhere' that its table lacks" },
  { "unknown-output", "promises 'n' of an output 'nowhere' that its table lacks" },
  { "promise-twice", "promises made.n twice" },
  { "negative-dim", "promises made.n = -5" },
  { "infinite-flops", "the number must be finite" },
};

START_TEST (plan_must_keep_its_contract)
{
  g_autofree char *text =
      g_strdup_printf ("[stage b]\nuses = breaks-plan\nhow = %s\n[arm a]\npipeline = b\n", breakers[_i].how);
  g_autoptr (PrExperiment) e = load (text);
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pr_run_plan_new (e->runs->pdata[0], NULL, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "stage 'b': ");
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, breakers[_i].part);
}
END_TEST

START_TEST (results_are_checked)
{
  const PrStageEntry *entry = pr_registry_find (registry, "source");
  g_autoptr (GError) error = NULL, file_error = NULL;

  ck_assert (!pr_stage_check_result (entry, "x", "run", FALSE, g_error_new (G_FILE_ERROR, G_FILE_ERROR_NOSPC, "full"),
                                     &file_error));
  ck_assert_pr_error (file_error, PR_ERROR_IO, "stage 'x': full");
  ck_assert (pr_stage_check_result (entry, "x", "run", TRUE, NULL, &error));
  ck_assert_ptr_null (error);
  ck_assert (!pr_stage_check_result (entry, "x", "run", FALSE, g_error_new (PR_ERROR, PR_ERROR_NUMERIC, "loss is NaN"),
                                     &error));
  ck_assert_pr_error (error, PR_ERROR_NUMERIC, "stage 'x': loss is NaN");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("plan");
  TCase *tc = tcase_create ("plan");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, sizes_travel_along_the_graph);
  tcase_add_test (tc, what_exists_is_known_and_costs_nothing);
  tcase_add_test (tc, promises_are_kept);
  tcase_add_loop_test (tc, plan_must_keep_its_contract, 0, G_N_ELEMENTS (breakers));
  tcase_add_test (tc, results_are_checked);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
