/* The right ABI, but a description of another size. */
#include "broken/broken.h"

const PrPlugin pr_plugin = { .magic = PR_PLUGIN_MAGIC, .abi = PR_PLUGIN_ABI, .size = 12 };
