/* Its stage is called like one of the plugin 'sound'. */
#include "broken/broken.h"

static const PrStage stage = { SOUND_STAGE ("source") };

BROKEN_PLUGIN ("duplicate-stage", stage);
