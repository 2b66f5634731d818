/* A parameter that lies outside the struct: params_size was forgotten. */
#include "broken/broken.h"

static const PrStage stage = { .size = sizeof (PrStage),
                               .id = "bad-offset",
                               .version = "1",
                               .summary = "Wrong on purpose",
                               .params = sound_params,
                               .n_params = 1,
                               .plan = sound_plan,
                               .run = sound_run };

BROKEN_PLUGIN ("bad-offset", stage);
