/* sweep.h - the folder of a sweep and its frozen plan: which runs there are, what each needs, and as what tasks engines
 * do them.
 *
 *   OUT/plan.json                   the plan: pauserec-plan/1, sealed; all that the rest needs to know
 *   OUT/runs/<run>.h5               sealed results of a run (results.h): a run is done if this is there and whole
 *   OUT/progress/<run>.jsonl        what went on, append-only (progress.h)
 *   OUT/failed/<key>.json           a stage, or a run, that failed (failure.h)
 *   OUT/locks/<run>.lock            held by the process that does the run; <run> is "pause-s1-0a1b2c3d"
 *   OUT/results.h5                  what is done, merged
 *   OUT/slurm.json, OUT/slurm/      jobs that were submitted, their output
 *
 * A task is what an engine starts as one process: a run, or the part that several runs begin with.  Tasks form a tree;
 * a task may start when its parent has ended, successfully or not (its own process finds out).
 */
#ifndef PR_SWEEP_H
#define PR_SWEEP_H

#include "runtime/experiment.h"
#include "runtime/store.h"

#define PR_PLAN_SCHEMA "pauserec-plan/1"

/* One stage of some run; runs that share it, and say the same of it, share the node. */
typedef struct
{
  char *name;         /* in the manifest */
  char *stage;        /* its id */
  char *key;          /* cache key, hex */
  json_t *parameters; /* {key: {"value": text, "origin": text}} */
  gboolean cached;    /* its outputs were in the store when the plan was made */
  guint64 memory;     /* peak bytes, 0: plan() did not say */
  double flops;       /* 0: plan() did not say */
} PrPlannedNode;

typedef struct
{
  char *arm;
  guint64 seed;
  char *key;    /* pr_run_keys_run() */
  char *name;   /* pr_walk_run_name(): of its files */
  guint *nodes; /* [n_nodes]: indices into PrSweepPlan.nodes, in pipeline order */
  guint n_nodes;
} PrPlannedRun;

typedef struct
{
  int parent;     /* index of a task before this one, -1: none */
  guint run;      /* index into PrSweepPlan.runs; of a shared part, the first run that has it */
  guint n_nodes;  /* does the first so many stages of the run */
  gboolean whole; /* the run itself: all stages, then its results.  FALSE: a part that several runs begin with */
  guint64 memory; /* most of the stages that it does itself (those of its parent are there by then) */
  double flops;   /* sum over the same; 0 for what was cached */
} PrTask;

typedef struct
{
  char *experiment, *question, *metric, *baseline;
  char *manifest;        /* absolute path */
  char *manifest_sha256; /* of its text */
  char *cwd;             /* what relative paths of --set are relative to */
  char **set;            /* --set, NULL-terminated */
  char **plugin_path;    /* --plugin-path, absolute */
  char *store;           /* absolute */
  gboolean frozen;       /* made by `plan`: what changed since is an error; FALSE: by `run`, which plans anew then */
  char *version, *commit, *program_sha256; /* of the program: package version, git commit, digest of its library */
  GHashTable *plugins;                     /* path -> digest of every plugin that a run uses */
  GHashTable *inputs;                      /* path -> digest of every file that a parameter names */
  GPtrArray *nodes;                        /* PrPlannedNode * */
  GPtrArray *runs;                         /* PrPlannedRun *, arm-major, then seed */
  GArray *tasks;                           /* PrTask, parents first; children of one parent stand together */
} PrSweepPlan;

/* Stage I of RUN. */
static inline const PrPlannedNode *
pr_sweep_node (const PrSweepPlan *plan, const PrPlannedRun *run, guint i)
{
  return (const PrPlannedNode *)plan->nodes->pdata[run->nodes[i]];
}

/* What a plan is made of. */
typedef struct
{
  const PrExperiment *experiment; /* without --only: a plan has all runs */
  const char *const *set;         /* as given to pr_experiment_load(); may be NULL */
  const char *const *plugin_path; /* may be NULL */
  const char *store_dir;
  PrStore *store; /* NULL: nothing is cached */
  gboolean frozen;
} PrSweepPlanSource;

/* Plan every run.  Errors as of pr_run_plan_new(). */
PrSweepPlan *pr_sweep_plan_new (const PrSweepPlanSource *source, GError **error);
void pr_sweep_plan_free (PrSweepPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrSweepPlan, pr_sweep_plan_free)

/* OUT/plan.json; the folders of a sweep are made. */
gboolean pr_sweep_plan_save (const PrSweepPlan *plan, const char *out_dir, GError **error);
/* NULL without an error if there is none, DATA error if it is damaged or of another version.  Needs no plugin, no
 * manifest and no store. */
PrSweepPlan *pr_sweep_plan_load (const char *out_dir, GError **error);

/* The same, and MANIFEST error if there is none. */
PrSweepPlan *pr_sweep_plan_require (const char *out_dir, GError **error);

/* What of NOW, made of the same command, differs from the frozen PLAN: program, manifest, plugins, inputs, settings,
 * runs; a line each, at most 20, to free.  NULL: nothing that results depend on. */
char *pr_sweep_plan_difference (const PrSweepPlan *plan, const PrSweepPlan *now);

/* The folder of a sweep that a user means by PATH: a folder that has a plan.json, or a manifest, whose sweep is OUT
 * (--out) or by default pauserec-results/<name>.  To free; MANIFEST error if neither. Only looks at the name in the
 * manifest, so the rest of it may be wrong. */
char *pr_sweep_folder (const char *path, const char *out, GError **error);

/* Paths in the folder OUT, to free. */
char *pr_sweep_results_path (const char *out_dir);
char *pr_sweep_run_path (const char *out_dir, const PrPlannedRun *run);
char *pr_sweep_progress_path (const char *out_dir, const PrPlannedRun *run);
char *pr_sweep_lock_path (const char *out_dir, const PrPlannedRun *run);

#endif
