/* pauserec - the program: picks a command and reports its error once. */
#include "config.h"

#include "cli/command.h"
#include "text/nearest.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

/* Every command, in the order in which an experiment needs them. */
static const PrCommand *const commands[] = {
  &pr_command_inspect,
  &pr_command_check,
  &pr_command_plan,
  &pr_command_run,
  &pr_command_status,
  &pr_command_retry,
  &pr_command_merge,
  &pr_command_compare,
  &pr_command_report,
  &pr_command_gc,
  &pr_command_verify,
  &pr_command_export,
  &pr_command_bench,
  &pr_command_task,
};

static void
print_help (void)
{
  printf ("Usage: pauserec COMMAND [OPTION...] [ARGUMENT...]\n\n"
          "Experiments on generative recommendation with language models, as manifests of plugin stages.\n\n"
          "Commands:\n");
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (commands[i]->summary != NULL)
      printf ("  %-10s %s\n", commands[i]->name, commands[i]->summary);
  printf ("\nOptions:\n"
          "  --help     this text; 'pauserec COMMAND --help' for one command\n"
          "  --version  the version of program and plugin interface\n\n"
          "Exit status: 0 done, 2 manifest or command line, 3 plugin, 4 data, 5 numeric, 6 machine, 130 cancelled, 1 "
          "other.\n");
}

static const PrCommand *
find_command (const char *name, GError **error)
{
  const char *names[G_N_ELEMENTS (commands)];
  g_autofree char *hint = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      if (strcmp (commands[i]->name, name) == 0)
        return commands[i];
      names[i] = commands[i]->name;
    }
  hint = pr_nearest_hint (name, names, G_N_ELEMENTS (commands));
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "no command '%s'%s (see 'pauserec --help')", name, hint);
  return NULL;
}

static gboolean
dispatch (int argc, char **argv, GError **error)
{
  const PrCommand *command;

  if (argc < 2)
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, "no command given (see 'pauserec --help')");
      return FALSE;
    }
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 || strcmp (argv[1], "help") == 0)
    {
      print_help ();
      return TRUE;
    }
  if (strcmp (argv[1], "--version") == 0)
    {
      printf ("pauserec " PACKAGE_VERSION " (plugin ABI %u)\n", PR_PLUGIN_ABI);
      return TRUE;
    }
  command = find_command (argv[1], error);
  return command != NULL && command->run (argc - 1, argv + 1, error);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  gboolean ok;

  setlocale (LC_CTYPE, ""); /* only this one: numbers keep their decimal point */
  ok = dispatch (argc, argv, &error);
  if (ok && (fflush (stdout) != 0 || ferror (stdout)))
    {
      g_set_error (&error, PR_ERROR, PR_ERROR_IO, "cannot write standard output: %s", g_strerror (errno));
      ok = FALSE;
    }
  if (ok)
    return 0;
  fflush (stdout);
  fprintf (stderr, "pauserec: error: %s\n", error != NULL ? error->message : "the command failed and did not say why");
  return error != NULL ? pr_error_exit_code (error) : 1;
}
