#include "config.h"

#include "rqvae.h"

void
rqvae_init (Rqvae *model, const RqvaeShape *shape, guint64 seed)
{
  gint64 down[RQVAE_MAX_HIDDEN + 2], up[RQVAE_MAX_HIDDEN + 2], n = shape->n_hidden + 1;

  down[0] = shape->d;
  for (gint64 l = 0; l < shape->n_hidden; l++)
    down[l + 1] = shape->hidden[l];
  down[n] = shape->latent;
  for (gint64 l = 0; l <= n; l++)
    up[l] = down[n - l];
  *model = (Rqvae){ .shape = *shape,
                    .quantised = g_new (float, shape->max_rows * shape->latent),
                    .d_quantised = g_new (float, shape->max_rows * shape->latent) };
  mlp_init (&model->encoder, down, n, shape->max_rows, pr_rng_new (seed, "sid-quantizer/rqvae/encoder"));
  mlp_init (&model->decoder, up, n, shape->max_rows, pr_rng_new (seed, "sid-quantizer/rqvae/decoder"));
  codebooks_init (&model->books, shape->levels, shape->sizes, shape->latent, shape->max_rows);
}

void
rqvae_clear (Rqvae *model)
{
  mlp_clear (&model->encoder);
  mlp_clear (&model->decoder);
  codebooks_clear (&model->books);
  g_free (model->quantised);
  g_free (model->d_quantised);
  *model = (Rqvae){ 0 };
}

RqvaeLoss
rqvae_forward (Rqvae *model, gint64 rows, const float *x)
{
  gint64 n = rows * model->shape.d;
  float *dy = mlp_output_gradient (&model->decoder);
  const float *y;
  double sum = 0;
  RqvaeLoss loss;

  codebooks_choose (&model->books, rows, mlp_forward (&model->encoder, rows, x));
  codebooks_sum (&model->books, rows, model->shape.levels, model->quantised);
  y = mlp_forward (&model->decoder, rows, model->quantised);
  for (gint64 i = 0; i < n; i++)
    {
      float miss = y[i] - x[i];

      sum += (double)miss * miss;
      dy[i] = (float)(2.0 / (double)n) * miss;
    }
  loss.reconstruction = sum / (double)n;
  loss.commitment = codebooks_loss (&model->books, rows);
  loss.total = loss.reconstruction + (1 + model->shape.beta) * loss.commitment;
  return loss;
}

void
rqvae_backward (Rqvae *model, gint64 rows, const float *x)
{
  float *dz = mlp_output_gradient (&model->encoder);

  mlp_backward (&model->decoder, rows, model->quantised, model->d_quantised);
  for (gint64 i = 0; i < rows * model->shape.latent; i++)
    dz[i] = model->d_quantised[i];
  codebooks_backward (&model->books, rows, model->shape.beta, dz);
  mlp_backward (&model->encoder, rows, x, NULL);
}

void
rqvae_update (Rqvae *model, double lr, double weight_decay, guint64 step)
{
  mlp_update (&model->encoder, lr, weight_decay, step);
  mlp_update (&model->decoder, lr, weight_decay, step);
  for (gint32 l = 0; l < model->shape.levels; l++)
    weights_update (model->books.codes + l, lr, 0, step);
}

/* Weights of the matrices of encoder and decoder. */
static double
n_weights (const RqvaeShape *shape)
{
  double n = 0;

  for (gint64 l = 0; l <= shape->n_hidden; l++)
    n += 2.0 * (double)(l > 0 ? shape->hidden[l - 1] : shape->d)
         * (double)(l < shape->n_hidden ? shape->hidden[l] : shape->latent);
  return n;
}

static double
n_codes (const RqvaeShape *shape)
{
  double n = 0;

  for (gint32 l = 0; l < shape->levels; l++)
    n += shape->sizes[l];
  return n;
}

double
rqvae_row_flops (const RqvaeShape *shape)
{
  return 2 * (n_weights (shape) + n_codes (shape) * (double)shape->latent);
}

double
rqvae_bytes (const RqvaeShape *shape)
{
  double row = 3.0 * (double)shape->d + (shape->levels + 7.0) * (double)shape->latent;

  for (gint64 l = 0; l < shape->n_hidden; l++)
    row += 4.0 * (double)shape->hidden[l];
  return sizeof (float)
         * (4 * (n_weights (shape) + n_codes (shape) * (double)shape->latent) + row * (double)shape->max_rows);
}
