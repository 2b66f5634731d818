/* probe-rationale-sensitivity - what is the rationale worth to a model that thinks in words? (paper section 2, (4) and
 * (5)) */
#include "config.h"

#include "stages.h"

static const PrStage *const stages[] = { &effect_stage, &sensitivity_stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "probe-rationale-sensitivity", .stages = stages };
