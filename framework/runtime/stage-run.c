#include "config.h"

#include "runtime/stage-run.h"

#include "runtime/folder.h"
#include "runtime/meter.h"

#include <math.h>
#include <pauserec/error.h>
#include <string.h>

struct PrRun
{
  const PrStageRun *call;
  const PrStage *stage;
  char **output_dirs; /* one a slot of the stage's table, NULL for inputs */
  PrRecord *record;
  PrDims *dims;
  char *status;
  char *misuse; /* the first programming error of the stage, told after the call */
  guint64 done, total;
};

/* Misuse of the interface: told once run() has returned, since most of these functions return nothing. */
G_GNUC_PRINTF (2, 3)
static void
misuse (PrRun *run, const char *format, ...)
{
  va_list args;

  if (run->misuse != NULL)
    return;
  va_start (args, format);
  run->misuse = g_strdup_vprintf (format, args);
  va_end (args);
}

static gboolean
good_name (PrRun *run, const char *what, const char *name)
{
  if (name != NULL && pr_record_name_ok (name))
    return TRUE;
  misuse (run, "the name of %s, '%s', is no identifier ([a-z][a-z0-9_]*, at most 47 characters)", what,
          name != NULL ? name : "NULL");
  return FALSE;
}

/* Index of a slot in the stage's table, or -1 after noting the misuse. */
static gssize
find_slot (PrRun *run, PrSlotDirection direction, const char *name)
{
  for (gsize i = 0; i < run->stage->n_slots; i++)
    if (name != NULL && run->stage->slots[i].direction == direction && strcmp (run->stage->slots[i].name, name) == 0)
      return (gssize)i;
  misuse (run, "it asked for %s '%s', which its table of slots lacks", direction == PR_SLOT_IN ? "input" : "output",
          name != NULL ? name : "NULL");
  return -1;
}

const char *
pr_run_input_dir (const PrRun *run, const char *slot)
{
  const PrNode *node = run->call->node;

  if (find_slot ((PrRun *)run, PR_SLOT_IN, slot) < 0)
    return NULL;
  for (gsize i = 0; i < node->n_edges; i++)
    if (strcmp (node->edges[i].slot->name, slot) == 0)
      return run->call->input_dirs[i];
  return NULL;
}

const char *
pr_run_output_dir (const PrRun *run, const char *slot)
{
  gssize index = find_slot ((PrRun *)run, PR_SLOT_OUT, slot);

  return index < 0 ? NULL : run->output_dirs[index];
}

const char *
pr_run_scratch_dir (const PrRun *run)
{
  return run->call->scratch;
}

const char *
pr_run_stage_name (const PrRun *run)
{
  return run->call->node->name;
}

guint64
pr_run_seed (const PrRun *run)
{
  return run->call->seed;
}

void
pr_run_set_dim (PrRun *run, const char *slot, const char *dim, gint64 value)
{
  if (find_slot (run, PR_SLOT_OUT, slot) < 0 || !good_name (run, "a dimension", dim))
    return;
  if (value < 0)
    misuse (run, "dimension '%s' of output '%s' is negative (%" G_GINT64_FORMAT ")", dim, slot, value);
  else
    pr_dims_set (run->dims, slot, dim, value);
}

gboolean
pr_run_step (PrRun *run, guint64 done, guint64 total, GError **error)
{
  run->done = done;
  run->total = total;
  if (pr_watch_cancelled (run->call->watch))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_CANCELLED, "cancelled; the same command continues where it can");
      return FALSE;
    }
  pr_watch_step (run->call->watch, done, total, run->status);
  return TRUE;
}

void
pr_run_status (PrRun *run, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text != NULL ? text : "", -1);

  g_free (run->status);
  run->status = g_steal_pointer (&valid);
  pr_watch_step (run->call->watch, run->done, run->total, run->status);
}

void
pr_run_metric (PrRun *run, const char *name, double value)
{
  if (good_name (run, "a metric", name))
    pr_record_metric (run->record, name, value);
}

void
pr_run_curve (PrRun *run, const char *series, guint64 step, double value)
{
  if (!good_name (run, "a curve", series))
    return;
  if (step > G_MAXINT64)
    misuse (run, "a step of curve '%s' is out of range", series);
  else
    pr_record_curve (run->record, series, step, value);
}

void
pr_run_user_metric (PrRun *run, const char *name, const float *values, gsize n)
{
  double sum = 0;
  gsize defined = 0;

  if (!good_name (run, "a user metric", name))
    return;
  if (n > G_MAXINT32)
    {
      misuse (run, "user metric '%s' has too many values", name);
      return;
    }
  pr_record_users (run->record, name, values, n);
  for (gsize i = 0; i < n; i++)
    if (!isnan (values[i]))
      {
        sum += (double)values[i];
        defined++;
      }
  pr_record_metric (run->record, name, defined > 0 ? sum / (double)defined : NAN);
}

void
pr_run_table (PrRun *run, const char *table, const char *column, double value)
{
  if (good_name (run, "a table", table) && good_name (run, "a column", column))
    pr_record_column (run->record, table, column, value);
}

void
pr_run_add_cost (PrRun *run, PrCost cost, double amount)
{
  if ((int)cost < 0 || cost >= PR_N_COSTS || !isfinite (amount) || amount < 0)
    misuse (run, "cost %d cannot grow by %g", (int)cost, amount);
  else
    run->record->costs[cost] += amount;
}

/* Columns of one table are equally long. */
static void
check_tables (PrRun *run)
{
  const GPtrArray *columns = run->record->columns;

  for (guint i = 0; i < columns->len; i++)
    for (guint j = 0; j < i; j++)
      {
        const PrRecordColumn *a = g_ptr_array_index (columns, j), *b = g_ptr_array_index (columns, i);

        if (strcmp (a->table, b->table) == 0 && a->values->len != b->values->len)
          misuse (run, "columns '%s' and '%s' of table '%s' have %u and %u values", a->column, b->column, a->table,
                  a->values->len, b->values->len);
      }
}

static gboolean
make_outputs (PrRun *run, GError **error)
{
  for (gsize i = 0; i < run->stage->n_slots; i++)
    if (run->stage->slots[i].direction == PR_SLOT_OUT)
      {
        run->output_dirs[i] = g_build_filename (run->call->dir, run->stage->slots[i].name, NULL);
        if (!pr_folder_make (run->output_dirs[i], error))
          return FALSE;
      }
  return TRUE;
}

/* Success without a file in an output is no success: whoever reads the artifact would find nothing. */
static void
check_outputs (PrRun *run)
{
  for (gsize i = 0; i < run->stage->n_slots; i++)
    {
      g_auto (GStrv) names = run->output_dirs[i] != NULL ? pr_folder_list (run->output_dirs[i], NULL) : NULL;

      if (run->output_dirs[i] != NULL && (names == NULL || names[0] == NULL))
        misuse (run, "run() left no file in output '%s'", run->stage->slots[i].name);
    }
}

static gboolean
call_stage (PrRun *run, const PrNodePlan *plan, GError **error)
{
  const PrNode *node = run->call->node;
  GError *raised = NULL;
  PrMeter meter;
  gboolean ok;

  pr_meter_start (&meter);
  ok = run->stage->run (node->params, run, &raised);
  pr_meter_stop (&meter, &run->record->wall_seconds, &run->record->cpu_seconds, &run->record->peak_rss);
  if (!pr_stage_check_result (node->entry, node->name, "run", ok, raised, error))
    return FALSE;
  check_tables (run);
  check_outputs (run);
  if (run->misuse != NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN, "stage '%s': plugin '%s' broke the contract: %s", node->name,
                   node->entry->path, run->misuse);
      return FALSE;
    }
  return plan == NULL || pr_node_plan_check (plan, run->dims, error);
}

gboolean
pr_stage_run (const PrStageRun *call, const PrNodePlan *plan, PrRecord **ret_record, PrDims **ret_dims, GError **error)
{
  const PrStage *stage = call->node->entry->stage;
  g_autoptr (PrRecord) record = pr_record_new ();
  g_autoptr (PrDims) dims = pr_dims_new ();
  PrRun run = { .call = call, .stage = stage, .record = record, .dims = dims };
  gboolean ok;

  run.output_dirs = g_new0 (char *, stage->n_slots + 1);
  ok = make_outputs (&run, error) && call_stage (&run, plan, error);
  for (gsize i = 0; i < stage->n_slots; i++)
    g_free (run.output_dirs[i]);
  g_free (run.output_dirs);
  g_free (run.status);
  g_free (run.misuse);
  if (!ok)
    return FALSE;
  *ret_record = g_steal_pointer (&record);
  *ret_dims = g_steal_pointer (&dims);
  return TRUE;
}
