/* Attention of the CPU backend, one head at a time, without ever storing a sequence's full matrix of scores for later.
 *
 * Operands are copied into dense scratch, padded to PR_CPU_PAD columns: rows of the packed activations are so far apart
 * that they would fall on the same few lines of the first cache.  Keys and values are also transposed, because a block
 * product wants its right operand by rows.  Blocks of PR_CPU_BLOCK queries stop at their own last key, so the upper
 * triangle costs nothing. */
#include "config.h"

#include "compute/cpu.h"

#include <math.h>
#include <string.h>

#define BACKWARD_ROWS 96 /* queries whose probabilities are kept at once by backward; a multiple of PR_CPU_BLOCK */

static gint64
pad (gint64 n)
{
  return (n + PR_CPU_PAD - 1) / PR_CPU_PAD * PR_CPU_PAD;
}

static void
unpack (gint64 rows, gint64 n, const float *from, gint64 padded, float *to, gint64 stride)
{
  for (gint64 r = 0; r < rows; r++)
    memcpy (to + r * stride, from + r * padded, (gsize)n * sizeof (float));
}

void
pr_cpu_attention_forward (const PrAttentionShape *shape, const gint32 *offsets, gsize n_sequences, const float *q,
                          const float *k, const float *v, float *out, float *lse)
{
  const PrCpuKernels *cpu = pr_cpu_kernels ();
  gint64 d = shape->head_dim, dp = pad (d), group = shape->heads / shape->kv_heads;
  float scale = 1.0f / sqrtf ((float)d);

  for (gsize s = 0; s < n_sequences; s++)
    {
      gint64 start = offsets[s], n = offsets[s + 1] - start, np = pad (n);
      float *kt = pr_cpu_scratch (PR_CPU_SCRATCH_ATTENTION, (gsize)(np * d + 2 * n * dp + n * dp + PR_CPU_BLOCK * np));
      float *vp = kt + np * d, *qp = vp + n * dp, *op = qp + n * dp, *scores = op + n * dp;

      for (gint64 h = 0; h < shape->heads; h++)
        {
          if (h % group == 0)
            {
              cpu->transpose (n, d, k + start * shape->k_stride + h / group * d, shape->k_stride, kt, np);
              cpu->pack (n, d, 1, v + start * shape->v_stride + h / group * d, shape->v_stride, vp, dp);
            }
          cpu->pack (n, d, scale, q + start * shape->q_stride + h * d, shape->q_stride, qp, dp);
          for (gint64 i = 0; i < n; i += PR_CPU_BLOCK)
            {
              gint64 rows = MIN (PR_CPU_BLOCK, n - i), end = i + rows;

              cpu->block (rows, pad (end), d, qp + i * dp, dp, 1, kt, np, FALSE, scores, np);
              for (gint64 r = 0; r < rows; r++)
                {
                  float l = cpu->softmax (i + r + 1, pad (end), scores + r * np);

                  if (lse != NULL)
                    lse[(start + i + r) * shape->heads + h] = l;
                }
              cpu->block (rows, dp, end, scores, np, 1, vp, dp, FALSE, op + i * dp, dp);
            }
          unpack (n, d, op, dp, out + start * shape->out_stride + h * d, shape->out_stride);
        }
    }
}

/* One sequence and one head of keys and values: dense copies of what backward reads and sums. */
typedef struct
{
  gint64 n, np, d, dp;
  float *kt, *vt, *k, *q, *o, *dout; /* kt, vt [d, np]; others [n, dp] */
  float *dq, *dk, *dv;               /* [n, dp] */
  float *p, *ds;                     /* [BACKWARD_ROWS, np] */
} Backward;

static Backward
backward_scratch (gint64 n, gint64 d)
{
  Backward b = { .n = n, .np = pad (n), .d = d, .dp = pad (d) };
  gint64 t = b.np * d, m = n * b.dp, s = BACKWARD_ROWS * b.np;
  float *next = pr_cpu_scratch (PR_CPU_SCRATCH_ATTENTION, (gsize)(2 * t + 7 * m + 2 * s));

  b.kt = next, next += t;
  b.vt = next, next += t;
  b.p = next, next += s;
  b.ds = next, next += s;
  b.k = next, next += m;
  b.q = next, next += m;
  b.o = next, next += m;
  b.dout = next, next += m;
  b.dq = next, next += m;
  b.dk = next, next += m;
  b.dv = next;
  return b;
}

/* Queries I0 .. I1 - 1: their probabilities and the gradients of their scores, dq, and their share of dk and dv. */
static void
backward_rows (const PrCpuKernels *cpu, const Backward *b, gint64 i0, gint64 i1, const float *lse, gint64 lse_stride)
{
  for (gint64 i = i0; i < i1; i += PR_CPU_BLOCK)
    {
      gint64 rows = MIN (PR_CPU_BLOCK, i1 - i), end = i + rows;
      float *p = b->p + (i - i0) * b->np, *ds = b->ds + (i - i0) * b->np;

      cpu->block (rows, pad (end), b->d, b->q + i * b->dp, b->dp, 1, b->kt, b->np, FALSE, p, b->np);
      cpu->block (rows, pad (end), b->d, b->dout + i * b->dp, b->dp, 1, b->vt, b->np, FALSE, ds, b->np);
      for (gint64 r = 0; r < rows; r++)
        {
          float delta = cpu->dot (b->d, b->dout + (i + r) * b->dp, b->o + (i + r) * b->dp);

          cpu->softmax_backward (i + r + 1, pad (end), lse[(i + r) * lse_stride], delta, p + r * b->np, ds + r * b->np);
        }
      cpu->block (rows, b->dp, end, ds, b->np, 1, b->k, b->dp, FALSE, b->dq + i * b->dp, b->dp);
    }
  for (gint64 j = 0; j < i1; j += PR_CPU_BLOCK)
    {
      /* Queries before j do not see key j, and p is 0 where those in j's block do not. */
      gint64 first = MAX (j, i0), rows = MIN (PR_CPU_BLOCK, i1 - j);
      const float *p = b->p + (first - i0) * b->np + j, *ds = b->ds + (first - i0) * b->np + j;

      cpu->block (rows, b->dp, i1 - first, p, 1, b->np, b->dout + first * b->dp, b->dp, TRUE, b->dv + j * b->dp, b->dp);
      cpu->block (rows, b->dp, i1 - first, ds, 1, b->np, b->q + first * b->dp, b->dp, TRUE, b->dk + j * b->dp, b->dp);
    }
}

void
pr_cpu_attention_backward (const PrAttentionShape *shape, const gint32 *offsets, gsize n_sequences, const float *q,
                           const float *k, const float *v, const float *out, const float *lse, const float *dout,
                           float *dq, float *dk, float *dv)
{
  const PrCpuKernels *cpu = pr_cpu_kernels ();
  gint64 d = shape->head_dim, group = shape->heads / shape->kv_heads;
  float scale = 1.0f / sqrtf ((float)d);

  for (gsize s = 0; s < n_sequences; s++)
    {
      gint64 start = offsets[s], n = offsets[s + 1] - start;
      Backward b = backward_scratch (n, d);

      for (gint64 h = 0; h < shape->heads; h++)
        {
          gint64 kv = h / group * d, at = start * shape->out_stride + h * d;

          if (h % group == 0)
            {
              cpu->transpose (n, d, k + start * shape->k_stride + kv, shape->k_stride, b.kt, b.np);
              cpu->transpose (n, d, v + start * shape->v_stride + kv, shape->v_stride, b.vt, b.np);
              /* dq = scale ds k; q is packed scaled, so that dk comes out right by itself. */
              cpu->pack (n, d, scale, k + start * shape->k_stride + kv, shape->k_stride, b.k, b.dp);
              memset (b.dk, 0, (gsize)(n * b.dp) * sizeof (float));
              memset (b.dv, 0, (gsize)(n * b.dp) * sizeof (float));
            }
          cpu->pack (n, d, scale, q + start * shape->q_stride + h * d, shape->q_stride, b.q, b.dp);
          cpu->pack (n, d, 1, out + at, shape->out_stride, b.o, b.dp);
          cpu->pack (n, d, 1, dout + at, shape->out_stride, b.dout, b.dp);
          for (gint64 i = 0; i < n; i += BACKWARD_ROWS)
            backward_rows (cpu, &b, i, MIN (i + BACKWARD_ROWS, n), lse + start * shape->heads + h, shape->heads);
          unpack (n, d, b.dq, b.dp, dq + start * shape->q_stride + h * d, shape->q_stride);
          if (h % group == group - 1)
            {
              unpack (n, d, b.dk, b.dp, dk + start * shape->k_stride + kv, shape->k_stride);
              unpack (n, d, b.dv, b.dp, dv + start * shape->v_stride + kv, shape->v_stride);
            }
        }
    }
}

/* y [n] += a x [n], four at a time, which needs no kernel. */
static void
add_scaled (gint64 n, float a, const float *x, float *y)
{
  typedef float Four __attribute__ ((vector_size (16), aligned (4), may_alias));
  gint64 i = 0;

  for (; i + 4 <= n; i += 4)
    *(Four *)(y + i) += *(const Four *)(x + i) * a;
  for (; i < n; i++)
    y[i] += a * x[i];
}

/* Where the score of a key and a query (x head of the group) stands. */
typedef struct
{
  float *at;
  gint64 key, query; /* strides */
} Scores;

/* Own rows of each query: few, so plain dot products; key n_prefix + t of the scores is everybody's t-th. */
static void
suffix_scores (const PrCpuKernels *cpu, const PrAttentionShape *shape, const PrCachedAttention *c, gint64 kv,
               gint64 group, float scale, Scores s)
{
  gint64 d = shape->head_dim;

  for (gint64 i = 0; i < c->n_queries; i++)
    for (gint64 t = 0; t < c->n_suffix; t++)
      {
        const float *key = c->suffix_k + c->suffix_rows[i * c->n_suffix + t] * shape->k_stride + kv * d;

        for (gint64 g = 0; g < group; g++)
          s.at[(c->n_prefix + t) * s.key + (i * group + g) * s.query] =
              scale * cpu->dot (d, c->q + i * shape->q_stride + (kv * group + g) * d, key);
      }
}

static void
suffix_values (const PrAttentionShape *shape, const PrCachedAttention *c, gint64 kv, gint64 group, Scores s, float *o,
               gint64 dp)
{
  gint64 d = shape->head_dim;

  for (gint64 i = 0; i < c->n_queries; i++)
    for (gint64 t = 0; t < c->n_suffix; t++)
      {
        const float *value = c->suffix_v + c->suffix_rows[i * c->n_suffix + t] * shape->v_stride + kv * d;

        for (gint64 g = 0; g < group; g++)
          add_scaled (d, s.at[(c->n_prefix + t) * s.key + (i * group + g) * s.query], value, o + (i * group + g) * dp);
      }
}

/* Queries of one head of keys and values side by side, o [n_queries group, dp], scaled. */
static void
pack_queries (const PrCpuKernels *cpu, const PrAttentionShape *shape, const PrCachedAttention *c, gint64 kv,
              gint64 group, float scale, float *o, gint64 dp)
{
  gint64 d = shape->head_dim;

  for (gint64 i = 0; i < c->n_queries; i++)
    cpu->pack (group, d, scale, c->q + i * shape->q_stride + kv * group * d, d, o + i * group * dp, dp);
}

static void
unpack_outputs (const PrAttentionShape *shape, const PrCachedAttention *c, gint64 kv, gint64 group, const float *o,
                gint64 dp)
{
  gint64 d = shape->head_dim;

  for (gint64 i = 0; i < c->n_queries; i++)
    unpack (group, d, o + i * group * dp, dp, c->out + i * shape->out_stride + kv * group * d, d);
}

/* Many queries: scores are kept transposed, [keys, queries x heads of the group], so that the shared keys need no
 * transposition and softmax runs down the columns. */
static void
cached_many (const PrCpuKernels *cpu, const PrAttentionShape *shape, const PrCachedAttention *c, gint64 group)
{
  gint64 d = shape->head_dim, dp = pad (d), wide = c->n_queries * group;
  gint64 width = pad (wide), n = c->n_prefix + c->n_suffix;
  float *qt = pr_cpu_scratch (PR_CPU_SCRATCH_ATTENTION, (gsize)(d * width + n * width + wide * dp + c->n_prefix * dp)),
        *scores = qt + d * width;
  float *o = scores + n * width, *vp = o + wide * dp, scale = 1.0f / sqrtf ((float)d);
  Scores s = { scores, width, 1 };

  memset (scores + c->n_prefix * width, 0, (gsize)(c->n_suffix * width) * sizeof (float));
  for (gint64 kv = 0; kv < shape->kv_heads; kv++)
    {
      pack_queries (cpu, shape, c, kv, group, scale, o, dp);
      cpu->transpose (wide, d, o, dp, qt, width);
      cpu->block (c->n_prefix, width, d, c->prefix_k + kv * d, shape->k_stride, 1, qt, width, FALSE, scores, width);
      suffix_scores (cpu, shape, c, kv, group, scale, s);
      cpu->softmax_columns (n, width, scores);
      cpu->pack (c->n_prefix, d, 1, c->prefix_v + kv * d, shape->v_stride, vp, dp);
      cpu->block (wide, dp, c->n_prefix, scores, 1, width, vp, dp, FALSE, o, dp);
      suffix_values (shape, c, kv, group, s, o, dp);
      unpack_outputs (shape, c, kv, group, o, dp);
    }
}

/* Few queries: vectors of queries would be mostly empty, and values are read once, so where they lie. */
static void
cached_few (const PrCpuKernels *cpu, const PrAttentionShape *shape, const PrCachedAttention *c, gint64 group)
{
  gint64 d = shape->head_dim, wide = c->n_queries * group, n = c->n_prefix + c->n_suffix, np = pad (n);
  float *o = pr_cpu_scratch (PR_CPU_SCRATCH_ATTENTION, (gsize)(wide * (d + np))), *scores = o + wide * d;
  float scale = 1.0f / sqrtf ((float)d);
  Scores s = { scores, 1, np };

  for (gint64 kv = 0; kv < shape->kv_heads; kv++)
    {
      pack_queries (cpu, shape, c, kv, group, scale, o, d);
      for (gint64 w = 0; w < wide; w++)
        cpu->dots (c->n_prefix, d, c->prefix_k + kv * d, shape->k_stride, o + w * d, scores + w * np);
      suffix_scores (cpu, shape, c, kv, group, scale, s);
      for (gint64 w = 0; w < wide; w++)
        cpu->softmax (n, np, scores + w * np);
      cpu->block (wide, d, c->n_prefix, scores, np, 1, c->prefix_v + kv * d, shape->v_stride, FALSE, o, d);
      suffix_values (shape, c, kv, group, s, o, d);
      unpack_outputs (shape, c, kv, group, o, d);
    }
}

void
pr_cpu_attention_cached (const PrAttentionShape *shape, const PrCachedAttention *c)
{
  gint64 group = shape->heads / shape->kv_heads;
  gboolean few = c->n_queries * group <= PR_CPU_BLOCK && shape->head_dim % PR_CPU_PAD == 0;

  (few ? cached_few : cached_many) (pr_cpu_kernels (), shape, c, group);
}
