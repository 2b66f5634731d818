#include "config.h"

#include <pauserec/error.h>

#include "lm/trainer.h"

#include <math.h>

gboolean
pr_trainer_validates (const PrTrainer *trainer)
{
  return trainer->params->eval_every > 0
         && (trainer->training->valid_example != NULL || trainer->training->score != NULL);
}

/* Adds the losses of the collected examples and forgets the examples. */
static gboolean
add_losses (PrTrainer *trainer, double *sum, double *weights, GError **error)
{
  PrBatch *batch = trainer->batch;
  PrChunk chunk;
  gint64 first_row;

  trainer->state.costs[PR_COST_INFER_TOKENS] += (double)pr_batch_rows (batch);
  trainer->state.costs[PR_COST_FLOPS] += pr_batch_flops (batch, &trainer->lm->config, 1);
  while (pr_batch_next_chunk (batch, trainer->params->chunk_tokens, &chunk, &first_row))
    {
      if (!pr_trainer_reserve (trainer, chunk.offsets[chunk.n_sequences], error)
          || !pr_run_step (trainer->run, trainer->state.step, trainer->total_steps, error))
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
mean_loss (PrTrainer *trainer, double *ret_loss, GError **error)
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
          && !add_losses (trainer, &sum, &weights, error))
        return FALSE;
    }
  if (!add_losses (trainer, &sum, &weights, error))
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
pr_trainer_validate (PrTrainer *trainer, GError **error)
{
  const PrTraining *training = trainer->training;
  PrTrainState *state = &trainer->state;
  gboolean is_score = training->score != NULL;
  double value = 0;

  pr_trainer_log_at (trainer, state->step);
  if (is_score ? !training->score (training->ctx, trainer->lm, &trainer->log, &value, error)
               : !mean_loss (trainer, &value, error))
    return FALSE;
  if (!isfinite (value))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
                   "training '%s': the validation value after step %" G_GUINT64_FORMAT
                   " is %g; lower lr or raise warmup",
                   trainer->training->name, state->step, value);
      return FALSE;
    }
  pr_trainer_point (trainer, PR_SERIES_VALID, state->step, value);
  if (!state->has_best || (is_score ? value > state->best : value < state->best))
    {
      state->has_best = TRUE;
      state->best = value;
      state->best_step = state->step;
      if (state->best_weights != NULL)
        pr_trainer_gather (trainer, state->best_weights);
    }
  return TRUE;
}
