#include "config.h"

#include "engines/slurm-private.h"

#include "runtime/folder.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

#define MEBIBYTE ((guint64)1024 * 1024)
/* A limit that Slurm enforces by killing: what a stage plans, a quarter more, and the program itself. */
#define BASE_MEMORY (256 * MEBIBYTE)

/* Arguments come from sbatch's command line, so nothing here needs quoting.  `exec`, since --signal=B: reaches only the
 * script's own process. */
static const char task_script[] =
    "#!/bin/sh\n"
    "# A task of a sweep, as an element of a job array. $1: the program, $2: folder of the sweep, $3: first task.\n"
    "exec \"$1\" task \"$2\" --first \"$3\" --index \"$SLURM_ARRAY_TASK_ID\" --threads \"${SLURM_CPUS_PER_TASK:-1}\"\n";
static const char merge_script[] =
    "#!/bin/sh\n"
    "# Merges what is done when all tasks have ended. $1: the program, $2: folder of the sweep.\n"
    "exec \"$1\" merge \"$2\"\n";

gboolean
pr_slurm_submission_init (PrSlurmSubmission *submission, const PrEngineCall *call, GError **error)
{
  g_auto (PrSlurmSubmission) s = { .call = call };

  s.options = pr_slurm_options (call->options, error);
  if (s.options == NULL)
    return FALSE;
  s.out_dir = g_canonicalize_filename (call->sweep->out_dir, NULL);
  s.folder = g_build_filename (s.out_dir, "slurm", NULL);
  s.task_script = g_build_filename (s.folder, "task.sh", NULL);
  s.merge_script = g_build_filename (s.folder, "merge.sh", NULL);
  if (strpbrk (s.out_dir, "\\\n") != NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "folder '%s': Slurm cannot write into a folder with a backslash or a line break in its name; --out "
                   "names another",
                   s.out_dir);
      return FALSE;
    }
  if (!pr_slurm_max_array_size (&s.max_size, error) || !pr_folder_make (s.folder, error)
      || !pr_file_write (s.task_script, task_script, sizeof task_script - 1, error)
      || !pr_file_write (s.merge_script, merge_script, sizeof merge_script - 1, error))
    return FALSE;
  *submission = s;
  s = (PrSlurmSubmission){ 0 };
  return TRUE;
}

void
pr_slurm_submission_clear (PrSlurmSubmission *submission)
{
  g_strfreev (submission->options);
  g_free (submission->out_dir);
  g_free (submission->folder);
  g_free (submission->task_script);
  g_free (submission->merge_script);
  *submission = (PrSlurmSubmission){ 0 };
}

/* The words of a command ---------------------------------------------------------------------------------------------
 */

static void add (GPtrArray *argv, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add (GPtrArray *argv, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (argv, g_strdup_vprintf (format, args));
  va_end (args);
}

/* Output into OUT/slurm/NAME; of the path, % means itself. */
static void
add_output (GPtrArray *argv, const PrSlurmSubmission *s, const char *name)
{
  g_auto (GStrv) parts = g_strsplit (s->folder, "%", -1);
  g_autofree char *folder = g_strjoinv ("%%", parts);

  add (argv, "--output=%s/%s", folder, name);
}

static GPtrArray *
begin_command (const PrSlurmSubmission *s, const char *dependency, const char *output)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);

  add (argv, "sbatch");
  add (argv, "--parsable");
  add (argv, "--requeue");
  add (argv, "--open-mode=append");
  add (argv, "--job-name=%s", s->call->sweep->plan->experiment);
  add (argv, "--chdir=%s", s->call->sweep->plan->cwd);
  add_output (argv, s, output);
  if (dependency != NULL)
    add (argv, "--dependency=afterany:%s", dependency);
  return argv;
}

/* The user's options are the last, so that they win; then the script and its arguments. */
static void
add_script (GPtrArray *argv, const PrSlurmSubmission *s, const char *script)
{
  for (char **word = s->options; *word != NULL; word++)
    add (argv, "%s", *word);
  add (argv, "%s", script);
  add (argv, "%s", s->call->program);
  add (argv, "%s", s->out_dir);
}

/* "0,3,7-9", to free. */
static char *
array_spec (const guint *tasks, gsize n)
{
  GString *spec = g_string_new ("");

  for (gsize i = 0, end; i < n; i = end)
    {
      for (end = i + 1; end < n && tasks[end] == tasks[end - 1] + 1; end++)
        ;
      g_string_append_printf (spec, "%s%u", spec->len > 0 ? "," : "", tasks[i] - tasks[0]);
      if (end - i > 1)
        g_string_append_printf (spec, "-%u", tasks[end - 1] - tasks[0]);
    }
  return g_string_free (spec, FALSE);
}

/* Slurm gives one amount to all elements of an array.  Where no stage plans any, the site's default holds. */
static void
add_resources (GPtrArray *argv, const PrSlurmSubmission *s, const guint *tasks, gsize n)
{
  guint64 memory = 0;

  for (gsize i = 0; i < n; i++)
    memory = MAX (memory, g_array_index (s->call->sweep->plan->tasks, PrTask, tasks[i]).memory);
  add (argv, "--cpus-per-task=%u", s->call->threads);
  /* --mem and --mem-per-cpu exclude each other, wherever they stand. */
  if (memory > 0 && !pr_slurm_options_has ((const char *const *)s->options, "--mem"))
    add (argv, "--mem=%" G_GUINT64_FORMAT "M", (memory + memory / 4 + BASE_MEMORY + MEBIBYTE - 1) / MEBIBYTE);
  /* At least as long as a step and a checkpoint take. */
  add (argv, "--signal=B:TERM@90");
}

/* Run it: "123" or, with several clusters, "123;cluster". */
static char *
submit (GPtrArray *argv, GError **error)
{
  g_autofree char *said = NULL;
  gsize length;

  g_ptr_array_add (argv, NULL);
  said = pr_slurm_call ((const char *const *)argv->pdata, error);
  if (said == NULL)
    return NULL;
  length = strspn (said, "0123456789");
  if (length > 0 && strchr (";\n", said[length]) != NULL)
    return g_strndup (said, length);
  g_set_error (error, PR_ERROR, PR_ERROR_IO, "sbatch names no job in what it prints: '%s'; see `squeue --me`",
               g_strstrip (said));
  return NULL;
}

char *
pr_slurm_submit_tasks (const PrSlurmSubmission *s, const guint *tasks, gsize n, const char *dependency, GError **error)
{
  g_autoptr (GPtrArray) argv = begin_command (s, dependency, "%A_%a.log");
  g_autofree char *spec = array_spec (tasks, n);

  add (argv, "--array=%s", spec);
  add_resources (argv, s, tasks, n);
  add_script (argv, s, s->task_script);
  add (argv, "%u", tasks[0]);
  return submit (argv, error);
}

char *
pr_slurm_submit_merge (const PrSlurmSubmission *s, const char *dependency, GError **error)
{
  g_autoptr (GPtrArray) argv = begin_command (s, dependency, "%j_merge.log");

  add_script (argv, s, s->merge_script);
  return submit (argv, error);
}
