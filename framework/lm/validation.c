#include "config.h"

#include <pauserec/error.h>

#include "lm/trainer.h"

/* Adds the losses of the collected examples and forgets the examples. */
static gboolean
add_losses (PrTrainer *trainer, PrTrainLog *log, double *sum, double *weights, GError **error)
{
  PrBatch *batch = trainer->batch;
  PrChunk chunk;
  gint64 first_row;

  pr_train_log_cost (log, PR_COST_INFER_TOKENS, (double)pr_batch_rows (batch));
  pr_train_log_cost (log, PR_COST_FLOPS, pr_batch_flops (batch, &trainer->lm->config, 1));
  while (pr_batch_next_chunk (batch, trainer->params->chunk_tokens, &chunk, &first_row))
    {
      if (!pr_trainer_reserve (trainer, chunk.offsets[chunk.n_sequences], error) || !pr_train_log_tick (log, error))
        return FALSE;
      g_array_set_size (trainer->losses, (guint)chunk.n_targets);
      pr_model_losses (trainer->model, trainer->lm->weights, &chunk, 1, &g_array_index (trainer->losses, float, 0));
      for (gsize t = 0; t < chunk.n_targets; t++)
        {
          double weight = chunk.loss_weights != NULL ? (double)chunk.loss_weights[t] : 1;

          *sum += weight * (double)g_array_index (trainer->losses, float, t);
          *weights += weight;
        }
    }
  pr_batch_clear (batch);
  return TRUE;
}

static gboolean
mean_loss (PrTrainer *trainer, PrTrainLog *log, double *ret_loss, GError **error)
{
  const PrTraining *training = trainer->training;
  double sum = 0, weights = 0;

  pr_batch_clear (trainer->batch);
  for (gsize i = 0; i < training->n_valid; i++)
    {
      if (!pr_batch_add (trainer->batch, &trainer->lm->config, training->valid_example, training->ctx, 0, i, error))
        {
          g_prefix_error (error, "training '%s', validation: ", trainer->training->name);
          return FALSE;
        }
      if (pr_batch_rows (trainer->batch) >= trainer->params->chunk_tokens
          && !add_losses (trainer, log, &sum, &weights, error))
        return FALSE;
    }
  if (!add_losses (trainer, log, &sum, &weights, error))
    return FALSE;
  if (weights == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "training '%s': none of the %" G_GSIZE_FORMAT " validation examples has a position with loss",
                   trainer->training->name, training->n_valid);
      return FALSE;
    }
  *ret_loss = sum / weights;
  return TRUE;
}

gboolean
pr_trainer_validate (gpointer ctx, PrTrainLog *log, double *ret_value, GError **error)
{
  PrTrainer *trainer = ctx;
  const PrTraining *training = trainer->training;

  if (training->score != NULL)
    return training->score (training->ctx, trainer->lm, log, ret_value, error);
  return mean_loss (trainer, log, ret_value, error);
}
