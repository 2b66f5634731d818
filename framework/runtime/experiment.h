/* experiment.h - a manifest, read and wired: the runs of an experiment as graphs of stages. */
#ifndef PR_EXPERIMENT_H
#define PR_EXPERIMENT_H

#include "runtime/loader.h"

#include <jansson.h>

typedef struct PrNode PrNode;

typedef struct
{
  const PrSlotSpec *slot;      /* an input slot of the node's stage */
  PrNode *from;                /* NULL: optional and unconnected */
  const PrSlotSpec *from_slot; /* the output it reads */
} PrEdge;

/* One stage of one run. */
struct PrNode
{
  char *name; /* in the manifest */
  const PrStageEntry *entry;
  void *params;     /* filled struct */
  json_t *resolved; /* {key: {"value": text, "origin": "default" | "manifest:12" | "arm pause:40" | "--set"}} */
  json_t *identity; /* what of the parameters goes into the cache key: {key: text}; files as "sha256:..." */
  gboolean seeded;  /* `seed = N` was said: what it draws is the same in all runs */
  guint64 seed;     /* that N */
  PrEdge *edges;    /* one per input slot, in table order */
  gsize n_edges;
};

/* One walk through the graph: an arm (with one value for each list in it) and a seed. */
typedef struct
{
  char *arm; /* label: "pause", or "pause[pause-sft.k=3]" for a list value */
  guint64 seed;
  gboolean wanted;  /* --only takes it, or there is no --only */
  GPtrArray *nodes; /* PrNode *, in pipeline order */
} PrRunSpec;

typedef struct
{
  char *name, *question, *metric, *baseline; /* question may be "" */
  char *path;                                /* of the manifest */
  char *text;                                /* whole, as read */
  GPtrArray *runs;                           /* PrRunSpec *, arm-major, then seed */
  GPtrArray *arms;                           /* labels in order */
  GHashTable *files;                         /* path -> SHA-256 of every file that a parameter names */
} PrExperiment;

typedef struct
{
  const char *const *set;  /* "stage.key=value", NULL-terminated; may be NULL. "experiment.seeds=1;2" works too */
  const char *const *only; /* "arm=NAME" or "seed=N": other runs are not wanted; may be NULL */
} PrExperimentOptions;

/* The name of an experiment whose manifest at PATH gives none: that of the file; to free. */
char *pr_experiment_default_name (const char *path);

/* Strict: unknown keys and groups, duplicates, bad values, unknown stages, cycles, unconnected and mistyped slots, are
 * all reported at once in one MANIFEST error, a line each: "FILE:LINE: complaint; did you mean 'NAME'?". */
PrExperiment *pr_experiment_load (const char *path, const PrRegistry *registry, const PrExperimentOptions *options,
                                  GError **error);
void pr_experiment_free (PrExperiment *experiment);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrExperiment, pr_experiment_free)

#endif
