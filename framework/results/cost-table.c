/* Costs in tables. */
#include "config.h"

#include "cost.h"

#include <math.h>
#include <string.h>

#include "runtime/record.h"

#define MIB 1048576.0

/* To the baseline's; NaN for the baseline itself and where there is nothing to divide by. */
static double
flops_ratio (const PrComparison *c, gsize arm)
{
  double base = c->baseline >= 0 ? c->costs[c->baseline].training.counters[PR_COST_FLOPS] : 0;

  return base > 0 && (gssize)arm != c->baseline ? c->costs[arm].training.counters[PR_COST_FLOPS] / base : NAN;
}

static double
ms_ratio (const PrComparison *c, gsize arm)
{
  double base = c->baseline >= 0 ? pr_costs_user_ms (&c->costs[c->baseline].inference) : NAN;

  return base > 0 && (gssize)arm != c->baseline ? pr_costs_user_ms (&c->costs[arm].inference) / base : NAN;
}

static void
add_head (PrGrid *grid, const char *const *names, const PrComparison *c)
{
  for (; *names != NULL; names++)
    if (names[0][0] != '\0')
      pr_grid_add (grid, "%s", *names);
    else if (c->baseline >= 0)
      pr_grid_add (grid, "vs %s", c->arms[c->baseline]);
}

static void
add_ratio (PrGrid *grid, const PrComparison *c, double ratio)
{
  if (c->baseline >= 0)
    pr_grid_add_number (grid, "%.2f", ratio, "x");
}

static void
add_measured (PrGrid *grid, const PrCosts *costs)
{
  pr_grid_add_number (grid, "%.1f", costs->wall_seconds, "");
  pr_grid_add_number (grid, "%.1f", costs->cpu_seconds, "");
  pr_grid_add_number (grid, "%.0f", costs->peak_bytes / MIB, "");
}

static void
add_counted (PrGrid *grid, const PrCosts *costs)
{
  pr_grid_add_count (grid, costs->counters[PR_COST_TRAIN_TOKENS]);
  pr_grid_add_count (grid, costs->counters[PR_COST_INFER_TOKENS]);
  pr_grid_add_count (grid, costs->counters[PR_COST_GENERATED_TOKENS]);
  pr_grid_add_count (grid, costs->counters[PR_COST_OPTIMIZER_STEPS]);
  pr_grid_add_count (grid, costs->counters[PR_COST_FLOPS]);
}

void
pr_cost_training_grid (const PrComparison *c, PrGrid *grid)
{
  /* "" is the ratio to the baseline. */
  static const char *const names[] = { "training cost", "seeds", "trained", "read",  "generated", "steps",
                                       "FLOP",          "",      "wall s",  "CPU s", "peak MiB",  NULL };

  pr_grid_init (grid, c->baseline >= 0 ? 11 : 10);
  add_head (grid, names, c);
  for (gsize a = 0; a < c->n_arms; a++)
    {
      pr_grid_add (grid, "%s", c->arms[a]);
      pr_grid_add (grid, "%u", c->n_seeds[a]);
      add_counted (grid, &c->costs[a].training);
      add_ratio (grid, c, flops_ratio (c, a));
      add_measured (grid, &c->costs[a].training);
    }
}

void
pr_cost_inference_grid (const PrComparison *c, PrGrid *grid)
{
  static const char *const names[] = { "inference cost a user", "read", "generated", "FLOP", "ms", "", NULL };

  pr_grid_init (grid, c->baseline >= 0 ? 6 : 5);
  add_head (grid, names, c);
  for (gsize a = 0; a < c->n_arms; a++)
    {
      const PrCosts *costs = &c->costs[a].inference;

      pr_grid_add (grid, "%s", c->arms[a]);
      pr_grid_add_number (grid, "%.1f", pr_costs_per_user (costs, costs->counters[PR_COST_INFER_TOKENS]), "");
      pr_grid_add_number (grid, "%.1f", pr_costs_per_user (costs, costs->counters[PR_COST_GENERATED_TOKENS]), "");
      pr_grid_add_count (grid, pr_costs_per_user (costs, costs->counters[PR_COST_FLOPS]));
      pr_grid_add_number (grid, "%.2f", pr_costs_user_ms (costs), "");
      add_ratio (grid, c, ms_ratio (c, a));
    }
}

void
pr_cost_csv_values (const PrComparison *c, gsize arm, double ret_values[PR_COST_N_CSV])
{
  const PrCosts *training = &c->costs[arm].training, *inference = &c->costs[arm].inference;
  const double values[PR_COST_N_CSV] = { training->counters[PR_COST_TRAIN_TOKENS],
                                         training->counters[PR_COST_INFER_TOKENS],
                                         training->counters[PR_COST_GENERATED_TOKENS],
                                         training->counters[PR_COST_OPTIMIZER_STEPS],
                                         training->counters[PR_COST_FLOPS],
                                         flops_ratio (c, arm),
                                         training->wall_seconds,
                                         training->cpu_seconds,
                                         training->peak_bytes,
                                         pr_costs_per_user (inference, inference->counters[PR_COST_INFER_TOKENS]),
                                         pr_costs_per_user (inference, inference->counters[PR_COST_GENERATED_TOKENS]),
                                         pr_costs_per_user (inference, inference->counters[PR_COST_FLOPS]),
                                         pr_costs_user_ms (inference),
                                         ms_ratio (c, arm) };

  memcpy (ret_values, values, sizeof values);
}

/* Stage by stage ---------------------------------------------------------------------------------------------- */

void
pr_cost_stages_grid (const PrComparison *c, PrGrid *grid)
{
  static const char *const names[] = { "arm",  "stage", "trained",     "read",   "generated", "steps",
                                       "FLOP", "users", "answering s", "wall s", "CPU s",     "peak MiB" };

  pr_grid_init (grid, G_N_ELEMENTS (names));
  grid->left = 2;
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    pr_grid_add (grid, "%s", names[i]);
  for (gsize i = 0; i < c->n_stages; i++)
    {
      const PrCosts *costs = &c->stages[i].costs;

      pr_grid_add (grid, "%s", c->arms[c->stages[i].arm]);
      pr_grid_add (grid, "%s", c->stages[i].stage);
      add_counted (grid, costs);
      pr_grid_add_count (grid, costs->counters[PR_COST_INFER_USERS]);
      pr_grid_add_number (grid, "%.1f", costs->counters[PR_COST_INFER_SECONDS], "");
      add_measured (grid, costs);
    }
}

char *
pr_comparison_costs_csv (const PrComparison *c)
{
  GString *out = g_string_new ("arm,stage,part,seeds,wall_seconds,cpu_seconds,peak_rss_bytes");

  for (int i = 0; i < PR_N_COSTS; i++)
    g_string_append_printf (out, ",%s", pr_cost_names[i]);
  g_string_append (out, ",baseline\n");
  for (gsize s = 0; s < c->n_stages; s++)
    {
      const PrStageCost *stage = &c->stages[s];
      const double measured[] = { stage->costs.wall_seconds, stage->costs.cpu_seconds, stage->costs.peak_bytes };

      pr_csv_add_text (out, c->arms[stage->arm]);
      g_string_append_printf (out, ",%s,%s,%u", stage->stage, stage->answers ? "inference" : "training",
                              c->n_seeds[stage->arm]);
      for (gsize i = 0; i < G_N_ELEMENTS (measured); i++)
        pr_csv_add_number (out, measured[i]);
      for (int i = 0; i < PR_N_COSTS; i++)
        pr_csv_add_number (out, stage->costs.counters[i]);
      g_string_append_c (out, ',');
      pr_csv_add_text (out, c->baseline >= 0 ? c->arms[c->baseline] : "");
      g_string_append_c (out, '\n');
    }
  return g_string_free (out, FALSE);
}
