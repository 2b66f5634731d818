#include "config.h"

#include "cost.h"

#include <math.h>
#include <pauserec/error.h>
#include <string.h>

#include "runtime/record.h"

/* Columns of /cost. */
enum
{
  WALL = PR_N_COSTS,
  CPU,
  PEAK,
  N_COLUMNS
};

typedef struct
{
  gint64 n;
  char **arms, **stages;
  double *columns[N_COLUMNS];
} Rows;

static void
rows_clear (Rows *rows)
{
  g_strfreev (rows->arms);
  g_strfreev (rows->stages);
  for (int i = 0; i < N_COLUMNS; i++)
    g_free (rows->columns[i]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Rows, rows_clear)

static gboolean
rows_read (Rows *rows, PrH5 *h5, GError **error)
{
  static const char *const measured[] = { "wall_seconds", "cpu_seconds", "peak_rss_bytes" };

  rows->arms = pr_h5_read_column (h5, "/cost", "arm", PR_H5_TEXT, &rows->n, error);
  rows->stages = rows->arms ? pr_h5_read_column (h5, "/cost", "stage", PR_H5_TEXT, &rows->n, error) : NULL;
  if (rows->stages == NULL)
    return FALSE;
  for (int i = 0; i < N_COLUMNS; i++)
    {
      const char *name = i < PR_N_COSTS ? pr_cost_names[i] : measured[i - PR_N_COSTS];

      rows->columns[i] = pr_h5_read_column (h5, "/cost", name, PR_H5_F64, &rows->n, error);
      if (rows->columns[i] == NULL)
        return FALSE;
    }
  return TRUE;
}

/* Add SHARE of MORE. */
static void
add_costs (PrCosts *sum, const PrCosts *more, double share)
{
  for (int i = 0; i < PR_N_COSTS; i++)
    sum->counters[i] += more->counters[i] * share;
  sum->wall_seconds += more->wall_seconds * share;
  sum->cpu_seconds += more->cpu_seconds * share;
  sum->peak_bytes = MAX (sum->peak_bytes, more->peak_bytes);
}

static PrCosts
row_costs (const Rows *rows, gint64 row)
{
  PrCosts costs = { .wall_seconds = rows->columns[WALL][row],
                    .cpu_seconds = rows->columns[CPU][row],
                    .peak_bytes = rows->columns[PEAK][row] };

  for (int i = 0; i < PR_N_COSTS; i++)
    costs.counters[i] = rows->columns[i][row];
  return costs;
}

/* The entry of STAGE among those of ARM, which begin at FIRST; made if there is none. */
static PrStageCost *
stage_of (GArray *stages, guint first, gsize arm, const char *stage)
{
  const PrStageCost fresh = { .arm = arm, .stage = g_strdup (stage) };

  for (guint i = first; i < stages->len; i++)
    if (strcmp (g_array_index (stages, PrStageCost, i).stage, stage) == 0)
      {
        g_free (fresh.stage);
        return &g_array_index (stages, PrStageCost, i);
      }
  g_array_append_val (stages, fresh);
  return &g_array_index (stages, PrStageCost, stages->len - 1);
}

/* The rows of each arm, in their order: GArray of gint64. */
static GPtrArray *
rows_by_arm (const PrComparison *c, const Rows *rows)
{
  GPtrArray *lists = g_ptr_array_new_with_free_func ((GDestroyNotify)g_array_unref);
  g_autoptr (GHashTable) by_name = g_hash_table_new (g_str_hash, g_str_equal);

  for (gsize a = 0; a < c->n_arms; a++)
    {
      g_ptr_array_add (lists, g_array_new (FALSE, FALSE, sizeof (gint64)));
      g_hash_table_insert (by_name, c->arms[a], lists->pdata[a]);
    }
  for (gint64 i = 0; i < rows->n; i++)
    {
      GArray *list = g_hash_table_lookup (by_name, rows->arms[i]);

      if (list != NULL)
        g_array_append_val (list, i);
    }
  return lists;
}

/* A stage that learns and then answers: users and seconds of answering are inference's, what else it counted is
 * training's, since nobody knows its parts, and unknown of inference. */
static void
split_costs (const PrCosts *both, PrCosts *ret_training, PrCosts *ret_inference)
{
  double seconds = both->counters[PR_COST_INFER_SECONDS];

  *ret_training = *ret_inference = *both;
  ret_training->counters[PR_COST_INFER_USERS] = ret_training->counters[PR_COST_INFER_SECONDS] = 0;
  ret_training->wall_seconds = MAX (both->wall_seconds - seconds, 0);
  for (int i = 0; i < PR_N_COSTS; i++)
    if (i != PR_COST_INFER_USERS && i != PR_COST_INFER_SECONDS)
      ret_inference->counters[i] = i == PR_COST_TRAIN_TOKENS || i == PR_COST_OPTIMIZER_STEPS ? 0 : NAN;
  ret_inference->wall_seconds = seconds;
  ret_inference->cpu_seconds = NAN;
}

gboolean
pr_comparison_fill_costs (PrComparison *c, PrH5 *h5, GError **error)
{
  g_autoptr (GArray) stages = g_array_new (FALSE, TRUE, sizeof (PrStageCost));
  g_autoptr (GPtrArray) by_arm = NULL;
  g_auto (Rows) rows = { 0 };

  if (!rows_read (&rows, h5, error))
    return FALSE;
  c->costs = g_new0 (PrArmCost, MAX (c->n_arms, 1));
  by_arm = rows_by_arm (c, &rows);
  for (gsize a = 0; a < c->n_arms; a++)
    {
      guint first = stages->len;
      const GArray *own = by_arm->pdata[a];

      for (guint i = 0; i < own->len; i++)
        {
          gint64 row = g_array_index (own, gint64, i);
          PrCosts costs = row_costs (&rows, row);

          add_costs (&stage_of (stages, first, a, rows.stages[row])->costs, &costs, 1.0 / MAX (c->n_seeds[a], 1));
        }
      for (guint i = first; i < stages->len; i++)
        {
          PrStageCost *stage = &g_array_index (stages, PrStageCost, i);

          gboolean answers = stage->costs.counters[PR_COST_INFER_USERS] > 0;

          stage->answers = answers && stage->costs.counters[PR_COST_TRAIN_TOKENS] == 0;
          if (answers && !stage->answers)
            {
              PrCosts training, inference;

              split_costs (&stage->costs, &training, &inference);
              add_costs (&c->costs[a].training, &training, 1);
              add_costs (&c->costs[a].inference, &inference, 1);
              continue;
            }
          add_costs (stage->answers ? &c->costs[a].inference : &c->costs[a].training, &stage->costs, 1);
        }
    }
  c->n_stages = stages->len;
  c->stages = (PrStageCost *)(void *)g_array_free (g_steal_pointer (&stages), FALSE);
  return TRUE;
}

double
pr_costs_per_user (const PrCosts *inference, double amount)
{
  double users = inference->counters[PR_COST_INFER_USERS];

  return users > 0 ? amount / users : NAN;
}

double
pr_costs_user_ms (const PrCosts *inference)
{
  return pr_costs_per_user (inference, 1000 * inference->counters[PR_COST_INFER_SECONDS]);
}
