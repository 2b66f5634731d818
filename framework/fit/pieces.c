/* pieces.c - the weights that move, wherever they lie. */
#include "config.h"

#include <pauserec/backend.h>
#include <pauserec/error.h>

#include "fit/fit-private.h"

#include <math.h>
#include <string.h>

void
pr_fitter_gather (const PrFitter *fitter, float *ret_values)
{
  for (gsize i = 0; i < fitter->fit->n_pieces; i++)
    {
      const PrFitPiece *piece = &fitter->fit->pieces[i];

      memcpy (ret_values, piece->weights, (gsize)piece->n * sizeof (float));
      ret_values += piece->n;
    }
}

void
pr_fitter_scatter (PrFitter *fitter, const float *values)
{
  for (gsize i = 0; i < fitter->fit->n_pieces; i++)
    {
      const PrFitPiece *piece = &fitter->fit->pieces[i];

      memcpy (piece->weights, values, (gsize)piece->n * sizeof (float));
      values += piece->n;
    }
}

const float *
pr_fitter_flat (const PrFitter *fitter, float **ret_copy)
{
  const PrFitPiece *pieces = fitter->fit->pieces;
  gsize i = 1;

  *ret_copy = NULL;
  while (i < fitter->fit->n_pieces && pieces[i].weights == pieces[i - 1].weights + pieces[i - 1].n)
    i++;
  if (i == fitter->fit->n_pieces)
    return pieces[0].weights;
  *ret_copy = g_new (float, (gsize)fitter->n);
  pr_fitter_gather (fitter, *ret_copy);
  return *ret_copy;
}

double
pr_fitter_grad_norm (const PrFitter *fitter)
{
  return sqrt (pr_backend_get ()->squared_norm (fitter->n, fitter->grads));
}

void
pr_fitter_update (PrFitter *fitter, double lr, double grad_scale)
{
  const PrTrainParams *params = fitter->params;
  PrAdamW adamw = {
    .lr = (float)lr,
    .beta1 = (float)params->beta1,
    .beta2 = (float)params->beta2,
    .eps = (float)params->eps,
    .grad_scale = (float)grad_scale,
    .step = fitter->state.step + 1,
  };
  gint64 start = 0;

  for (gsize i = 0; i < fitter->fit->n_pieces; i++)
    {
      const PrFitPiece *piece = &fitter->fit->pieces[i];

      adamw.weight_decay = piece->decays ? (float)params->weight_decay : 0;
      pr_backend_get ()->adamw (&adamw, piece->n, piece->weights, fitter->grads + start, fitter->state.m + start,
                                fitter->state.v + start);
      start += piece->n;
    }
}

static gboolean
refuse_weight (const PrFitter *fitter, gint64 index, float value, GError **error)
{
  const PrFit *fit = fitter->fit;
  g_autofree char *name = fit->weight_name != NULL ? fit->weight_name (fit->ctx, index)
                                                   : g_strdup_printf ("weight %" G_GINT64_FORMAT, index);

  g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
               "training '%s': %s holds %g after the last step; lower lr, raise warmup or set clip", fit->name, name,
               (double)value);
  return FALSE;
}

gboolean
pr_fitter_check_weights (const PrFitter *fitter, GError **error)
{
  gint64 start = 0;

  for (gsize i = 0; i < fitter->fit->n_pieces; i++)
    {
      const PrFitPiece *piece = &fitter->fit->pieces[i];

      for (gint64 j = 0; j < piece->n; j++)
        if (!isfinite (piece->weights[j]))
          return refuse_weight (fitter, start + j, piece->weights[j], error);
      start += piece->n;
    }
  return TRUE;
}
