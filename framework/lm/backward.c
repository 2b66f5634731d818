/* The backward pass, layer by layer from the top.  Tiles of rows compute the gradients of activations and leave the
 * operands of the weight gradients behind; those are products over all rows of the chunk, computed in tiles of the
 * weights beside the next layer's rows, so that threads that run out of rows have something to do. */
#include "config.h"

#include "lm/model-private.h"

#include <string.h>

#define WEIGHT_TILE 384 /* at most so many rows and columns of a weight gradient a tile */

/* grads [m, n] += a^T b over all rows: a [rows, lda], b [rows, ldb]. */
typedef struct
{
  const float *a, *b;
  gint64 lda, ldb, m, n;
  float *grads;
  gint64 ldc;
} Product;

typedef struct
{
  PrModel *m;
  gint32 layer; /* rows of this layer ... */
  gsize n_row_tiles;
  GArray *products; /* ... beside the weights of the layer above; Product */
} Pass;

/* Cuts a weight gradient into tiles of nearly equal size. */
static void
add_products (GArray *products, gint64 m, gint64 n, const float *a, const float *b, float *grads)
{
  gint64 parts_m = (m + WEIGHT_TILE - 1) / WEIGHT_TILE, parts_n = (n + WEIGHT_TILE - 1) / WEIGHT_TILE;
  gint64 step_m = (m + parts_m - 1) / parts_m, step_n = (n + parts_n - 1) / parts_n;

  for (gint64 i = 0; i < m; i += step_m)
    for (gint64 j = 0; j < n; j += step_n)
      {
        Product p = { a + i, b + j, m, n, MIN (step_m, m - i), MIN (step_n, n - j), grads + i * n + j, n };

        g_array_append_val (products, p);
      }
}

static void
collect_products (PrModel *m, gint32 l, float *grads, GArray *products)
{
  const PrLayerWidths *w = &m->width;
  const PrModelGradients *g = &m->gradients[l % 2];
  const PrLmLayerOffsets *at = &m->layout->layers[l];
  gboolean dropout = m->backward->dropout > 0;
  const float *dy = m->dx[(m->config.layers - 1 - l) % 3];

  g_array_set_size (products, 0);
  add_products (products, 2 * w->ffn, w->hidden, g->d_gate_up, g->mid_normed, grads + at->gate);
  add_products (products, w->hidden, w->ffn, dropout ? g->d_mlp : dy, g->act, grads + at->down);
  add_products (products, w->qkv, w->hidden, g->d_qkv, g->normed, grads + at->q);
  add_products (products, w->hidden, w->q, dropout ? g->d_out : g->d_mid, m->attended + l * m->stride * w->q,
                grads + at->o);
}

void
pr_model_backward_rows (PrModel *m, gint32 l, gsize index, gboolean weights)
{
  const PrModelTile *t = &m->tiles[index];
  const PrLayerWidths *w = &m->width;
  const PrModelGradients *g = &m->gradients[l % 2];
  gint64 base = l * m->stride;
  gint32 depth = m->config.layers - 1 - l;
  float *partial = weights ? m->partial[l % 2] + (gint64)index * m->n_partial : NULL;
  PrDropout storage[2];
  PrLayerBackward b = { .rows = t->rows, .row = t->row };

  b.positions = m->positions + t->row;
  b.offsets = m->chunk->offsets + t->sequence;
  b.n_sequences = t->n_sequences;
  b.first_row = m->backward->first_row + (guint64)t->row;
  b.attention_dropout = pr_model_dropout (m, 1 + 2 * (guint64)l, &storage[0]);
  b.mlp_dropout = pr_model_dropout (m, 2 + 2 * (guint64)l, &storage[1]);
  b.x = m->x + base * w->hidden, b.rstd = m->rstd + base, b.qkv = m->qkv + base * w->qkv;
  b.qk_rstd = m->qk_rstd + base * w->heads, b.attended = m->attended + base * w->q;
  b.lse = m->lse + base * m->config.heads, b.mid = m->mid + base * w->hidden, b.mid_rstd = m->mid_rstd + base;
  b.gate_up = m->gate_up + base * 2 * w->ffn;
  b.qk = m->qk, b.d_qk = m->d_qk, b.d_attended = m->d_attended, b.d_act = m->d_act, b.d_normed = m->d_normed;
  b.dy = m->dx[depth % 3], b.dx = m->dx[(depth + 1) % 3];
  b.d_mlp = g->d_mlp, b.d_gate_up = g->d_gate_up, b.d_mid = g->d_mid, b.d_out = g->d_out, b.d_qkv = g->d_qkv;
  if (weights)
    {
      b.act = g->act, b.mid_normed = g->mid_normed, b.normed = g->normed;
      b.d_in_norm = partial;
      b.d_post_norm = b.d_in_norm + w->hidden;
      b.d_q_norm = b.d_post_norm + w->hidden;
      b.d_k_norm = b.d_q_norm + m->config.head_dim;
      b.d_qkv_bias = b.d_k_norm + m->config.head_dim;
      m->backend->zero (partial, (gsize)m->n_partial * sizeof (float));
    }
  pr_layer_backward (&m->layers[l], &b);
}

static void
pass_tile (gpointer ctx, gsize index, guint worker)
{
  Pass *pass = ctx;
  PrModel *m = pass->m;
  gint64 rows = m->chunk->offsets[m->chunk->n_sequences];
  const Product *p;

  (void)worker;
  if (index < pass->n_row_tiles)
    {
      pr_model_backward_rows (m, pass->layer, index, m->backward->rows == NULL);
      return;
    }
  p = &g_array_index (pass->products, Product, index - pass->n_row_tiles);
  m->backend->gemm (TRUE, FALSE, p->m, p->n, rows, 1, p->a, p->lda, p->b, p->ldb, 1, p->grads, p->ldc);
}

/* Shares of the tiles in the gradients of norms and biases, in tile order. */
static void
add_partials (PrModel *m, gint32 l, float *grads)
{
  const PrLmLayerOffsets *at = &m->layout->layers[l];
  const float *partial = m->partial[l % 2];
  gint64 hidden = m->width.hidden, head = m->config.head_dim, n = (gint64)m->n_tiles, stride = m->n_partial;

  m->backend->bias_backward (n, hidden, partial, stride, grads + at->in_norm);
  m->backend->bias_backward (n, hidden, partial + hidden, stride, grads + at->post_norm);
  if (at->q_norm >= 0)
    {
      m->backend->bias_backward (n, head, partial + 2 * hidden, stride, grads + at->q_norm);
      m->backend->bias_backward (n, head, partial + 2 * hidden + head, stride, grads + at->k_norm);
    }
  if (at->q_bias >= 0)
    m->backend->bias_backward (n, m->width.qkv, partial + 2 * hidden + 2 * head, stride, grads + at->q_bias);
}

/* Tokens of the chunk as rows of the gradient: only those listed, numbered as listed; -1: skipped. */
static void
upload_listed_rows (PrModel *m)
{
  const PrChunk *chunk = m->chunk;
  gsize rows = (gsize)chunk->offsets[chunk->n_sequences];

  for (gsize r = 0; r < rows; r++)
    {
      m->host[r] = -1;
      for (gsize i = 0; i < m->backward->n_rows; i++)
        if (chunk->tokens[r] == m->backward->rows[i])
          m->host[r] = (gint32)i;
    }
  m->backend->upload (m->tokens, m->host, rows * sizeof (gint32));
}

static void
undrop_tile (gpointer ctx, gsize index, guint worker)
{
  PrModel *m = ctx;
  const PrModelTile *t = &m->tiles[index];
  float *dx = m->dx[m->config.layers % 3] + t->row * m->width.hidden;
  PrDropout storage;

  (void)worker;
  m->backend->dropout (pr_model_dropout (m, 0, &storage), t->rows, m->width.hidden,
                       m->backward->first_row + (guint64)t->row, dx, NULL, dx);
}

static void
embedding_backward (PrModel *m, float *grads)
{
  gint64 rows = m->chunk->offsets[m->chunk->n_sequences];
  float *table = grads + m->layout->embedding;

  if (m->backward->dropout > 0)
    m->backend->parallel (m->n_tiles, undrop_tile, m);
  if (m->backward->rows != NULL)
    {
      upload_listed_rows (m);
      table = grads;
    }
  else if (m->latent)
    m->backend->upload (m->tokens, m->chunk->tokens, (gsize)rows * sizeof (gint32)); /* latent: -1, skipped */
  m->backend->embedding_backward (rows, m->width.hidden, m->tokens, m->dx[m->config.layers % 3], table);
}

void
pr_model_backward (PrModel *m, float *grads)
{
  gboolean all = m->backward->rows == NULL;
  g_autoptr (GArray) products = g_array_new (FALSE, FALSE, sizeof (Product));
  Pass pass = { .m = m, .products = products };

  for (pass.layer = m->config.layers - 1; pass.layer >= -1; pass.layer--)
    {
      pass.n_row_tiles = pass.layer >= 0 ? m->n_tiles : 0;
      if (all && pass.layer + 1 < m->config.layers)
        collect_products (m, pass.layer + 1, grads, products);
      m->backend->parallel (pass.n_row_tiles + products->len, pass_tile, &pass);
      if (all && pass.layer >= 0)
        add_partials (m, pass.layer, grads);
    }
  embedding_backward (m, grads);
}
