/* inspect - what stages there are, and all that one of them says of itself. */
#include "config.h"

#include "cli/command.h"
#include "text/nearest.h"
#include "runtime/params.h"

#include <stdio.h>
#include <string.h>

static void
list_stages (const PrRegistry *registry)
{
  gsize width = 0;

  for (gsize i = 0; i < pr_registry_n (registry); i++)
    width = MAX (width, strlen (pr_registry_at (registry, i)->stage->id));
  for (gsize i = 0; i < pr_registry_n (registry); i++)
    {
      const PrStage *stage = pr_registry_at (registry, i)->stage;

      printf ("%-*s  %s\n", (int)width, stage->id, stage->summary);
    }
}

static void
print_slots (const PrStage *stage, PrSlotDirection direction, const char *title)
{
  gboolean any = FALSE;

  for (gsize i = 0; i < stage->n_slots; i++)
    {
      const PrSlotSpec *slot = &stage->slots[i];

      if (slot->direction != direction)
        continue;
      if (!any)
        printf ("\n%s:\n", title);
      any = TRUE;
      printf ("  %s  %s%s\n      %s\n", slot->name, slot->type, slot->optional ? "  (optional)" : "", slot->help);
    }
}

static void
print_stage (const PrStageEntry *entry)
{
  const PrStage *stage = entry->stage;

  printf ("%s - %s\n\n", stage->id, stage->summary);
  printf ("  version   %s%s\n", stage->version, stage->stochastic ? ", depends on the seed" : "");
  if (stage->source != NULL)
    printf ("  source    %s\n", stage->source);
  printf ("  plugin    %s\n", entry->path);
  print_slots (stage, PR_SLOT_IN, "Reads");
  print_slots (stage, PR_SLOT_OUT, "Writes");
  if (stage->n_params > 0)
    printf ("\nParameters:\n");
  for (gsize i = 0; i < stage->n_params; i++)
    {
      const PrParamSpec *spec = &stage->params[i];
      g_autofree char *value = pr_param_default_text (spec), *range = pr_param_range_text (spec);

      if (spec->required)
        printf ("  %s  (required)\n      %s\n      %s\n", spec->name, range, spec->help);
      else
        printf ("  %s = %s\n      %s\n      %s\n", spec->name, value, range, spec->help);
    }
}

static void
print_template (const PrStage *stage)
{
  printf ("# %s\n[stage %s]\n", stage->summary, stage->id);
  for (gsize i = 0; i < stage->n_slots; i++)
    if (stage->slots[i].direction == PR_SLOT_IN)
      printf ("# in.%s = STAGE.SLOT  (%s%s): %s\n", stage->slots[i].name, stage->slots[i].type,
              stage->slots[i].optional ? ", optional" : "", stage->slots[i].help);
  for (gsize i = 0; i < stage->n_params; i++)
    {
      const PrParamSpec *spec = &stage->params[i];
      g_autofree char *value = pr_param_default_text (spec), *range = pr_param_range_text (spec);

      printf ("\n# %s (%s)\n%s%s = %s\n", spec->help, range, spec->required ? "" : "# ", spec->name, value);
    }
}

static const PrStageEntry *
find_stage (const PrRegistry *registry, const char *id, GError **error)
{
  const PrStageEntry *entry = pr_registry_find (registry, id);
  g_autofree const char **names = g_new (const char *, pr_registry_n (registry) + 1);
  g_autofree char *hint = NULL;

  if (entry != NULL)
    return entry;
  for (gsize i = 0; i < pr_registry_n (registry); i++)
    names[i] = pr_registry_at (registry, i)->stage->id;
  hint = pr_nearest_hint (id, names, pr_registry_n (registry));
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "no stage '%s'%s (see 'pauserec inspect')", id, hint);
  return NULL;
}

static gboolean
inspect (int argc, char **argv, GError **error)
{
  g_auto (PrOptions) options = { 0 };
  gboolean template = FALSE;
  const GOptionEntry extra[] = {
    { "template", 't', 0, G_OPTION_ARG_NONE, &template,
      "Print the stage as a manifest would say it, defaults commented out", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (GStrv) args =
      pr_options_parse (&pr_command_inspect, argc, argv, PR_OPTIONS_PLUGINS, &options, extra, 0, 1, error);
  g_autoptr (PrRegistry) registry = NULL;
  const PrStageEntry *entry;

  if (args == NULL)
    return FALSE;
  if (template && args[0] == NULL)
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST,
                           "--template needs the name of a stage (see 'pauserec inspect')");
      return FALSE;
    }
  registry = pr_options_load_registry (&options, error);
  if (registry == NULL)
    return FALSE;
  if (args[0] == NULL)
    {
      list_stages (registry);
      return TRUE;
    }
  entry = find_stage (registry, args[0], error);
  if (entry == NULL)
    return FALSE;
  if (template)
    print_template (entry->stage);
  else
    print_stage (entry);
  return TRUE;
}

const PrCommand pr_command_inspect = {
  .name = "inspect",
  .arguments = "[STAGE]",
  .summary = "List the stages, or describe one: slots, parameters, source of its defaults",
  .run = inspect,
};
