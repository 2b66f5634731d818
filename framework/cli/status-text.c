#include "config.h"

#include "cli/status-text.h"

#include "results/grid.h"
#include "runtime/progress.h"

#include <math.h>
#include <string.h>

static const PrPlannedRun *
run_at (const PrStatusText *text, guint i)
{
  return g_ptr_array_index (text->plan->runs, i);
}

static gboolean
is_lost (const PrRunStatus *run)
{
  return run->state == PR_RUN_FAILED || run->state == PR_RUN_DIVERGED;
}

static char *
seed_label (const PrPlannedRun *run)
{
  return g_strdup_printf ("s%" G_GUINT64_FORMAT, run->seed);
}

/* "3/5 sft", or nothing. */
static char *
stage_label (const PrRunStatus *run)
{
  return run->stage != NULL ? g_strdup_printf ("%u/%u %s", run->node, run->n_nodes, run->stage) : g_strdup ("");
}

static int
length_of (const char *text)
{
  return (int)MIN (g_utf8_strlen (text, -1), 1000);
}

void
pr_status_text_init (PrStatusText *text, const PrSweepPlan *plan, const PrSweepStatus *status)
{
  *text = (PrStatusText){ .plan = plan, .status = status };
  text->reasons = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < status->n_runs; i++)
    {
      const PrRunStatus *run = &status->runs[i];
      g_autofree char *seed = seed_label (run_at (text, i)), *stage = stage_label (run);

      text->arm_width = MAX (text->arm_width, length_of (run_at (text, i)->arm));
      text->seed_width = MAX (text->seed_width, length_of (seed));
      text->stage_width = MAX (text->stage_width, length_of (stage));
      if (is_lost (run) && run->text != NULL && !g_hash_table_contains (text->reasons, run->text))
        g_hash_table_insert (text->reasons, run->text, GUINT_TO_POINTER (i + 1));
    }
}

void
pr_status_text_clear (PrStatusText *text)
{
  g_clear_pointer (&text->reasons, g_hash_table_unref);
}

char *
pr_status_text_summary (const PrStatusText *text)
{
  const PrSweepStatus *status = text->status;
  g_autoptr (GString) line = g_string_new (text->plan->experiment);
  gboolean first = TRUE;

  g_string_append_printf (line, ": %u run%s", status->n_runs, status->n_runs == 1 ? "" : "s");
  for (int state = 0; state < PR_N_RUN_STATES; state++)
    if (status->counts[state] > 0)
      {
        g_string_append_printf (line, "%s%u %s", first ? ": " : ", ", status->counts[state], pr_run_state_name (state));
        first = FALSE;
      }
  pr_line_fit (line, 0);
  return g_string_free (g_steal_pointer (&line), FALSE);
}

/* TEXT and as many blanks as make WIDTH. */
static void
append_padded (GString *line, const char *text, int width)
{
  g_string_append_printf (line, "  %s%*s", text, MAX (width - length_of (text), 0), "");
}

static void
append_reason (GString *line, const PrStatusText *text, guint i)
{
  const PrRunStatus *run = &text->status->runs[i];
  guint first = run->text != NULL ? GPOINTER_TO_UINT (g_hash_table_lookup (text->reasons, run->text)) : 0;
  g_autofree char *prefix = g_strdup_printf ("stage '%s': ", run->stage != NULL ? run->stage : "");
  const char *reason = run->text != NULL ? run->text : "";

  if (first != 0 && first != i + 1)
    g_string_append_printf (line, "  as %s s%" G_GUINT64_FORMAT, run_at (text, first - 1)->arm,
                            run_at (text, first - 1)->seed);
  else
    g_string_append_printf (line, "  %s", g_str_has_prefix (reason, prefix) ? reason + strlen (prefix) : reason);
}

static void
append_bar (GString *line, const PrRunStatus *run)
{
  const PrBar bar = { .done = run->done,
                      .total = run->total,
                      .eta = run->stage_eta,
                      .run_eta = run->eta,
                      .elapsed = -1,
                      .text = run->text == NULL && run->begun ? "begun" : run->text };

  pr_bar_append (line, &bar, run->state == PR_RUN_RUNNING);
}

static void
trim (GString *line)
{
  while (line->len > 0 && line->str[line->len - 1] == ' ')
    g_string_truncate (line, line->len - 1);
}

char *
pr_status_text_run (const PrStatusText *text, guint i, guint columns)
{
  const PrRunStatus *run = &text->status->runs[i];
  g_autofree char *seed = seed_label (run_at (text, i)), *stage = stage_label (run);
  g_autoptr (GString) line = g_string_new ("");

  append_padded (line, run_at (text, i)->arm, text->arm_width);
  append_padded (line, seed, text->seed_width);
  append_padded (line, pr_run_state_name (run->state), (int)strlen ("diverged"));
  if (run->state != PR_RUN_DONE && text->stage_width > 0)
    append_padded (line, stage, text->stage_width);
  if (is_lost (run))
    append_reason (line, text, i);
  else if (run->state != PR_RUN_DONE)
    append_bar (line, run);
  pr_line_fit (line, columns);
  trim (line);
  return g_string_free (g_steal_pointer (&line), FALSE);
}

char *
pr_status_text_arm (const PrStatusText *text, guint first, guint columns, guint *ret_n)
{
  g_autofree char *n_seeds = NULL;
  g_autoptr (GString) line = g_string_new ("");
  gboolean done = TRUE;
  guint n = 0;

  while (first + n < text->status->n_runs && strcmp (run_at (text, first + n)->arm, run_at (text, first)->arm) == 0)
    done = text->status->runs[first + n++].state == PR_RUN_DONE && done;
  *ret_n = n;
  if (!done)
    return NULL;
  append_padded (line, run_at (text, first)->arm, text->arm_width);
  append_padded (line, "", text->seed_width);
  g_string_append_printf (line, "  done: %u run%s", n, n == 1 ? "" : "s");
  pr_line_fit (line, columns);
  return g_string_free (g_steal_pointer (&line), FALSE);
}

/* CSV -------------------------------------------------------------------------------------------------------------- */

static void
add_count (GString *out, guint64 value, gboolean known)
{
  if (known)
    g_string_append_printf (out, ",%" G_GUINT64_FORMAT, value);
  else
    g_string_append_c (out, ',');
}

static void
add_text (GString *out, const char *text)
{
  g_autoptr (GString) line = g_string_new (text);

  /* A reason may have several lines; a row has one. */
  pr_line_fit (line, 0);
  g_string_append_c (out, ',');
  if (text != NULL)
    pr_csv_add_text (out, line->str);
}

char *
pr_status_csv (const PrSweepPlan *plan, const PrSweepStatus *status, const char *out_dir)
{
  GString *out = g_string_new ("arm,seed,state,begun,stage,node,nodes,done,total,stage_eta_seconds,eta_seconds,text,"
                               "run_key,file\n");

  for (guint i = 0; i < status->n_runs; i++)
    {
      const PrPlannedRun *planned = g_ptr_array_index (plan->runs, i);
      const PrRunStatus *run = &status->runs[i];
      g_autofree char *file = run->state == PR_RUN_DONE ? pr_sweep_run_path (out_dir, planned) : NULL;

      pr_csv_add_text (out, planned->arm);
      g_string_append_printf (out, ",%" G_GUINT64_FORMAT ",%s,%d", planned->seed, pr_run_state_name (run->state),
                              run->begun);
      add_text (out, run->stage);
      add_count (out, run->node, run->node > 0);
      add_count (out, run->n_nodes, TRUE);
      add_count (out, run->done, run->total > 0 || run->done > 0);
      add_count (out, run->total, run->total > 0);
      pr_csv_add_number (out, run->stage_eta >= 0 ? run->stage_eta : NAN);
      pr_csv_add_number (out, run->eta >= 0 ? run->eta : NAN);
      add_text (out, run->text);
      add_text (out, planned->key);
      add_text (out, file);
      g_string_append_c (out, '\n');
    }
  return g_string_free (out, FALSE);
}
