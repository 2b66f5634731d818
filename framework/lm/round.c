/* round.c - what precedes an update: the hooks of a stage, and the examples of the batch. */
#include "config.h"

#include "lm/trainer.h"

gboolean
pr_trainer_begin_step (PrTrainer *trainer, const PrFitStep *step, PrTrainLog *log, GError **error)
{
  const PrTraining *training = trainer->training;

  if (training->begin_epoch != NULL && step->begins_epoch
      && !training->begin_epoch (training->hook_ctx, trainer->lm, step->epoch, log, error))
    return FALSE;
  if (training->make_round == NULL || !step->begins_round)
    return TRUE;
  trainer->round_examples = 0;
  return training->make_round (training->hook_ctx, trainer->lm, step->round, step->picked, step->n_picked, log,
                               &trainer->round_examples, error);
}

gboolean
pr_trainer_build_batch (PrTrainer *trainer, const PrFitStep *step, GError **error)
{
  const PrTraining *training = trainer->training;
  gboolean made = training->make_round != NULL;
  gsize n = made ? trainer->round_examples : step->n_picked;

  pr_batch_clear (trainer->batch);
  for (gsize i = 0; i < n; i++)
    if (!pr_batch_add (trainer->batch, &trainer->lm->config, training->example, training->ctx, step->epoch,
                       made ? i : step->picked[i], error))
      {
        g_prefix_error (error, "training '%s': ", training->name);
        return FALSE;
      }
  return TRUE;
}
