/* options.c - the options that commands share. */
#include "config.h"

#include "cli/command.h"

#include <pauserec/threads.h>

void
pr_options_clear (PrOptions *options)
{
  g_strfreev (options->plugin_path);
  g_strfreev (options->set);
  g_strfreev (options->only);
  g_free (options->store);
  g_free (options->out);
  *options = (PrOptions){ 0 };
}

static void
add_shared (GOptionContext *context, PrOptionsFlags flags, PrOptions *options)
{
  const struct
  {
    PrOptionsFlags flags;
    GOptionEntry entry;
  } all[] = {
    { PR_OPTIONS_MANIFEST,
      { "set", 's', 0, G_OPTION_ARG_FILENAME_ARRAY, &options->set, "Change a parameter; may be repeated",
        "STAGE.KEY=VALUE" } },
    { PR_OPTIONS_MANIFEST,
      { "only", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->only, "Only these runs; may be repeated",
        "arm=NAME|seed=N" } },
    { PR_OPTIONS_THREADS,
      { "threads", 'j', 0, G_OPTION_ARG_INT, &options->threads, "Threads (default: one a core)", "N" } },
    { PR_OPTIONS_STORE,
      { "store", 0, 0, G_OPTION_ARG_FILENAME, &options->store,
        "Where stages keep their outputs (default: $PAUSEREC_STORE or pauserec-store)", "DIR" } },
    { PR_OPTIONS_OUT,
      { "out", 0, 0, G_OPTION_ARG_FILENAME, &options->out, "Where results go (default: pauserec-results/NAME)",
        "DIR" } },
    { PR_OPTIONS_PLUGINS | PR_OPTIONS_MANIFEST,
      { "plugin-path", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &options->plugin_path,
        "Load the plugins of DIR too; may be repeated", "DIR" } },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    if (flags & all[i].flags)
      {
        const GOptionEntry entries[] = { all[i].entry, G_OPTION_ENTRY_NULL };

        g_option_context_add_main_entries (context, entries, NULL);
      }
}

static gboolean
check_values (const PrOptions *options, GError **error)
{
  for (gsize i = 0; options->set != NULL && options->set[i] != NULL; i++)
    if (!g_utf8_validate (options->set[i], -1, NULL))
      {
        g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, "--set: the value is not UTF-8");
        return FALSE;
      }
  for (gsize i = 0; options->only != NULL && options->only[i] != NULL; i++)
    if (!g_utf8_validate (options->only[i], -1, NULL))
      {
        g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, "--only: the value is not UTF-8");
        return FALSE;
      }
  if (options->threads < 0 || options->threads > 4096)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "--threads %d: outside 1 to 4096", options->threads);
      return FALSE;
    }
  return TRUE;
}

char **
pr_options_parse (const PrCommand *command, int argc, char **argv, PrOptionsFlags flags, PrOptions *options,
                  const GOptionEntry *extra, int min, int max, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (command->arguments);
  /* Keeps the strings of ARGV, which belong to the caller, apart from what the parser frees. */
  g_auto (GStrv) args = g_new0 (char *, (gsize)argc + 1);
  g_autoptr (GError) raised = NULL;
  g_autofree char *program = g_strconcat ("pauserec ", command->name, NULL);
  g_autofree char *text = NULL;
  int n;

  for (int i = 0; i < argc; i++)
    args[i] = g_strdup (argv[i]);
  g_set_prgname (program);
  text = g_strconcat (command->summary != NULL ? command->summary : "One task of a sweep", ".", NULL);
  g_option_context_set_summary (context, text);
  g_option_context_set_description (context, command->description);
  if (extra != NULL)
    g_option_context_add_main_entries (context, extra, NULL);
  add_shared (context, flags, options);

  if (!g_option_context_parse_strv (context, &args, &raised) || !check_values (options, &raised))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "%s (see '%s --help')", raised->message, program);
      return NULL;
    }
  n = (int)g_strv_length (args) - 1;
  if (n > 0 && g_str_equal (args[1], "--"))
    {
      g_free (args[1]);
      for (int i = 1; i <= n; i++)
        args[i] = args[i + 1];
      n--;
    }
  if (n < min || n > max)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "too %s arguments: %s [OPTION...] %s (see '%s --help')",
                   n < min ? "few" : "many", program, command->arguments, program);
      return NULL;
    }
  return g_strdupv (args + 1);
}

guint
pr_options_threads (const PrOptions *options)
{
  return options->threads > 0 ? (guint)options->threads : g_get_num_processors ();
}

void
pr_options_set_threads (const PrOptions *options)
{
  pr_threads_set (pr_options_threads (options));
}

char *
pr_options_out (const PrOptions *options, const PrExperiment *experiment)
{
  return options->out != NULL ? g_strdup (options->out) : g_build_filename ("pauserec-results", experiment->name, NULL);
}

const char *
pr_options_store (const PrOptions *options)
{
  const char *store = options->store != NULL ? options->store : g_getenv ("PAUSEREC_STORE");

  return store != NULL && store[0] != '\0' ? store : "pauserec-store";
}

char *
pr_options_results (const char *path)
{
  return g_file_test (path, G_FILE_TEST_IS_DIR) ? g_build_filename (path, "results.h5", NULL) : g_strdup (path);
}

static gboolean
load_plugin_path (PrRegistry *registry, const char *dir, GError **error)
{
  g_autoptr (PrRegistry) alone = pr_registry_new ();

  if (!pr_registry_load_dir (alone, dir, error))
    return FALSE;
  if (pr_registry_n (alone) == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "--plugin-path: folder '%s' holds no plugin (NAME.so)", dir);
      return FALSE;
    }
  return pr_registry_load_dir (registry, dir, error);
}

PrRegistry *
pr_options_load_registry (const PrOptions *options, GError **error)
{
  g_autoptr (PrRegistry) registry = pr_registry_new ();
  g_autofree char *dir = pr_registry_default_dir ();

  /* A program that was copied somewhere alone still works with --plugin-path. */
  if ((g_file_test (dir, G_FILE_TEST_IS_DIR) || options->plugin_path == NULL)
      && !pr_registry_load_dir (registry, dir, error))
    return NULL;
  for (gsize i = 0; options->plugin_path != NULL && options->plugin_path[i] != NULL; i++)
    if (!load_plugin_path (registry, options->plugin_path[i], error))
      return NULL;
  return g_steal_pointer (&registry);
}

PrExperiment *
pr_options_load_experiment (const PrOptions *options, const char *path, const PrRegistry *registry, GError **error)
{
  const PrExperimentOptions given = { (const char *const *)options->set, (const char *const *)options->only };

  return pr_experiment_load (path, registry, &given, error);
}
