/* Workspace and forward pass.  Every tile of whole sequences goes through all layers on one thread, so its
 * activations stay in that core's cache and no thread waits for another. */
#include "config.h"

#include "lm/model-private.h"

#include <pauserec/error.h>

#include <string.h>

#define ALIGN 16
#define HEAD_FLOATS (4 << 20) /* of logits held at once ... */
#define HEAD_ROWS_MIN 256     /* ... but enough rows to share among threads ... */
#define HEAD_ROWS_MAX 1024    /* ... and no more than the weight gradient profits from */
#define HEAD_TILES 8

/* Lays pointers out in one block; with BASE NULL only counts. */
typedef struct
{
  guint8 *base;
  guint64 used; /* bytes; G_MAXUINT64 after an overflow */
} Carver;

static gpointer
carve (Carver *c, gint64 a, gint64 b)
{
  guint64 bytes, next;
  gpointer here = c->base != NULL ? c->base + c->used : NULL;

  if (__builtin_mul_overflow ((guint64)a, (guint64)b, &bytes) || __builtin_mul_overflow (bytes, 4, &bytes)
      || __builtin_add_overflow (bytes, c->used, &next) || next > G_MAXINT64)
    c->used = G_MAXINT64;
  else
    c->used = (next + 63) / 64 * 64;
  return here;
}

static void
carve_activations (PrModel *m, Carver *c)
{
  const PrLayerWidths *w = &m->width;
  gint64 rows = m->max_rows, kept = m->training ? rows * m->config.layers : rows;

  m->stride = m->training ? rows : 0;
  m->x = carve (c, m->training ? kept + rows : rows, w->hidden);
  m->mid = carve (c, kept, w->hidden);
  m->qkv = carve (c, kept, w->qkv);
  m->attended = carve (c, kept, w->q);
  m->gate_up = carve (c, kept, 2 * w->ffn);
  m->rstd = carve (c, kept, 1);
  m->mid_rstd = carve (c, kept, 1);
  m->qk_rstd = carve (c, kept, w->heads);
  m->lse = carve (c, kept, m->config.heads);
  m->normed = carve (c, rows, w->hidden);
  m->qk = carve (c, rows, w->qk);
  m->act = carve (c, rows, w->ffn);
}

static void
carve_head (PrModel *m, Carver *c)
{
  m->head_rows = CLAMP (HEAD_FLOATS / m->config.vocab, HEAD_ROWS_MIN, HEAD_ROWS_MAX);
  m->head_tile = m->head_rows / HEAD_TILES;
  m->head_rows = MIN (m->head_rows, m->max_rows);
  m->head_x = carve (c, m->head_rows, m->config.hidden);
  m->head_normed = carve (c, m->head_rows, m->config.hidden);
  m->head_d = carve (c, m->head_rows, m->config.hidden);
  m->head_rstd = carve (c, m->head_rows, 1);
  m->head_scales = carve (c, m->head_rows, 1);
  m->logits = carve (c, m->head_rows, m->config.vocab);
  m->losses = carve (c, m->max_rows, 1);
}

static void
carve_backward (PrModel *m, Carver *c)
{
  const PrLayerWidths *w = &m->width;
  gint64 rows = m->max_rows;

  for (int i = 0; i < 3; i++)
    m->dx[i] = carve (c, rows, w->hidden);
  for (int i = 0; i < 2; i++)
    {
      PrModelGradients *g = &m->gradients[i];

      g->d_mlp = carve (c, rows, w->hidden);
      g->act = carve (c, rows, w->ffn);
      g->d_gate_up = carve (c, rows, 2 * w->ffn);
      g->mid_normed = carve (c, rows, w->hidden);
      g->d_mid = carve (c, rows, w->hidden);
      g->d_out = carve (c, rows, w->hidden);
      g->d_qkv = carve (c, rows, w->qkv);
      g->normed = carve (c, rows, w->hidden);
      m->partial[i] = carve (c, m->max_tiles, m->n_partial);
    }
  m->d_qk = carve (c, rows, w->qk);
  m->d_attended = carve (c, rows, w->q);
  m->d_act = carve (c, rows, w->ffn);
  m->d_normed = carve (c, rows, w->hidden);
  m->latent_rstd = carve (c, rows, 1);
}

/* Sizes and, if the carver has memory, pointers. */
static void
carve_all (PrModel *m, Carver *c)
{
  gint64 half = m->config.head_dim / 2, tile = MAX (MIN (m->backend->tile_rows, m->max_rows), 1);

  /* Two neighbouring tiles hold more than tile_rows rows together; the head has at most HEAD_TILES. */
  m->max_tiles = 2 * (m->max_rows / tile) + 2 + HEAD_TILES;
  m->n_partial = (2 * m->width.hidden + 2 * m->config.head_dim + m->width.qkv + ALIGN - 1) / ALIGN * ALIGN;
  m->cos = carve (c, m->max_rows, half);
  m->sin = carve (c, m->max_rows, half);
  m->tokens = carve (c, m->max_rows, 1);
  m->positions = carve (c, m->max_rows, 1);
  m->sources = carve (c, m->max_rows, 1);
  m->targets = carve (c, m->max_rows, 1);
  carve_activations (m, c);
  carve_head (m, c);
  if (m->training)
    carve_backward (m, c);
}

static PrModel
sketch (const PrLmConfig *config, gint64 max_rows, gboolean training)
{
  return (PrModel){ .config = *config,
                    .backend = pr_backend_get (),
                    .width = pr_layer_widths (config),
                    .max_rows = MAX (max_rows, 1),
                    .training = training };
}

guint64
pr_model_bytes (const PrLmConfig *config, gint64 max_rows, gboolean training)
{
  PrModel m = sketch (config, max_rows, training);
  Carver c = { NULL, 0 };

  carve_all (&m, &c);
  return c.used;
}

PrModel *
pr_model_new (const PrLmConfig *config, gint64 max_rows, gboolean training, GError **error)
{
  g_autoptr (PrModel) m = g_new (PrModel, 1);
  gsize table = (gsize)(MAX (max_rows, 1) * (config->head_dim / 2));
  g_autofree float *cos = NULL, *sin = NULL;
  Carver c = { NULL, 0 };

  *m = sketch (config, max_rows, training);
  carve_all (m, &c);
  m->memory = c.used < G_MAXINT64 ? m->backend->alloc (c.used) : NULL;
  cos = g_try_new (float, table);
  sin = g_try_new (float, table);
  m->host = g_try_new (gint32, m->max_rows);
  m->values = training ? g_try_new (double, m->max_rows) : NULL;
  if (m->memory == NULL || cos == NULL || sin == NULL || m->host == NULL || (training && m->values == NULL))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "no memory for the activations of %" G_GINT64_FORMAT " tokens (%" G_GUINT64_FORMAT
                   " MiB); lower chunk_tokens or use a smaller model",
                   m->max_rows, c.used >> 20);
      return NULL;
    }
  c = (Carver){ m->memory, 0 };
  carve_all (m, &c);
  m->layout = pr_lm_layout_new (config);
  m->layers = g_new0 (PrLayer, MAX (config->layers, 1));
  m->tiles = g_new0 (PrModelTile, m->max_tiles);
  pr_layer_rope_tables (config, m->max_rows, cos, sin);
  m->backend->upload (m->cos, cos, table * sizeof (float));
  m->backend->upload (m->sin, sin, table * sizeof (float));
  return g_steal_pointer (&m);
}

void
pr_model_free (PrModel *m)
{
  if (m == NULL)
    return;
  if (m->memory != NULL)
    m->backend->free (m->memory);
  pr_lm_layout_free (m->layout);
  g_free (m->layers);
  g_free (m->tiles);
  g_free (m->host);
  g_free (m->values);
  g_free (m);
}

static void
cut_tiles (PrModel *m)
{
  const gint32 *offsets = m->chunk->offsets;
  PrModelTile tile = { 0 };

  m->n_tiles = 0;
  m->latent = FALSE;
  for (gsize s = 0; s < m->chunk->n_sequences; s++)
    {
      gint64 rows = offsets[s + 1] - offsets[s];
      gsize n_latents = pr_model_count_latents (m->chunk, s);

      if (tile.n_sequences > 0 && tile.rows + rows > m->backend->tile_rows)
        {
          m->tiles[m->n_tiles++] = tile;
          tile = (PrModelTile){ .row = offsets[s], .sequence = s };
        }
      tile.rows += rows;
      tile.n_sequences++;
      tile.n_latents = MAX (tile.n_latents, n_latents);
      m->latent |= n_latents > 0;
    }
  if (tile.n_sequences > 0)
    m->tiles[m->n_tiles++] = tile;
}

void
pr_model_start (PrModel *m, const float *weights, const PrChunk *chunk, const PrBackward *backward)
{
  gsize rows = (gsize)chunk->offsets[chunk->n_sequences];

  g_return_if_fail ((gint64)rows <= m->max_rows && (gint64)chunk->n_targets <= m->max_rows);
  m->weights = weights;
  m->chunk = chunk;
  m->backward = backward;
  for (gint32 l = 0; l < m->config.layers; l++)
    pr_layer_init (&m->layers[l], m->backend, &m->config, m->layout, weights, l, m->cos, m->sin);
  for (gsize s = 0; s < chunk->n_sequences; s++)
    for (gint32 i = chunk->offsets[s]; i < chunk->offsets[s + 1]; i++)
      m->host[i] = i - chunk->offsets[s];
  m->backend->upload (m->positions, m->host, rows * sizeof (gint32));
  /* Latent rows hold any embedding until they are fed. */
  for (gsize i = 0; i < rows; i++)
    m->host[i] = MAX (chunk->tokens[i], 0);
  m->backend->upload (m->tokens, m->host, rows * sizeof (gint32));
  if (chunk->n_targets > 0)
    {
      m->backend->upload (m->sources, chunk->sources, chunk->n_targets * sizeof (gint32));
      m->backend->upload (m->targets, chunk->targets, chunk->n_targets * sizeof (gint32));
    }
  cut_tiles (m);
}

const PrDropout *
pr_model_dropout (const PrModel *m, guint64 site, PrDropout *storage)
{
  if (m->backward == NULL || m->backward->dropout <= 0)
    return NULL;
  *storage = (PrDropout){ m->backward->dropout, pr_rng_new (m->backward->dropout_seed, "dropout"),
                          m->backward->dropout_step, site };
  return storage;
}

float *
pr_model_top (const PrModel *m)
{
  return m->x + m->stride * m->config.layers * m->width.hidden;
}

static guint64
first_row (const PrModel *m, const PrModelTile *t)
{
  return (m->backward != NULL ? m->backward->first_row : 0) + (guint64)t->row;
}

static void
forward_layers (PrModel *m, const PrModelTile *t)
{
  const PrLayerWidths *w = &m->width;
  gint64 row = t->row;
  guint64 first = first_row (m, t);
  PrDropout storage;
  const PrDropout *dropout;

  for (gint32 l = 0; l < m->config.layers; l++)
    {
      const PrLayer *layer = &m->layers[l];
      gint64 base = l * m->stride, at = base + row;
      float *qkv = m->qkv + base * w->qkv, *y = m->x + ((l + 1) * m->stride + row) * w->hidden;

      pr_layer_attention_in (layer, t->rows, m->positions + row, m->x + at * w->hidden, m->normed + row * w->hidden,
                             m->rstd + at, qkv + row * w->qkv, m->qk + row * w->qk, m->qk_rstd + at * w->heads);
      if (m->watch != NULL)
        m->watch (m->watch_ctx, t, l);
      m->backend->attention_forward (&layer->attention, m->chunk->offsets + t->sequence, t->n_sequences, m->qk,
                                     m->qk + w->q, qkv + w->qk, m->attended + base * w->q,
                                     m->lse + base * m->config.heads);
      dropout = pr_model_dropout (m, 1 + 2 * (guint64)l, &storage);
      pr_layer_attention_out (layer, t->rows, m->attended + at * w->q, m->x + at * w->hidden, m->mid + at * w->hidden,
                              dropout, first);
      dropout = pr_model_dropout (m, 2 + 2 * (guint64)l, &storage);
      pr_layer_mlp (layer, t->rows, m->mid + at * w->hidden, m->normed + row * w->hidden, m->mid_rstd + at,
                    m->gate_up + at * 2 * w->ffn, m->act + row * w->ffn, y, dropout, first);
    }
}

static void
forward_tile (gpointer ctx, gsize index, guint worker)
{
  PrModel *m = ctx;
  const PrModelTile *t = &m->tiles[index];
  gint64 n = m->width.hidden;
  float *x = m->x + t->row * n;
  PrDropout storage;
  const PrDropout *dropout = pr_model_dropout (m, 0, &storage);

  (void)worker;
  m->backend->embedding_forward (t->rows, n, m->tokens + t->row, m->weights + m->layout->embedding, x);
  if (dropout != NULL)
    m->backend->dropout (dropout, t->rows, n, first_row (m, t), x, NULL, x);
  forward_layers (m, t);
  for (gsize j = 0; j < t->n_latents; j++)
    {
      pr_model_feed (m, t, j);
      forward_layers (m, t);
    }
}

void
pr_model_forward (PrModel *m)
{
  /* Without training the layers work in place, and the rows to feed are gone after the first pass. */
  g_return_if_fail (m->training || !m->latent);
  m->backend->parallel (m->n_tiles, forward_tile, m);
}

static void
hidden_tile (gpointer ctx, gsize index, guint worker)
{
  PrModel *m = ctx;
  const PrModelTile *t = &m->tiles[index];
  float *top = pr_model_top (m) + t->row * m->width.hidden;

  (void)worker;
  m->backend->rmsnorm_forward (t->rows, m->width.hidden, top, m->weights + m->layout->final_norm,
                               (float)m->config.rms_eps, m->normed + t->row * m->width.hidden, NULL);
}

void
pr_model_hidden (PrModel *m, const float *weights, const PrChunk *chunk, float *ret_hidden)
{
  gsize rows = (gsize)chunk->offsets[chunk->n_sequences];

  pr_model_start (m, weights, chunk, NULL);
  pr_model_forward (m);
  m->backend->parallel (m->n_tiles, hidden_tile, m);
  m->backend->download (ret_hidden, m->normed, rows * (gsize)m->width.hidden * sizeof (float));
}

void
pr_model_losses (PrModel *m, const float *weights, const PrChunk *chunk, double temperature, float *ret_losses)
{
  pr_model_start (m, weights, chunk, NULL);
  m->temperature = temperature;
  pr_model_forward (m);
  pr_model_head (m, NULL, NULL);
  m->backend->download (ret_losses, m->losses, chunk->n_targets * sizeof (float));
}

double
pr_model_train (PrModel *m, const float *weights, float *grads, const PrChunk *chunk, const PrBackward *backward)
{
  double sum = 0;

  g_return_val_if_fail (m->training, 0);
  pr_model_start (m, weights, chunk, backward);
  m->temperature = backward->objective != NULL && backward->temperature > 0 ? backward->temperature : 1;
  pr_model_forward (m);
  pr_model_head (m, m->dx[0], grads);
  if (m->latent)
    pr_model_complete_top (m, grads);
  pr_model_backward (m, grads);
  for (gsize i = 0; i < chunk->n_targets; i++)
    sum += m->values[i];
  return sum;
}
