/* slurm-private.h - what the files of the Slurm engine share. */
#ifndef PR_SLURM_PRIVATE_H
#define PR_SLURM_PRIVATE_H

#include "engines/engine.h"

/* slurm-program.c - Slurm's own programs -------------------------------------------------------------------------- */

/* Run ARGV, found on PATH; its standard output, to free.  Ctrl-C does not reach it: a submission is not torn.  Errors
 * are one sentence with a remedy: IO if the program is not there or the controller does not answer, MANIFEST if sbatch
 * refuses what it is asked for, IO for anything else. */
char *pr_slurm_call (const char *const *argv, GError **error);
/* Jobs of this user that wait, run or are just ending: "12_3" (element of an array) or "12" -> state, both char *. */
GHashTable *pr_slurm_queue (GError **error);
/* Indices of an array are below this. */
gboolean pr_slurm_max_array_size (guint *ret_size, GError **error);

/* slurm-options.c - what the user asks of sbatch ------------------------------------------------------------------- */

/* OPTIONS (may be NULL) as words for sbatch, NULL-terminated, to free; MANIFEST error for what is no option, and for
 * those that the engine needs for itself. */
char **pr_slurm_options (const char *const *options, GError **error);
/* Does a word set NAME ("--mem"), or one that begins so ("--mem-per-cpu")? */
gboolean pr_slurm_options_has (const char *const *words, const char *name);

/* slurm-record.c - OUT/slurm.json: jobs that were submitted ------------------------------------------------------- */

typedef struct
{
  char *id;      /* of the array, or of the job that merges */
  guint first;   /* element I does task FIRST + I of the plan */
  GArray *tasks; /* guint: those tasks, rising; NULL: the job merges */
  char **names;  /* pr_slurm_task_name() of each */
} PrSlurmJob;

typedef struct
{
  char *path;
  GPtrArray *jobs; /* PrSlurmJob *, in the order of submission */
} PrSlurmRecord;

/* Empty if there is none; DATA error if it is damaged. */
PrSlurmRecord *pr_slurm_record_load (const char *out_dir, GError **error);
void pr_slurm_record_free (PrSlurmRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrSlurmRecord, pr_slurm_record_free)
gboolean pr_slurm_record_save (const PrSlurmRecord *record, GError **error);
/* TASKS are copied; N 0: the job merges. */
void pr_slurm_record_add (PrSlurmRecord *record, const PrSweepPlan *plan, const char *id, guint first,
                          const guint *tasks, gsize n);
/* Drop jobs of which nothing is in QUEUE. */
void pr_slurm_record_prune (PrSlurmRecord *record, GHashTable *queue);
/* The name in the queue of the element of JOB that does its I-th task; of the whole job if it merges.  To free. */
char *pr_slurm_job_element (const PrSlurmJob *job, gsize i);
/* What a task does, in a word that is the same as long as it does the same; to free. */
char *pr_slurm_task_name (const PrSweepPlan *plan, guint task);

/* slurm-submit.c - one call of sbatch ------------------------------------------------------------------------------ */

typedef struct
{
  const PrEngineCall *call;
  char **options; /* pr_slurm_options() */
  guint max_size;
  char *out_dir; /* absolute */
  char *folder;  /* OUT/slurm */
  char *task_script, *merge_script;
} PrSlurmSubmission;

/* Makes OUT/slurm with its scripts. */
gboolean pr_slurm_submission_init (PrSlurmSubmission *submission, const PrEngineCall *call, GError **error);
void pr_slurm_submission_clear (PrSlurmSubmission *submission);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PrSlurmSubmission, pr_slurm_submission_clear)
/* The tasks TASKS [n], at most max_size apart, as one array that starts after DEPENDENCY ("12_3"; NULL: at once).  The
 * id of the job, to free. */
char *pr_slurm_submit_tasks (const PrSlurmSubmission *submission, const guint *tasks, gsize n, const char *dependency,
                             GError **error);
/* `merge`, after the jobs DEPENDENCY ("12:13"). */
char *pr_slurm_submit_merge (const PrSlurmSubmission *submission, const char *dependency, GError **error);

/* slurm-follow.c --------------------------------------------------------------------------------------------------- */

/* Wait until no job of RECORD is in the queue. */
gboolean pr_slurm_follow (const PrEngineCall *call, const PrSlurmRecord *record, GError **error);

#endif
