/* export - results as CSV. */
#include "config.h"

#include "cli/command.h"
#include "results/export.h"

#include <stdio.h>

static gboolean export(int argc, char **argv, GError **error)
{
  g_auto (PrOptions) options = { 0 };
  g_autofree char *out = NULL, *path = NULL;
  gboolean rankings = FALSE;
  const GOptionEntry extra[] = {
    { "out", 0, 0, G_OPTION_ARG_FILENAME, &out, "Where the files go; made if it is not there", "DIR" },
    { "rankings", 0, 0, G_OPTION_ARG_NONE, &rankings, "Write ranking.csv too: a row an item that was recommended",
      NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (GStrv) files = NULL;
  g_auto (GStrv) args = pr_options_parse (&pr_command_export, argc, argv, 0, &options, extra, 1, 1, error);

  if (args == NULL)
    return FALSE;
  if (out == NULL)
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST,
                           "--out DIR is missing: where should the files go? (see 'pauserec export --help')");
      return FALSE;
    }
  path = pr_options_results (args[0]);
  if (!pr_results_export (path, out, rankings, &files, error))
    return FALSE;
  for (char **file = files; *file != NULL; file++)
    {
      g_autofree char *written = g_build_filename (out, *file, NULL);

      printf ("%s\n", written);
    }
  return TRUE;
}

const PrCommand pr_command_export = {
  .name = "export",
  .arguments = "RESULTS",
  .summary = "Results as CSV: runs, metrics, cost, users, curves, tables",
  .description =
      "RESULTS is a results.h5, the folder that holds one, or the file of one run.\n"
      "Numbers are the shortest decimals that give back the same double; NaN is an empty field.  To read them:\n"
      "pandas.read_csv (FILE, float_precision=\"round_trip\")",
  .run = export,
};
