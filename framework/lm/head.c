/* The tied head: logits exist for a group of targets at a time, and become their own gradient in place. */
#include "config.h"

#include "lm/model-private.h"

#define VOCAB_TILE 512 /* rows of the embedding's gradient a tile */

typedef struct
{
  PrModel *m;
  float *dx, *grads;
  gint64 first, rows; /* targets of this group */
  gboolean d_norm;
} Head;

/* What targets [TARGET, TARGET + rows) add to the loss, and the factors of their gradients; FALSE if all are 1. */
static gboolean
weigh_rows (PrModel *m, gint64 target, gint64 rows, float *scales)
{
  const PrBackward *b = m->backward;
  g_autofree float *host = g_new (float, 2 * rows);
  float *losses = host, *factors = host + rows;

  m->backend->download (losses, m->losses + target, (gsize)rows * sizeof (float));
  for (gint64 r = 0; r < rows; r++)
    {
      double slope = 0;

      factors[r] = m->chunk->loss_weights != NULL ? m->chunk->loss_weights[target + r] : 1.0f;
      m->values[target + r] = (double)factors[r] * (double)losses[r];
      if (b->objective == NULL)
        continue;
      m->values[target + r] =
          b->objective (b->objective_ctx, m->chunk->first_target + (gsize)(target + r), -(double)losses[r], &slope);
      /* The head's gradient is that of -log p at the temperature, whose logits are divided by it. */
      factors[r] = (float)(-slope / m->temperature);
    }
  if (b->objective == NULL && m->chunk->loss_weights == NULL)
    return FALSE;
  m->backend->upload (scales, factors, (gsize)rows * sizeof (float));
  return TRUE;
}

static void
head_tile (gpointer ctx, gsize index, guint worker)
{
  Head *h = ctx;
  PrModel *m = h->m;
  const PrBackend *backend = m->backend;
  const float *embedding = m->weights + m->layout->embedding, *norm = m->weights + m->layout->final_norm;
  gint64 n = m->width.hidden, vocab = m->config.vocab, at = (gint64)index * m->head_tile;
  gint64 rows = MIN (m->head_tile, h->rows - at), target = h->first + at;
  float *x = m->head_x + at * n, *normed = m->head_normed + at * n, *d = m->head_d + at * n;
  float *logits = m->logits + at * vocab, scale = m->backward != NULL ? m->backward->scale : 0.0f;
  float alpha = (float)(1 / m->temperature);
  gboolean weighted;

  (void)worker;
  backend->embedding_forward (rows, n, m->sources + target, pr_model_top (m), x);
  backend->rmsnorm_forward (rows, n, x, norm, (float)m->config.rms_eps, normed, m->head_rstd + at);
  backend->gemm (FALSE, TRUE, rows, vocab, n, alpha, normed, n, embedding, n, 0, logits, vocab);
  backend->cross_entropy (rows, vocab, logits, vocab, m->targets + target, scale, m->losses + target);
  if (scale == 0)
    return;
  weighted = weigh_rows (m, target, rows, m->head_scales + at);
  backend->gemm (FALSE, FALSE, rows, n, vocab, 1, logits, vocab, embedding, n, 0, d, n);
  if (weighted)
    {
      /* The logits' rows stay as they are; both products with them take the factors from the other operand. */
      backend->scale_rows (rows, n, m->head_scales + at, d);
      backend->scale_rows (rows, n, m->head_scales + at, normed);
    }
  if (h->d_norm)
    backend->zero (m->partial[0] + (gint64)index * m->n_partial, (gsize)n * sizeof (float));
  backend->rmsnorm_backward (rows, n, x, norm, m->head_rstd + at, d, NULL, d,
                             h->d_norm ? m->partial[0] + (gint64)index * m->n_partial : NULL, NULL);
  backend->scatter (rows, n, m->sources + target, d, h->dx);
}

static void
embedding_tile (gpointer ctx, gsize index, guint worker)
{
  Head *h = ctx;
  PrModel *m = h->m;
  gint64 n = m->width.hidden, vocab = m->config.vocab, at = (gint64)index * VOCAB_TILE;

  (void)worker;
  m->backend->gemm (TRUE, FALSE, MIN (VOCAB_TILE, vocab - at), n, h->rows, 1, m->logits + at, vocab, m->head_normed, n,
                    1, h->grads + m->layout->embedding + at * n, n);
}

/* Only some rows of the embedding move: one row of its gradient a tile. */
static void
row_tile (gpointer ctx, gsize index, guint worker)
{
  Head *h = ctx;
  PrModel *m = h->m;
  gint64 n = m->width.hidden, vocab = m->config.vocab;

  (void)worker;
  m->backend->gemm (TRUE, FALSE, 1, n, h->rows, 1, m->logits + m->backward->rows[index], vocab, m->head_normed, n, 1,
                    h->grads + (gint64)index * n, n);
}

void
pr_model_head (PrModel *m, float *dx, float *grads)
{
  gint64 n = m->width.hidden, n_targets = (gint64)m->chunk->n_targets;
  Head h = { .m = m, .dx = dx, .grads = grads, .d_norm = m->backward != NULL && m->backward->rows == NULL };

  if (m->backward != NULL)
    m->backend->zero (dx, (gsize)m->chunk->offsets[m->chunk->n_sequences] * (gsize)n * sizeof (float));
  for (h.first = 0; h.first < n_targets; h.first += m->head_rows)
    {
      gsize tiles;

      h.rows = MIN (m->head_rows, n_targets - h.first);
      tiles = (gsize)((h.rows + m->head_tile - 1) / m->head_tile);
      m->backend->parallel (tiles, head_tile, &h);
      if (m->backward == NULL || m->backward->scale == 0)
        continue;
      if (m->backward->rows != NULL)
        {
          m->backend->parallel (m->backward->n_rows, row_tile, &h);
          continue;
        }
      m->backend->parallel ((gsize)((m->config.vocab + VOCAB_TILE - 1) / VOCAB_TILE), embedding_tile, &h);
      m->backend->bias_backward ((gint64)tiles, n, m->partial[0], m->n_partial, grads + m->layout->final_norm);
    }
}
