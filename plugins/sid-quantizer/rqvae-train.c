/* RQ-VAE as a method of the stage: scale the embeddings, start the codebooks with k-means on what the untrained encoder
 * gives (TIGER), train, and write down the nearest codes. */
#include "config.h"

#include "kmeans.h"
#include "quantizer.h"
#include "rqvae.h"

#include <math.h>
#include <string.h>

#define START_ROWS 64 /* rows a code that the k-means start looks at */

typedef struct
{
  Quantizer *q;
  Rqvae model;
  double energy; /* mean squared length of the embeddings as they came */
  double scale;  /* what the centred embeddings were divided by */
  guint64 step, total;
  double moved, flops;
} Work;

/* What one epoch says of itself: sums over rows, and the codes that were chosen. */
typedef struct
{
  double total, reconstruction, commitment;
  gboolean *used[PR_SID_MAX_LEVELS];
} Epoch;

static RqvaeShape
shape_of (const Params *p, gint64 n, gint64 d)
{
  RqvaeShape shape = { .d = d,
                       .n_hidden = p->rqvae_hidden.n,
                       .latent = p->rqvae_latent,
                       .levels = (gint32)p->sizes.n,
                       .beta = p->rqvae_beta,
                       .max_rows = MIN (n, p->rqvae_batch_size) };

  for (gint64 l = 0; l < shape.n_hidden; l++)
    shape.hidden[l] = p->rqvae_hidden.v[l];
  for (gint64 l = 0; l < p->sizes.n; l++)
    shape.sizes[l] = (gint32)p->sizes.v[l];
  return shape;
}

static gint64
n_batches (gint64 n, gint64 batch_size)
{
  return (n + batch_size - 1) / batch_size;
}

static gint64
start_rows (const RqvaeShape *shape, gint64 n)
{
  gint64 most = 0;

  for (gint32 l = 0; l < shape->levels; l++)
    most = MAX (most, shape->sizes[l]);
  return MIN (n, most * START_ROWS);
}

void
rqvae_estimate (const Params *p, gint64 n, gint64 d, double *ret_bytes, double *ret_flops)
{
  RqvaeShape shape = shape_of (p, n, d);
  gint64 rows = start_rows (&shape, n);
  double start = 0;

  for (gint32 l = 0; l < shape.levels; l++)
    start += kmeans_flops (rows, shape.latent, shape.sizes[l], p->iterations + 1);
  /* Embeddings, and latents of the start; forward, and twice that backward; at the end one row is decoded once a level.
   */
  *ret_bytes = 4.0 * (double)n * (double)d + 4.0 * (double)MAX (rows, n) * (double)shape.latent + rqvae_bytes (&shape);
  *ret_flops = start + rqvae_row_flops (&shape) * (double)n * (3.0 * (double)p->rqvae_epochs + shape.levels);
}

/* Centre the embeddings and divide them by one number, so that their mean square is one and the weights of the parts of
 * the loss and the learning rate mean the same for any embeddings.  Not by dimension: that would blow up noise. */
static void
standardise (Work *w)
{
  gint64 n = w->q->embeddings->rows, d = w->q->embeddings->columns;
  float *x = w->q->embeddings->data;
  g_autofree double *mean = g_new0 (double, d);
  double spread = 0;

  for (gint64 i = 0; i < n * d; i++)
    {
      mean[i % d] += x[i] / (double)n;
      w->energy += (double)x[i] * x[i] / (double)n;
    }
  for (gint64 i = 0; i < n * d; i++)
    spread += pow (x[i] - mean[i % d], 2) / (double)(n * d);
  w->scale = spread > 0 ? sqrt (spread) : 1;
  for (gint64 i = 0; i < n * d; i++)
    x[i] = (float)((x[i] - mean[i % d]) / w->scale);
}

static gboolean
start_tick (gpointer ctx, GError **error)
{
  Work *w = ctx;

  return pr_run_step (w->q->run, 0, w->total, error);
}

/* Rows ORDER[0 .. rows) of the embeddings side by side. */
static void
gather (const Work *w, const guint32 *order, gint64 rows, float *ret_x)
{
  gint64 d = w->q->embeddings->columns;

  for (gint64 i = 0; i < rows; i++)
    memcpy (ret_x + i * d, w->q->embeddings->data + order[i] * d, sizeof (float) * d);
}

static gboolean
start_codebooks (Work *w, float *x, GError **error)
{
  const RqvaeShape *shape = &w->model.shape;
  gint64 n = w->q->embeddings->rows, rows = start_rows (shape, n), batch;
  PrRng rng = pr_rng_new (pr_run_seed (w->q->run), "sid-quantizer/rqvae/start");
  g_autofree guint32 *order = pr_rng_permutation (rng, 0, (guint32)n);
  g_autofree float *latents = g_new (float, rows * shape->latent);

  for (gint64 i = 0; i < rows; i += batch)
    {
      batch = MIN (shape->max_rows, rows - i);
      gather (w, order + i, batch, x);
      memcpy (latents + i * shape->latent, mlp_forward (&w->model.encoder, batch, x),
              sizeof (float) * batch * shape->latent);
    }
  return codebooks_start (&w->model.books, latents, rows, w->q->params->iterations, pr_run_seed (w->q->run), start_tick,
                          w, &w->flops, error);
}

static gboolean
train_step (Work *w, gint64 epoch, gint64 rows, const float *x, Epoch *sums, GError **error)
{
  const Params *p = w->q->params;
  PrRng rng = pr_rng_new (pr_run_seed (w->q->run), "sid-quantizer/rqvae/reset");
  RqvaeLoss loss = rqvae_forward (&w->model, rows, x);
  double lr = p->rqvae_lr * (1 - (double)w->step / (double)w->total);

  if (!isfinite (loss.total))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
                   "the loss of rqvae is not finite in epoch %" G_GINT64_FORMAT ", step %" G_GUINT64_FORMAT
                   ", at learning rate %g; lower rqvae_lr",
                   epoch, w->step, lr);
      return FALSE;
    }
  rqvae_backward (&w->model, rows, x);
  w->step++;
  rqvae_update (&w->model, lr, p->rqvae_weight_decay, w->step);
  for (gint32 l = 0; l < w->model.shape.levels; l++)
    for (gint64 i = 0; i < rows; i++)
      sums->used[l][codebooks_chosen (&w->model.books, l)[i]] = TRUE;
  w->moved += (double)codebooks_reset (&w->model.books, rows, w->step, (guint64)p->rqvae_dead_steps, rng);
  sums->total += loss.total * (double)rows;
  sums->reconstruction += loss.reconstruction * (double)rows;
  sums->commitment += loss.commitment * (double)rows;
  return pr_run_step (w->q->run, w->step, w->total, error);
}

static void
report_epoch (Work *w, gint64 epoch, const Epoch *sums)
{
  double n = (double)w->q->embeddings->rows, used = 0;
  g_autofree char *status = g_strdup_printf ("loss %.4g", sums->total / n);

  for (gint32 l = 0; l < w->model.shape.levels; l++)
    for (gint32 c = 0; c < w->model.shape.sizes[l]; c++)
      used += sums->used[l][c];
  pr_run_curve (w->q->run, "rqvae_loss", (guint64)epoch, sums->total / n);
  pr_run_curve (w->q->run, "rqvae_reconstruction", (guint64)epoch, sums->reconstruction / n);
  pr_run_curve (w->q->run, "rqvae_commitment", (guint64)epoch, sums->commitment / n);
  pr_run_curve (w->q->run, "rqvae_used", (guint64)epoch, used);
  pr_run_status (w->q->run, status);
}

static gboolean
train_epoch (Work *w, gint64 epoch, float *x, GError **error)
{
  gint64 n = w->q->embeddings->rows, rows;
  PrRng rng = pr_rng_new (pr_run_seed (w->q->run), "sid-quantizer/rqvae/order");
  g_autofree guint32 *order = pr_rng_permutation (rng, (guint64)epoch, (guint32)n);
  Epoch sums = { 0 };
  gboolean ok = TRUE;

  for (gint32 l = 0; l < w->model.shape.levels; l++)
    sums.used[l] = g_new0 (gboolean, w->model.shape.sizes[l]);
  for (gint64 i = 0; ok && i < n; i += rows)
    {
      rows = MIN (w->model.shape.max_rows, n - i);
      gather (w, order + i, rows, x);
      ok = train_step (w, epoch, rows, x, &sums, error);
    }
  if (ok)
    report_epoch (w, epoch, &sums);
  for (gint32 l = 0; l < w->model.shape.levels; l++)
    g_free (sums.used[l]);
  return ok;
}

/* Sum over ROWS and dimensions of the squared error, in the embeddings' own units, of the decoder that is given the
 * first LEVELS codes. */
static double
squared_error (Work *w, gint64 rows, const float *x, gint32 levels)
{
  const float *y;
  double sum = 0;

  codebooks_sum (&w->model.books, rows, levels, w->model.quantised);
  y = mlp_forward (&w->model.decoder, rows, w->model.quantised);
  for (gint64 i = 0; i < rows * w->model.shape.d; i++)
    sum += ((double)y[i] - x[i]) * ((double)y[i] - x[i]);
  return sum * w->scale * w->scale;
}

/* Nearest codes of all items, and what they leave unexplained. */
static void
write_codes (Work *w)
{
  Quantizer *q = w->q;
  const RqvaeShape *shape = &w->model.shape;
  const Codebooks *books = &w->model.books;
  gint64 n = q->embeddings->rows, rows;
  double errors[PR_SID_MAX_LEVELS] = { 0 };

  for (gint64 i = 0; i < n; i += rows)
    {
      const float *x = q->embeddings->data + i * shape->d;

      rows = MIN (shape->max_rows, n - i);
      codebooks_choose (&w->model.books, rows, mlp_forward (&w->model.encoder, rows, x));
      for (gint32 l = 0; l < shape->levels; l++)
        {
          for (gint64 r = 0; r < rows; r++)
            q->sids->codes[(i + r) * shape->levels + l] = codebooks_chosen (books, l)[r];
          errors[l] += squared_error (w, rows, x, l + 1);
        }
      if (q->last_inputs != NULL)
        memcpy (q->last_inputs + i * shape->latent, codebooks_residuals (books, shape->levels - 1),
                sizeof (float) * rows * shape->latent);
    }
  for (gint32 l = 0; l < shape->levels; l++)
    pr_run_table (q->run, "codebook", "unexplained", w->energy > 0 ? errors[l] / (double)n / w->energy : 0);
}

static gboolean
train (Work *w, GError **error)
{
  const Params *p = w->q->params;
  const RqvaeShape *shape = &w->model.shape;
  g_autofree float *x = g_new (float, shape->max_rows * shape->d);

  if (!start_codebooks (w, x, error))
    return FALSE;
  for (gint64 epoch = 0; epoch < p->rqvae_epochs; epoch++)
    if (!train_epoch (w, epoch, x, error))
      return FALSE;
  return TRUE;
}

gboolean
rqvae_quantize (Quantizer *q, GError **error)
{
  const Params *p = q->params;
  gint64 n = q->embeddings->rows;
  RqvaeShape shape = shape_of (p, n, q->embeddings->columns);
  const Weights *last;
  Work w = { .q = q, .total = (guint64)(p->rqvae_epochs * n_batches (n, shape.max_rows)) };
  gboolean ok;

  standardise (&w);
  rqvae_init (&w.model, &shape, pr_run_seed (q->run));
  ok = train (&w, error);
  if (ok)
    {
      last = w.model.books.codes + shape.levels - 1;
      q->width = shape.latent;
      if (p->collisions == POLICY_REASSIGN)
        {
          q->last_inputs = g_new (float, n *shape.latent);
          q->last_codes = g_memdup2 (last->values, sizeof (float) * last->n);
        }
      write_codes (&w);
      w.flops += rqvae_row_flops (&shape) * (double)n * (3.0 * (double)p->rqvae_epochs + shape.levels);
      pr_run_metric (q->run, "dead_resets", w.moved);
      pr_run_add_cost (q->run, PR_COST_OPTIMIZER_STEPS, (double)w.step);
      pr_run_add_cost (q->run, PR_COST_FLOPS, w.flops);
    }
  rqvae_clear (&w.model);
  return ok;
}
