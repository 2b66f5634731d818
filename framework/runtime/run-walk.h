/* run-walk.h - one run: every stage from the store or computed, then its sealed results. */
#ifndef PR_RUN_WALK_H
#define PR_RUN_WALK_H

#include "runtime/store.h"

/* What the runs of one call share. */
typedef struct
{
  const PrExperiment *experiment;
  PrStore *store;
  const char *out_dir;
  GHashTable *entries; /* key -> PrEntry: outputs that this call has seen */
  GHashTable *failed;  /* keys of stages that failed in this call, as a set */
  guint n_computed, n_cached;
} PrWalk;

void pr_walk_init (PrWalk *walk, const PrExperiment *experiment, PrStore *store, const char *out_dir);
void pr_walk_clear (PrWalk *walk);

/* "pause-pause-sft.k=3-s1-0a1b2c3d", to free: the name of a run's files. */
char *pr_walk_run_name (const PrRunSpec *run, const char *run_key);
/* The name of a stage of RUN that failed before in this call, or NULL. */
const char *pr_walk_failed_stage (const PrWalk *walk, const PrRunSpec *run, const PrRunKeys *keys);
/* Do what RUN needs and write its result to PATH. */
gboolean pr_walk_run (PrWalk *walk, const PrRunSpec *run, const PrRunKeys *keys, PrWatch *watch, const char *path,
                      GError **error);

#endif
