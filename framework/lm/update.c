#include "config.h"

#include <pauserec/backend.h>

#include "lm/trainer.h"

#include <math.h>
#include <string.h>

static float *
row_of (const PrTrainer *trainer, gsize i)
{
  return pr_lm_embedding_row (trainer->lm, trainer->training->rows[i]);
}

void
pr_trainer_gather (const PrTrainer *trainer, float *ret_values)
{
  gsize d = (gsize)trainer->lm->config.hidden;

  if (trainer->training->rows == NULL)
    memcpy (ret_values, trainer->lm->weights, (gsize)trainer->n_moving * sizeof (float));
  for (gsize i = 0; trainer->training->rows != NULL && i < trainer->training->n_rows; i++)
    memcpy (ret_values + i * d, row_of (trainer, i), d * sizeof (float));
}

void
pr_trainer_scatter (PrTrainer *trainer, const float *values)
{
  gsize d = (gsize)trainer->lm->config.hidden;

  if (trainer->training->rows == NULL)
    memcpy (trainer->lm->weights, values, (gsize)trainer->n_moving * sizeof (float));
  for (gsize i = 0; trainer->training->rows != NULL && i < trainer->training->n_rows; i++)
    memcpy (row_of (trainer, i), values + i * d, d * sizeof (float));
}

double
pr_trainer_grad_norm (const PrTrainer *trainer)
{
  return sqrt (pr_backend_get ()->squared_norm (trainer->n_moving, trainer->grads));
}

/* Neighbours in the layout that decay alike are updated in one call; the padding between them stays zero. */
static void
update_all (PrTrainer *trainer, PrAdamW adamw)
{
  const PrLmLayout *layout = trainer->lm->layout;
  float decay = adamw.weight_decay;

  for (gsize i = 0, next; i < layout->n_tensors; i = next)
    {
      gint64 start = layout->tensors[i].offset, end;

      for (next = i + 1; next < layout->n_tensors && layout->tensors[next].decays == layout->tensors[i].decays;)
        next++;
      end = next < layout->n_tensors ? layout->tensors[next].offset : layout->size;
      adamw.weight_decay = layout->tensors[i].decays ? decay : 0;
      pr_backend_get ()->adamw (&adamw, end - start, trainer->lm->weights + start, trainer->grads + start,
                                trainer->state.m + start, trainer->state.v + start);
    }
}

void
pr_trainer_update (PrTrainer *trainer, double lr, double grad_scale)
{
  const PrTrainParams *params = trainer->params;
  PrAdamW adamw = {
    .lr = (float)lr,
    .beta1 = (float)params->beta1,
    .beta2 = (float)params->beta2,
    .eps = (float)params->eps,
    .weight_decay = (float)params->weight_decay,
    .grad_scale = (float)grad_scale,
    .step = trainer->state.step + 1,
  };
  gsize d = (gsize)trainer->lm->config.hidden;

  if (trainer->training->rows == NULL)
    update_all (trainer, adamw);
  for (gsize i = 0; trainer->training->rows != NULL && i < trainer->training->n_rows; i++)
    pr_backend_get ()->adamw (&adamw, (gint64)d, row_of (trainer, i), trainer->grads + i * d, trainer->state.m + i * d,
                              trainer->state.v + i * d);
}
