/* Calls a function that nobody has. */
#include "broken/broken.h"

gboolean pr_function_that_nobody_has (void);

static gboolean
plan (const void *params, PrPlan *plan_, GError **error)
{
  (void)params;
  (void)plan_;
  (void)error;
  return pr_function_that_nobody_has ();
}

static const PrStage stage = { SOUND_STAGE ("unresolved-symbol"), .validate = NULL };
static const PrStage other = { .size = sizeof (PrStage), .id = "unresolved-other", .plan = plan };
static const PrStage *const stages[] = { &stage, &other, NULL };
const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "unresolved-symbol", .stages = stages };
