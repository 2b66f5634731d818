/* check - is a manifest sound?  Prints the runs that it makes. */
#include "config.h"

#include "cli/command.h"
#include "runtime/plan.h"

#include <stdio.h>
#include <string.h>

static void
print_run (const PrRunSpec *run)
{
  printf ("%s, seed %" G_GUINT64_FORMAT ": ", run->arm, run->seed);
  for (guint i = 0; i < run->nodes->len; i++)
    printf ("%s%s", i > 0 ? "; " : "", ((const PrNode *)run->nodes->pdata[i])->name);
  printf ("\n");
}

/* What `reads` what, for a look at the wiring. */
static void
print_wiring (const PrRunSpec *run)
{
  for (guint i = 0; i < run->nodes->len; i++)
    {
      const PrNode *node = run->nodes->pdata[i];

      for (gsize j = 0; j < node->n_edges; j++)
        if (node->edges[j].from != NULL)
          printf ("    %s.%s <- %s.%s\n", node->name, node->edges[j].slot->name, node->edges[j].from->name,
                  node->edges[j].from_slot->name);
        else
          printf ("    %s.%s <- nothing\n", node->name, node->edges[j].slot->name);
    }
}

static gboolean
check (int argc, char **argv, GError **error)
{
  g_auto (PrOptions) options = { 0 };
  gboolean wiring = FALSE;
  const char *arm = NULL;
  guint n_runs = 0, n_arms = 0;
  const GOptionEntry extra[] = {
    { "wiring", 'w', 0, G_OPTION_ARG_NONE, &wiring, "Print what every input is connected to", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (GStrv) args =
      pr_options_parse (&pr_command_check, argc, argv, PR_OPTIONS_MANIFEST, &options, extra, 1, 1, error);
  g_autoptr (PrRegistry) registry = args != NULL ? pr_options_load_registry (&options, error) : NULL;
  g_autoptr (PrExperiment) experiment = NULL;

  if (registry == NULL)
    return FALSE;
  experiment = pr_options_load_experiment (&options, args[0], registry, error);
  if (experiment == NULL)
    return FALSE;
  /* The stages have a say too, as far as they can without data. */
  for (guint i = 0; i < experiment->runs->len; i++)
    {
      g_autoptr (PrRunPlan) plan = pr_run_plan_new (experiment->runs->pdata[i], NULL, NULL, error);

      if (plan == NULL)
        {
          g_prefix_error (error, "%s: ", args[0]);
          return FALSE;
        }
    }
  for (guint i = 0; i < experiment->runs->len; i++)
    {
      const PrRunSpec *run = experiment->runs->pdata[i];

      if (!run->wanted)
        continue;
      n_runs++;
      n_arms += arm == NULL || strcmp (arm, run->arm) != 0;
      arm = run->arm;
      print_run (run);
      if (wiring)
        print_wiring (run);
    }
  printf ("%s: %u run%s of %u arm%s, sound\n", args[0], n_runs, n_runs == 1 ? "" : "s", n_arms, n_arms == 1 ? "" : "s");
  return TRUE;
}

const PrCommand pr_command_check = {
  .name = "check",
  .arguments = "FILE",
  .summary = "Is the manifest sound?  Print the runs that it makes",
  .run = check,
};
