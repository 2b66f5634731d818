#include "config.h"

#include "engines/engine.h"

#include "text/nearest.h"

#include <pauserec/error.h>
#include <string.h>

static const PrEngine *const engines[] = { &pr_engine_local, &pr_engine_slurm };

const PrEngine *
pr_engine_find (const char *name, GError **error)
{
  const char *names[G_N_ELEMENTS (engines)];
  g_autofree char *hint = NULL, *list = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (engines); i++)
    {
      if (strcmp (engines[i]->name, name) == 0)
        return engines[i];
      names[i] = engines[i]->name;
    }
  hint = pr_nearest_hint (name, names, G_N_ELEMENTS (engines));
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "--engine: there is no engine '%s'%s", name, hint);
  return NULL;
}
