/* Breaks the contract of run() in the way that its parameter `how` says. */
#include "broken/broken.h"

typedef struct
{
  int how;
} How;

enum
{
  NOTHING,
  SILENT_FAILURE,
  LYING_SUCCESS,
  UNKNOWN_INPUT,
  UNKNOWN_OUTPUT,
  BROKEN_PROMISE,
  BAD_NAME,
  RAGGED_TABLE,
  NO_OUTPUT,
};
static const char *const hows[] = {
  "nothing",        "silent-failure", "lying-success", "unknown-input", "unknown-output",
  "broken-promise", "bad-name",       "ragged-table",  "no-output",     NULL
};

static const PrParamSpec params[] = {
  PR_PARAM_CHOICE (How, how, hows, 0, "What to do wrong."),
};

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error)
{
  (void)params_;
  (void)error;
  pr_plan_set_dim (plan_, "made", "n", 3);
  return TRUE;
}

static gboolean
write_output (PrRun *run, GError **error)
{
  g_autofree char *path = g_build_filename (pr_run_output_dir (run, "made"), "thing.txt", NULL);

  return g_file_set_contents (path, "a thing\n", -1, error);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const How *p = params_;

  if (p->how == SILENT_FAILURE)
    return FALSE;
  if (p->how == UNKNOWN_INPUT)
    (void)pr_run_input_dir (run_, "nowhere");
  if (p->how == UNKNOWN_OUTPUT)
    (void)pr_run_output_dir (run_, "nowhere");
  if (p->how == BAD_NAME)
    pr_run_metric (run_, "NDCG@10", 0.5);
  if (p->how == RAGGED_TABLE)
    {
      pr_run_table (run_, "probe", "a", 1.0);
      pr_run_table (run_, "probe", "a", 2.0);
      pr_run_table (run_, "probe", "b", 1.0);
    }
  pr_run_set_dim (run_, "made", "n", p->how == BROKEN_PROMISE ? 4 : 3);
  if (p->how == NO_OUTPUT)
    return TRUE;
  if (!write_output (run_, error))
    return FALSE;
  if (p->how == LYING_SUCCESS)
    g_set_error_literal (error, PR_ERROR, PR_ERROR_DATA, "all is well");
  return TRUE;
}

static const PrStage stage = { .size = sizeof (PrStage),
                               .id = "breaks-run",
                               .version = "1",
                               .summary = "Wrong on purpose",
                               .params = params,
                               .n_params = 1,
                               .params_size = sizeof (How),
                               .slots = sound_slots,
                               .n_slots = 1,
                               .plan = plan,
                               .run = run };

BROKEN_PLUGIN ("breaks-run", stage);
