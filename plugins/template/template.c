/* template - the smallest stage: replaced by the tutorial. */
#include <pauserec/pauserec.h>

typedef struct
{
  int64_t n;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_INT (Params, n, 1, 10, 1, "Nothing."),
};

static gboolean
template_plan (const void *params_, PrPlan *plan, GError **error)
{
  (void) params_;
  (void) plan;
  (void) error;
  return TRUE;
}

static gboolean
template_run (const void *params_, PrRun *run, GError **error)
{
  (void) params_;
  (void) run;
  (void) error;
  return TRUE;
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "template",
  .version = "1",
  .summary = "Do nothing.",
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .plan = template_plan,
  .run = template_run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "template", .stages = stages };
