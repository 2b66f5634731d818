/* The plain twin of every kernel: what the vectorised ones must compute, written to be read. */
#include "config.h"

#include "compute/cpu.h"

#include <math.h>

static void
rmsnorm_forward (gint64 rows, gint64 n, const float *x, const float *weight, float eps, float *y, float *rstd)
{
  for (gint64 r = 0; r < rows; r++, x += n, y += n)
    {
      float sum = 0, scale;

      for (gint64 i = 0; i < n; i++)
        sum += x[i] * x[i];
      scale = 1.0f / sqrtf (sum / (float)n + eps);
      for (gint64 i = 0; i < n; i++)
        y[i] = x[i] * scale * weight[i];
      if (rstd != NULL)
        rstd[r] = scale;
    }
}

static void
rmsnorm_backward (gint64 rows, gint64 n, const float *x, const float *weight, const float *rstd, const float *dy,
                  const float *residual, float *dx, float *dweight, float *y)
{
  for (gint64 r = 0; r < rows; r++)
    {
      float s = rstd[r], mean = 0;

      for (gint64 i = 0; i < n; i++)
        mean += dy[i] * weight[i] * x[i] * s;
      mean /= (float)n;
      for (gint64 i = 0; i < n; i++)
        {
          float xs = x[i] * s, base = residual != NULL ? residual[i] : 0.0f;

          if (dweight != NULL)
            dweight[i] += dy[i] * xs;
          if (y != NULL)
            y[i] = xs * weight[i];
          dx[i] = base + s * (dy[i] * weight[i] - xs * mean);
        }
      x += n, dy += n, dx += n;
      residual = residual != NULL ? residual + n : NULL;
      y = y != NULL ? y + n : NULL;
    }
}

static void
bias_forward (gint64 rows, gint64 n, const float *bias, float *x, gint64 x_stride)
{
  for (gint64 r = 0; r < rows; r++)
    for (gint64 i = 0; i < n; i++)
      x[r * x_stride + i] += bias[i];
}

static void
bias_backward (gint64 rows, gint64 n, const float *dy, gint64 dy_stride, float *dbias)
{
  for (gint64 r = 0; r < rows; r++)
    for (gint64 i = 0; i < n; i++)
      dbias[i] += dy[r * dy_stride + i];
}

static void
rope_forward (const PrRope *rope, gint64 rows, const gint32 *positions, const float *x, gint64 x_stride, float *y,
              gint64 y_stride, float *rstd)
{
  gint64 d = rope->head_dim, half = d / 2, heads = rope->heads + rope->kv_heads;

  for (gint64 r = 0; r < rows; r++)
    for (gint64 h = 0; h < heads; h++)
      {
        const float *xh = x + r * x_stride + h * d, *w = h < rope->heads ? rope->q_norm : rope->k_norm;
        const float *c = rope->cos + positions[r] * half, *s = rope->sin + positions[r] * half;
        float *yh = y + r * y_stride + h * d, sum = 0, scale = 1;

        if (w != NULL)
          {
            for (gint64 i = 0; i < d; i++)
              sum += xh[i] * xh[i];
            scale = 1.0f / sqrtf (sum / (float)d + rope->eps);
            if (rstd != NULL)
              rstd[r * heads + h] = scale;
          }
        for (gint64 i = 0; i < half; i++)
          {
            float a = xh[i] * scale * (w != NULL ? w[i] : 1.0f);
            float b = xh[i + half] * scale * (w != NULL ? w[i + half] : 1.0f);

            yh[i] = a * c[i] - b * s[i];
            yh[i + half] = b * c[i] + a * s[i];
          }
      }
}

static void
norm_backward_in_place (gint64 d, const float *x, const float *w, float rstd, float *dx, float *dw)
{
  float mean = 0;

  for (gint64 i = 0; i < d; i++)
    mean += dx[i] * w[i] * x[i] * rstd;
  mean /= (float)d;
  for (gint64 i = 0; i < d; i++)
    {
      float xs = x[i] * rstd, dy = dx[i];

      if (dw != NULL)
        dw[i] += dy * xs;
      dx[i] = rstd * (dy * w[i] - xs * mean);
    }
}

static void
rope_backward (const PrRope *rope, gint64 rows, const gint32 *positions, const float *x, gint64 x_stride,
               const float *rstd, const float *dy, gint64 dy_stride, float *dx, gint64 dx_stride, float *dq_norm,
               float *dk_norm)
{
  gint64 d = rope->head_dim, half = d / 2, heads = rope->heads + rope->kv_heads;

  for (gint64 r = 0; r < rows; r++)
    for (gint64 h = 0; h < heads; h++)
      {
        const float *dyh = dy + r * dy_stride + h * d, *w = h < rope->heads ? rope->q_norm : rope->k_norm;
        const float *c = rope->cos + positions[r] * half, *s = rope->sin + positions[r] * half;
        float *dxh = dx + r * dx_stride + h * d;

        for (gint64 i = 0; i < half; i++)
          {
            float a = dyh[i] * c[i] + dyh[i + half] * s[i];
            float b = dyh[i + half] * c[i] - dyh[i] * s[i];

            dxh[i] = a;
            dxh[i + half] = b;
          }
        if (w != NULL)
          norm_backward_in_place (d, x + r * x_stride + h * d, w, rstd[r * heads + h], dxh,
                                  h < rope->heads ? dq_norm : dk_norm);
      }
}

static void
swiglu_forward (gint64 rows, gint64 n, const float *gate_up, float *act)
{
  for (gint64 r = 0; r < rows; r++, gate_up += 2 * n, act += n)
    for (gint64 i = 0; i < n; i++)
      act[i] = gate_up[i] / (1.0f + expf (-gate_up[i])) * gate_up[n + i];
}

static void
swiglu_backward (gint64 rows, gint64 n, const float *gate_up, const float *dact, float *d_gate_up, float *act)
{
  for (gint64 r = 0; r < rows; r++, gate_up += 2 * n, dact += n, d_gate_up += 2 * n)
    {
      for (gint64 i = 0; i < n; i++)
        {
          float g = gate_up[i], u = gate_up[n + i], da = dact[i];
          float sigmoid = 1.0f / (1.0f + expf (-g)), silu = g * sigmoid;

          if (act != NULL)
            act[i] = silu * u;
          d_gate_up[i] = da * u * (sigmoid + silu * (1.0f - sigmoid));
          d_gate_up[n + i] = da * silu;
        }
      act = act != NULL ? act + n : NULL;
    }
}

static void
cross_entropy (gint64 rows, gint64 n, float *logits, gint64 stride, const gint32 *targets, float scale, float *losses)
{
  for (gint64 r = 0; r < rows; r++, logits += stride)
    {
      float max = logits[0], target = logits[targets[r]], sum = 0;

      for (gint64 i = 1; i < n; i++)
        max = logits[i] > max ? logits[i] : max;
      for (gint64 i = 0; i < n; i++)
        sum += expf (logits[i] - max);
      losses[r] = logf (sum) + max - target;
      if (scale != 0)
        {
          for (gint64 i = 0; i < n; i++)
            logits[i] = expf (logits[i] - max) * (scale / sum);
          logits[targets[r]] -= scale;
        }
    }
}

static void
dropout (const PrDropout *d, gint64 rows, gint64 n, guint64 first_row, const float *x, const float *residual, float *y)
{
  guint32 threshold = pr_cpu_dropout_threshold (d);
  float scale = pr_cpu_dropout_scale (threshold);

  for (gint64 r = 0; r < rows; r++)
    for (gint64 i = 0; i < n; i++)
      {
        guint64 index = pr_cpu_dropout_index (d, n, first_row + (guint64)r, i / PR_CPU_DROPOUT_BLOCK);
        float base = residual != NULL ? residual[r * n + i] : 0.0f;
        guint32 draws[4], draw;

        pr_rng_draw4 (d->rng, d->step, index + (guint64)(i % 16), draws);
        draw = draws[i % PR_CPU_DROPOUT_BLOCK / 32] >> (i % 32 >= 16 ? 16 : 0) & 0xffff;
        y[r * n + i] = base + (draw >= threshold ? x[r * n + i] * scale : 0.0f);
      }
}

static void
adamw (const PrAdamW *a, gint64 n, float *weights, const float *grads, float *m, float *v)
{
  double correction1 = 1.0 - pow (a->beta1, (double)a->step), correction2 = 1.0 - pow (a->beta2, (double)a->step);
  float rate = (float)(a->lr / correction1), root = (float)(1.0 / sqrt (correction2));
  float keep = 1.0f - a->lr * a->weight_decay;

  for (gint64 i = 0; i < n; i++)
    {
      float g = grads[i] * a->grad_scale;

      m[i] = a->beta1 * m[i] + (1.0f - a->beta1) * g;
      v[i] = a->beta2 * v[i] + (1.0f - a->beta2) * g * g;
      weights[i] = weights[i] * keep - rate * m[i] / (sqrtf (v[i]) * root + a->eps);
    }
}

static double
squared_norm (gint64 n, const float *x)
{
  double sum = 0;

  for (gint64 i = 0; i < n; i++)
    sum += (double)x[i] * x[i];
  return sum;
}

static void
block (gint64 m, gint64 n, gint64 k, const float *a, gint64 a_row, gint64 a_column, const float *b, gint64 ldb,
       gboolean add, float *c, gint64 ldc)
{
  for (gint64 i = 0; i < m; i++)
    for (gint64 j = 0; j < n; j++)
      {
        float sum = add ? c[i * ldc + j] : 0.0f;

        for (gint64 p = 0; p < k; p++)
          sum += a[i * a_row + p * a_column] * b[p * ldb + j];
        c[i * ldc + j] = sum;
      }
}

static float
softmax (gint64 n, gint64 padded, float *s)
{
  float max = s[0], sum = 0;

  for (gint64 i = 1; i < n; i++)
    max = s[i] > max ? s[i] : max;
  for (gint64 i = 0; i < n; i++)
    sum += s[i] = expf (s[i] - max);
  for (gint64 i = 0; i < n; i++)
    s[i] /= sum;
  for (gint64 i = n; i < padded; i++)
    s[i] = 0;
  return max + logf (sum);
}

static void
softmax_backward (gint64 n, gint64 padded, float lse, float delta, float *p, float *ds)
{
  for (gint64 i = 0; i < n; i++)
    {
      p[i] = expf (p[i] - lse);
      ds[i] = p[i] * (ds[i] - delta);
    }
  for (gint64 i = n; i < padded; i++)
    p[i] = ds[i] = 0;
}

static void
softmax_columns (gint64 n, gint64 width, float *s)
{
  for (gint64 c = 0; c < width; c++)
    {
      float max = s[c], sum = 0;

      for (gint64 i = 1; i < n; i++)
        max = s[i * width + c] > max ? s[i * width + c] : max;
      for (gint64 i = 0; i < n; i++)
        sum += s[i * width + c] = expf (s[i * width + c] - max);
      for (gint64 i = 0; i < n; i++)
        s[i * width + c] /= sum;
    }
}

static float
dot (gint64 n, const float *x, const float *y)
{
  float sum = 0;

  for (gint64 i = 0; i < n; i++)
    sum += x[i] * y[i];
  return sum;
}

static void
dots (gint64 rows, gint64 n, const float *x, gint64 stride, const float *y, float *out)
{
  for (gint64 r = 0; r < rows; r++)
    out[r] = dot (n, x + r * stride, y);
}

static void
transpose (gint64 rows, gint64 n, const float *from, gint64 from_stride, float *to, gint64 to_stride)
{
  for (gint64 i = 0; i < n; i++)
    for (gint64 r = 0; r < to_stride; r++)
      to[i * to_stride + r] = r < rows ? from[r * from_stride + i] : 0.0f;
}

static void
pack (gint64 rows, gint64 n, float scale, const float *from, gint64 stride, float *to, gint64 padded)
{
  for (gint64 r = 0; r < rows; r++)
    for (gint64 i = 0; i < padded; i++)
      to[r * padded + i] = i < n ? from[r * stride + i] * scale : 0.0f;
}

static gboolean
supported (void)
{
  return TRUE;
}

const PrCpuKernels pr_cpu_plain = { "plain",
                                    supported,
                                    rmsnorm_forward,
                                    rmsnorm_backward,
                                    bias_forward,
                                    bias_backward,
                                    rope_forward,
                                    rope_backward,
                                    swiglu_forward,
                                    swiglu_backward,
                                    cross_entropy,
                                    dropout,
                                    adamw,
                                    squared_norm,
                                    block,
                                    softmax,
                                    softmax_backward,
                                    softmax_columns,
                                    dot,
                                    dots,
                                    transpose,
                                    pack,
                                    NULL };
