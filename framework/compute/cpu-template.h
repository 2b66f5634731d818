/* cpu-template.h - the vectorised kernels, included once for each instruction set.
 *
 * The including file says which: PR_LANES floats a vector, PR_BLOCK_VECTORS vectors a row of a block product,
 * PR_KERNELS the name of the table, pr_sqrt() and pr_mul_even() (32 x 32 -> 64 bits of the even lanes).
 */
#include "compute/cpu.h"

#include <math.h>
#include <string.h>

#include "compute/cpu-template-vector.h"

static float
dot (gint64 n, const float *x, const float *y)
{
  V a = { 0 }, b = { 0 };

  for (gint64 i = 0; i < n; i += 2 * W)
    {
      a += load (x + i, n - i) * load (y + i, n - i);
      if (n - i > W)
        b += load (x + i + W, n - i - W) * load (y + i + W, n - i - W);
    }
  return sum_lanes (a + b);
}

/* Four rows at a time, so that their sums across lanes overlap. */
static void
dots (gint64 rows, gint64 n, const float *x, gint64 stride, const float *y, float *out)
{
  gint64 r = 0;

  for (; r + 4 <= rows; r += 4, x += 4 * stride)
    {
      V a = { 0 }, b = a, c = a, d = a;

      for (gint64 i = 0; i < n; i += W)
        {
          V ys = load (y + i, n - i);

          a += load (x + i, n - i) * ys;
          b += load (x + stride + i, n - i) * ys;
          c += load (x + 2 * stride + i, n - i) * ys;
          d += load (x + 3 * stride + i, n - i) * ys;
        }
      out[r] = sum_lanes (a);
      out[r + 1] = sum_lanes (b);
      out[r + 2] = sum_lanes (c);
      out[r + 3] = sum_lanes (d);
    }
  for (; r < rows; r++, x += stride)
    out[r] = dot (n, x, y);
}

static void
pack (gint64 rows, gint64 n, float scale, const float *from, gint64 stride, float *to, gint64 padded)
{
  for (gint64 r = 0; r < rows; r++, from += stride, to += padded)
    {
      gint64 i = 0;

      for (; i < n; i += W)
        *(VU *)(to + i) = load (from + i, n - i) * scale;
      for (; i < padded; i += W)
        *(VU *)(to + i) = (V){ 0 };
    }
}

static void
rmsnorm_forward (gint64 rows, gint64 n, const float *x, const float *weight, float eps, float *y, float *rstd)
{
  for (gint64 r = 0; r < rows; r++, x += n, y += n)
    {
      float scale = 1.0f / sqrtf (dot (n, x, x) / (float)n + eps);

      for (gint64 i = 0; i < n; i += W)
        store (y + i, n - i, load (x + i, n - i) * scale * load (weight + i, n - i));
      if (rstd != NULL)
        rstd[r] = scale;
    }
}

/* Sum of dy weight x: what normalisation's backward takes off along x. */
INLINE float
dot3 (gint64 n, const float *x, const float *y, const float *z)
{
  V a = { 0 };

  for (gint64 i = 0; i < n; i += W)
    a += load (x + i, n - i) * load (y + i, n - i) * load (z + i, n - i);
  return sum_lanes (a);
}

static void
rmsnorm_backward (gint64 rows, gint64 n, const float *x, const float *weight, const float *rstd, const float *dy,
                  const float *residual, float *dx, float *dweight, float *y)
{
  for (gint64 r = 0; r < rows; r++)
    {
      float s = rstd[r], mean = dot3 (n, dy, weight, x) * s / (float)n;

      for (gint64 i = 0; i < n; i += W)
        {
          gint64 left = n - i;
          V xs = load (x + i, left) * s, g = load (dy + i, left), w = load (weight + i, left);
          V d = s * (g * w - xs * mean);

          if (residual != NULL)
            d += load (residual + i, left);
          if (dweight != NULL)
            store (dweight + i, left, load (dweight + i, left) + g * xs);
          if (y != NULL)
            store (y + i, left, xs * w);
          store (dx + i, left, d);
        }
      x += n, dy += n, dx += n;
      residual = residual != NULL ? residual + n : NULL;
      y = y != NULL ? y + n : NULL;
    }
}

static void
bias_forward (gint64 rows, gint64 n, const float *bias, float *x, gint64 x_stride)
{
  for (gint64 r = 0; r < rows; r++, x += x_stride)
    for (gint64 i = 0; i < n; i += W)
      store (x + i, n - i, load (x + i, n - i) + load (bias + i, n - i));
}

static void
bias_backward (gint64 rows, gint64 n, const float *dy, gint64 dy_stride, float *dbias)
{
  for (gint64 r = 0; r < rows; r++, dy += dy_stride)
    for (gint64 i = 0; i < n; i += W)
      store (dbias + i, n - i, load (dbias + i, n - i) + load (dy + i, n - i));
}

INLINE void
rope_head (gint64 half, const float *x, const float *w, float scale, const float *c, const float *s, float *y)
{
  for (gint64 i = 0; i < half; i += W)
    {
      gint64 left = half - i;
      V a = load (x + i, left), b = load (x + half + i, left), cs = load (c + i, left), sn = load (s + i, left);

      if (w != NULL)
        {
          a = a * scale * load (w + i, left);
          b = b * scale * load (w + half + i, left);
        }
      store (y + i, left, a * cs - b * sn);
      store (y + half + i, left, b * cs + a * sn);
    }
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
        float scale = 1;

        if (w != NULL)
          {
            scale = 1.0f / sqrtf (dot (d, xh, xh) / (float)d + rope->eps);
            if (rstd != NULL)
              rstd[r * heads + h] = scale;
          }
        rope_head (half, xh, w, scale, rope->cos + positions[r] * half, rope->sin + positions[r] * half,
                   y + r * y_stride + h * d);
      }
}

INLINE void
unrope_head (gint64 half, const float *dy, const float *c, const float *s, float *dx)
{
  for (gint64 i = 0; i < half; i += W)
    {
      gint64 left = half - i;
      V a = load (dy + i, left), b = load (dy + half + i, left), cs = load (c + i, left), sn = load (s + i, left);

      store (dx + i, left, a * cs + b * sn);
      store (dx + half + i, left, b * cs - a * sn);
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
        const float *w = h < rope->heads ? rope->q_norm : rope->k_norm;
        float *dxh = dx + r * dx_stride + h * d;

        unrope_head (half, dy + r * dy_stride + h * d, rope->cos + positions[r] * half, rope->sin + positions[r] * half,
                     dxh);
        if (w != NULL)
          rmsnorm_backward (1, d, x + r * x_stride + h * d, w, rstd + r * heads + h, dxh, NULL, dxh,
                            h < rope->heads ? dq_norm : dk_norm, NULL);
      }
}

static void
swiglu_forward (gint64 rows, gint64 n, const float *gate_up, float *act)
{
  for (gint64 r = 0; r < rows; r++, gate_up += 2 * n, act += n)
    for (gint64 i = 0; i < n; i += W)
      {
        V g = load (gate_up + i, n - i);

        store (act + i, n - i, g * sigmoid (g) * load (gate_up + n + i, n - i));
      }
}

static void
swiglu_backward (gint64 rows, gint64 n, const float *gate_up, const float *dact, float *d_gate_up, float *act)
{
  for (gint64 r = 0; r < rows; r++, gate_up += 2 * n, dact += n, d_gate_up += 2 * n)
    {
      for (gint64 i = 0; i < n; i += W)
        {
          gint64 left = n - i;
          V g = load (gate_up + i, left), u = load (gate_up + n + i, left), da = load (dact + i, left);
          V s = sigmoid (g), silu = g * s;

          if (act != NULL)
            store (act + i, left, silu * u);
          store (d_gate_up + i, left, da * u * (s + silu * (1.0f - s)));
          store (d_gate_up + n + i, left, da * silu);
        }
      act = act != NULL ? act + n : NULL;
    }
}

INLINE float
row_max (gint64 n, const float *x)
{
  V a = all (x[0]), b = a;
  gint64 i;

  for (i = 0; i + 2 * W <= n; i += 2 * W)
    {
      a = larger (*(const VU *)(x + i), a);
      b = larger (*(const VU *)(x + i + W), b);
    }
  for (; i < n; i += W)
    a = larger (choose (before (n - i), load (x + i, n - i), a), a);
  return max_lanes (larger (a, b));
}

/* x = exp(x - max); returns the sum. */
INLINE float
row_exponentials (gint64 n, float *x, float max)
{
  V a = { 0 }, b = { 0 };
  gint64 i;

  for (i = 0; i + 2 * W <= n; i += 2 * W)
    {
      V e = exponential (*(const VU *)(x + i) - max), f = exponential (*(const VU *)(x + i + W) - max);

      *(VU *)(x + i) = e;
      *(VU *)(x + i + W) = f;
      a += e;
      b += f;
    }
  for (; i < n; i += W)
    {
      V e = exponential (load (x + i, n - i) - max);

      store (x + i, n - i, e);
      a += (V)((I)e & before (n - i));
    }
  return sum_lanes (a + b);
}

INLINE void
row_scale (gint64 n, float *x, float factor)
{
  for (gint64 i = 0; i < n; i += W)
    store (x + i, n - i, load (x + i, n - i) * factor);
}

static void
cross_entropy (gint64 rows, gint64 n, float *logits, gint64 stride, const gint32 *targets, float scale, float *losses)
{
  for (gint64 r = 0; r < rows; r++, logits += stride)
    {
      float target = logits[targets[r]], max = row_max (n, logits), sum = row_exponentials (n, logits, max);

      losses[r] = logf (sum) + max - target;
      if (scale == 0)
        continue;
      row_scale (n, logits, scale / sum);
      logits[targets[r]] -= scale;
    }
}

static void
adamw (const PrAdamW *a, gint64 n, float *weights, const float *grads, float *m, float *v)
{
  double correction1 = 1.0 - pow (a->beta1, (double)a->step), correction2 = 1.0 - pow (a->beta2, (double)a->step);
  float rate = (float)(a->lr / correction1), root = (float)(1.0 / sqrt (correction2));
  float keep = 1.0f - a->lr * a->weight_decay;

  for (gint64 i = 0; i < n; i += W)
    {
      gint64 left = n - i;
      V g = load (grads + i, left) * a->grad_scale;
      V mi = a->beta1 * load (m + i, left) + (1.0f - a->beta1) * g;
      V vi = a->beta2 * load (v + i, left) + (1.0f - a->beta2) * g * g;

      store (m + i, left, mi);
      store (v + i, left, vi);
      store (weights + i, left, load (weights + i, left) * keep - rate * mi / (pr_sqrt (vi) * root + a->eps));
    }
}

static double
squared_norm (gint64 n, const float *x)
{
  D sum = { 0 };
  double total = 0;

  for (gint64 i = 0; i < n; i += W)
    {
      D d = __builtin_convertvector(load (x + i, n - i), D);

      sum += d * d;
    }
  for (int i = 0; i < W; i++)
    total += sum[i];
  return total;
}

#include "compute/cpu-template-dropout.h"
#include "compute/cpu-template-attention.h"
#include "compute/cpu-template-gemm.h"

const PrCpuKernels PR_KERNELS = { PR_NAME,
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
                                  gemm };
