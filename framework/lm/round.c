/* round.c - what precedes an update: the hooks of a stage, and the examples of the batch. */
#include "config.h"

#include <pauserec/error.h>
#include <pauserec/rng.h>

#include "lm/trainer.h"

#include <string.h>

void
pr_trainer_log_at (PrTrainer *trainer, guint64 step)
{
  trainer->log = (PrTrainLog){ trainer, step };
}

void
pr_train_log_point (PrTrainLog *log, gsize series, double value)
{
  pr_trainer_point (log->trainer, PR_N_SERIES + series, log->step, value);
}

void
pr_train_log_cost (PrTrainLog *log, PrCost cost, double amount)
{
  log->trainer->state.costs[cost] += amount;
}

gboolean
pr_train_log_tick (PrTrainLog *log, GError **error)
{
  return pr_run_step (log->trainer->run, log->trainer->state.step, log->trainer->total_steps, error);
}

gboolean
pr_trainer_between_rounds (const PrTrainer *trainer)
{
  return trainer->state.step % trainer->round_steps == 0;
}

static guint64
epoch_of (const PrTrainer *trainer)
{
  return trainer->state.step / trainer->steps_per_epoch;
}

/* The indices of the coming batch: which ones depends on the step alone. */
static void
pick (PrTrainer *trainer)
{
  const PrTraining *training = trainer->training;
  guint64 epoch = epoch_of (trainer);
  guint64 batch = trainer->state.step % trainer->steps_per_epoch / trainer->round_steps;
  guint64 first = batch * (guint64)trainer->params->batch_size;
  guint64 end = MIN (first + (guint64)trainer->params->batch_size, training->n_examples);

  if (training->shuffle && trainer->order_epoch != epoch)
    {
      g_autofree char *stream = g_strconcat ("train-order:", training->name, NULL);

      g_free (trainer->order);
      trainer->order = pr_rng_permutation (pr_rng_new (trainer->seed, stream), epoch, (guint32)training->n_examples);
      trainer->order_epoch = epoch;
    }
  g_array_set_size (trainer->picked, 0);
  for (guint64 i = first; i < end; i++)
    {
      guint32 index = trainer->order != NULL ? trainer->order[i] : (guint32)i;

      g_array_append_val (trainer->picked, index);
    }
}

static void
set_mark (PrTrainer *trainer)
{
  const PrTraining *training = trainer->training;

  trainer->mark.set = TRUE;
  trainer->mark.n_points = trainer->state.points->len;
  memcpy (trainer->mark.costs, trainer->state.costs, sizeof trainer->mark.costs);
  if (training->state_bytes > 0)
    {
      g_free (trainer->mark.state);
      trainer->mark.state = g_memdup2 (training->state, training->state_bytes);
    }
}

void
pr_trainer_forget_hooks (PrTrainer *trainer)
{
  if (!trainer->mark.set)
    return;
  trainer->mark.set = FALSE;
  g_array_set_size (trainer->state.points, trainer->mark.n_points);
  memcpy (trainer->state.costs, trainer->mark.costs, sizeof trainer->mark.costs);
  if (trainer->training->state_bytes > 0)
    memcpy (trainer->training->state, trainer->mark.state, trainer->training->state_bytes);
}

gboolean
pr_trainer_begin_step (PrTrainer *trainer, GError **error)
{
  const PrTraining *training = trainer->training;
  guint64 step = trainer->state.step;

  pr_trainer_log_at (trainer, step + 1);
  set_mark (trainer);
  if (training->begin_epoch != NULL && step % trainer->steps_per_epoch == 0
      && !training->begin_epoch (training->hook_ctx, trainer->lm, (guint)epoch_of (trainer), &trainer->log, error))
    return FALSE;
  if (!pr_trainer_between_rounds (trainer))
    return TRUE;
  pick (trainer);
  if (training->make_round == NULL)
    return TRUE;
  trainer->round_examples = 0;
  return training->make_round (training->hook_ctx, trainer->lm, step / trainer->round_steps,
                               &g_array_index (trainer->picked, guint32, 0), trainer->picked->len, &trainer->log,
                               &trainer->round_examples, error);
}

gboolean
pr_trainer_build_batch (PrTrainer *trainer, GError **error)
{
  const PrTraining *training = trainer->training;
  gboolean made = training->make_round != NULL;
  gsize n = made ? trainer->round_examples : trainer->picked->len;

  pr_batch_clear (trainer->batch);
  for (gsize i = 0; i < n; i++)
    if (!pr_batch_add (trainer->batch, &trainer->lm->config, training->example, training->ctx,
                       (guint)epoch_of (trainer), made ? i : g_array_index (trainer->picked, guint32, i), error))
      {
        g_prefix_error (error, "training '%s': ", training->name);
        return FALSE;
      }
  return TRUE;
}
