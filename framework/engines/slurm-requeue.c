#include "config.h"

#include "engines/slurm.h"

#include "engines/slurm-private.h"

#include <pauserec/error.h>
#include <string.h>

/* A job that was started again so often gets nowhere: its time is shorter than the way to a checkpoint. */
#define MAX_RESTARTS 100

/* The job that this process is the script of, to free; NULL: none.  An element of an array by its place in it: the
 * number alone of its last element is that of the whole array. */
static char *
own_job (void)
{
  const char *array = g_getenv ("SLURM_ARRAY_JOB_ID"), *index = g_getenv ("SLURM_ARRAY_TASK_ID");

  if (array != NULL && index != NULL)
    return g_strdup_printf ("%s_%s", array, index);
  return g_strdup (g_getenv ("SLURM_JOB_ID"));
}

/* "RUNNING", to free. */
static char *
state_of (const char *job, GError **error)
{
  const char *const argv[] = { "scontrol", "--oneliner", "show", "job", job, NULL };
  g_autofree char *text = pr_slurm_call (argv, error);
  const char *state;

  if (text == NULL)
    return NULL;
  state = strstr (text, "JobState=");
  if (state == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "scontrol does not tell the state of job %s", job);
      return NULL;
    }
  state += strlen ("JobState=");
  return g_strndup (state, strcspn (state, " \n"));
}

gboolean
pr_slurm_requeue_if_wanted (gboolean *ret_requeued, GError **error)
{
  g_autofree char *job = own_job (), *state = NULL, *said = NULL;
  const char *restarts = g_getenv ("SLURM_RESTART_COUNT");
  const char *const argv[] = { "scontrol", "requeue", job, NULL };

  if (job == NULL)
    {
      *ret_requeued = FALSE;
      return TRUE;
    }
  state = state_of (job, error);
  if (state == NULL)
    return FALSE;
  if (strcmp (state, "RUNNING") != 0)
    {
      *ret_requeued = FALSE;
      return TRUE;
    }
  if (restarts != NULL && g_ascii_strtoull (restarts, NULL, 10) >= MAX_RESTARTS)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "job %s was started again %s times and is not done: give its stages smaller checkpoint_steps or the "
                   "job more time (--sbatch=--time=...)",
                   job, restarts);
      return FALSE;
    }
  said = pr_slurm_call (argv, error);
  if (said == NULL)
    {
      g_prefix_error (error, "job %s is not started again: ", job);
      return FALSE;
    }
  *ret_requeued = TRUE;
  return TRUE;
}
