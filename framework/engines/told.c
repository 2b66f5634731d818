#include "config.h"

#include "engines/told.h"

#include <pauserec/error.h>

struct PrTold
{
  const PrEngineCall *call;
  PrEngineReport *report;
  GHashTable *computed, *cached; /* keys of stages, as sets */
  GHashTable *failed;            /* key of what failed -> name of the stage */
  GHashTable *named;             /* runs (index + 1) that a message names, as a set */
  GHashTable *lost;              /* runs (index + 1) that failed, as a set */
  GString *messages;             /* a line each */
  guint n_messages;
  int code; /* of the first */
};

PrTold *
pr_told_new (const PrEngineCall *call, PrEngineReport *report)
{
  PrTold *told = g_new0 (PrTold, 1);

  *report = (PrEngineReport){ 0 };
  told->call = call;
  told->report = report;
  told->computed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  told->cached = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  told->failed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  told->named = g_hash_table_new (NULL, NULL);
  told->lost = g_hash_table_new (NULL, NULL);
  told->messages = g_string_new ("");
  return told;
}

void
pr_told_free (PrTold *told)
{
  if (told == NULL)
    return;
  g_hash_table_unref (told->computed);
  g_hash_table_unref (told->cached);
  g_hash_table_unref (told->failed);
  g_hash_table_unref (told->named);
  g_hash_table_unref (told->lost);
  g_string_free (told->messages, TRUE);
  g_free (told);
}

static void
hand_on (const PrTold *told, const PrEvent *event)
{
  if (told->call->watch->event != NULL)
    told->call->watch->event (event, told->call->watch->ctx);
}

static void
lose_run (PrTold *told, const PrTask *task)
{
  if (task->whole && g_hash_table_add (told->lost, GUINT_TO_POINTER (task->run + 1)))
    told->report->n_failed++;
}

/* The first that tells of a failure has its message in the report. */
static void
note_failure (PrTold *told, const PrTask *task, const PrEvent *event)
{
  const PrPlannedRun *run = told->call->sweep->plan->runs->pdata[task->run];

  lose_run (told, task);
  if (event->key == NULL || g_hash_table_contains (told->failed, event->key))
    return;
  g_hash_table_insert (told->failed, g_strdup (event->key), g_strdup (event->stage != NULL ? event->stage : ""));
  g_hash_table_add (told->named, GUINT_TO_POINTER (task->run + 1));
  g_string_append_printf (told->messages, "%s%s, seed %" G_GUINT64_FORMAT ": %s", told->n_messages > 0 ? "\n" : "",
                          run->arm, run->seed, event->text != NULL ? event->text : "failed");
  if (told->n_messages++ == 0)
    told->code = event->code;
}

void
pr_told_event (PrTold *told, const PrTask *task, const PrEvent *event)
{
  switch (event->kind)
    {
    case PR_EVENT_STAGE_END:
      told->report->n_computed += g_hash_table_add (told->computed, g_strdup (event->key));
      break;
    case PR_EVENT_STAGE_CACHED:
      if (!g_hash_table_contains (told->computed, event->key))
        told->report->n_cached += g_hash_table_add (told->cached, g_strdup (event->key));
      break;
    case PR_EVENT_RUN_END:
      told->report->n_written++;
      break;
    case PR_EVENT_RUN_DONE:
      told->report->n_done++;
      break;
    case PR_EVENT_RUN_FAILED:
      note_failure (told, task, event);
      break;
    case PR_EVENT_RUN_BEGIN:
    case PR_EVENT_STAGE_WAIT:
    case PR_EVENT_STAGE_BEGIN:
    case PR_EVENT_STAGE_STEP:
    case PR_EVENT_NOTE:
      break;
    }
  hand_on (told, event);
}

gboolean
pr_told_needs_failed (PrTold *told, const PrTask *task)
{
  const PrSweepPlan *plan = told->call->sweep->plan;
  const PrPlannedRun *run = plan->runs->pdata[task->run];

  for (guint i = 0; i < task->n_nodes; i++)
    {
      const PrPlannedNode *node = pr_sweep_node (plan, run, i);
      const char *stage = g_hash_table_lookup (told->failed, node->key);
      g_autofree char *text = g_strdup_printf ("needs stage '%s', which failed", stage);
      const PrEvent event = { .kind = PR_EVENT_RUN_FAILED,
                              .run = task->run + 1,
                              .n_runs = plan->runs->len,
                              .arm = run->arm,
                              .seed = run->seed,
                              .text = text };

      if (stage == NULL)
        continue;
      lose_run (told, task);
      if (task->whole && !g_hash_table_contains (told->named, GUINT_TO_POINTER (task->run + 1)))
        hand_on (told, &event);
      return TRUE;
    }
  return FALSE;
}

gboolean
pr_told_result (const PrTold *told, GError **error)
{
  g_autoptr (GString) text = g_string_new (told->messages->str);
  guint more = 0;
  GHashTableIter iter;
  gpointer run;

  if (told->n_messages == 0)
    return TRUE;
  g_hash_table_iter_init (&iter, told->lost);
  while (g_hash_table_iter_next (&iter, &run, NULL))
    more += !g_hash_table_contains (told->named, run);
  if (more > 0)
    g_string_append_printf (text, "\n%u more run%s the same stage%s", more, more == 1 ? " needs" : "s need",
                            told->n_messages == 1 ? "" : "s");
  g_set_error_literal (error, PR_ERROR, told->code, text->str);
  return FALSE;
}
