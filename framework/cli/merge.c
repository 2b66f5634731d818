/* merge - the results of a sweep's runs in one file. */
#include "config.h"

#include "cli/command.h"
#include "cli/screen.h"
#include "engines/sweep-run.h"

#include <stdio.h>

static gboolean
merge (int argc, char **argv, GError **error)
{
  g_auto (PrOptions) options = { 0 };
  g_auto (GStrv) args = pr_options_parse (&pr_command_merge, argc, argv, PR_OPTIONS_OUT, &options, NULL, 1, 1, error);
  g_autofree char *out = args != NULL ? pr_sweep_folder (args[0], options.out, error) : NULL, *results = NULL;
  g_autoptr (PrSweepPlan) plan = out != NULL ? pr_sweep_plan_require (out, error) : NULL;
  PrScreen screen;
  const PrWatch watch = { .event = pr_screen_event, .ctx = &screen };
  guint n;

  if (plan == NULL)
    return FALSE;
  pr_screen_init (&screen, FALSE);
  if (!pr_sweep_merge (plan, out, &watch, &n, error))
    return FALSE;
  if (n == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "none of the %u runs in '%s' is done yet", plan->runs->len, out);
      return FALSE;
    }
  results = pr_sweep_results_path (out);
  printf ("%u of %u runs merged\nresults: %s\n", n, plan->runs->len, results);
  return TRUE;
}

const PrCommand pr_command_merge = {
  .name = "merge",
  .arguments = "FILE|FOLDER",
  .summary = "Merge the results of a sweep's runs into results.h5",
  .description = "`pauserec run` does it at its end; for a sweep that goes on elsewhere, or was interrupted.",
  .run = merge,
};
