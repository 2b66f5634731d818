/* compare - the table of an experiment's results: arms against arms. */
#include "config.h"

#include "cli/command.h"
#include "results/comparison.h"

#include <stdio.h>
#include <string.h>

static gboolean
print_as (const PrComparison *comparison, gboolean costs, const char *format, GError **error)
{
  static const struct
  {
    const char *name;
    char *(*render) (const PrComparison *), *(*render_costs) (const PrComparison *);
  } formats[] = {
    { "text", pr_comparison_text, pr_comparison_costs_text },
    { "csv", pr_comparison_csv, pr_comparison_costs_csv },
    { "markdown", pr_comparison_markdown, pr_comparison_costs_markdown },
    { "latex", pr_comparison_latex, pr_comparison_costs_latex },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (formats); i++)
    if (strcmp (formats[i].name, format) == 0)
      {
        g_autofree char *text = costs ? formats[i].render_costs (comparison) : formats[i].render (comparison);

        fputs (text, stdout);
        return TRUE;
      }
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "--format %s: there are text, markdown, latex and csv", format);
  return FALSE;
}

static gboolean
compare (int argc, char **argv, GError **error)
{
  static const char *const none[] = { NULL };
  g_auto (PrOptions) options = { 0 };
  g_autofree char *baseline = NULL, *format = NULL, *path = NULL;
  g_auto (GStrv) metrics = NULL, args = NULL;
  g_autoptr (PrComparison) comparison = NULL;
  gboolean costs = FALSE;
  const GOptionEntry extra[] = {
    { "baseline", 'b', 0, G_OPTION_ARG_STRING, &baseline,
      "Arm that the others are compared with (default: the manifest's)", "ARM" },
    { "metric", 'm', 0, G_OPTION_ARG_STRING_ARRAY, &metrics,
      "Metric to show, repeatable (default: hit and ndcg at 5 and 10)", "NAME" },
    { "costs", 'c', 0, G_OPTION_ARG_NONE, &costs, "Show what every stage of every arm costs, and no metrics", NULL },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "text, markdown, latex or csv (default: text)", "FORMAT" },
    G_OPTION_ENTRY_NULL,
  };

  args = pr_options_parse (&pr_command_compare, argc, argv, PR_OPTIONS_THREADS, &options, extra, 1, 1, error);
  if (args == NULL)
    return FALSE;
  if (costs && metrics != NULL)
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, "--costs shows no metrics; leave --metric out");
      return FALSE;
    }
  pr_options_set_threads (&options);
  path = pr_options_results (args[0]);
  comparison = pr_comparison_new (path, baseline, costs ? none : (const char *const *)metrics, error);
  return comparison != NULL && print_as (comparison, costs, format ? format : "text", error);
}

const PrCommand pr_command_compare = {
  .name = "compare",
  .arguments = "FILE",
  .summary = "Arms against arms: metrics with intervals, tests of differences to the baseline, cost",
  .description =
      "FILE is a results.h5, or the folder that holds one.  csv: one row an arm and metric, with all numbers.",
  .run = compare,
};
