/* A stage that breaks the contract while it runs is told so, and leaves nothing that counts. */
#include "plugins-for-tests.h"
#include "runtime/stage-run.h"

static const struct
{
  const char *how;
  PrError code;
  const char *part;
} cases[] = {
  { "silent-failure", PR_ERROR_PLUGIN, "run() of plugin '" },
  { "silent-failure", PR_ERROR_PLUGIN, "failed and did not say why" },
  { "lying-success", PR_ERROR_PLUGIN, "returned success and yet set an error (all is well)" },
  { "unknown-input", PR_ERROR_PLUGIN, "input 'nowhere'" },
  { "unknown-output", PR_ERROR_PLUGIN, "output 'nowhere'" },
  { "broken-promise", PR_ERROR_PLUGIN, "promised made.n = 3, run() made it 4" },
  { "bad-name", PR_ERROR_PLUGIN, "'NDCG@10', is no identifier" },
  { "ragged-table", PR_ERROR_PLUGIN, "table 'probe' have 2 and 1 values" },
  { "no-output", PR_ERROR_PLUGIN, "left no file in output 'made'" },
};

/* Run stage `breaks-run` in that way; TRUE with a record if it succeeded. */
static gboolean
run (const char *how, GError **error)
{
  g_autofree char *dir = pr_check_tmpdir (), *made = g_build_filename (dir, "made", NULL);
  g_autofree char *text = g_strdup_printf ("[stage b]\nuses = breaks-run\nhow = %s\n[arm a]\npipeline = b\n", how);
  g_autofree char *path = test_file (dir, "x.manifest", text);
  g_autofree char *out = g_build_filename (dir, "out", NULL), *scratch = g_build_filename (dir, "scratch", NULL);
  g_autoptr (PrRegistry) registry = test_registry ("breaks-run", NULL);
  g_autoptr (PrExperiment) experiment = pr_experiment_load (path, registry, NULL, NULL);
  g_autoptr (PrRunPlan) plan = NULL;
  g_autoptr (PrRecord) record = NULL;
  g_autoptr (PrDims) dims = NULL;
  const PrWatch watch = { 0 };
  gboolean ok;

  ck_assert_ptr_nonnull (experiment);
  ck_assert_int_eq (g_mkdir (out, 0755), 0);
  ck_assert_int_eq (g_mkdir (scratch, 0755), 0);
  plan = pr_run_plan_new (experiment->runs->pdata[0], NULL, NULL, NULL);
  ck_assert_ptr_nonnull (plan);
  {
    const PrNodePlan *planned = plan->nodes->pdata[0];
    const PrStageRun call = { .node = planned->node, .dir = out, .scratch = scratch, .watch = &watch };

    ok = pr_stage_run (&call, planned, &record, &dims, error);
    ck_assert_int_eq (ok, record != NULL);
    ck_assert_int_eq (ok, dims != NULL && pr_dims_get (dims, "made", "n") == 3);
  }
  pr_check_rmdir (dir);
  return ok;
}

START_TEST (breaking_the_contract_is_the_plugins_fault)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!run (cases[_i].how, &error));
  ck_assert_pr_error (error, cases[_i].code, cases[_i].part);
  ck_assert_pr_error (error, cases[_i].code, "stage 'b': ");
}
END_TEST

START_TEST (keeping_it_is_fine)
{
  g_autoptr (GError) error = NULL;

  ck_assert (run ("nothing", &error));
  ck_assert_no_error (error);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("broken-run");
  TCase *tc = tcase_create ("broken-run");

  tcase_add_loop_test (tc, breaking_the_contract_is_the_plugins_fault, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tc, keeping_it_is_fine);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
