/* run - do what a manifest says, as far as it is not done, and print the comparison of its arms. */
#include "config.h"

#include "cli/command.h"
#include "cli/screen.h"
#include "cli/signals.h"
#include "results/results.h"
#include "runtime/experiment-run.h"

#include <stdio.h>

static void
print_summary (const PrExperimentSummary *summary)
{
  printf ("%u stage%s computed, %u cached; %u run%s done now, %u before", summary->n_computed,
          summary->n_computed == 1 ? "" : "s", summary->n_cached, summary->n_written,
          summary->n_written == 1 ? "" : "s", summary->n_done);
  if (summary->n_failed > 0)
    printf (", %u failed", summary->n_failed);
  printf ("\n");
}

/* The table of what is done is printed even if some runs failed. */
static gboolean
print_results (const PrExperimentSummary *summary, GError **error)
{
  g_autofree char *table = NULL;

  if (summary->results == NULL)
    return TRUE;
  table = pr_results_compare (summary->results, NULL, NULL, error);
  if (table == NULL)
    return FALSE;
  printf ("%s\n", table);
  print_summary (summary);
  printf ("results: %s\n", summary->results);
  return TRUE;
}

static gboolean
run_experiment (const PrOptions *options, const PrExperiment *experiment, gboolean quiet, GError **error)
{
  g_auto (PrExperimentSummary) summary = { 0 };
  g_autofree char *out =
      options->out != NULL ? g_strdup (options->out) : g_build_filename ("pauserec-results", experiment->name, NULL);
  PrScreen screen;
  PrWatch watch = { .cancel = pr_signals_install (), .event = pr_screen_event, .ctx = &screen };
  GError *raised = NULL, *unshown = NULL;

  pr_screen_init (&screen, quiet);
  pr_experiment_run (experiment, pr_options_store (options), out, &watch, &summary, &raised);
  pr_screen_finish (&screen);
  if (!print_results (&summary, raised == NULL ? &raised : &unshown))
    g_clear_error (&unshown);
  if (raised == NULL)
    return TRUE;
  g_propagate_error (error, raised);
  return FALSE;
}

static gboolean
run (int argc, char **argv, GError **error)
{
  g_auto (PrOptions) options = { 0 };
  gboolean quiet = FALSE;
  const GOptionEntry extra[] = {
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "No progress, only results", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (GStrv) args = pr_options_parse (&pr_command_run, argc, argv,
                                          PR_OPTIONS_MANIFEST | PR_OPTIONS_STORE | PR_OPTIONS_OUT | PR_OPTIONS_THREADS,
                                          &options, extra, 1, 1, error);
  g_autoptr (PrRegistry) registry = args != NULL ? pr_options_load_registry (&options, error) : NULL;
  g_autoptr (PrExperiment) experiment =
      registry != NULL ? pr_options_load_experiment (&options, args[0], registry, error) : NULL;

  if (experiment == NULL)
    return FALSE;
  pr_options_set_threads (&options);
  return run_experiment (&options, experiment, quiet, error);
}

const PrCommand pr_command_run = {
  .name = "run",
  .arguments = "FILE",
  .summary = "Run an experiment and compare its arms",
  .description =
      "What is done is not done again: stages are kept in the store under what they depend on, and a run is done when "
      "its\n"
      "sealed result exists.  Interrupted or killed, the same command continues.  Ctrl-C stops at the next step,\n"
      "a second one at once.",
  .run = run,
};
