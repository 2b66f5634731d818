/* A default outside its own range. */
#include "broken/broken.h"

static const PrParamSpec params[] = {
  PR_PARAM_INT (Params, n, 1, 10, 11, "A number."),
};
static const PrStage stage = { .size = sizeof (PrStage),
                               .id = "bad-default",
                               .version = "1",
                               .summary = "Wrong on purpose",
                               .params = params,
                               .n_params = 1,
                               .params_size = sizeof (Params),
                               .plan = sound_plan,
                               .run = sound_run };

BROKEN_PLUGIN ("bad-default", stage);
