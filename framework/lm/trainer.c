#include "config.h"

#include <pauserec/error.h>
#include <pauserec/rng.h>

#include "lm/lm-private.h"
#include "lm/trainer.h"
#include "runtime/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const series_names[PR_N_SERIES] = {
  [PR_SERIES_LOSS] = "loss",
  [PR_SERIES_LR] = "lr",
  [PR_SERIES_GRAD_NORM] = "grad_norm",
  [PR_SERIES_VALID] = "valid_loss",
  [PR_SERIES_EMPTY] = "empty_examples",
};

static void
say_point (PrTrainer *trainer, const PrPoint *point)
{
  const PrTraining *training = trainer->training;
  gsize series = (gsize)point->series;
  const char *name = series >= PR_N_SERIES                                  ? training->series[series - PR_N_SERIES]
                     : series == PR_SERIES_VALID && training->score != NULL ? training->score_name
                                                                            : series_names[series];
  g_autofree char *full =
      strcmp (training->name, "train") == 0 ? g_strdup (name) : g_strconcat (training->name, "_", name, NULL);

  pr_run_curve (trainer->run, full, (guint64)point->step, point->value);
}

void
pr_trainer_point (PrTrainer *trainer, gsize series, guint64 step, double value)
{
  PrPoint point = { (double)series, (double)step, value };

  g_array_append_val (trainer->state.points, point);
  say_point (trainer, &point);
}

void
pr_trainer_repeat_points (PrTrainer *trainer)
{
  for (guint i = 0; i < trainer->state.points->len; i++)
    say_point (trainer, &g_array_index (trainer->state.points, PrPoint, i));
}

gboolean
pr_trainer_reserve (PrTrainer *trainer, gint64 rows, GError **error)
{
  if (trainer->model != NULL && rows <= trainer->model_rows)
    return TRUE;
  g_clear_pointer (&trainer->model, pr_model_free);
  trainer->model_rows = MAX (rows, trainer->params->chunk_tokens);
  trainer->model = pr_model_new (&trainer->lm->config, trainer->model_rows, TRUE, error);
  return trainer->model != NULL;
}

static void
trainer_clear (PrTrainer *trainer)
{
  free (trainer->grads);
  free (trainer->state.m);
  free (trainer->state.v);
  free (trainer->state.best_weights);
  g_array_unref (trainer->state.points);
  g_array_unref (trainer->losses);
  g_array_unref (trainer->picked);
  g_free (trainer->mark.state);
  pr_model_free (trainer->model);
  pr_batch_free (trainer->batch);
  g_free (trainer->order);
  g_free (trainer->fingerprint);
}

static gboolean
check_training (const PrTrainer *trainer, GError **error)
{
  const PrTraining *training = trainer->training;
  const char *name = training->name != NULL ? training->name : "";
  g_autoptr (GHashTable) seen = g_hash_table_new (g_direct_hash, g_direct_equal);

  if (!pr_record_name_ok (name) || training->example == NULL
      || (training->score != NULL && training->score_name == NULL) || (training->rows != NULL && training->n_rows == 0)
      || (training->state == NULL && training->state_bytes > 0) || training->round_steps < 0
      || (training->round_steps > 1 && training->make_round == NULL))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                   "training '%s' lacks something: it needs an identifier for a name, examples, a name for its score, "
                   "at least one row, memory for its state, and make_round for rounds of several steps",
                   name);
      return FALSE;
    }
  if (training->n_examples == 0 || training->n_examples > G_MAXUINT32)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "training '%s' needs 1 to %u examples, there are %" G_GSIZE_FORMAT,
                   name, G_MAXUINT32, training->n_examples);
      return FALSE;
    }
  for (gsize i = 0; training->rows != NULL && i < training->n_rows; i++)
    if (training->rows[i] < 0 || training->rows[i] >= trainer->lm->config.vocab
        || !g_hash_table_add (seen, GINT_TO_POINTER (training->rows[i])))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                     "training '%s': row %d is listed twice or outside the vocabulary", name, training->rows[i]);
        return FALSE;
      }
  return TRUE;
}

static gboolean
trainer_init (PrTrainer *trainer, GError **error)
{
  const PrTraining *training = trainer->training;
  PrTrainState *state = &trainer->state;
  const char *what = "gradients and AdamW moments";

  trainer->round_steps = (gsize)MAX (training->round_steps, 1);
  trainer->steps_per_epoch = pr_train_steps_per_epoch (trainer->params, training->n_examples) * trainer->round_steps;
  trainer->total_steps = pr_train_n_steps (trainer->params, training->n_examples, (gint64)trainer->round_steps);
  trainer->n_moving =
      training->rows != NULL ? (gint64)training->n_rows * trainer->lm->config.hidden : trainer->lm->layout->size;
  trainer->order_epoch = G_MAXUINT64;
  trainer->fingerprint = pr_checkpoint_fingerprint (trainer);
  trainer->grads = pr_lm_floats (trainer->n_moving, what, error);
  if (trainer->grads == NULL || (state->m = pr_lm_floats (trainer->n_moving, what, error)) == NULL
      || (state->v = pr_lm_floats (trainer->n_moving, what, error)) == NULL)
    return FALSE;
  if (pr_trainer_validates (trainer) && trainer->params->keep_best
      && (state->best_weights = pr_lm_floats (trainer->n_moving, "best weights", error)) == NULL)
    return FALSE;
  return pr_trainer_reserve (trainer, trainer->params->chunk_tokens, error);
}

/* Sums the gradient over the batch's chunks; gives the mean loss. */
static gboolean
run_chunks (PrTrainer *trainer, double *ret_loss, GError **error)
{
  const PrTraining *training = trainer->training;
  g_autofree char *stream = g_strconcat ("dropout:", training->name, NULL);
  PrBackward backward = {
    .scale = training->objective != NULL ? 1.0f : (float)(1.0 / trainer->batch->weight_sum),
    .objective = training->objective,
    .objective_ctx = training->hook_ctx,
    .temperature = training->temperature,
    .dropout = (float)trainer->params->dropout,
    .dropout_seed = pr_rng_u64 (pr_rng_new (trainer->seed, stream), 0, 0),
    .dropout_step = trainer->state.step,
    .rows = training->rows,
    .n_rows = training->rows != NULL ? training->n_rows : 0,
  };
  PrChunk chunk;
  gint64 first_row;
  double sum = 0;

  memset (trainer->grads, 0, (gsize)trainer->n_moving * sizeof (float));
  while (pr_batch_next_chunk (trainer->batch, trainer->params->chunk_tokens, &chunk, &first_row))
    {
      if (!pr_run_step (trainer->run, trainer->state.step, trainer->total_steps, error)
          || !pr_trainer_reserve (trainer, chunk.offsets[chunk.n_sequences], error))
        return FALSE;
      backward.first_row = (guint64)first_row;
      sum += pr_model_train (trainer->model, trainer->lm->weights, trainer->grads, &chunk, &backward);
    }
  *ret_loss = training->objective != NULL ? sum : sum / trainer->batch->weight_sum;
  return TRUE;
}

static void
count_costs (PrTrainer *trainer)
{
  double *costs = trainer->state.costs;
  /* Backward costs two forwards, one for the inputs and one for the weights; the latter stand still when only rows
   * move. */
  int passes = trainer->training->rows != NULL ? 2 : 3;

  costs[PR_COST_TRAIN_TOKENS] += (double)pr_batch_rows (trainer->batch);
  costs[PR_COST_OPTIMIZER_STEPS] += 1;
  costs[PR_COST_FLOPS] += pr_batch_flops (trainer->batch, &trainer->lm->config, passes);
}

static gboolean
diverged (const PrTrainer *trainer, const char *what, double value, double lr, GError **error)
{
  g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
               "training '%s': %s is %g at step %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
               " (learning rate %g); lower lr, raise warmup or set clip",
               trainer->training->name, what, value, trainer->state.step + 1, trainer->total_steps, lr);
  return FALSE;
}

/* One batch, one update. */
static gboolean
train_step (PrTrainer *trainer, GError **error)
{
  PrTrainState *state = &trainer->state;
  double lr = pr_train_lr (trainer->params, state->step, trainer->total_steps);
  double clip = trainer->params->clip, loss, norm;
  g_autofree char *status = NULL;

  if (!pr_trainer_begin_step (trainer, error) || !pr_trainer_build_batch (trainer, error))
    return FALSE;
  if (trainer->batch->ends->len > 0)
    {
      if (!run_chunks (trainer, &loss, error))
        return FALSE;
      if (!isfinite (loss))
        return diverged (trainer, "the loss", loss, lr, error);
      norm = pr_trainer_grad_norm (trainer);
      if (!isfinite (norm))
        return diverged (trainer, "the gradient norm", norm, lr, error);
      /* As torch.nn.utils.clip_grad_norm_. */
      pr_trainer_update (trainer, lr, clip > 0 && norm > clip ? clip / (norm + 1e-6) : 1);
      count_costs (trainer);
      pr_trainer_point (trainer, PR_SERIES_LOSS, state->step + 1, loss);
      pr_trainer_point (trainer, PR_SERIES_LR, state->step + 1, lr);
      pr_trainer_point (trainer, PR_SERIES_GRAD_NORM, state->step + 1, norm);
      status = g_strdup_printf ("loss %.4f", loss);
      pr_run_status (trainer->run, status);
    }
  state->n_empty += trainer->batch->n_empty;
  state->n_seen += trainer->batch->ends->len;
  state->step++;
  trainer->mark.set = FALSE;
  return TRUE;
}

static gboolean
checkpoint_due (const PrTrainer *trainer, gboolean last)
{
  guint64 every = (guint64)trainer->params->checkpoint_steps, step = trainer->state.step;

  if (every == 0 || (!last && !pr_trainer_between_rounds (trainer)))
    return FALSE;
  return step / every > (step - MIN (step, trainer->round_steps)) / every || (last && step > every);
}

/* What is due after a step: the end of an epoch, a validation, a checkpoint. */
static gboolean
after_step (PrTrainer *trainer, GError **error)
{
  PrTrainState *state = &trainer->state;
  const PrTrainParams *params = trainer->params;
  gboolean last = state->step == trainer->total_steps;
  gboolean epoch_ends = state->step % trainer->steps_per_epoch == 0;
  guint64 epochs = state->step / trainer->steps_per_epoch;

  if (epoch_ends || last)
    {
      /* A model that makes its own examples may find that none of them teaches it anything. */
      if (state->n_seen == 0 && trainer->training->make_round == NULL)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                       "training '%s': none of the %" G_GSIZE_FORMAT " training examples has a position with loss",
                       trainer->training->name, trainer->training->n_examples);
          return FALSE;
        }
      if (state->n_empty > 0)
        pr_trainer_point (trainer, PR_SERIES_EMPTY, state->step, (double)state->n_empty);
      state->n_empty = 0;
    }
  if (pr_trainer_validates (trainer) && (last || (epoch_ends && epochs % (guint64)params->eval_every == 0))
      && !pr_trainer_validate (trainer, error))
    return FALSE;
  if (checkpoint_due (trainer, last))
    return pr_checkpoint_save (trainer, error);
  return TRUE;
}

/* The last update can still have spoilt the weights, and no loss would show it. */
static gboolean
check_weights (const PrTrainer *trainer, GError **error)
{
  for (gsize i = 0; i < trainer->lm->layout->n_tensors; i++)
    {
      const PrLmTensor *tensor = &trainer->lm->layout->tensors[i];
      const float *values = trainer->lm->weights + tensor->offset;

      for (gint64 j = 0; j < tensor->rows * MAX (tensor->columns, 1); j++)
        if (!isfinite (values[j]))
          {
            g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
                         "training '%s': tensor '%s' holds %g after the last step; lower lr, raise warmup or set clip",
                         trainer->training->name, tensor->name, (double)values[j]);
            return FALSE;
          }
    }
  return TRUE;
}

/* Until a step's update nothing of the state has changed: whoever interrupts need not lose the steps since the last
 * checkpoint.  If this cannot be written, the one before it serves. */
static void
keep_if_cancelled (PrTrainer *trainer, const GError *failure)
{
  if (g_error_matches (failure, PR_ERROR, PR_ERROR_CANCELLED) && trainer->params->checkpoint_steps > 0
      && trainer->state.step > 0 && pr_trainer_between_rounds (trainer))
    {
      pr_trainer_forget_hooks (trainer);
      pr_checkpoint_save (trainer, NULL);
    }
}

static gboolean
train_loop (PrTrainer *trainer, GError **error)
{
  PrTrainState *state = &trainer->state;
  GError *failure = NULL;

  if (pr_checkpoint_load (trainer))
    pr_trainer_repeat_points (trainer);
  while (state->step < trainer->total_steps)
    {
      if (!pr_run_step (trainer->run, state->step, trainer->total_steps, &failure) || !train_step (trainer, &failure))
        {
          keep_if_cancelled (trainer, failure);
          g_propagate_error (error, failure);
          return FALSE;
        }
      if (!after_step (trainer, error))
        return FALSE;
    }
  if (!pr_run_step (trainer->run, trainer->total_steps, trainer->total_steps, error))
    return FALSE;
  if (state->best_weights != NULL && state->has_best && state->best_step != state->step)
    pr_trainer_scatter (trainer, state->best_weights);
  if (!check_weights (trainer, error))
    return FALSE;
  for (int cost = 0; cost < PR_N_COSTS; cost++)
    if (state->costs[cost] != 0)
      pr_run_add_cost (trainer->run, (PrCost)cost, state->costs[cost]);
  return TRUE;
}

gboolean
pr_train (PrRun *run, PrLm *lm, const PrTraining *training, const PrTrainParams *params, guint64 seed, GError **error)
{
  PrTrainer trainer = { .run = run, .lm = lm, .training = training, .params = params, .seed = seed };
  gboolean ok;

  if (!pr_train_params_check (params, error) || !check_training (&trainer, error))
    return FALSE;
  trainer.batch = pr_batch_new ();
  trainer.losses = g_array_new (FALSE, FALSE, sizeof (float));
  trainer.picked = g_array_new (FALSE, FALSE, sizeof (guint32));
  trainer.state.points = g_array_new (FALSE, FALSE, sizeof (PrPoint));
  ok = trainer_init (&trainer, error) && train_loop (&trainer, error);
  trainer_clear (&trainer);
  return ok;
}
