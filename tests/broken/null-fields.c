/* A stage without a run(). */
#include "broken/broken.h"

static const PrStage stage = {
  .size = sizeof (PrStage), .id = "null-fields", .version = "1", .summary = "Wrong on purpose", .plan = sound_plan
};

BROKEN_PLUGIN ("null-fields", stage);
