/* loader.h - find plugins, check them whole, and index their stages. */
#ifndef PR_LOADER_H
#define PR_LOADER_H

#include <pauserec/plugin.h>

typedef struct
{
  const PrStage *stage;
  const PrPlugin *plugin;
  char *path;   /* of the .so */
  char *digest; /* SHA-256 of the .so, lower-case hex */
} PrStageEntry;

typedef struct PrRegistry PrRegistry;
PrRegistry *pr_registry_new (void);
void pr_registry_free (PrRegistry *registry); /* modules stay loaded: stages are constants inside them */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrRegistry, pr_registry_free)

/* Load one plugin.  Every check of the contract first: magic, ABI, size, names, tables, slots, choices, defaults within
 * their ranges, parameter offsets within the struct.  RTLD_NOW|RTLD_LOCAL|RTLD_NODELETE.  PLUGIN error that names the
 * file, the fault and the remedy; also if a stage id is taken already (naming both files). */
gboolean pr_registry_load (PrRegistry *registry, const char *path, GError **error);
/* Load every *.so of DIR (sorted), and of DIR's NAME/.libs/NAME.so as libtool leaves them in a build tree. */
gboolean pr_registry_load_dir (PrRegistry *registry, const char *dir, GError **error);
/* Where the program looks without --plugin-path: plugins/ of the build tree it runs from, otherwise the installed
 * folder. */
char *pr_registry_default_dir (void);

const PrStageEntry *pr_registry_find (const PrRegistry *registry, const char *stage_id); /* NULL if unknown */
const PrStageEntry *pr_registry_at (const PrRegistry *registry, gsize index);            /* in id order */
gsize pr_registry_n (const PrRegistry *registry);

#endif
