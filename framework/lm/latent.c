/* Latent positions: the input of such a row is the final hidden state (after the final norm) of the row before it.
 *
 * Forward.  Rows before the first latent of a sequence do not depend on it, for attention is causal: a pass over the
 * tile with anything in that place gives the state that belongs there.  So each pass feeds one latent more, and the
 * pass after the last has all inputs.  All passes agree in the rows they share, dropout included, so the activations
 * that are left are those of every pass.
 *
 * Backward.  The gradient of a latent row's input is a gradient of the top of the row before it.  That of the last
 * latent is complete after one pass; put on top, it completes that of the latent before it, and so on.  These passes
 * compute no gradient of weights: backward is linear, and the ordinary pass that follows, from the completed top, gives
 * those of all.
 *
 * Source: Coconut (arXiv 2412.06769), section 3.  There the passes share a cache of keys and values; here each is whole,
 * so that one kind of pass serves all. */
#include "config.h"

#include "lm/model-private.h"

gsize
pr_model_count_latents (const PrChunk *chunk, gsize sequence)
{
  gsize n = 0;

  for (gint32 row = chunk->offsets[sequence]; row < chunk->offsets[sequence + 1]; row++)
    n += chunk->tokens[row] == PR_TOKEN_LATENT;
  return n;
}

/* Row of latent J, counted from 0, of a sequence; -1 if it has fewer. */
static gint32
latent_row (const PrChunk *chunk, gsize sequence, gsize j)
{
  for (gint32 row = chunk->offsets[sequence]; row < chunk->offsets[sequence + 1]; row++)
    if (chunk->tokens[row] == PR_TOKEN_LATENT && j-- == 0)
      return row;
  return -1;
}

/* Dropout of the embedding's output, one row in place; its own backward. */
static void
drop_row (PrModel *m, gint32 row, float *x)
{
  PrDropout storage;
  const PrDropout *dropout = pr_model_dropout (m, 0, &storage);

  if (dropout != NULL)
    m->backend->dropout (dropout, 1, m->width.hidden, m->backward->first_row + (guint64)row, x, NULL, x);
}

void
pr_model_feed (PrModel *m, const PrModelTile *t, gsize j)
{
  gint64 n = m->width.hidden;
  const float *top = pr_model_top (m);

  for (gsize s = t->sequence; s < t->sequence + t->n_sequences; s++)
    {
      gint32 row = latent_row (m->chunk, s, j);

      if (row < 0)
        continue;
      m->backend->rmsnorm_forward (1, n, top + (row - 1) * n, m->weights + m->layout->final_norm,
                                   (float)m->config.rms_eps, m->x + row * n, m->latent_rstd + row);
      drop_row (m, row, m->x + row * n);
    }
}

/* From the input of latent J of each sequence to the top of the row before it; D_NORM [hidden] may be NULL. */
static void
unfeed (PrModel *m, const PrModelTile *t, gsize j, float *d_top, float *d_norm)
{
  gint64 n = m->width.hidden;
  float *dx = m->dx[m->config.layers % 3];

  for (gsize s = t->sequence; s < t->sequence + t->n_sequences; s++)
    {
      gint32 row = latent_row (m->chunk, s, j);
      gint64 before = (row - 1) * n;

      if (row < 0)
        continue;
      drop_row (m, row, dx + row * n);
      m->backend->rmsnorm_backward (1, n, pr_model_top (m) + before, m->weights + m->layout->final_norm,
                                    m->latent_rstd + row, dx + row * n, d_top + before, d_top + before, d_norm, NULL);
    }
}

static void
complete_tile (gpointer ctx, gsize index, guint worker)
{
  PrModel *m = ctx;
  const PrModelTile *t = &m->tiles[index];
  gint64 n = m->width.hidden, at = t->row * n;
  gsize bytes = (gsize)(t->rows * n) * sizeof (float);
  float *d_top = m->normed; /* forward's scratch */
  float *d_norm = m->backward->rows == NULL ? m->partial[0] + (gint64)index * m->n_partial : NULL;

  (void)worker;
  if (d_norm != NULL)
    m->backend->zero (d_norm, (gsize)n * sizeof (float));
  m->backend->copy (d_top + at, m->dx[0] + at, bytes);
  for (gsize j = t->n_latents; j-- > 0;)
    {
      for (gint32 l = m->config.layers - 1; l >= 0; l--)
        pr_model_backward_rows (m, l, index, FALSE);
      unfeed (m, t, j, d_top, d_norm);
      m->backend->copy (m->dx[0] + at, d_top + at, bytes);
    }
}

void
pr_model_complete_top (PrModel *m, float *grads)
{
  m->backend->parallel (m->n_tiles, complete_tile, m);
  if (m->backward->rows == NULL)
    m->backend->bias_backward ((gint64)m->n_tiles, m->width.hidden, m->partial[0], m->n_partial,
                               grads + m->layout->final_norm);
}
