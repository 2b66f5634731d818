/* draft.h - what the files that turn a manifest into an experiment share; experiment.c drives. */
#ifndef PR_DRAFT_H
#define PR_DRAFT_H

#include "runtime/experiment.h"
#include "runtime/manifest.h"

/* A stage as the manifest names it. */
typedef struct
{
  char *name;
  const PrStageEntry *entry;    /* NULL: unknown, and complained about */
  const PrManifestGroup *group; /* NULL: only a pipeline names it, so that all is default */
  const char *where;            /* that complaints about the whole stage point to */
  gboolean built;               /* some run has it */
} PrStageDef;

/* `STAGE.KEY = TEXT`, from an arm or from --set; STAGE "experiment" stands for [experiment]. */
typedef struct
{
  char *stage, *key;
  char **values;   /* one; in an arm any number: a run each */
  char *origin;    /* for the results */
  char *where;     /* for complaints */
  const char *dir; /* what paths are relative to; borrowed */
} PrSetting;

typedef struct
{
  const PrManifestGroup *group;
  GPtrArray *pipeline; /* PrStageDef *, borrowed */
  const char *where;   /* of the pipeline */
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
} PrDraft;

/* More runs are a slip of the keyboard, and would take the memory of the machine. */
#define PR_RUNS_MAX 10000

/* A value for each list of the arm, by its place in settings. */
typedef struct
{
  const PrArm *arm;
  const guint *choice; /* [arm->settings->len] */
} PrVariant;

/* arms.c */
void pr_draft_read_set (PrDraft *draft, const char *const *set);
void pr_draft_read_stages (PrDraft *draft);
void pr_draft_read_arms (PrDraft *draft);
void pr_draft_check_set (PrDraft *draft); /* once stages and arms are read: does each name something? */
void pr_draft_clear (PrDraft *draft);
/* The last --set of STAGE.KEY, or NULL. */
const PrSetting *pr_draft_find_set (const PrDraft *draft, const char *stage, const char *key);
const PrStageDef *pr_draft_find_stage (const PrDraft *draft, const char *name);

/* group.c */
void pr_draft_read_experiment (PrDraft *draft, PrExperiment *experiment); /* all but seeds and baseline */
GArray *pr_draft_read_seeds (PrDraft *draft);                             /* of guint64, none twice */
void pr_draft_read_baseline (PrDraft *draft, PrExperiment *experiment);   /* once the arms are known */
gboolean pr_draft_has_seed (const GArray *seeds, guint64 seed);

/* only.c */
void pr_draft_apply_only (PrDraft *draft, PrExperiment *experiment, const GArray *seeds, const char *const *given);
/* Does PATTERN, the name of an arm or a label, mean the arm called LABEL? */
gboolean pr_draft_arm_matches (const char *pattern, const char *label);

/* wire.c */
/* Make NODE's edges; NODES are those before it in the pipeline.  FALSE after a complaint. */
gboolean pr_draft_wire (PrDraft *draft, const PrVariant *variant, const PrStageDef *def, const GPtrArray *nodes,
                        PrNode *node);

#endif
