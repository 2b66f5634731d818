/* Breaks the contract of plan() and validate() in the way that its parameter `how` says. */
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
  STRANGE_TRUTH,
  UNKNOWN_INPUT,
  UNKNOWN_OUTPUT,
  PROMISE_TWICE,
  NEGATIVE_DIM,
  INFINITE_FLOPS,
  SILENT_VALIDATE,
  LYING_VALIDATE,
};
static const char *const hows[] = { "nothing",        "silent-failure",  "lying-success",  "strange-truth",
                                    "unknown-input",  "unknown-output",  "promise-twice",  "negative-dim",
                                    "infinite-flops", "silent-validate", "lying-validate", NULL };

static const PrParamSpec params[] = {
  PR_PARAM_CHOICE (How, how, hows, 0, "What to do wrong."),
};

static gboolean
validate (const void *params_, GError **error)
{
  const How *p = params_;

  if (p->how == LYING_VALIDATE)
    g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, "all is well");
  return p->how != SILENT_VALIDATE;
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error)
{
  const How *p = params_;

  switch (p->how)
    {
    case SILENT_FAILURE:
      return FALSE;
    case LYING_SUCCESS:
      g_set_error_literal (error, PR_ERROR, PR_ERROR_DATA, "all is well");
      return TRUE;
    case STRANGE_TRUTH:
      return 7;
    case UNKNOWN_INPUT:
      (void)pr_plan_input_dim (plan_, "nowhere", "n");
      return TRUE;
    case UNKNOWN_OUTPUT:
      pr_plan_set_dim (plan_, "nowhere", "n", 1);
      return TRUE;
    case PROMISE_TWICE:
      pr_plan_set_dim (plan_, "made", "n", 1);
      pr_plan_set_dim (plan_, "made", "n", 2);
      return TRUE;
    case NEGATIVE_DIM:
      pr_plan_set_dim (plan_, "made", "n", -5);
      return TRUE;
    case INFINITE_FLOPS:
      pr_plan_set_flops (plan_, 1.0 / 0.0);
      return TRUE;
    }
  return TRUE;
}

static const PrStage stage = { .size = sizeof (PrStage),
                               .id = "breaks-plan",
                               .version = "1",
                               .summary = "Wrong on purpose",
                               .params = params,
                               .n_params = 1,
                               .params_size = sizeof (How),
                               .slots = sound_slots,
                               .n_slots = 1,
                               .validate = validate,
                               .plan = plan,
                               .run = sound_run };

BROKEN_PLUGIN ("breaks-plan", stage);
