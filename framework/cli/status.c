/* status - how a sweep stands, from its files alone. */
#include "config.h"

#include "cli/command.h"
#include "cli/follow.h"
#include "cli/status-text.h"

#include <stdio.h>
#include <string.h>

/* More runs than this are shown with their finished arms in a line each. */
#define MANY_RUNS 40

typedef struct
{
  PrOptions options;
  const char *path; /* what the user named, NULL: nothing */
  char *out;        /* the folder that this means */
  gboolean follow, verify, all;
  char *format;
} Call;

/* Which sweep -------------------------------------------------------------------------------------------------------*/

/* The only sweep below pauserec-results; NULL with a MANIFEST error. */
static char *
only_sweep (GError **error)
{
  g_autoptr (GDir) dir = g_dir_open ("pauserec-results", 0, NULL);
  g_autoptr (GString) found = g_string_new ("");
  g_autofree char *only = NULL;
  const char *name;
  guint n = 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *folder = g_build_filename ("pauserec-results", name, NULL),
                      *plan = g_build_filename (folder, "plan.json", NULL);

      if (!g_file_test (plan, G_FILE_TEST_EXISTS))
        continue;
      g_string_append_printf (found, "%s%s", n > 0 ? ", " : "", folder);
      if (n++ == 0)
        only = g_steal_pointer (&folder);
    }
  if (n == 1)
    return g_steal_pointer (&only);
  if (n == 0)
    g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST,
                         "no sweep here; name a manifest or the folder of a sweep, or make one with `pauserec plan`");
  else
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "which sweep? name one of %s", found->str);
  return NULL;
}

static char *
find_folder (const Call *call, GError **error)
{
  if (call->path != NULL)
    return pr_sweep_folder (call->path, call->options.out, error);
  if (call->options.out != NULL)
    return g_strdup (call->options.out);
  return g_file_test ("plan.json", G_FILE_TEST_EXISTS) ? g_strdup (".") : only_sweep (error);
}

/* What to do next ---------------------------------------------------------------------------------------------------*/

static void
append_word (GString *line, const char *option, const char *word)
{
  gboolean plain =
      word[0] != '\0' && strspn (word, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "/._=-+:,@%") == strlen (word);
  g_autofree char *quoted = plain ? g_strdup (word) : g_shell_quote (word);

  g_string_append_printf (line, " %s%s%s", option, option[0] != '\0' ? " " : "", quoted);
}

/* The command that goes on with the sweep from here. */
static char *
sweep_command (const Call *call, const PrSweepPlan *plan, const char *command)
{
  g_autoptr (GString) line = g_string_new (command);
  g_autofree char *usual = g_build_filename ("pauserec-results", plan->experiment, NULL),
                  *usual_full = g_canonicalize_filename (usual, NULL),
                  *full = g_canonicalize_filename (call->out, NULL),
                  *store = g_canonicalize_filename (pr_options_store (&call->options), NULL);
  gboolean is_manifest = call->path != NULL && !g_file_test (call->path, G_FILE_TEST_IS_DIR);

  append_word (line, "", is_manifest ? call->path : plan->manifest);
  if (strcmp (usual_full, full) != 0)
    append_word (line, "--out", call->out);
  if (strcmp (store, plan->store) != 0)
    append_word (line, "--store", plan->store);
  for (char **set = plan->set; set != NULL && *set != NULL; set++)
    append_word (line, "--set", *set);
  for (char **dir = plan->plugin_path; dir != NULL && *dir != NULL; dir++)
    append_word (line, "--plugin-path", *dir);
  return g_string_free (g_steal_pointer (&line), FALSE);
}

static void
print_next (const Call *call, const PrSweepPlan *plan, const PrSweepStatus *status)
{
  g_autofree char *retry = sweep_command (call, plan, "pauserec retry --failed"),
                  *run = sweep_command (call, plan, "pauserec run"), *results = pr_sweep_results_path (call->out);

  if (status->counts[PR_RUN_FAILED] + status->counts[PR_RUN_DIVERGED] > 0)
    printf ("what failed, once more: %s\n", retry);
  if (status->counts[PR_RUN_MISSING] > 0 && status->counts[PR_RUN_RUNNING] == 0)
    printf ("what is missing: %s\n", run);
  if (status->counts[PR_RUN_DONE] == 0)
    return;
  if (g_file_test (results, G_FILE_TEST_EXISTS))
    printf ("results: %s\n", results);
  else
    {
      g_autoptr (GString) merge = g_string_new ("");

      append_word (merge, "", call->out);
      printf ("what is done, as one file: pauserec merge%s\n", merge->str);
    }
}

/* ------------------------------------------------------------------------------------------------------------------ */

static void
print_text (const Call *call, const PrSweepPlan *plan, const PrSweepStatus *status)
{
  g_auto (PrStatusText) text = { 0 };
  g_autofree char *summary = NULL;
  gboolean fold = !call->all && status->n_runs > MANY_RUNS;

  pr_status_text_init (&text, plan, status);
  summary = pr_status_text_summary (&text);
  printf ("%s\n", summary);
  for (guint i = 0, n; i < status->n_runs; i += n)
    {
      g_autofree char *arm = pr_status_text_arm (&text, i, 0, &n);

      if (arm != NULL && fold)
        printf ("%s\n", arm);
      for (guint j = i; (arm == NULL || !fold) && j < i + n; j++)
        {
          g_autofree char *line = pr_status_text_run (&text, j, 0);

          printf ("%s\n", line);
        }
    }
  print_next (call, plan, status);
}

static gboolean
show (Call *call, gboolean csv, GError **error)
{
  g_autoptr (PrSweepPlan) plan = pr_sweep_plan_require (call->out, error);
  g_autoptr (PrSweepStatus) status = NULL;

  if (plan == NULL || (call->follow && !pr_follow (&plan, call->out, error)))
    return FALSE;
  status = pr_sweep_status_new (plan, call->out, call->verify, error);
  if (status == NULL)
    return FALSE;
  if (csv)
    {
      g_autofree char *text = pr_status_csv (plan, status, call->out);

      fputs (text, stdout);
    }
  else
    print_text (call, plan, status);
  return TRUE;
}

static gboolean
is_csv (const Call *call, gboolean *ret_csv, GError **error)
{
  *ret_csv = g_strcmp0 (call->format, "csv") == 0;
  if (call->format != NULL && !*ret_csv && strcmp (call->format, "text") != 0)
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "--format %s: there are text and csv", call->format);
  else if (*ret_csv && call->follow)
    g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, "--follow shows text; leave --format csv out");
  else
    return TRUE;
  return FALSE;
}

static gboolean
status (int argc, char **argv, GError **error)
{
  Call call = { 0 };
  gboolean csv, ok;
  const GOptionEntry extra[] = {
    { "follow", 'f', 0, G_OPTION_ARG_NONE, &call.follow, "Look on until every run has ended; Ctrl-C stops looking",
      NULL },
    { "verify", 0, 0, G_OPTION_ARG_NONE, &call.verify, "Read all results whole, not only their seals", NULL },
    { "all", 'a', 0, G_OPTION_ARG_NONE, &call.all, "Show every run, also of arms that are done", NULL },
    { "format", 0, 0, G_OPTION_ARG_STRING, &call.format, "text or csv (default: text)", "FORMAT" },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (GStrv) args =
      pr_options_parse (&pr_command_status, argc, argv, PR_OPTIONS_OUT, &call.options, extra, 0, 1, error);

  call.path = args != NULL ? args[0] : NULL;
  ok = args != NULL && is_csv (&call, &csv, error);
  call.out = ok ? find_folder (&call, error) : NULL;
  ok = call.out != NULL && show (&call, csv, error);
  pr_options_clear (&call.options);
  g_free (call.format);
  g_free (call.out);
  return ok;
}

const PrCommand pr_command_status = {
  .name = "status",
  .arguments = "[FILE|FOLDER]",
  .summary = "How a sweep stands: what is done, goes on, failed and why, is missing",
  .description = "FILE is a manifest, FOLDER that of a sweep; without either, the only sweep here.  All is told from\n"
                 "files, so it works while runs go on, here or on other machines, and after they were killed.",
  .run = status,
};
