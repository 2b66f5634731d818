/* contract.h - does a plugin's description of itself hold? */
#ifndef PR_CONTRACT_H
#define PR_CONTRACT_H

#include <pauserec/plugin.h>

/* Bytes and alignment of the member that a parameter of KIND fills; 0 for a kind that does not exist. */
gsize pr_param_kind_size (PrParamKind kind, gsize *ret_align);

/* Magic, ABI, size, names, stages, their tables: everything the loader can know without calling into the plugin. PLUGIN
 * error that starts with PATH and says the remedy. */
gboolean pr_plugin_check (const PrPlugin *plugin, const char *path, GError **error);

#endif
