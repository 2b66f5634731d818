/* run, retry - do what a manifest says, as far as it is not done, and print the comparison of its arms. */
#include "config.h"

#include "cli/command.h"
#include "cli/screen.h"
#include "cli/signals.h"
#include "engines/sweep-run.h"
#include "results/results.h"

#include <stdio.h>
#include <string.h>

/* Of the memory that the system has to give; the rest is for what stages do not tell. */
#define MEMORY_SHARE 0.8

typedef struct
{
  PrOptions options;
  gboolean quiet, wait, failed; /* failed: --failed, of retry */
  char *engine, *memory;
  char **sbatch;
  int jobs;
} RunOptions;

static void
run_options_clear (RunOptions *run)
{
  pr_options_clear (&run->options);
  g_free (run->engine);
  g_free (run->memory);
  g_strfreev (run->sbatch);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (RunOptions, run_options_clear)

static void
print_summary (const PrEngineReport *report)
{
  printf ("%u stage%s computed, %u cached; %u run%s done now, %u before", report->n_computed,
          report->n_computed == 1 ? "" : "s", report->n_cached, report->n_written, report->n_written == 1 ? "" : "s",
          report->n_done);
  if (report->n_failed > 0)
    printf (", %u failed", report->n_failed);
  if (report->n_submitted > 0)
    printf (", %u submitted", report->n_submitted);
  printf ("\n");
}

/* The table of what is done is printed even if some runs failed. */
static gboolean
print_results (const PrSweepSummary *summary, GError **error)
{
  g_autofree char *table = NULL;

  if (summary->report.n_submitted > 0)
    print_summary (&summary->report);
  if (summary->results == NULL)
    return TRUE;
  table = pr_results_compare (summary->results, NULL, NULL, error);
  if (table == NULL)
    return FALSE;
  printf ("%s\n", table);
  print_summary (&summary->report);
  printf ("results: %s\n", summary->results);
  return TRUE;
}

/* "8G", "500M", a plain number of bytes. */
static gboolean
parse_memory (const char *text, guint64 *ret_bytes, GError **error)
{
  static const char units[] = "KMGT";
  char *end;
  double value = g_ascii_strtod (text, &end), scale = 1;
  const char *unit = end[0] != '\0' ? strchr (units, g_ascii_toupper (end[0])) : NULL;

  for (const char *u = units; unit != NULL && u <= unit; u++)
    scale *= 1024;
  if (end == text || (end[0] != '\0' && (unit == NULL || end[1] != '\0')) || !(value > 0) || value * scale > 1e18)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "--memory %s: want a size such as 8G or 500M", text);
      return FALSE;
    }
  *ret_bytes = (guint64)(value * scale);
  return TRUE;
}

/* What the system has to give now; 0 if it does not say. */
static guint64
free_memory (void)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return 0;
  line = strstr (text, "\nMemAvailable:");
  return line != NULL ? g_ascii_strtoull (line + strlen ("\nMemAvailable:"), NULL, 10) * 1024 : 0;
}

static gboolean
fill_call (const RunOptions *run, PrSweepCall *call, GError **error)
{
  if (run->jobs < 0 || run->jobs > 4096)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "--jobs %d: outside 1 to 4096", run->jobs);
      return FALSE;
    }
  call->engine = pr_engine_find (run->engine != NULL ? run->engine : pr_engine_local.name, error);
  if (call->engine == NULL)
    return FALSE;
  call->jobs = MAX ((guint)run->jobs, 1);
  call->threads =
      run->options.threads > 0 ? (guint)run->options.threads : MAX (g_get_num_processors () / call->jobs, 1);
  call->memory = (guint64)((double)free_memory () * MEMORY_SHARE);
  call->wait = run->wait;
  call->options = (const char *const *)run->sbatch;
  return run->memory == NULL || parse_memory (run->memory, &call->memory, error);
}

static gboolean
run_experiment (const RunOptions *run, const PrExperiment *experiment, PrSweepMode mode, GError **error)
{
  g_auto (PrSweepSummary) summary = { 0 };
  g_autofree char *out = pr_options_out (&run->options, experiment),
                  *program = g_file_read_link ("/proc/self/exe", NULL);
  PrScreen screen;
  PrWatch watch = { .cancel = pr_signals_install (), .event = pr_screen_event, .ctx = &screen };
  PrSweepCall call = { .experiment = experiment,
                       .set = (const char *const *)run->options.set,
                       .plugin_path = (const char *const *)run->options.plugin_path,
                       .store_dir = pr_options_store (&run->options),
                       .out_dir = out,
                       .mode = mode,
                       .program = program,
                       .watch = &watch };
  GError *raised = NULL, *unshown = NULL;

  if (!fill_call (run, &call, error))
    return FALSE;
  pr_screen_init (&screen, run->quiet);
  pr_sweep_run (&call, &summary, &raised);
  pr_screen_finish (&screen);
  pr_options_set_threads (&run->options);
  if (!print_results (&summary, raised == NULL ? &raised : &unshown))
    g_clear_error (&unshown);
  if (raised == NULL)
    return TRUE;
  g_propagate_error (error, raised);
  return FALSE;
}

static gboolean
start (const PrCommand *command, PrSweepMode mode, int argc, char **argv, GError **error)
{
  g_auto (RunOptions) run = { 0 };
  const GOptionEntry extra[] = {
    { "quiet", 'q', 0, G_OPTION_ARG_NONE, &run.quiet, "No progress, only results", NULL },
    { "jobs", 0, 0, G_OPTION_ARG_INT, &run.jobs, "Runs at once (default 1); --threads is then for each", "N" },
    { "memory", 0, 0, G_OPTION_ARG_STRING, &run.memory,
      "What runs at once may plan to use together (default: 80 % of what is free)", "SIZE" },
    { "engine", 0, 0, G_OPTION_ARG_STRING, &run.engine, "Who does the runs (default: local)", "NAME" },
    { "sbatch", 0, 0, G_OPTION_ARG_STRING_ARRAY, &run.sbatch, "Hand this to sbatch, with --engine slurm; repeatable",
      "OPTION" },
    { "wait", 0, 0, G_OPTION_ARG_NONE, &run.wait, "With --engine slurm: come back when its jobs have ended", NULL },
    { "failed", 0, mode == PR_SWEEP_RUN ? G_OPTION_FLAG_HIDDEN : 0, G_OPTION_ARG_NONE, &run.failed,
      "Only what failed or was interrupted, not what was never begun", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (GStrv) args = pr_options_parse (command, argc, argv,
                                          PR_OPTIONS_MANIFEST | PR_OPTIONS_STORE | PR_OPTIONS_OUT | PR_OPTIONS_THREADS,
                                          &run.options, extra, 1, 1, error);
  g_autoptr (PrRegistry) registry = args != NULL ? pr_options_load_registry (&run.options, error) : NULL;
  g_autoptr (PrExperiment) experiment =
      registry != NULL ? pr_options_load_experiment (&run.options, args[0], registry, error) : NULL;

  if (experiment == NULL)
    return FALSE;
  if (run.failed && mode == PR_SWEEP_RUN)
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, "--failed belongs to `pauserec retry`");
      return FALSE;
    }
  return run_experiment (&run, experiment, run.failed ? PR_SWEEP_RETRY_FAILED : mode, error);
}

static gboolean
run (int argc, char **argv, GError **error)
{
  return start (&pr_command_run, PR_SWEEP_RUN, argc, argv, error);
}

static gboolean
retry (int argc, char **argv, GError **error)
{
  return start (&pr_command_retry, PR_SWEEP_RETRY, argc, argv, error);
}

const PrCommand pr_command_run = {
  .name = "run",
  .arguments = "FILE",
  .summary = "Run an experiment and compare its arms",
  .description =
      "What is done is not done again: stages are kept in the store under what they depend on, and a run is done when "
      "its\n"
      "sealed result exists.  Interrupted or killed, the same command continues.  Ctrl-C stops at the next step,\n"
      "a second one at once.  A run that failed is passed over (`pauserec retry` does it again), unless the machine "
      "was "
      "to\nblame: a full disk, a kill.",
  .run = run,
};

const PrCommand pr_command_retry = {
  .name = "retry",
  .arguments = "FILE",
  .summary = "Run an experiment, what failed too",
  .description = "As `pauserec run`, but what failed is forgotten first.",
  .run = retry,
};
