#include "config.h"

#include "engines/slurm-private.h"

#include <pauserec/error.h>

/* Asking costs the controller of a busy cluster something: seldom, except in the beginning. */
#define POLL_SECONDS_FIRST 0.5
#define POLL_SECONDS_MOST 20.0
#define NAP_MICROSECONDS (100 * 1000)

/* FALSE if the user wants out. */
static gboolean
nap (const PrWatch *watch, double seconds)
{
  gint64 until = g_get_monotonic_time () + (gint64)(seconds * 1e6);

  while (!pr_watch_cancelled (watch) && g_get_monotonic_time () < until)
    g_usleep (NAP_MICROSECONDS);
  return !pr_watch_cancelled (watch);
}

static guint
count_queued (const PrSlurmRecord *record, GHashTable *queue)
{
  guint n = 0;

  for (guint i = 0; i < record->jobs->len; i++)
    {
      const PrSlurmJob *job = record->jobs->pdata[i];
      gsize n_tasks = job->tasks != NULL ? job->tasks->len : 1;

      for (gsize j = 0; j < n_tasks; j++)
        {
          g_autofree char *element = pr_slurm_job_element (job, j);

          n += g_hash_table_contains (queue, element);
        }
    }
  return n;
}

/* A controller that does not answer for a while is waited for too. */
gboolean
pr_slurm_follow (const PrEngineCall *call, const PrSlurmRecord *record, GError **error)
{
  gboolean answered = TRUE;
  guint left = 1;

  for (double seconds = POLL_SECONDS_FIRST; left > 0; seconds = MIN (seconds * 1.5, POLL_SECONDS_MOST))
    {
      g_autoptr (GError) silence = NULL;
      g_autoptr (GHashTable) queue = NULL;

      if (!nap (call->watch, seconds))
        {
          g_set_error (error, PR_ERROR, PR_ERROR_CANCELLED,
                       "cancelled while waiting; the jobs go on, and the same command waits for them again");
          return FALSE;
        }
      queue = pr_slurm_queue (&silence);
      if (queue == NULL && answered)
        pr_watch_note (call->watch, "waiting for Slurm: %s", silence->message);
      answered = queue != NULL;
      if (queue != NULL)
        left = count_queued (record, queue);
    }
  return TRUE;
}
