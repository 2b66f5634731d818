#include "config.h"

#include "engines/slurm-private.h"

#include <gio/gio.h>
#include <pauserec/error.h>
#include <string.h>
#include <unistd.h>

/* A process group of its own, so that Ctrl-C on the terminal reaches us and not a submission under way. */
static void
leave_group (gpointer ctx)
{
  (void)ctx;
  setpgid (0, 0);
}

/* Settings of the user's shell that change what the programs print, or when they return. */
static void
clean_environment (GSubprocessLauncher *launcher)
{
  g_auto (GStrv) names = g_listenv ();

  for (char **name = names; *name != NULL; name++)
    if (g_str_has_prefix (*name, "SQUEUE_") || strcmp (*name, "SBATCH_WAIT") == 0)
      g_subprocess_launcher_unsetenv (launcher, *name);
}

/* "sbatch: error: This\nsbatch: error: That\n" as "This; That", to free. */
static char *
complaint (const char *program, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1), *prefix = g_strconcat (program, ": ", NULL);
  g_auto (GStrv) lines = g_strsplit (valid, "\n", -1);
  GString *said = g_string_new ("");

  for (char **line = lines; *line != NULL; line++)
    {
      const char *rest = *line;

      if (g_str_has_prefix (rest, prefix))
        rest += strlen (prefix);
      if (g_str_has_prefix (rest, "error: "))
        rest += strlen ("error: ");
      if (g_strstrip ((char *)rest)[0] != '\0')
        g_string_append_printf (said, "%s%s", said->len > 0 ? "; " : "", rest);
    }
  if (said->len == 0)
    g_string_append (said, "it does not say why");
  return g_string_free (said, FALSE);
}

static gboolean
is_unreachable (const char *text)
{
  static const char *const signs[] = { "Unable to contact slurm controller",
                                       "Connection refused",
                                       "Socket timed out",
                                       "Zero Bytes were transmitted",
                                       "Unable to establish",
                                       "fatal: Could not establish",
                                       "Could not find",
                                       "Slurm backup controller in standby" };

  for (gsize i = 0; i < G_N_ELEMENTS (signs); i++)
    if (strstr (text, signs[i]) != NULL)
      return TRUE;
  return FALSE;
}

static void
set_failure (const char *program, GSubprocess *process, const char *text, GError **error)
{
  g_autofree char *said = complaint (program, text);

  if (g_subprocess_get_if_signaled (process))
    g_set_error (error, PR_ERROR, PR_ERROR_IO, "%s was killed by signal %d; repeat the command", program,
                 g_subprocess_get_term_sig (process));
  else if (is_unreachable (text))
    g_set_error (error, PR_ERROR, PR_ERROR_IO,
                 "Slurm's controller does not answer (%s: %s); when `scontrol ping` finds it again, repeat the command",
                 program, said);
  else if (strcmp (program, "sbatch") == 0)
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                 "sbatch refused the jobs: %s; what they ask for can be changed with --sbatch OPTION, for instance "
                 "--sbatch=--partition=NAME",
                 said);
  else
    g_set_error (error, PR_ERROR, PR_ERROR_IO, "%s failed: %s", program, said);
}

static GSubprocess *
start (const char *const *argv, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_autoptr (GError) raised = NULL;
  GSubprocess *process;

  g_subprocess_launcher_set_child_setup (launcher, leave_group, NULL, NULL);
  clean_environment (launcher);
  process = g_subprocess_launcher_spawnv (launcher, argv, &raised);
  if (process == NULL && g_error_matches (raised, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT))
    g_set_error (error, PR_ERROR, PR_ERROR_IO,
                 "'%s' is not on PATH: jobs can be submitted only where Slurm's programs are (on many clusters after "
                 "`module load slurm`); --engine local needs none",
                 argv[0]);
  else if (process == NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_IO, "cannot start '%s': %s", argv[0], raised->message);
  return process;
}

/* To free; never NULL, as g_strndup() of nothing would be. */
static char *
text_of (GBytes *bytes)
{
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);

  return length > 0 ? g_strndup (data, length) : g_strdup ("");
}

char *
pr_slurm_call (const char *const *argv, GError **error)
{
  g_autoptr (GSubprocess) process = start (argv, error);
  g_autoptr (GBytes) out = NULL, err = NULL;
  g_autoptr (GError) raised = NULL;
  g_autofree char *said = NULL;

  if (process == NULL)
    return NULL;
  if (!g_subprocess_communicate (process, NULL, NULL, &out, &err, &raised))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "cannot read what '%s' says: %s", argv[0], raised->message);
      return NULL;
    }
  if (g_subprocess_get_if_exited (process) && g_subprocess_get_exit_status (process) == 0)
    return text_of (out);
  said = text_of (err);
  set_failure (argv[0], process, said, error);
  return NULL;
}

GHashTable *
pr_slurm_queue (GError **error)
{
  /* By number: not every account that runs programs has a name on every machine. */
  g_autofree char *user = g_strdup_printf ("--user=%u", (guint)getuid ());
  const char *const argv[] = { "squeue", "--noheader", "--array", "--all", user, "--format=%i %T", NULL };
  g_autofree char *text = pr_slurm_call (argv, error);
  g_auto (GStrv) lines = NULL;
  GHashTable *queue;

  if (text == NULL)
    return NULL;
  queue = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      g_auto (GStrv) words = g_strsplit (g_strstrip (*line), " ", 2);

      if (words[0] != NULL && words[1] != NULL)
        g_hash_table_insert (queue, g_strdup (words[0]), g_strdup (g_strstrip (words[1])));
    }
  return queue;
}

gboolean
pr_slurm_max_array_size (guint *ret_size, GError **error)
{
  const char *const argv[] = { "scontrol", "show", "config", NULL };
  g_autofree char *text = pr_slurm_call (argv, error);
  g_auto (GStrv) lines = NULL;

  if (text == NULL)
    return FALSE;
  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      const char *equals = strchr (*line, '=');
      guint64 size;

      if (!g_str_has_prefix (*line, "MaxArraySize") || equals == NULL)
        continue;
      if (!g_ascii_string_to_unsigned (g_strstrip ((char *)equals + 1), 10, 1, G_MAXINT32, &size, NULL))
        break;
      *ret_size = (guint)size;
      return TRUE;
    }
  g_set_error (error, PR_ERROR, PR_ERROR_IO,
               "`scontrol show config` names no MaxArraySize above 0: this cluster takes no job arrays; --engine local "
               "needs none");
  return FALSE;
}
