/* Not called what its file is called. */
#include "broken/broken.h"

static const PrStage stage = { SOUND_STAGE ("wrong-name") };

BROKEN_PLUGIN ("someone-else", stage);
