/* cost.h - the costs of a comparison: read, and set in tables. */
#ifndef PR_COST_H
#define PR_COST_H

#include "results/comparison.h"
#include "results/grid.h"
#include "results/h5.h"

/* Fill stages and costs of COMPARISON, whose arms and seeds are known, from table /cost. */
gboolean pr_comparison_fill_costs (PrComparison *comparison, PrH5 *h5, GError **error);

/* One row an arm below a head. */
void pr_cost_training_grid (const PrComparison *comparison, PrGrid *grid);
void pr_cost_inference_grid (const PrComparison *comparison, PrGrid *grid);
/* One row a stage of an arm. */
void pr_cost_stages_grid (const PrComparison *comparison, PrGrid *grid);

/* Names, each behind a comma, and values of an arm's costs as CSV has them. */
#define PR_COST_CSV                                                                                                    \
  ",training_tokens,training_read_tokens,training_generated_tokens,training_steps,training_flops,"                     \
  "training_flops_ratio,training_wall_seconds,training_cpu_seconds,training_peak_bytes,user_read_tokens,"              \
  "user_generated_tokens,user_flops,user_ms,user_ms_ratio"
enum
{
  PR_COST_N_CSV = 14
};
void pr_cost_csv_values (const PrComparison *comparison, gsize arm, double ret_values[PR_COST_N_CSV]);

#endif
