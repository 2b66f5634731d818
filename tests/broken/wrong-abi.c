/* Built for another runtime: only the three frozen numbers may be read. */
#include "broken/broken.h"

const PrPlugin pr_plugin = { .magic = PR_PLUGIN_MAGIC, .abi = 999, .size = 12 };
