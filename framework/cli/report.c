/* report - all notebooks on one results file, as one page.  The page itself is made by analysis/pauserec_report.py. */
#include "config.h"

#include "cli/command.h"
#include "results/seal.h"

#include <errno.h>
#include <pauserec/io.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SCRIPT "pauserec_report.py"
#define IMPORTS "import h5py, numpy, pandas, matplotlib, matplotlib_inline, nbformat, nbclient, nbconvert, ipykernel"
#define REMEDY                                                                                                         \
  "on Debian: apt-get install python3-h5py python3-pandas python3-matplotlib jupyter-nbconvert python3-ipykernel; "    \
  "elsewhere: pip install h5py pandas matplotlib nbconvert ipykernel"

/* Exit statuses of the script. */
enum
{
  STATUS_NOTEBOOK = 3,
};

/* The folder of notebooks: $PAUSEREC_ANALYSIS, the source's for a program that runs where it was built, or the
 * installed one. */
static char *
analysis_dir (void)
{
  const char *said = g_getenv ("PAUSEREC_ANALYSIS");
  g_autofree char *plugins = NULL;

  if (said != NULL && said[0] != '\0')
    return g_canonicalize_filename (said, NULL);
  plugins = pr_registry_default_dir ();
  return g_strdup (strcmp (plugins, PR_PLUGIN_DIR) != 0 ? PR_ANALYSIS_SOURCE_DIR : PR_ANALYSIS_DIR);
}

/* Has PYTHON what notebooks import?  If not, its last line on standard error in RET_REASON, to free. */
static gboolean
python_suits (const char *python, char **ret_reason)
{
  const char *argv[] = { python, "-c", IMPORTS, NULL };
  g_autofree char *said = NULL;
  g_autoptr (GError) local = NULL;
  char *line;
  int status;

  if (g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL,
                    &said, &status, &local)
      && g_spawn_check_wait_status (status, &local))
    return TRUE;
  line = said != NULL ? strrchr (g_strchomp (said), '\n') : NULL;
  *ret_reason = g_strdup (line != NULL ? line + 1 : said != NULL && said[0] != '\0' ? said : local->message);
  return FALSE;
}

/* The Python to use, to free: $PAUSEREC_PYTHON and no other if it is set; otherwise the first one that suits, since the
 * one that is first in PATH (pyenv, conda) need not be the one that packages were installed for. */
static char *
find_python (GError **error)
{
  const char *said = g_getenv ("PAUSEREC_PYTHON");
  const char *candidates[] = { "python3", "/usr/bin/python3" };
  gsize n = G_N_ELEMENTS (candidates);
  g_autoptr (GString) reasons = g_string_new (NULL);

  if (said != NULL && said[0] != '\0')
    {
      candidates[0] = said;
      n = 1;
    }
  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *reason = NULL;

      if (python_suits (candidates[i], &reason))
        return g_strdup (candidates[i]);
      g_string_append_printf (reasons, "%s%s: %s", reasons->len > 0 ? "; " : "", candidates[i], reason);
    }
  g_set_error (error, PR_ERROR, PR_ERROR_IO, "no Python that can execute notebooks (%s); %s%s", reasons->str, REMEDY,
               said != NULL && said[0] != '\0' ? "; or unset PAUSEREC_PYTHON"
                                               : "; or name another Python in PAUSEREC_PYTHON");
  return NULL;
}

/* A page that cannot be written should not cost the making of it. */
static gboolean
check_target (const char *path, GError **error)
{
  g_autofree char *dir = g_path_get_dirname (path);

  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "--out %s: is a folder; name a file", path);
  else if (!g_file_test (dir, G_FILE_TEST_IS_DIR))
    g_set_error (error, PR_ERROR, PR_ERROR_IO, "%s: there is no folder '%s'; make it or choose another --out", path,
                 dir);
  else if (access (dir, W_OK) != 0)
    g_set_error (error, PR_ERROR, PR_ERROR_IO, "%s: cannot write to folder '%s' (%s); choose another --out", path, dir,
                 g_strerror (errno));
  else
    return TRUE;
  return FALSE;
}

/* What the script's standard error says of its failure. */
static void
fail_script (int wait_status, const char *said, GError **error)
{
  const char *line = g_strrstr (said, "error: ");
  g_autoptr (GError) local = NULL;
  int status = WIFEXITED (wait_status) ? WEXITSTATUS (wait_status) : -1;

  if (g_spawn_check_wait_status (wait_status, &local))
    g_set_error_literal (error, PR_ERROR, PR_ERROR_IO, "the notebooks gave no page");
  else if (status == STATUS_NOTEBOOK && line != NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN, "%s; no page was written", line + strlen ("error: "));
  else
    g_set_error (error, PR_ERROR, PR_ERROR_IO, "the notebooks could not be executed: %s",
                 line != NULL ? line + strlen ("error: ") : local->message);
}

static char *
make_page (const char *results, const char *title, gsize *ret_length, GError **error)
{
  g_autofree char *dir = analysis_dir (), *script = g_build_filename (dir, SCRIPT, NULL), *python = NULL;
  g_autofree char *page = NULL, *said = NULL;
  g_autoptr (GError) local = NULL;
  int status;

  if (!g_file_test (script, G_FILE_TEST_IS_REGULAR))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "%s is not there; install pauserec again, or name the folder of the notebooks in PAUSEREC_ANALYSIS",
                   script);
      return NULL;
    }
  python = find_python (error);
  if (python == NULL)
    return NULL;
  if (!g_spawn_sync (NULL, (char *[]){ python, script, (char *)results, (char *)title, NULL }, NULL,
                     G_SPAWN_SEARCH_PATH, NULL, NULL, &page, &said, &status, &local))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "cannot start %s: %s", python, local->message);
      return NULL;
    }
  if (status != 0 || page[0] == '\0')
    {
      fail_script (status, g_strchomp (said), error);
      return NULL;
    }
  *ret_length = strlen (page);
  return g_steal_pointer (&page);
}

/* results.html beside results.h5. */
static char *
default_target (const char *results)
{
  g_autofree char *stem = g_strndup (results, strlen (results) - (g_str_has_suffix (results, ".h5") ? 3 : 0));

  return g_strconcat (stem, ".html", NULL);
}

static gboolean
report (int argc, char **argv, GError **error)
{
  g_auto (PrOptions) options = { 0 };
  g_autofree char *out = NULL, *results = NULL, *title = NULL, *page = NULL;
  g_auto (GStrv) args = NULL;
  g_autoptr (PrH5) h5 = NULL;
  const GOptionEntry extra[] = {
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &out, "Where the page goes (default: beside the results)", "FILE.html" },
    G_OPTION_ENTRY_NULL,
  };
  gsize length = 0;

  args = pr_options_parse (&pr_command_report, argc, argv, 0, &options, extra, 1, 1, error);
  if (args == NULL)
    return FALSE;
  results = pr_options_results (args[0]);
  if (out == NULL)
    out = default_target (results);
  h5 = pr_seal_open (results, "experiment", error);
  title = h5 != NULL ? pr_h5_get_text (h5, "/", "experiment", error) : NULL;
  if (title == NULL || !check_target (out, error))
    return FALSE;
  g_clear_pointer (&h5, pr_h5_free);
  page = make_page (results, title, &length, error);
  if (page == NULL || !pr_file_write (out, page, length, error))
    return FALSE;
  printf ("report: %s\n", out);
  return TRUE;
}

const PrCommand pr_command_report = {
  .name = "report",
  .arguments = "FILE",
  .summary = "All notebooks on one results file, as one HTML page",
  .description =
      "FILE is a results.h5, or the folder that holds one.\n\n"
      "Environment: PAUSEREC_PYTHON names the Python to use (default: python3 or /usr/bin/python3, the first\n"
      "that has the packages), PAUSEREC_ANALYSIS a folder with notebooks of your own beside copies of ours.",
  .run = report,
};
