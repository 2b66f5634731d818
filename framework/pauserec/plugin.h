/* plugin.h - the contract between the runtime and a stage plugin.
 *
 * A plugin is a shared object that exports one constant, pr_plugin.  The runtime
 * reads it, checks it whole, and only then calls into the plugin.  A stage keeps
 * no state between calls and has no globals.  plugins/template is the tutorial.
 */
#ifndef PAUSEREC_PLUGIN_H
#define PAUSEREC_PLUGIN_H

#include <pauserec/error.h>
#include <pauserec/params.h>
#include <pauserec/run.h>

G_BEGIN_DECLS

/* Add one to the ABI when anything a plugin sees changes shape or meaning. */
#define PR_PLUGIN_MAGIC 0x50525047u
#define PR_PLUGIN_ABI 3u

#define PR_EXPORT __attribute__ ((visibility ("default")))

/* Slots: the typed artifacts a stage reads and writes.  An artifact is a folder;
 * its type fixes the files in it (see the header named).
 *   dataset/1          dataset.h      text/1       textio.h
 *   embeddings/1       matrix.h       sids/1       sids.h
 *   lm/1               lm.h           ranking/1    ranking.h
 *   token-embedding/1  lm.h       rationales/1 rationales.h
 * A plugin may invent further types; the name is all that wiring looks at. */
typedef enum
{
  PR_SLOT_IN,
  PR_SLOT_OUT,
} PrSlotDirection;

typedef struct
{
  PrSlotDirection direction;
  const char *name;
  const char *type; /* "NAME/REVISION" */
  const char *help;
  gboolean optional; /* inputs only: may stay unconnected */
} PrSlotSpec;

typedef struct
{
  size_t size;         /* sizeof (PrStage) */
  const char *id;      /* what `uses =` says: lower case, digits and '-' */
  const char *version; /* bumped when the results of the same inputs change */
  const char *summary; /* one line */
  const char *source;  /* paper section or repository that the defaults come from; may be NULL */
  gboolean stochastic; /* TRUE: the seed (the run's, or what the manifest gives the stage) is part of the cache key */

  const PrParamSpec *params;
  size_t n_params;
  size_t params_size;

  const PrSlotSpec *slots;
  size_t n_slots;

  /* Check parameters against each other.  No I/O.  May be NULL. */
  gboolean (*validate) (const void *params, GError **error);

  /* Say what run() will produce and need, from the sizes of its inputs.  No I/O. */
  gboolean (*plan) (const void *params, PrPlan *plan, GError **error);

  /* Do the work: TRUE, or FALSE with an error set; never anything else. */
  gboolean (*run) (const void *params, PrRun *run, GError **error);
} PrStage;

typedef struct
{
  /* Frozen for ever: any runtime can read these three. */
  uint32_t magic;
  uint32_t abi;
  uint32_t size; /* sizeof (PrPlugin) */

  const char *id;               /* the .so's base name; checked */
  const PrStage *const *stages; /* NULL-terminated */
} PrPlugin;

#define PR_PLUGIN_INIT                                                                           \
  .magic = PR_PLUGIN_MAGIC, .abi = PR_PLUGIN_ABI, .size = sizeof (PrPlugin)

/* The one symbol a plugin exports. */
extern PR_EXPORT const PrPlugin pr_plugin;

G_END_DECLS

#endif
