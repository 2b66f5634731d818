/* Attention against its definition, and with a cache against attention without. */
#include "every-kernel.h"

#include <math.h>

/* out, and with DOUT the gradients, by definition and in double; strides as in the model. */
static void
define_attention (const PrAttentionShape *s, gint64 start, gint64 n, const float *q, const float *k, const float *v,
                  double *out, const float *dout, double *dq, double *dk, double *dv)
{
  gint64 d = s->head_dim, group = s->heads / s->kv_heads;
  g_autofree double *p = g_new (double, n);
  double scale = 1 / sqrt ((double)d);

  for (gint64 h = 0; h < s->heads; h++)
    for (gint64 i = 0; i < n; i++)
      {
        gint64 at = (start + i) * s->out_stride + h * d, qa = (start + i) * s->q_stride + h * d;
        double sum = 0, delta = 0;

        for (gint64 j = 0; j <= i; j++)
          {
            double score = 0;

            for (gint64 e = 0; e < d; e++)
              score += (double)q[qa + e] * k[(start + j) * s->k_stride + h / group * d + e];
            sum += p[j] = exp (scale * score);
          }
        for (gint64 j = 0; j <= i; j++)
          for (gint64 e = 0; e < d; e++)
            out[at + e] += p[j] / sum * v[(start + j) * s->v_stride + h / group * d + e];
        for (gint64 e = 0; e < d && dout != NULL; e++)
          delta += out[at + e] * dout[at + e];
        for (gint64 j = 0; j <= i && dout != NULL; j++)
          {
            gint64 ka = (start + j) * s->k_stride + h / group * d, va = (start + j) * s->v_stride + h / group * d;
            double dp = 0, ds;

            for (gint64 e = 0; e < d; e++)
              dp += (double)dout[at + e] * v[va + e];
            ds = scale * p[j] / sum * (dp - delta);
            for (gint64 e = 0; e < d; e++)
              {
                dq[qa + e] += ds * k[ka + e];
                dk[ka + e] += ds * q[qa + e];
                dv[va + e] += p[j] / sum * dout[at + e];
              }
          }
      }
}

static void
compare (const char *what, gint64 rows, gint64 width, gint64 stride, const float *x, const double *expected)
{
  for (gint64 r = 0; r < rows; r++)
    for (gint64 i = 0; i < width; i++)
      ck_assert_msg (fabs (x[r * stride + i] - expected[r * stride + i]) < TOLERANCE,
                     "%s, row %d, %d: %g instead of %g", what, (int)r, (int)i, x[r * stride + i],
                     expected[r * stride + i]);
}

/* Sequences from one token to several blocks of kept queries; heads that do and do not fill vectors. */
START_TEST (attention_agrees_with_its_definition)
{
  const gint32 offsets[] = { 2, 3, 8, 138, 340 }; /* the first rows belong to somebody else */
  const gint64 rows = 340;
  const gint32 shapes[][3] = { { 4, 2, 16 }, { 3, 1, 10 }, { 2, 2, 64 } };

  for (gsize c = 0; c < G_N_ELEMENTS (shapes); c++)
    {
      gint64 qw = shapes[c][0] * shapes[c][2], kw = shapes[c][1] * shapes[c][2], qk = qw + kw + 3, ow = qw + 1;
      PrAttentionShape s = { shapes[c][0], shapes[c][1], shapes[c][2], qk, qk, kw, ow };
      g_autofree float *q = draw (rows * qk, 1, 0, 1), *v = draw (rows * kw, 2, 0, 1),
                       *dout = draw (rows * ow, 3, 0, 1);
      g_autofree float *out = draw (rows * ow, 4, 0, 0), *lse = draw (rows * s.heads, 4, 0, 0);
      g_autofree float *dq = draw (rows * qk, 4, 0, 0), *dv = draw (rows * kw, 4, 0, 0);
      g_autofree double *out2 = g_new0 (double, rows *ow), *dq2 = g_new0 (double, rows *qk),
                        *dv2 = g_new0 (double, rows *kw);

      pr_backend_get ()->attention_forward (&s, offsets, 4, q, q + qw, v, out, lse);
      pr_backend_get ()->attention_backward (&s, offsets, 4, q, q + qw, v, out, lse, dout, dq, dq + qw, dv);
      for (gsize i = 0; i < 4; i++)
        define_attention (&s, offsets[i], offsets[i + 1] - offsets[i], q, q + qw, v, out2, dout, dq2, dq2 + qw, dv2);
      compare ("out", rows, qw, ow, out, out2);
      compare ("dq and dk", rows, qw + kw, qk, dq, dq2);
      compare ("dv", rows, kw, kw, dv, dv2);
    }
}
END_TEST

#define BEAMS 5
#define PREFIX 33
#define SUFFIX 3
#define HEADS 4
#define KV 2

/* The last rows of causal sequences that share all but their own last tokens, one sequence a beam. */
static void
check_cached (gint64 beams, gint32 dim)
{
  const gint64 qw = HEADS * dim, kw = KV * dim;
  const PrAttentionShape s = { HEADS, KV, dim, qw, kw, kw, qw };
  g_autofree float *prefix_k = draw (PREFIX * kw, 1, 0, 1), *prefix_v = draw (PREFIX * kw, 2, 0, 1),
                   *q = draw (BEAMS * qw, 3, 0, 1);
  g_autofree float *suffix_k = draw (20 * kw, 4, 0, 1), *suffix_v = draw (20 * kw, 5, 0, 1),
                   *out = draw (BEAMS * qw, 6, 0, 0);
  const gint32 own[BEAMS * SUFFIX] = { 0, 1, 2, 0, 1, 3, 0, 4, 5, 6, 7, 8, 19, 18, 17 };

  for (gint64 n_suffix = 0; n_suffix <= SUFFIX; n_suffix += SUFFIX)
    {
      PrCachedAttention c = { beams, q, PREFIX, prefix_k, prefix_v, n_suffix, own, suffix_k, suffix_v, out };

      pr_backend_get ()->attention_cached (&s, &c);
      for (gint64 b = 0; b < beams; b++)
        {
          gint64 n = PREFIX + n_suffix;
          const gint32 offsets[] = { 0, (gint32)n };
          g_autofree float *k = g_new (float, n *kw), *v = g_new (float, n *kw), *all_q = draw (n * qw, 7, 0, 1);
          g_autofree float *expected = g_new (float, n *qw);

          memcpy (k, prefix_k, sizeof (float) * (gsize)(PREFIX * kw));
          memcpy (v, prefix_v, sizeof (float) * (gsize)(PREFIX * kw));
          for (gint64 t = 0; t < n_suffix; t++)
            {
              memcpy (k + (PREFIX + t) * kw, suffix_k + own[b * n_suffix + t] * kw, sizeof (float) * (gsize)kw);
              memcpy (v + (PREFIX + t) * kw, suffix_v + own[b * n_suffix + t] * kw, sizeof (float) * (gsize)kw);
            }
          memcpy (all_q + (n - 1) * qw, q + b * qw, sizeof (float) * (gsize)qw);
          pr_backend_get ()->attention_forward (&s, offsets, 1, all_q, k, v, expected, NULL);
          for (gint64 i = 0; i < qw; i++)
            ck_assert_double_eq_tol (out[b * qw + i], expected[(n - 1) * qw + i], TOLERANCE);
        }
    }
}

/* Few and many queries, heads that do and do not fill vectors. */
START_TEST (cached_attention_is_the_end_of_causal_attention)
{
  static const gint32 dims[] = { 12, 16, 64 };

  for (gsize i = 0; i < G_N_ELEMENTS (dims); i++)
    for (gint64 beams = 1; beams <= BEAMS; beams++)
      check_cached (beams, dims[i]);
}
END_TEST

static void
add_tests (TCase *tc)
{
  tcase_add_test (tc, attention_agrees_with_its_definition);
  tcase_add_test (tc, cached_attention_is_the_end_of_causal_attention);
}

int
main (void)
{
  return check_with_every_kernel (add_tests);
}
