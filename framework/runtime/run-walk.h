/* run-walk.h - one run: every stage from the store or computed, then its sealed results. */
#ifndef PR_RUN_WALK_H
#define PR_RUN_WALK_H

#include "runtime/store.h"

/* One process's way through one run. */
typedef struct
{
  const PrExperiment *experiment;
  const PrRunSpec *run;
  const PrRunKeys *keys;
  PrStore *store;
  guint n_nodes;       /* stages that are wanted, from the first on */
  PrWatch *watch;      /* its `now` follows the stage; when a stage fails it stays there */
  GHashTable *entries; /* key -> PrEntry: outputs that were seen on the way */
  /* Asked before a stage is computed, while its lock is held: FALSE with an error if that makes no sense any more,
   * since another process has found out that it fails.  May be NULL. */
  gboolean (*may_compute) (const char *key, gpointer ctx, GError **error);
  gpointer ctx;
} PrWalk;

void pr_walk_init (PrWalk *walk, const PrExperiment *experiment, const PrRunSpec *run, const PrRunKeys *keys,
                   PrStore *store, PrWatch *watch);
void pr_walk_clear (PrWalk *walk);

/* "pause-pause-sft.k=3-s1-0a1b2c3d", to free: the name of a run's files. */
char *pr_walk_run_name (const PrRunSpec *run, const char *run_key);
/* Have the outputs of the first N_NODES stages in the store. */
gboolean pr_walk_stages (PrWalk *walk, guint n_nodes, GError **error);
/* Once all stages are there: write the result of the run to PATH. */
gboolean pr_walk_write (PrWalk *walk, const char *path, GError **error);

#endif
