#include "config.h"

#include "lm/layer.h"

#include <math.h>

PrLayerWidths
pr_layer_widths (const PrLmConfig *c)
{
  PrLayerWidths w = { .hidden = c->hidden, .ffn = c->ffn, .heads = (gint64)c->heads + c->kv_heads };

  w.q = (gint64)c->heads * c->head_dim;
  w.kv = (gint64)c->kv_heads * c->head_dim;
  w.qk = w.q + w.kv;
  w.qkv = w.qk + w.kv;
  return w;
}

void
pr_layer_init (PrLayer *layer, const PrBackend *backend, const PrLmConfig *config, const PrLmLayout *layout,
               const float *weights, gint32 l, const float *cos, const float *sin)
{
  const PrLmLayerOffsets *at = &layout->layers[l];
  PrLayerWidths w = pr_layer_widths (config);

  *layer = (PrLayer){
    .backend = backend,
    .width = w,
    .eps = (float)config->rms_eps,
    .rope = { config->heads, config->kv_heads, config->head_dim, (float)config->rms_eps, cos, sin,
              at->q_norm >= 0 ? weights + at->q_norm : NULL, at->k_norm >= 0 ? weights + at->k_norm : NULL },
    .attention = { config->heads, config->kv_heads, config->head_dim, w.qk, w.qk, w.qkv, w.q },
    .in_norm = weights + at->in_norm,
    .qkv = weights + at->q,
    .qkv_bias = at->q_bias >= 0 ? weights + at->q_bias : NULL,
    .o = weights + at->o,
    .post_norm = weights + at->post_norm,
    .gate_up = weights + at->gate,
    .down = weights + at->down,
  };
}

void
pr_layer_rope_tables (const PrLmConfig *config, gint64 positions, float *ret_cos, float *ret_sin)
{
  gint64 half = config->head_dim / 2;

  for (gint64 i = 0; i < half; i++)
    {
      float frequency = (float)(1.0 / pow (config->rope_theta, (double)(2 * i) / config->head_dim));

      for (gint64 p = 0; p < positions; p++)
        {
          float angle = (float)p * frequency;

          ret_cos[p * half + i] = (float)cos (angle);
          ret_sin[p * half + i] = (float)sin (angle);
        }
    }
}

/* y [rows, out] = x [rows, in] W^T, W [out, in] as in PyTorch. */
static void
linear (const PrBackend *backend, gint64 rows, gint64 in, gint64 out, const float *x, const float *w, float beta,
        float *y)
{
  backend->gemm (FALSE, TRUE, rows, out, in, 1, x, in, w, in, beta, y, out);
}

/* dx [rows, in] = dy [rows, out] W. */
static void
linear_backward (const PrBackend *backend, gint64 rows, gint64 in, gint64 out, const float *dy, const float *w,
                 float *dx)
{
  backend->gemm (FALSE, FALSE, rows, in, out, 1, dy, out, w, in, 0, dx, in);
}

/* y = residual + dropout(x W^T) */
static void
branch (const PrBackend *backend, gint64 rows, gint64 in, gint64 out, const float *x, const float *w,
        const float *residual, float *y, const PrDropout *dropout, guint64 first_row)
{
  if (dropout == NULL)
    {
      backend->copy (y, residual, (gsize)(rows * out) * sizeof (float));
      linear (backend, rows, in, out, x, w, 1, y);
      return;
    }
  linear (backend, rows, in, out, x, w, 0, y);
  backend->dropout (dropout, rows, out, first_row, y, residual, y);
}

void
pr_layer_attention_in (const PrLayer *layer, gint64 rows, const gint32 *positions, const float *x, float *normed,
                       float *rstd, float *qkv, float *qk, float *qk_rstd)
{
  const PrBackend *backend = layer->backend;
  const PrLayerWidths *w = &layer->width;

  backend->rmsnorm_forward (rows, w->hidden, x, layer->in_norm, layer->eps, normed, rstd);
  linear (backend, rows, w->hidden, w->qkv, normed, layer->qkv, 0, qkv);
  if (layer->qkv_bias != NULL)
    backend->bias_forward (rows, w->qkv, layer->qkv_bias, qkv, w->qkv);
  backend->rope_forward (&layer->rope, rows, positions, qkv, w->qkv, qk, w->qk, qk_rstd);
}

void
pr_layer_attention_out (const PrLayer *layer, gint64 rows, const float *attended, const float *x, float *mid,
                        const PrDropout *dropout, guint64 first_row)
{
  branch (layer->backend, rows, layer->width.q, layer->width.hidden, attended, layer->o, x, mid, dropout, first_row);
}

void
pr_layer_mlp (const PrLayer *layer, gint64 rows, const float *mid, float *normed, float *rstd, float *gate_up,
              float *act, float *y, const PrDropout *dropout, guint64 first_row)
{
  const PrBackend *backend = layer->backend;
  const PrLayerWidths *w = &layer->width;

  backend->rmsnorm_forward (rows, w->hidden, mid, layer->post_norm, layer->eps, normed, rstd);
  linear (backend, rows, w->hidden, 2 * w->ffn, normed, layer->gate_up, 0, gate_up);
  backend->swiglu_forward (rows, w->ffn, gate_up, act);
  branch (backend, rows, w->ffn, w->hidden, act, layer->down, mid, y, dropout, first_row);
}

static void
mlp_backward (const PrLayer *layer, const PrLayerBackward *b)
{
  const PrBackend *backend = layer->backend;
  const PrLayerWidths *w = &layer->width;
  gint64 hidden = b->row * w->hidden, ffn = b->row * w->ffn;
  float *d_mlp = b->dy;

  if (b->mlp_dropout != NULL)
    {
      d_mlp = b->d_mlp;
      backend->dropout (b->mlp_dropout, b->rows, w->hidden, b->first_row, b->dy + hidden, NULL, d_mlp + hidden);
    }
  linear_backward (backend, b->rows, w->ffn, w->hidden, d_mlp + hidden, layer->down, b->d_act + ffn);
  backend->swiglu_backward (b->rows, w->ffn, b->gate_up + 2 * ffn, b->d_act + ffn, b->d_gate_up + 2 * ffn,
                            b->act != NULL ? b->act + ffn : NULL);
  linear_backward (backend, b->rows, w->hidden, 2 * w->ffn, b->d_gate_up + 2 * ffn, layer->gate_up,
                   b->d_normed + hidden);
  backend->rmsnorm_backward (b->rows, w->hidden, b->mid + hidden, layer->post_norm, b->mid_rstd + b->row,
                             b->d_normed + hidden, b->dy + hidden, b->d_mid + hidden, b->d_post_norm,
                             b->mid_normed != NULL ? b->mid_normed + hidden : NULL);
}

static void
attention_backward (const PrLayer *layer, const PrLayerBackward *b)
{
  const PrBackend *backend = layer->backend;
  const PrLayerWidths *w = &layer->width;
  gint64 hidden = b->row * w->hidden, qk = b->row * w->qk, qkv = b->row * w->qkv;
  const float *qk_rstd = b->qk_rstd + b->row * w->heads;
  float *d_out = b->d_mid;

  if (b->attention_dropout != NULL)
    {
      d_out = b->d_out;
      backend->dropout (b->attention_dropout, b->rows, w->hidden, b->first_row, b->d_mid + hidden, NULL,
                        d_out + hidden);
    }
  linear_backward (backend, b->rows, w->q, w->hidden, d_out + hidden, layer->o, b->d_attended + b->row * w->q);
  backend->rope_forward (&layer->rope, b->rows, b->positions, b->qkv + qkv, w->qkv, b->qk + qk, w->qk, NULL);
  backend->attention_backward (&layer->attention, b->offsets, b->n_sequences, b->qk, b->qk + w->q, b->qkv + w->qk,
                               b->attended, b->lse, b->d_attended, b->d_qk, b->d_qk + w->q, b->d_qkv + w->qk);
  backend->rope_backward (&layer->rope, b->rows, b->positions, b->qkv + qkv, w->qkv, qk_rstd, b->d_qk + qk, w->qk,
                          b->d_qkv + qkv, w->qkv, b->d_q_norm, b->d_k_norm);
  if (layer->qkv_bias != NULL && b->d_qkv_bias != NULL)
    backend->bias_backward (b->rows, w->qkv, b->d_qkv + qkv, w->qkv, b->d_qkv_bias);
  linear_backward (backend, b->rows, w->hidden, w->qkv, b->d_qkv + qkv, layer->qkv, b->d_normed + hidden);
  backend->rmsnorm_backward (b->rows, w->hidden, b->x + hidden, layer->in_norm, b->rstd + b->row, b->d_normed + hidden,
                             b->d_mid + hidden, b->dx + hidden, b->d_in_norm,
                             b->normed != NULL ? b->normed + hidden : NULL);
}

void
pr_layer_backward (const PrLayer *layer, const PrLayerBackward *b)
{
  mlp_backward (layer, b);
  attention_backward (layer, b);
}
