#include "config.h"

#include "engines/slurm-private.h"

#include <pauserec/error.h>
#include <string.h>

/* Options that would break what the engine promises, and what to do instead. */
static const struct
{
  const char *name, *letter, *instead;
} reserved[] = {
  { "--array", "-a", "--only picks runs" },
  { "--dependency", "-d", "tasks start after what they need" },
  { "--wait", "-W", "use --wait of `pauserec run`" },
  { "--clusters", "-M", "set SLURM_CLUSTERS or SLURM_CONF before the command" },
  { "--wrap", NULL, "jobs run tasks of the sweep" },
  { "--test-only", NULL, "`pauserec plan` tells what would be done" },
  { "--parsable", NULL, "the engine reads what sbatch prints" },
  { "--help", "-h", "call sbatch itself" },
  { "--usage", NULL, "call sbatch itself" },
  { "--version", "-V", "call sbatch itself" },
};

/* sbatch takes any beginning of a name. */
static gboolean
is_option (const char *word, const char *name, const char *letter)
{
  gsize length = strcspn (word, "=");

  if (g_str_has_prefix (word, "--"))
    return length > 2 && strncmp (word, name, length) == 0;
  return letter != NULL && g_str_has_prefix (word, letter);
}

static gboolean
check_word (const char *word, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (reserved); i++)
    if (is_option (word, reserved[i].name, reserved[i].letter))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "--sbatch '%s': %s is the engine's own option; %s", word,
                     reserved[i].name, reserved[i].instead);
        return FALSE;
      }
  return TRUE;
}

static gboolean
add_option (const char *option, GPtrArray *words, GError **error)
{
  g_auto (GStrv) split = NULL;
  g_autoptr (GError) raised = NULL;

  if (!g_shell_parse_argv (option, NULL, &split, &raised) || split[0][0] != '-' || strcmp (split[0], "--") == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "--sbatch '%s': %s; write it like --sbatch=--partition=NAME or --sbatch '--time 2:00:00'", option,
                   raised != NULL ? raised->message : "no option of sbatch");
      return FALSE;
    }
  for (char **word = split; *word != NULL; word++)
    {
      if (!check_word (*word, error))
        return FALSE;
      g_ptr_array_add (words, g_strdup (*word));
    }
  return TRUE;
}

char **
pr_slurm_options (const char *const *options, GError **error)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; options != NULL && options[i] != NULL; i++)
    if (!add_option (options[i], words, error))
      return NULL;
  g_ptr_array_add (words, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&words), FALSE);
}

gboolean
pr_slurm_options_has (const char *const *words, const char *name)
{
  for (; *words != NULL; words++)
    if (g_str_has_prefix (*words, name))
      return TRUE;
  return FALSE;
}
