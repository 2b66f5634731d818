/* Something that is called pr_plugin and is none. */
#include "broken/broken.h"

static const PrStage stage = { SOUND_STAGE ("wrong-magic") };
static const PrStage *const stages[] = { &stage, NULL };
const PrPlugin pr_plugin = {
  .magic = 0x12345678u, .abi = PR_PLUGIN_ABI, .size = sizeof (PrPlugin), .id = "wrong-magic", .stages = stages
};
