/* stages.h - the stages of this plugin. */
#ifndef PR_RATIONALE_STAGES_H
#define PR_RATIONALE_STAGES_H

#include <pauserec/plugin.h>

extern const PrStage effect_stage, sensitivity_stage;

#endif
