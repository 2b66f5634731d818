/* task - one task of a planned sweep, in this process: what engines start on other machines. */
#include "config.h"

#include "cli/command.h"
#include "cli/screen.h"
#include "cli/signals.h"
#include "engines/slurm.h"
#include "engines/task.h"

#include <glib/gstdio.h>
#include <errno.h>
#include <pauserec/error.h>
#include <stdio.h>

/* The experiment as it was when PLAN was made; MANIFEST error with the difference if it is not. */
static PrExperiment *
load_experiment (const PrSweepPlan *plan, const PrRegistry *registry, GError **error)
{
  const PrExperimentOptions options = { .set = (const char *const *)plan->set };
  g_autoptr (PrExperiment) experiment = pr_experiment_load (plan->manifest, registry, &options, error);
  PrSweepPlanSource source = { .experiment = experiment,
                               .set = (const char *const *)plan->set,
                               .plugin_path = (const char *const *)plan->plugin_path,
                               .store_dir = plan->store };
  g_autoptr (PrSweepPlan) now = experiment != NULL ? pr_sweep_plan_new (&source, error) : NULL;
  g_autofree char *difference = now != NULL ? pr_sweep_plan_difference (plan, now) : NULL;

  if (now == NULL)
    return NULL;
  if (difference == NULL)
    return g_steal_pointer (&experiment);
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "what runs are made of changed since the sweep was planned:\n%s\nplan it again: what does not depend on "
               "this is not computed again",
               difference);
  return NULL;
}

/* Stopped by a signal: a job of Slurm may be wanted again.  Whether it is or not, the task has been cancelled. */
static void
requeue (void)
{
  g_autoptr (GError) raised = NULL;
  gboolean requeued;

  if (!pr_slurm_requeue_if_wanted (&requeued, &raised))
    fprintf (stderr, "pauserec: note: %s\n", raised->message);
  else if (requeued)
    fprintf (stderr, "pauserec: note: the job waits in the queue again\n");
}

static gboolean
do_task (const char *out, const PrSweepPlan *plan, guint task, gboolean quiet, GError **error)
{
  const PrOptions options = { .plugin_path = plan->plugin_path };
  g_autoptr (PrRegistry) registry = pr_options_load_registry (&options, error);
  g_autoptr (PrExperiment) experiment = registry != NULL ? load_experiment (plan, registry, error) : NULL;
  g_autoptr (PrStore) store = experiment != NULL ? pr_store_open (plan->store, error) : NULL;
  const PrSweep sweep = { out, plan, experiment, store };
  PrScreen screen;
  const PrWatch watch = { .cancel = pr_signals_install (), .event = pr_screen_event, .ctx = &screen };
  GError *raised = NULL;

  if (store == NULL)
    return FALSE;
  pr_screen_init (&screen, quiet);
  pr_task_run (&sweep, task, TRUE, &watch, &raised);
  pr_screen_finish (&screen);
  if (raised == NULL)
    return TRUE;
  if (g_error_matches (raised, PR_ERROR, PR_ERROR_CANCELLED))
    requeue ();
  g_propagate_error (error, raised);
  return FALSE;
}

static gboolean
task (int argc, char **argv, GError **error)
{
  g_auto (PrOptions) options = { 0 };
  int first = 0, index = 0;
  gboolean quiet = FALSE;
  const GOptionEntry extra[] = {
    { "first", 0, 0, G_OPTION_ARG_INT, &first, "Task that index 0 stands for (default 0)", "N" },
    { "index", 0, 0, G_OPTION_ARG_INT, &index, "Which task after that one (default 0)", "N" },
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "No progress", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (GStrv) args =
      pr_options_parse (&pr_command_task, argc, argv, PR_OPTIONS_THREADS, &options, extra, 1, 1, error);
  g_autofree char *out = args != NULL ? g_canonicalize_filename (args[0], NULL) : NULL;
  g_autoptr (PrSweepPlan) plan = out != NULL ? pr_sweep_plan_require (out, error) : NULL;

  if (plan == NULL)
    return FALSE;
  if (first < 0 || index < 0 || (guint64)first + (guint64)index >= plan->tasks->len)
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "there is no task %d: the plan has %u", first + index,
                 plan->tasks->len);
  else if (g_chdir (plan->cwd) != 0)
    pr_error_set_errno (error, errno, "cannot work in", plan->cwd);
  else
    {
      pr_options_set_threads (&options);
      return do_task (out, plan, (guint)(first + index), quiet, error);
    }
  return FALSE;
}

/* No summary: the list of commands does not show it. */
const PrCommand pr_command_task = {
  .name = "task",
  .arguments = "FOLDER",
  .description = "Does one task of OUT/plan.json; engines start it.",
  .run = task,
};
