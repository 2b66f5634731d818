/* A slot whose type has no revision. */
#include "broken/broken.h"

static const PrSlotSpec slots[] = {
  { PR_SLOT_OUT, "made", "thing", "A thing.", FALSE },
};
static const PrStage stage = { .size = sizeof (PrStage),
                               .id = "bad-slot",
                               .version = "1",
                               .summary = "Wrong on purpose",
                               .slots = slots,
                               .n_slots = 1,
                               .plan = sound_plan,
                               .run = sound_run };

BROKEN_PLUGIN ("bad-slot", stage);
