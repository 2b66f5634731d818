/* plan.c - what a model over item numbers will need, as far as sizes tell. */
#include "config.h"

#include <pauserec/seqrec.h>

#define LENGTH_GUESS 6.0               /* training purchases of a user that are seen; Beauty: 5.9 */
#define GROUP_FLOATS (4.0 * (1 << 20)) /* scores at a time, of the softmax */

void
pr_seqrec_plan (PrPlan *plan, const PrSeqParams *params, const PrTrainParams *train, const PrSeqShape *shape)
{
  gint64 n_users = pr_plan_input_dim (plan, "dataset", "n_users");
  gint64 n_items = pr_plan_input_dim (plan, "dataset", "n_items");
  double length = MIN ((double)params->length, LENGTH_GUESS), tables, weights, copies, place, steps;

  pr_plan_set_dim (plan, "ranking", "n_users", n_users);
  pr_plan_set_dim (plan, "ranking", "k", params->list.k);
  if (n_users <= 0 || n_items <= 0)
    return;
  tables = (double)n_items * (double)shape->dims;
  weights = (double)shape->n_weights + (double)MAX (shape->n_tables, 1) * tables;
  /* Weights, gradients, two moments, the best weights. */
  copies = train->keep_best && train->eval_every > 0 ? 5 : 4;
  pr_plan_set_memory (plan,
                      (guint64)(4
                                    * (copies * weights + GROUP_FLOATS
                                       + ((double)train->chunk_tokens + (double)params->length) * shape->row_floats)
                                + 8.0 * (double)n_users * (double)params->list.k + 1000.0 * (double)n_items));
  steps = (double)pr_train_n_steps (train, (gsize)n_users, 1);
  place = shape->row_flops + 2 * tables;
  pr_plan_set_flops (plan, 3 * steps * (double)MIN (train->batch_size, n_users) * length * place
                               + (double)n_users * (length * shape->row_flops + 2 * tables));
}
