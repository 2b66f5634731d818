/* build.h - what the files that turn a manifest into an experiment share; experiment.c drives. */
#ifndef PR_BUILD_H
#define PR_BUILD_H

#include "runtime/experiment.h"
#include "runtime/manifest.h"

/* A stage as the manifest names it. */
typedef struct
{
  char *name;
  const PrStageEntry *entry;    /* NULL: unknown, and complained about */
  const PrManifestGroup *group; /* NULL: only a pipeline names it, so that all is default */
  guint line;                   /* that complaints about the whole stage point to */
  gboolean built;               /* some run has it */
} PrStageDef;

/* `STAGE.KEY = TEXT`, from an arm or from --set; STAGE "experiment" stands for [experiment]. */
typedef struct
{
  char *stage, *key;
  char **values; /* one; in an arm any number: a run each */
  char *origin;  /* for the results */
  char *where;   /* for complaints */
} PrSetting;

typedef struct
{
  const PrManifestGroup *group;
  GPtrArray *pipeline; /* PrStageDef *, borrowed */
  guint line;          /* of the pipeline */
  GPtrArray *settings; /* PrSetting * */
  gboolean sound;      /* every stage is known, so that wiring makes sense */
} PrArm;

typedef struct
{
  const PrRegistry *registry;
  PrManifest *manifest;
  GPtrArray *complaints;
  GHashTable *digests;
  char *cwd;           /* what paths of --set are relative to */
  GPtrArray *stages;   /* PrStageDef * */
  GPtrArray *settings; /* PrSetting *, of --set, in order */
  GPtrArray *arms;     /* PrArm * */
  GError *fatal;       /* something other than the manifest is broken */
} PrBuild;

/* More runs are a slip of the keyboard, and would take the memory of the machine. */
#define PR_RUNS_MAX 10000

/* A value for each list of the arm, by its place in settings. */
typedef struct
{
  const PrArm *arm;
  const guint *choice; /* [arm->settings->len] */
} PrVariant;

/* arms.c */
void pr_build_read_set (PrBuild *build, const char *const *set);
void pr_build_read_stages (PrBuild *build);
void pr_build_read_arms (PrBuild *build);
void pr_build_check_set (PrBuild *build); /* once stages and arms are read: does each name something? */
void pr_build_clear (PrBuild *build);
/* The last --set of STAGE.KEY, or NULL. */
const PrSetting *pr_build_find_set (const PrBuild *build, const char *stage, const char *key);
const PrStageDef *pr_build_find_stage (const PrBuild *build, const char *name);

/* group.c */
void pr_build_read_experiment (PrBuild *build, PrExperiment *experiment); /* all but seeds and baseline */
GArray *pr_build_read_seeds (PrBuild *build);                             /* of guint64, none twice */
void pr_build_read_baseline (PrBuild *build, PrExperiment *experiment);   /* once the arms are known */
gboolean pr_build_has_seed (const GArray *seeds, guint64 seed);

/* only.c */
void pr_build_apply_only (PrBuild *build, PrExperiment *experiment, const GArray *seeds, const char *const *given);
/* Does PATTERN, the name of an arm or a label, mean the arm called LABEL? */
gboolean pr_build_arm_matches (const char *pattern, const char *label);

/* wire.c */
/* Make NODE's edges; NODES are those before it in the pipeline.  FALSE after a complaint. */
gboolean pr_build_wire (PrBuild *build, const PrVariant *variant, const PrStageDef *def, const GPtrArray *nodes,
                        PrNode *node);

#endif
