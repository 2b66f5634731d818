/* verify - are these results files whole and what the schema says? */
#include "config.h"

#include "cli/command.h"
#include "results/schema.h"

#include <stdio.h>

static void
print_sound (const char *path, const PrSchemaSummary *s)
{
  printf ("%s: sound (%s, %" G_GINT64_FORMAT " run%s, %" G_GINT64_FORMAT " users, %u metric%s a user)\n", path,
          s->experiment ? "experiment" : "run", s->n_runs, s->n_runs == 1 ? "" : "s", s->n_users, s->n_metrics,
          s->n_metrics == 1 ? "" : "s");
}

/* All of them are looked at; the error has every message once and the code of the first. */
static gboolean
verify_all (char **args, GError **error)
{
  g_autoptr (GString) faults = g_string_new ("");
  g_autoptr (GError) first = NULL;

  for (char **arg = args; *arg != NULL; arg++)
    {
      g_autofree char *path = pr_options_results (*arg);
      g_autoptr (GError) fault = NULL;
      PrSchemaSummary summary;

      if (pr_schema_verify (path, &summary, &fault))
        {
          print_sound (path, &summary);
          continue;
        }
      g_string_append_printf (faults, "%s%s", first != NULL ? "\n" : "", fault->message);
      if (first == NULL)
        first = g_steal_pointer (&fault);
    }
  if (first != NULL)
    g_set_error_literal (error, first->domain, first->code, faults->str);
  return first == NULL;
}

static gboolean
verify (int argc, char **argv, GError **error)
{
  g_auto (PrOptions) options = { 0 };
  gboolean schema = FALSE;
  const GOptionEntry extra[] = {
    { "schema", 0, 0, G_OPTION_ARG_NONE, &schema, "Print what a results file consists of, and check nothing", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (GStrv) args = pr_options_parse (&pr_command_verify, argc, argv, 0, &options, extra, 0, G_MAXINT, error);

  if (args == NULL)
    return FALSE;
  if (schema == (args[0] != NULL))
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST,
                           schema ? "--schema checks no file; leave the files out"
                                  : "too few arguments: pauserec verify FILE... (see 'pauserec verify --help')");
      return FALSE;
    }
  if (schema)
    {
      g_autofree char *text = pr_schema_document ();

      fputs (text, stdout);
      return TRUE;
    }
  return verify_all (args, error);
}

const PrCommand pr_command_verify = {
  .name = "verify",
  .arguments = "[FILE...]",
  .summary = "Are results files whole, and all that their schema says?",
  .description = "FILE is a results.h5, the folder that holds one, or the file of one run.",
  .run = verify,
};
