/* fit.c - the training loop: steps, what is due after them, and going on where a killed one stopped. */
#include "config.h"

#include <pauserec/error.h>
#include <pauserec/rng.h>

#include "compute/floats.h"
#include "fit/fit-private.h"
#include "runtime/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

gboolean
pr_fitter_between_rounds (const PrFitter *fitter)
{
  return fitter->state.step % fitter->round_steps == 0;
}

static guint64
epoch_of (const PrFitter *fitter)
{
  return fitter->state.step / fitter->steps_per_epoch;
}

static gboolean
validates (const PrFitter *fitter)
{
  return fitter->params->eval_every > 0 && fitter->fit->validate != NULL;
}

/* The indices of the coming round: which ones depends on the step alone. */
static void
pick (PrFitter *fitter)
{
  const PrFit *fit = fitter->fit;
  guint64 epoch = epoch_of (fitter);
  guint64 batch = fitter->state.step % fitter->steps_per_epoch / fitter->round_steps;
  guint64 first = batch * (guint64)fitter->params->batch_size;
  guint64 end = MIN (first + (guint64)fitter->params->batch_size, fit->n_examples);

  if (fit->shuffle && fitter->order_epoch != epoch)
    {
      g_autofree char *stream = g_strconcat ("train-order:", fit->name, NULL);

      g_free (fitter->order);
      fitter->order = pr_rng_permutation (pr_rng_new (fitter->seed, stream), epoch, (guint32)fit->n_examples);
      fitter->order_epoch = epoch;
    }
  g_array_set_size (fitter->picked, 0);
  for (guint64 i = first; i < end; i++)
    {
      guint32 index = fitter->order != NULL ? fitter->order[i] : (guint32)i;

      g_array_append_val (fitter->picked, index);
    }
}

static gboolean
diverged (const PrFitter *fitter, const char *what, double value, double lr, GError **error)
{
  g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
               "training '%s': %s is %g at step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
               " (learning rate %g); lower lr, raise warmup or set clip",
               fitter->fit->name, what, value, fitter->state.step + 1, fitter->total_steps, lr);
  return FALSE;
}

static gboolean
update (PrFitter *fitter, double loss, GError **error)
{
  PrFitState *state = &fitter->state;
  double lr = pr_train_lr (fitter->params, state->step, fitter->total_steps);
  double clip = fitter->params->clip, norm;
  g_autofree char *status = NULL;

  if (!isfinite (loss))
    return diverged (fitter, "the loss", loss, lr, error);
  norm = pr_fitter_grad_norm (fitter);
  if (!isfinite (norm))
    return diverged (fitter, "the gradient norm", norm, lr, error);
  /* As torch.nn.utils.clip_grad_norm_. */
  pr_fitter_update (fitter, lr, clip > 0 && norm > clip ? clip / (norm + 1e-6) : 1);
  state->costs[PR_COST_OPTIMIZER_STEPS] += 1;
  pr_fitter_point (fitter, PR_SERIES_LOSS, state->step + 1, loss);
  pr_fitter_point (fitter, PR_SERIES_LR, state->step + 1, lr);
  pr_fitter_point (fitter, PR_SERIES_GRAD_NORM, state->step + 1, norm);
  status = g_strdup_printf ("loss %.4f", loss);
  pr_run_status (fitter->run, status);
  return TRUE;
}

/* One batch, one update. */
static gboolean
fit_step (PrFitter *fitter, GError **error)
{
  PrFitState *state = &fitter->state;
  PrFitStep step = {
    .step = state->step,
    .epoch = (guint)epoch_of (fitter),
    .begins_epoch = state->step % fitter->steps_per_epoch == 0,
    .begins_round = pr_fitter_between_rounds (fitter),
    .round = state->step / fitter->round_steps,
  };
  PrFitLoss loss = { 0 };

  if (step.begins_round)
    pick (fitter);
  step.picked = &g_array_index (fitter->picked, guint32, 0);
  step.n_picked = fitter->picked->len;
  fitter->log = (PrTrainLog){ fitter, state->step + 1 };
  pr_fitter_set_mark (fitter);
  memset (fitter->grads, 0, (gsize)fitter->n * sizeof (float));
  if (!fitter->fit->gradient (fitter->fit->ctx, &step, fitter->grads, &fitter->log, &loss, error)
      || (loss.n_used > 0 && !update (fitter, loss.loss, error)))
    return FALSE;
  state->n_empty += loss.n_empty;
  state->n_seen += loss.n_used;
  state->step++;
  fitter->mark.set = FALSE;
  return TRUE;
}

static gboolean
validate (PrFitter *fitter, GError **error)
{
  const PrFit *fit = fitter->fit;
  PrFitState *state = &fitter->state;
  double value = 0;

  if (!fit->validate (fit->ctx, &fitter->log, &value, error))
    return FALSE;
  if (!isfinite (value))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
                   "training '%s': the validation value after step %" G_GUINT64_FORMAT
                   " is %g; lower lr or raise warmup",
                   fit->name, state->step, value);
      return FALSE;
    }
  pr_fitter_point (fitter, PR_SERIES_VALID, state->step, value);
  if (!state->has_best || (fit->lower_is_better ? value < state->best : value > state->best))
    {
      state->has_best = TRUE;
      state->best = value;
      state->best_step = state->step;
      if (state->best_weights != NULL)
        pr_fitter_gather (fitter, state->best_weights);
    }
  return TRUE;
}

static gboolean
end_epoch (PrFitter *fitter, GError **error)
{
  const PrFit *fit = fitter->fit;
  PrFitState *state = &fitter->state;

  if (state->n_seen == 0 && !fit->may_teach_nothing)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "training '%s': none of the %" G_GSIZE_FORMAT " training examples has a position with loss",
                   fit->name, fit->n_examples);
      return FALSE;
    }
  if (state->n_empty > 0)
    pr_fitter_point (fitter, PR_SERIES_EMPTY, state->step, (double)state->n_empty);
  state->n_empty = 0;
  return fit->end_epoch == NULL || fit->end_epoch (fit->ctx, &fitter->log, error);
}

static gboolean
checkpoint_due (const PrFitter *fitter, gboolean last)
{
  guint64 every = (guint64)fitter->params->checkpoint_steps, step = fitter->state.step;

  if (every == 0 || (!last && !pr_fitter_between_rounds (fitter)))
    return FALSE;
  return step / every > (step - MIN (step, fitter->round_steps)) / every || (last && step > every);
}

/* What is due after a step: the end of an epoch, a validation, a checkpoint. */
static gboolean
after_step (PrFitter *fitter, GError **error)
{
  guint64 step = fitter->state.step, epochs = step / fitter->steps_per_epoch;
  gboolean last = step == fitter->total_steps;
  gboolean epoch_ends = step % fitter->steps_per_epoch == 0;

  fitter->log = (PrTrainLog){ fitter, step };
  if ((epoch_ends || last) && !end_epoch (fitter, error))
    return FALSE;
  if (validates (fitter) && (last || (epoch_ends && epochs % (guint64)fitter->params->eval_every == 0))
      && !validate (fitter, error))
    return FALSE;
  return !checkpoint_due (fitter, last) || pr_checkpoint_save (fitter, error);
}

/* Until a step's update nothing of the state has changed: whoever interrupts need not lose the steps since the last
 * checkpoint.  If this cannot be written, the one before it serves. */
static void
keep_if_cancelled (PrFitter *fitter, const GError *failure)
{
  if (g_error_matches (failure, PR_ERROR, PR_ERROR_CANCELLED) && fitter->params->checkpoint_steps > 0
      && fitter->state.step > 0 && pr_fitter_between_rounds (fitter))
    {
      pr_fitter_back_to_mark (fitter);
      pr_checkpoint_save (fitter, NULL);
    }
}

static gboolean
fit_loop (PrFitter *fitter, GError **error)
{
  PrFitState *state = &fitter->state;
  GError *failure = NULL;

  if (pr_checkpoint_load (fitter))
    pr_fitter_repeat_points (fitter);
  while (state->step < fitter->total_steps)
    {
      if (!pr_run_step (fitter->run, state->step, fitter->total_steps, &failure) || !fit_step (fitter, &failure))
        {
          keep_if_cancelled (fitter, failure);
          g_propagate_error (error, failure);
          return FALSE;
        }
      if (!after_step (fitter, error))
        return FALSE;
    }
  if (!pr_run_step (fitter->run, fitter->total_steps, fitter->total_steps, error))
    return FALSE;
  if (state->best_weights != NULL && state->has_best && state->best_step != state->step)
    pr_fitter_scatter (fitter, state->best_weights);
  /* The last update can still have spoilt the weights, and no loss would show it. */
  if (!pr_fitter_check_weights (fitter, error))
    return FALSE;
  for (int cost = 0; cost < PR_N_COSTS; cost++)
    if (state->costs[cost] != 0)
      pr_run_add_cost (fitter->run, (PrCost)cost, state->costs[cost]);
  return TRUE;
}

static gboolean
check_fit (const PrFit *fit, GError **error)
{
  const char *name = fit->name != NULL ? fit->name : "";
  gboolean pieces_ok = fit->n_pieces > 0;

  for (gsize i = 0; i < fit->n_pieces; i++)
    pieces_ok = pieces_ok && fit->pieces[i].weights != NULL && fit->pieces[i].n > 0;
  if (!pr_record_name_ok (name) || fit->fingerprint == NULL || fit->gradient == NULL || !pieces_ok
      || (fit->validate != NULL && fit->valid_name == NULL) || (fit->state == NULL && fit->state_bytes > 0)
      || fit->round_steps < 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                   "training '%s' lacks something: it needs an identifier for a name, a fingerprint, weights, a "
                   "gradient, a name for its validation value and memory for its state",
                   name);
      return FALSE;
    }
  if (fit->n_examples == 0 || fit->n_examples > G_MAXUINT32)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "training '%s' needs 1 to %u examples, there are %" G_GSIZE_FORMAT,
                   name, G_MAXUINT32, fit->n_examples);
      return FALSE;
    }
  return TRUE;
}

static gboolean
fitter_init (PrFitter *fitter, GError **error)
{
  const PrFit *fit = fitter->fit;
  PrFitState *state = &fitter->state;
  const char *what = "gradients and AdamW moments";

  for (gsize i = 0; i < fit->n_pieces; i++)
    fitter->n += fit->pieces[i].n;
  fitter->round_steps = (guint64)MAX (fit->round_steps, 1);
  fitter->steps_per_epoch = pr_train_steps_per_epoch (fitter->params, fit->n_examples) * fitter->round_steps;
  fitter->total_steps = pr_train_n_steps (fitter->params, fit->n_examples, fit->round_steps);
  fitter->order_epoch = G_MAXUINT64;
  fitter->picked = g_array_new (FALSE, FALSE, sizeof (guint32));
  state->points = g_array_new (FALSE, FALSE, sizeof (PrPoint));
  fitter->fingerprint = pr_checkpoint_fingerprint (fitter);
  if ((fitter->grads = pr_floats_new (fitter->n, what, error)) == NULL
      || (state->m = pr_floats_new (fitter->n, what, error)) == NULL
      || (state->v = pr_floats_new (fitter->n, what, error)) == NULL)
    return FALSE;
  return !validates (fitter) || !fitter->params->keep_best
         || (state->best_weights = pr_floats_new (fitter->n, "best weights", error)) != NULL;
}

static void
fitter_clear (PrFitter *fitter)
{
  free (fitter->grads);
  free (fitter->state.m);
  free (fitter->state.v);
  free (fitter->state.best_weights);
  g_array_unref (fitter->state.points);
  g_array_unref (fitter->picked);
  g_free (fitter->mark.state);
  g_free (fitter->order);
  g_free (fitter->fingerprint);
}

gboolean
pr_fit (PrRun *run, const PrFit *fit, const PrTrainParams *params, guint64 seed, GError **error)
{
  PrFitter fitter = { .run = run, .fit = fit, .params = params, .seed = seed };
  gboolean ok;

  if (!pr_train_params_check (params, error) || !check_fit (fit, error))
    return FALSE;
  ok = fitter_init (&fitter, error) && fit_loop (&fitter, error);
  fitter_clear (&fitter);
  return ok;
}
