/* gc - what no sweep needs any more in a store, and with --delete remove it. */
#include "config.h"

#include "cli/command.h"
#include "engines/sweep.h"
#include "runtime/gc.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <pauserec/error.h>
#include <stdio.h>
#include <string.h>

static const struct
{
  const char *one, *many;
} names[PR_GC_N_KINDS] = {
  [PR_GC_UNFINISHED] = { "unfinished", "unfinished" },
  [PR_GC_REF] = { "reference", "references" },
  [PR_GC_ENTRY] = { "entry", "entries" },
  [PR_GC_SCRATCH] = { "checkpoint", "checkpoints" },
  [PR_GC_DAMAGED] = { "damaged", "damaged" },
  [PR_GC_LOCK] = { "lock", "locks" },
};

/* TRUE if there is certainly no plan in DIR: what cannot be looked at may be there. */
static gboolean
is_gone (const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, "plan.json", NULL);
  GStatBuf info;

  if (g_stat (path, &info) == 0)
    g_set_error (error, PR_ERROR, PR_ERROR_IO, "cannot read '%s'", path);
  else if (errno != ENOENT && errno != ENOTDIR)
    pr_error_set_errno (error, errno, "cannot look at", path);
  else
    return TRUE;
  return FALSE;
}

/* A PrGcKeysFunc. */
static gboolean
plan_keys (const char *dir, GHashTable *keys, gboolean *ret_gone, GError **error)
{
  g_autoptr (GError) fault = NULL;
  g_autoptr (PrSweepPlan) plan = pr_sweep_plan_load (dir, &fault);

  *ret_gone = plan == NULL && fault == NULL && is_gone (dir, &fault);
  if (fault != NULL)
    {
      g_set_error (error, fault->domain, fault->code, "%s; as long as nobody knows what that sweep needs, nothing goes",
                   fault->message);
      return FALSE;
    }
  for (guint i = 0; plan != NULL && i < plan->nodes->len; i++)
    g_hash_table_add (keys, g_strdup (((const PrPlannedNode *)plan->nodes->pdata[i])->key));
  return TRUE;
}

static char *
size_text (guint64 bytes)
{
  return g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
}

/* "3 entries, 1 checkpoint, 4 locks, 1.2 MiB"; to free. */
static char *
total_text (const PrGc *gc)
{
  g_autoptr (GString) text = g_string_new ("");
  g_autofree char *size = NULL;
  guint counts[PR_GC_N_KINDS] = { 0 };
  guint64 bytes = 0;

  for (guint i = 0; i < gc->items->len; i++)
    {
      const PrGcItem *item = gc->items->pdata[i];

      counts[item->kind]++;
      bytes += item->bytes;
    }
  for (guint kind = 0; kind < PR_GC_N_KINDS; kind++)
    if (counts[kind] > 0)
      g_string_append_printf (text, "%u %s, ", counts[kind], counts[kind] == 1 ? names[kind].one : names[kind].many);
  size = size_text (bytes);
  g_string_append (text, size);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* References are told with the sweeps, and locks are only counted. */
static gboolean
has_line (const PrGcItem *item)
{
  return item->kind != PR_GC_REF && item->kind != PR_GC_LOCK;
}

static void
print_items (const PrGc *gc)
{
  gsize width = strlen ("stage");
  guint n = 0;

  for (guint i = 0; i < gc->items->len; i++)
    {
      const PrGcItem *item = gc->items->pdata[i];

      n += has_line (item);
      width = MAX (width, item->stage != NULL ? strlen (item->stage) : 0);
    }
  if (n == 0)
    return;
  printf ("no sweep's plan needs, as it is now:\n");
  printf ("  %-10s  %-*s  %-10s  %10s\n", "what", (int)width, "stage", "key", "size");
  for (guint i = 0; i < gc->items->len; i++)
    {
      const PrGcItem *item = gc->items->pdata[i];
      g_autofree char *size = size_text (item->bytes);

      if (has_line (item))
        printf ("  %-10s  %-*s  %-10.10s  %10s\n", names[item->kind].one, (int)width,
                item->stage != NULL ? item->stage : "-", item->key != NULL ? item->key : "-", size);
    }
}

static void
print_kept (const PrGc *gc)
{
  g_autofree char *kept = size_text (gc->bytes_kept);

  printf ("\nneeded: %u %s, %s%s\n", gc->n_kept, gc->n_kept == 1 ? "entry" : "entries", kept,
          gc->sweeps->len > 1 ? " (what several sweeps share is counted for each, but once here)" : "");
  for (guint i = 0; i < gc->sweeps->len; i++)
    {
      const PrGcSweep *sweep = gc->sweeps->pdata[i];
      g_autofree char *size = size_text (sweep->bytes);

      if (sweep->gone)
        printf ("  %s: no sweep there any more\n", sweep->dir);
      else
        printf ("  %s: %u %s, %s\n", sweep->dir, sweep->n_entries, sweep->n_entries == 1 ? "entry" : "entries", size);
    }
}

static void
print_strange (const PrGc *gc)
{
  if (gc->strange->len > 0)
    printf ("\nleft alone, since pauserec does not make such names there:\n");
  for (guint i = 0; i < gc->strange->len; i++)
    {
      g_autofree char *shown = g_strescape (gc->strange->pdata[i], NULL);

      printf ("  %s\n", shown);
    }
}

static gboolean
collect (const PrGc *gc, gboolean remove, GError **error)
{
  g_autofree char *total = total_text (gc);

  printf ("store: %s\n", gc->store);
  print_kept (gc);
  print_strange (gc);
  printf ("\n");
  print_items (gc);
  if (remove && !pr_gc_remove (gc, error))
    return FALSE;
  if (gc->items->len == 0)
    printf ("nothing is there that no sweep needs\n");
  else
    printf (remove ? "removed: %s\n" : "would be removed by --delete: %s\n", total);
  if (gc->in_use)
    printf ("a run uses the store now: what it is making is not listed, and --delete would be refused\n");
  return TRUE;
}

/* To free; NULL with an error. */
static char **
sweep_folders (char **paths, GError **error)
{
  g_autoptr (GPtrArray) dirs = g_ptr_array_new_with_free_func (g_free);

  for (; paths != NULL && *paths != NULL; paths++)
    {
      char *dir = pr_sweep_folder (*paths, NULL, error);

      if (dir == NULL)
        return NULL;
      g_ptr_array_add (dirs, dir);
    }
  g_ptr_array_add (dirs, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&dirs), FALSE);
}

static gboolean
gc (int argc, char **argv, GError **error)
{
  g_auto (PrOptions) options = { 0 };
  g_auto (GStrv) keep = NULL, args = NULL, dirs = NULL;
  g_autoptr (PrGc) found = NULL;
  gboolean remove = FALSE;
  const GOptionEntry extra[] = {
    { "delete", 0, 0, G_OPTION_ARG_NONE, &remove, "Remove it; without, only say what would go", NULL },
    { "keep", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &keep,
      "Keep what this sweep needs too: its folder, or its manifest; repeatable", "SWEEP" },
    G_OPTION_ENTRY_NULL,
  };

  args = pr_options_parse (&pr_command_gc, argc, argv, PR_OPTIONS_STORE, &options, extra, 0, 0, error);
  dirs = args != NULL ? sweep_folders (keep, error) : NULL;
  if (dirs == NULL)
    return FALSE;
  found = pr_gc_new (pr_options_store (&options), (const char *const *)dirs, plan_keys, remove, error);
  return found != NULL && collect (found, remove, error);
}

const PrCommand pr_command_gc = {
  .name = "gc",
  .arguments = "",
  .summary = "What no sweep needs any more in a store; --delete removes it",
  .description =
      "Every sweep that ran with the store is known to it by its folder.  What the plan there names is kept, for as "
      "long\n"
      "as the folder is there; of earlier plans of the same sweep nothing is.  Results of sweeps are in their folders\n"
      "and need no store.  What was removed is computed again when a run needs it.",
  .run = gc,
};
