#include "config.h"

#include "pr-check.h"

#include "fake-node.h"
#include "runtime/stage-run.h"

#include <math.h>
#include <pauserec/io.h>
#include <pauserec/run.h>

static const PrSlotSpec slots[] = {
  { PR_SLOT_IN, "in", "dataset/1", "In.", FALSE },
  { PR_SLOT_IN, "maybe", "lm/1", "Maybe.", TRUE },
  { PR_SLOT_OUT, "out", "text/1", "Out.", FALSE },
};

static char *dir;
static FakeNode fake;
static gint cancel;
static GString *events;

static void
on_event (const PrEvent *event, gpointer ctx)
{
  (void)ctx;
  g_string_append_printf (events, "%s %" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT " %s\n", pr_event_name (event->kind),
                          event->done, event->total, event->text != NULL ? event->text : "-");
}

static const PrWatch watch = { .cancel = &cancel, .event = on_event };

static void
setup (void)
{
  static PrEdge edges[2];

  dir = pr_check_tmpdir ();
  cancel = 0;
  events = g_string_new ("");
  fake_node_init (&fake, slots, G_N_ELEMENTS (slots));
  edges[0] = (PrEdge){ &slots[0], &fake.node, &slots[2] };
  edges[1] = (PrEdge){ &slots[1], NULL, NULL };
  fake.node.edges = edges;
  fake.node.n_edges = 2;
}

static void
teardown (void)
{
  pr_check_rmdir (dir);
  g_free (dir);
  g_string_free (events, TRUE);
  fake_node_clear (&fake);
}

static gboolean
run_it (gboolean (*function) (const void *, PrRun *, GError **), const PrNodePlan *plan, PrRecord **ret_record,
        PrDims **ret_dims, GError **error)
{
  const char *const inputs[] = { "/somewhere/in", NULL };
  PrStageRun call = {
    .node = &fake.node, .seed = 77, .input_dirs = inputs, .dir = dir, .scratch = "/scratch", .watch = &watch
  };

  fake.stage.run = function;
  return pr_stage_run (&call, plan, ret_record, ret_dims, error);
}

static gboolean
good (const void *params, PrRun *run, GError **error)
{
  const float users[] = { 1, 0, NAN, 0 }, nobody[] = { NAN };
  g_autofree char *file = g_build_filename (pr_run_output_dir (run, "out"), "x", NULL);

  (void)params;
  ck_assert_str_eq (pr_run_input_dir (run, "in"), "/somewhere/in");
  ck_assert_ptr_null (pr_run_input_dir (run, "maybe"));
  ck_assert (g_file_test (pr_run_output_dir (run, "out"), G_FILE_TEST_IS_DIR));
  ck_assert_str_eq (pr_run_scratch_dir (run), "/scratch");
  ck_assert_str_eq (pr_run_stage_name (run), "node");
  ck_assert_uint_eq (pr_run_seed (run), 77);
  ck_assert (pr_file_write (file, "x", 1, error));
  pr_run_set_dim (run, "out", "n_documents", 3);
  pr_run_metric (run, "loss", 0.5);
  pr_run_user_metric (run, "hit_10", users, 4);
  pr_run_user_metric (run, "hit_5", nobody, 1);
  pr_run_curve (run, "loss", 4, 2.5);
  pr_run_table (run, "t", "a", 1);
  pr_run_table (run, "t", "b", 1);
  pr_run_add_cost (run, PR_COST_TRAIN_TOKENS, 10);
  pr_run_add_cost (run, PR_COST_TRAIN_TOKENS, 5);
  if (!pr_run_step (run, 1, 2, error))
    return FALSE;
  pr_run_status (run, "loss 0.5");
  return pr_run_step (run, 2, 2, error);
}

static double
metric (const PrRecord *record, const char *name)
{
  for (guint i = 0; i < record->metrics->len; i++)
    if (strcmp (((const PrRecordMetric *)record->metrics->pdata[i])->name, name) == 0)
      return ((const PrRecordMetric *)record->metrics->pdata[i])->value;
  ck_abort_msg ("no metric %s", name);
  return 0;
}

START_TEST (a_stage_gets_what_it_needs_and_is_recorded)
{
  g_autoptr (PrRecord) record = NULL;
  g_autoptr (PrDims) dims = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert (run_it (good, NULL, &record, &dims, &error));
  ck_assert_no_error (error);
  ck_assert_int_eq (pr_dims_get (dims, "out", "n_documents"), 3);
  ck_assert_double_eq (metric (record, "loss"), 0.5);
  ck_assert_double_eq_tol (metric (record, "hit_10"), 1.0 / 3, 1e-12);
  ck_assert (isnan (metric (record, "hit_5")));
  ck_assert_double_eq (record->costs[PR_COST_TRAIN_TOKENS], 15);
  ck_assert_uint_eq (record->curves->len, 1);
  ck_assert_uint_gt (record->peak_rss, 1 << 20);
  ck_assert_str_eq (events->str, "stage_step 1/2 -\nstage_step 1/2 loss 0.5\nstage_step 2/2 loss 0.5\n");
}
END_TEST

static gboolean
fails_alone (const void *params, PrRun *run, GError **error)
{
  (void)params, (void)run, (void)error;
  return FALSE;
}

static gboolean
fails_by_half (const void *params, PrRun *run, GError **error)
{
  (void)params, (void)run;
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "but it went well");
  return TRUE;
}

static gboolean
fails_abroad (const void *params, PrRun *run, GError **error)
{
  (void)params, (void)run;
  g_set_error (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_PARSE, "foreign");
  return FALSE;
}

static gboolean
fails_numerically (const void *params, PrRun *run, GError **error)
{
  (void)params, (void)run;
  g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC, "NaN loss at step 3");
  return FALSE;
}

START_TEST (errors_are_the_stages_own)
{
  g_autoptr (GError) error = NULL;

  ck_assert (!run_it (fails_numerically, NULL, NULL, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_NUMERIC, "stage 'node': NaN loss at step 3");
  g_clear_error (&error);
  ck_assert (!run_it (fails_alone, NULL, NULL, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "did not say why");
  g_clear_error (&error);
  ck_assert (!run_it (fails_by_half, NULL, NULL, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "yet set an error");
  g_clear_error (&error);
  ck_assert (!run_it (fails_abroad, NULL, NULL, NULL, &error));
  ck_assert (g_error_matches (error, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_PARSE));
  ck_assert_str_eq (error->message, "stage 'node': foreign");
}
END_TEST

static int misuse_kind;

static gboolean
misuses (const void *params, PrRun *run, GError **error)
{
  (void)params, (void)error;
  switch (misuse_kind)
    {
    case 0:
      ck_assert_ptr_null (pr_run_input_dir (run, "out"));
      break;
    case 1:
      ck_assert_ptr_null (pr_run_output_dir (run, "in"));
      break;
    case 2:
      pr_run_metric (run, "Hit@10", 1);
      break;
    case 3:
      pr_run_metric (run, NULL, 1);
      break;
    case 4:
      pr_run_set_dim (run, "nowhere", "n", 1);
      break;
    case 5:
      pr_run_set_dim (run, "out", "n", -1);
      break;
    case 6:
      pr_run_curve (run, "a b", 1, 1);
      break;
    case 7:
      pr_run_table (run, "t", "a", 1);
      pr_run_table (run, "t", "b", 1);
      pr_run_table (run, "t", "b", 2);
      break;
    case 8:
      pr_run_add_cost (run, PR_N_COSTS, 1);
      break;
    case 9:
      pr_run_add_cost (run, PR_COST_FLOPS, NAN);
      break;
    case 10:
      pr_run_user_metric (run, "x", NULL, (gsize)G_MAXINT32 + 1);
      break;
    }
  return TRUE;
}

static const char *const misuse_texts[] = {
  "input 'out'", "output 'in'",         "'Hit@10'", "'NULL'", "'nowhere'",       "negative (-1)",
  "'a b'",       "have 1 and 2 values", "cost 7",   "nan",    "too many values",
};

START_TEST (misuse_is_the_plugins_error)
{
  g_autoptr (GError) error = NULL;

  misuse_kind = _i;
  ck_assert (!run_it (misuses, NULL, NULL, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, misuse_texts[_i]);
  ck_assert_ptr_nonnull (strstr (error->message, "stage 'node'"));
}
END_TEST

START_TEST (cancelling_unwinds_like_an_error)
{
  g_autoptr (GError) error = NULL;

  cancel = 1;
  ck_assert (!run_it (good, NULL, NULL, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "stage 'node': cancelled");
  ck_assert_str_eq (events->str, "");
}
END_TEST

START_TEST (promises_are_kept)
{
  g_autoptr (PrDims) promised = pr_dims_new ();
  g_autoptr (PrRecord) record = NULL;
  g_autoptr (PrDims) dims = NULL;
  g_autoptr (GError) error = NULL;
  PrNodePlan plan = { .node = &fake.node, .promised = promised };

  pr_dims_set (promised, "out", "n_documents", 4);
  ck_assert (!run_it (good, &plan, &record, &dims, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "n_documents");
  g_clear_error (&error);
  pr_dims_set (promised, "out", "n_documents", 3);
  ck_assert (run_it (good, &plan, &record, &dims, &error));
  ck_assert_no_error (error);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("stage-run");
  TCase *tc = tcase_create ("stage-run");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, a_stage_gets_what_it_needs_and_is_recorded);
  tcase_add_test (tc, errors_are_the_stages_own);
  tcase_add_loop_test (tc, misuse_is_the_plugins_error, 0, G_N_ELEMENTS (misuse_texts));
  tcase_add_test (tc, cancelling_unwinds_like_an_error);
  tcase_add_test (tc, promises_are_kept);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
