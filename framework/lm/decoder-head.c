/* decoder-head.c - what hidden states say about the next token. */
#include "config.h"

#include "lm/decoder-private.h"

#include <math.h>

/* logits [rows, vocab] = alpha x those of hidden states from FIRST on. */
static void
whole_logits (PrDecoder *d, gint64 first, gint64 rows, float alpha)
{
  const float *embedding = d->lm->weights + d->lm->layout->embedding;
  gint64 vocab = d->lm->config.vocab;

  d->be->gemm (FALSE, TRUE, rows, vocab, d->width, alpha, d->h + first * d->width, d->width, embedding, d->width, 0,
               d->logits, vocab);
  d->flops += 2.0 * (double)rows * (double)d->width * (double)vocab;
}

float *
pr_decoder_some_logits (PrDecoder *d, gint32 n_rows, const gsize *first, const gint32 *tokens)
{
  gsize n = first[n_rows];

  pr_decoder_upload (d, d->index, tokens, (gint64)n);
  d->be->gather_dot (n_rows, d->width, first, d->h, d->index, d->lm->weights + d->lm->layout->embedding, d->dots);
  d->be->download (d->host_dots, d->dots, n * sizeof (float));
  d->flops += 2.0 * (double)n * (double)d->width;
  return d->host_dots;
}

const float *
pr_decoder_losses (PrDecoder *d, gint32 n_rows, const gint32 *tokens)
{
  gint64 vocab = d->lm->config.vocab;

  pr_decoder_upload (d, d->tokens, tokens, n_rows);
  for (gint64 first = 0; first < n_rows; first += d->size.logits)
    {
      gint64 rows = MIN (d->size.logits, n_rows - first);

      whole_logits (d, first, rows, 1);
      d->be->cross_entropy (rows, vocab, d->logits, vocab, d->tokens + first, 0, d->losses + first);
    }
  d->be->download (d->host_losses, d->losses, (gsize)n_rows * sizeof (float));
  return d->host_losses;
}

/* A row with a logit that is not finite, or -1. */
static gint32
broken_row (PrDecoder *d, gint64 rows)
{
  gint64 vocab = d->lm->config.vocab;

  if (isfinite (d->be->squared_norm (rows * vocab, d->logits)))
    return -1;
  for (gint32 r = 0; r < rows; r++)
    if (!isfinite (d->be->squared_norm (vocab, d->logits + r * vocab)))
      return r;
  return -1;
}

const float *
pr_decoder_logits (PrDecoder *d, gint32 first, gint32 n, double temperature, gint32 *ret_broken)
{
  gint64 vocab = d->lm->config.vocab;

  whole_logits (d, first, n, temperature > 0 ? (float)(1 / temperature) : 1.0f);
  *ret_broken = broken_row (d, n);
  if (temperature > 0)
    {
      /* The gradient of the loss at token 0 is softmax - 1 there and softmax elsewhere; the loss itself is -log of the
       * probability that is missing. */
      for (gint32 r = 0; r < n; r++)
        d->host[r] = 0;
      pr_decoder_upload (d, d->tokens, d->host, n);
      d->be->cross_entropy (n, vocab, d->logits, vocab, d->tokens, 1, d->losses);
      d->be->download (d->host_losses, d->losses, (gsize)n * sizeof (float));
    }
  d->be->download (d->host_logits, d->logits, (gsize)(n * vocab) * sizeof (float));
  for (gint32 r = 0; r < n && temperature > 0; r++)
    d->host_logits[r * vocab] = expf (-d->host_losses[r]);
  return d->host_logits;
}
