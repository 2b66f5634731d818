/* reference.h - the transformer once more, in double precision and plain loops, for the tests of model.c.
 *
 * One sequence at a time, nothing shared with the framework but the layout of the weights and which elements dropout
 * keeps.
 */
#ifndef PR_REFERENCE_H
#define PR_REFERENCE_H

#include "lm/model.h"

#include <pauserec/backend.h>

#include <math.h>
#include <string.h>

typedef struct
{
  const PrLmConfig *c;
  const PrLmLayout *layout;
  const double *w;
  const PrBackward *backward; /* dropout; NULL: none */
  gint64 row;                 /* of the sequence in the chunk */
  gint64 n;
  double *attention; /* [layers, heads, n, n] probabilities, written where a position sees another; NULL: not wanted */
} Reference;

static inline void
ref_norm (gint64 n, const double *x, const double *w, double eps, double *y)
{
  double sum = 0;

  for (gint64 i = 0; i < n; i++)
    sum += x[i] * x[i];
  for (gint64 i = 0; i < n; i++)
    y[i] = x[i] / sqrt (sum / (double)n + eps) * (w != NULL ? w[i] : 1);
}

/* y [out] = W x + bias */
static inline void
ref_linear (gint64 in, gint64 out, const double *w, const double *bias, const double *x, double *y)
{
  for (gint64 o = 0; o < out; o++)
    {
      y[o] = bias != NULL ? bias[o] : 0;
      for (gint64 i = 0; i < in; i++)
        y[o] += w[o * in + i] * x[i];
    }
}

static inline void
ref_rope (const PrLmConfig *c, gint64 position, double *x)
{
  gint64 half = c->head_dim / 2;

  for (gint64 i = 0; i < half; i++)
    {
      float frequency = (float)(1.0 / pow (c->rope_theta, 2.0 * (double)i / c->head_dim));
      double angle = (float)position * frequency, a = x[i], b = x[i + half];

      x[i] = a * cos (angle) - b * sin (angle);
      x[i + half] = b * cos (angle) + a * sin (angle);
    }
}

/* x [n, hidden] *= the mask of SITE: found by sending ones through the operation. */
static inline void
ref_dropout (const Reference *r, guint64 site, double *x)
{
  gint64 hidden = r->c->hidden;
  g_autofree float *mask = g_new (float, r->n *hidden);
  PrDropout d;

  if (r->backward == NULL || r->backward->dropout == 0)
    return;
  d = (PrDropout){ r->backward->dropout, pr_rng_new (r->backward->dropout_seed, "dropout"), r->backward->dropout_step,
                   site };
  for (gint64 i = 0; i < r->n * hidden; i++)
    mask[i] = 1;
  pr_backend_get ()->dropout (&d, r->n, hidden, r->backward->first_row + (guint64)r->row, mask, NULL, mask);
  for (gint64 i = 0; i < r->n * hidden; i++)
    x[i] *= mask[i];
}

/* out [n, heads head_dim] of one layer from normed inputs; PROBABILITIES [heads, n, n] may be NULL. */
static inline void
ref_attention (const Reference *r, const PrLmLayerOffsets *at, const double *normed, double *out, double *probabilities)
{
  const PrLmConfig *c = r->c;
  gint64 d = c->head_dim, heads = c->heads + 2 * c->kv_heads, width = heads * d, group = c->heads / c->kv_heads;
  g_autofree double *qkv = g_new (double, r->n *width), *p = g_new (double, r->n);

  for (gint64 t = 0; t < r->n; t++)
    {
      ref_linear (c->hidden, width, r->w + at->q, at->q_bias >= 0 ? r->w + at->q_bias : NULL, normed + t * c->hidden,
                  qkv + t * width);
      for (gint64 h = 0; h < c->heads + c->kv_heads; h++)
        {
          double *x = qkv + t * width + h * d;

          if (at->q_norm >= 0)
            ref_norm (d, x, r->w + (h < c->heads ? at->q_norm : at->k_norm), c->rms_eps, x);
          ref_rope (c, t, x);
        }
    }
  for (gint64 h = 0; h < c->heads; h++)
    for (gint64 t = 0; t < r->n; t++)
      {
        const double *q = qkv + t * width + h * d, *k = qkv + (c->heads + h / group) * d, *v = k + c->kv_heads * d;
        double *o = out + (t * c->heads + h) * d, sum = 0;

        for (gint64 s = 0; s <= t; s++)
          {
            double score = 0;

            for (gint64 i = 0; i < d; i++)
              score += q[i] * k[s * width + i];
            sum += p[s] = exp (score / sqrt ((double)d));
          }
        for (gint64 s = 0; probabilities != NULL && s <= t; s++)
          probabilities[(h * r->n + t) * r->n + s] = p[s] / sum;
        for (gint64 i = 0; i < d; i++)
          {
            o[i] = 0;
            for (gint64 s = 0; s <= t; s++)
              o[i] += p[s] / sum * v[s * width + i];
          }
      }
}

static inline void
ref_layer (const Reference *r, gint32 l, double *x)
{
  const PrLmConfig *c = r->c;
  const PrLmLayerOffsets *at = &r->layout->layers[l];
  gint64 hidden = c->hidden, q = c->heads * c->head_dim;
  g_autofree double *normed = g_new (double, r->n *hidden), *out = g_new (double, r->n *q);
  g_autofree double *branch = g_new (double, r->n *hidden), *gate_up = g_new (double, 2 * c->ffn);

  for (gint64 t = 0; t < r->n; t++)
    ref_norm (hidden, x + t * hidden, r->w + at->in_norm, c->rms_eps, normed + t * hidden);
  ref_attention (r, at, normed, out, r->attention != NULL ? r->attention + l * c->heads * r->n * r->n : NULL);
  for (gint64 t = 0; t < r->n; t++)
    ref_linear (q, hidden, r->w + at->o, NULL, out + t * q, branch + t * hidden);
  ref_dropout (r, 1 + 2 * (guint64)l, branch);
  for (gint64 i = 0; i < r->n * hidden; i++)
    x[i] += branch[i];
  for (gint64 t = 0; t < r->n; t++)
    {
      ref_norm (hidden, x + t * hidden, r->w + at->post_norm, c->rms_eps, normed + t * hidden);
      ref_linear (hidden, 2 * c->ffn, r->w + at->gate, NULL, normed + t * hidden, gate_up);
      for (gint64 i = 0; i < c->ffn; i++)
        gate_up[i] = gate_up[i] / (1 + exp (-gate_up[i])) * gate_up[c->ffn + i];
      ref_linear (c->ffn, hidden, r->w + at->down, NULL, gate_up, branch + t * hidden);
    }
  ref_dropout (r, 2 + 2 * (guint64)l, branch);
  for (gint64 i = 0; i < r->n * hidden; i++)
    x[i] += branch[i];
}

/* x [n, hidden], inputs of a sequence, to hidden states after the final norm. */
static inline void
ref_run (const Reference *r, double *x)
{
  gint64 hidden = r->c->hidden;

  ref_dropout (r, 0, x);
  for (gint32 l = 0; l < r->c->layers; l++)
    ref_layer (r, l, x);
  for (gint64 t = 0; t < r->n; t++)
    ref_norm (hidden, x + t * hidden, r->w + r->layout->final_norm, r->c->rms_eps, x + t * hidden);
}

/* Inputs of a sequence: what stands before a latent position is run on its own, and its last state is the input. */
static inline void
ref_inputs (const Reference *r, const gint32 *tokens, double *x)
{
  gint64 hidden = r->c->hidden;
  g_autofree double *scratch = g_new (double, r->n *hidden);

  for (gint64 t = 0; t < r->n; t++)
    {
      const double *input = r->w + r->layout->embedding + tokens[t] * hidden;
      Reference prefix = *r;

      if (tokens[t] == PR_TOKEN_LATENT)
        {
          prefix.n = t;
          memcpy (scratch, x, sizeof (double) * (gsize)(t * hidden));
          ref_run (&prefix, scratch);
          input = scratch + (t - 1) * hidden;
        }
      memcpy (x + t * hidden, input, sizeof (double) * (gsize)hidden);
    }
}

/* Losses of CHUNK's targets; returns their weighted sum, or that of the objective.  ret_hidden [rows, hidden] after the
 * final norm, may be NULL. */
static inline double
ref_losses (const PrLmConfig *c, const PrLmLayout *layout, const double *w, const PrChunk *chunk,
            const PrBackward *backward, double *ret_losses, double *ret_hidden)
{
  gint64 hidden = c->hidden, rows = chunk->offsets[chunk->n_sequences];
  g_autofree double *x = g_new (double, rows *hidden), *logits = g_new (double, c->vocab);
  double total = 0, temperature = backward != NULL && backward->temperature > 0 ? backward->temperature : 1;

  for (gsize s = 0; s < chunk->n_sequences; s++)
    {
      Reference r = { .c = c,
                      .layout = layout,
                      .w = w,
                      .backward = backward,
                      .row = chunk->offsets[s],
                      .n = chunk->offsets[s + 1] - chunk->offsets[s] };

      ref_inputs (&r, chunk->tokens + r.row, x + r.row * hidden);
      ref_run (&r, x + r.row * hidden);
    }
  for (gsize i = 0; i < chunk->n_targets; i++)
    {
      double sum = 0, slope;

      ref_linear (hidden, c->vocab, w + layout->embedding, NULL, x + chunk->sources[i] * hidden, logits);
      for (gint32 v = 0; v < c->vocab; v++)
        sum += exp (logits[v] / temperature);
      ret_losses[i] = log (sum) - logits[chunk->targets[i]] / temperature;
      if (backward != NULL && backward->objective != NULL)
        total += backward->objective (backward->objective_ctx, chunk->first_target + i, -ret_losses[i], &slope);
      else
        total += (chunk->loss_weights != NULL ? (double)chunk->loss_weights[i] : 1) * ret_losses[i];
    }
  if (ret_hidden != NULL)
    memcpy (ret_hidden, x, sizeof (double) * (gsize)(rows * hidden));
  return total;
}

#endif
