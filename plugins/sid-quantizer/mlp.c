#include "config.h"

#include "mlp.h"

#include <pauserec/linalg.h>
#include <pauserec/threads.h>

#include <math.h>
#include <string.h>

#define TILE 64 /* rows a tile of element-wise work */

void
mlp_init (Mlp *mlp, const gint64 *widths, gint64 n_layers, gint64 max_rows, PrRng rng)
{
  *mlp = (Mlp){ .n_layers = n_layers, .max_rows = max_rows, .layers = g_new0 (MlpLayer, n_layers) };
  for (gint64 l = 0; l < n_layers; l++)
    {
      MlpLayer *layer = mlp->layers + l;
      double deviation = sqrt ((l + 1 < n_layers ? 2.0 : 1.0) / (double)widths[l]);

      layer->in = widths[l];
      layer->out = widths[l + 1];
      weights_init (&layer->matrix, layer->in * layer->out);
      weights_init (&layer->bias, layer->out);
      layer->output = g_new (float, max_rows * layer->out);
      layer->d_output = g_new (float, max_rows * layer->out);
      for (gint64 i = 0; i < layer->matrix.n; i++)
        layer->matrix.values[i] = (float)(deviation * pr_rng_normal (rng, (guint64)l, (guint64)i));
    }
}

void
mlp_clear (Mlp *mlp)
{
  for (gint64 l = 0; l < mlp->n_layers; l++)
    {
      weights_clear (&mlp->layers[l].matrix);
      weights_clear (&mlp->layers[l].bias);
      g_free (mlp->layers[l].output);
      g_free (mlp->layers[l].d_output);
    }
  g_free (mlp->layers);
  *mlp = (Mlp){ 0 };
}

typedef struct
{
  MlpLayer *layer;
  gint64 rows;
  gboolean relu;
} Activation;

static void
activate_tile (gpointer ctx, gsize tile, guint worker)
{
  const Activation *a = ctx;
  gint64 out = a->layer->out, end = MIN (a->rows, (gint64)(tile + 1) * TILE);
  const float *bias = a->layer->bias.values;

  (void)worker;
  for (gint64 i = (gint64)tile * TILE; i < end; i++)
    {
      float *y = a->layer->output + i * out;

      for (gint64 j = 0; j < out; j++)
        {
          float sum = y[j] + bias[j];

          y[j] = a->relu && sum < 0 ? 0 : sum; /* NaN passes */
        }
    }
}

const float *
mlp_forward (Mlp *mlp, gint64 rows, const float *x)
{
  for (gint64 l = 0; l < mlp->n_layers; l++)
    {
      MlpLayer *layer = mlp->layers + l;
      Activation a = { .layer = layer, .rows = rows, .relu = l + 1 < mlp->n_layers };

      pr_gemm (FALSE, FALSE, rows, layer->out, layer->in, 1, x, layer->in, layer->matrix.values, layer->out, 0,
               layer->output, layer->out);
      pr_parallel ((gsize)((rows + TILE - 1) / TILE), activate_tile, &a);
      x = layer->output;
    }
  return x;
}

float *
mlp_output_gradient (Mlp *mlp)
{
  return mlp->layers[mlp->n_layers - 1].d_output;
}

/* ReLU's gradient, in place. */
static void
deactivate_tile (gpointer ctx, gsize tile, guint worker)
{
  const Activation *a = ctx;
  gint64 out = a->layer->out, end = MIN (a->rows, (gint64)(tile + 1) * TILE);

  (void)worker;
  for (gint64 i = (gint64)tile * TILE * out; i < end * out; i++)
    a->layer->d_output[i] = a->layer->output[i] > 0 ? a->layer->d_output[i] : 0;
}

static void
bias_gradient (MlpLayer *layer, gint64 rows)
{
  memset (layer->bias.grads, 0, sizeof (float) * layer->out);
  for (gint64 i = 0; i < rows; i++)
    for (gint64 j = 0; j < layer->out; j++)
      layer->bias.grads[j] += layer->d_output[i * layer->out + j];
}

void
mlp_backward (Mlp *mlp, gint64 rows, const float *x, float *dx)
{
  for (gint64 l = mlp->n_layers; l-- > 0;)
    {
      MlpLayer *layer = mlp->layers + l, *below = l > 0 ? layer - 1 : NULL;
      float *d_input = below != NULL ? below->d_output : dx;

      pr_gemm (TRUE, FALSE, layer->in, layer->out, rows, 1, below != NULL ? below->output : x, layer->in,
               layer->d_output, layer->out, 0, layer->matrix.grads, layer->out);
      bias_gradient (layer, rows);
      if (d_input != NULL)
        pr_gemm (FALSE, TRUE, rows, layer->in, layer->out, 1, layer->d_output, layer->out, layer->matrix.values,
                 layer->out, 0, d_input, layer->in);
      if (below != NULL)
        {
          Activation a = { .layer = below, .rows = rows };

          pr_parallel ((gsize)((rows + TILE - 1) / TILE), deactivate_tile, &a);
        }
    }
}

void
mlp_update (Mlp *mlp, double lr, double weight_decay, guint64 step)
{
  for (gint64 l = 0; l < mlp->n_layers; l++)
    {
      weights_update (&mlp->layers[l].matrix, lr, weight_decay, step);
      weights_update (&mlp->layers[l].bias, lr, 0, step);
    }
}
