/* Describes nothing. */
#include "broken/broken.h"

static const PrStage *const stages[] = { NULL };
const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "no-stages", .stages = stages };
