/* What changed between two plans of one command. */
#include "config.h"

#include "engines/sweep-private.h"

#include <string.h>

#define MAX_LINES 20

typedef struct
{
  GString *text;
  guint n;
} Report;

static void G_GNUC_PRINTF (2, 3) say (Report *report, const char *format, ...)
{
  va_list args;

  report->n++;
  if (report->n > MAX_LINES)
    return;
  if (report->text->len > 0)
    g_string_append_c (report->text, '\n');
  g_string_append (report->text, "  ");
  va_start (args, format);
  g_string_append_vprintf (report->text, format, args);
  va_end (args);
}

static void
compare_text (Report *report, const char *what, const char *was, const char *is)
{
  if (strcmp (was, is) != 0)
    say (report, "%s: was %s, is %s", what, was[0] != '\0' ? was : "nothing", is[0] != '\0' ? is : "nothing");
}

static void
compare_digest (Report *report, const char *what, const char *was, const char *is)
{
  if (strcmp (was, is) != 0)
    say (report, "%s changed (sha256 was %.12s, is %.12s)", what, was, is);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void
compare_digests (Report *report, const char *what, GHashTable *was, GHashTable *is)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer path;

  g_hash_table_iter_init (&iter, was);
  while (g_hash_table_iter_next (&iter, &path, NULL))
    g_ptr_array_add (paths, path);
  g_hash_table_iter_init (&iter, is);
  while (g_hash_table_iter_next (&iter, &path, NULL))
    if (!g_hash_table_contains (was, path))
      g_ptr_array_add (paths, path);
  g_ptr_array_sort (paths, compare_names);
  for (guint i = 0; i < paths->len; i++)
    {
      const char *name = paths->pdata[i], *old = g_hash_table_lookup (was, name), *new = g_hash_table_lookup (is, name);
      g_autofree char *label = g_strdup_printf ("%s '%s'", what, name);

      if (old == NULL)
        say (report, "%s is new", label);
      else if (new == NULL)
        say (report, "%s is not used any more", label);
      else
        compare_digest (report, label, old, new);
    }
}

static char *
join (char **strings)
{
  return g_strjoinv (" ", strings);
}

/* Runs by key: of a run with another key it is told which stage is the first that differs. */
static void
compare_runs (Report *report, const PrSweepPlan *was, const PrSweepPlan *is)
{
  g_autoptr (GHashTable) old = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer name, value;

  for (guint i = 0; i < was->runs->len; i++)
    {
      const PrPlannedRun *run = was->runs->pdata[i];

      g_hash_table_insert (old, g_strdup_printf ("%s, seed %" G_GUINT64_FORMAT, run->arm, run->seed), (gpointer)run);
    }
  for (guint i = 0; i < is->runs->len; i++)
    {
      const PrPlannedRun *run = is->runs->pdata[i], *before;
      g_autofree char *label = g_strdup_printf ("%s, seed %" G_GUINT64_FORMAT, run->arm, run->seed);
      const PrPlannedNode *node = NULL;

      before = g_hash_table_lookup (old, label);
      if (before == NULL)
        say (report, "run '%s' is new", label);
      else if (strcmp (before->key, run->key) != 0)
        {
          for (guint n = 0; n < run->n_nodes && node == NULL; n++)
            {
              const PrPlannedNode *now = pr_sweep_node (is, run, n);

              if (n >= before->n_nodes || strcmp (pr_sweep_node (was, before, n)->key, now->key) != 0)
                node = now;
            }
          say (report, "run '%s' is another from stage '%s' on", label, node != NULL ? node->name : "?");
        }
      g_hash_table_remove (old, label);
    }
  g_hash_table_iter_init (&iter, old);
  while (g_hash_table_iter_next (&iter, &name, &value))
    say (report, "run '%s' is gone", (const char *)name);
}

char *
pr_sweep_plan_difference (const PrSweepPlan *plan, const PrSweepPlan *now)
{
  Report report = { g_string_new (""), 0 };
  g_autofree char *set_was = join (plan->set), *set_is = join (now->set);

  compare_text (&report, "version of the program", plan->version, now->version);
  compare_digest (&report, "the program", plan->program_sha256, now->program_sha256);
  compare_text (&report, "manifest", plan->manifest, now->manifest);
  compare_digest (&report, "the text of the manifest", plan->manifest_sha256, now->manifest_sha256);
  compare_text (&report, "settings (--set)", set_was, set_is);
  compare_text (&report, "store", plan->store, now->store);
  compare_digests (&report, "plugin", plan->plugins, now->plugins);
  compare_digests (&report, "input", plan->inputs, now->inputs);
  compare_runs (&report, plan, now);
  if (report.n > MAX_LINES)
    g_string_append_printf (report.text, "\n  and %u more", report.n - MAX_LINES);
  return g_string_free (report.text, report.n == 0);
}
