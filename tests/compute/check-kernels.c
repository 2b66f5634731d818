/* Every vectorised kernel against its plain twin, at sizes that do and do not fill vectors. */
#include "pr-check.h"

#include "compute/cpu.h"

#include <math.h>

/* Sums of up to 513 products of numbers around 1, in another order; the exponential differs in the last places. */
#define TOLERANCE 3e-5

static const gint64 sizes[] = { 1, 2, 7, 16, 17, 31, 64, 130, 257, 513 };

/* N normal numbers times SD around MEAN, and behind them numbers that nobody may touch. */
static float *
draw (gint64 n, guint64 stream, double mean, double sd)
{
  PrRng rng = pr_rng_new (stream, "check-kernels");
  float *x = g_new (float, n + 16);

  for (gint64 i = 0; i < n + 16; i++)
    x[i] = i < n ? (float)(mean + sd * pr_rng_normal (rng, 0, (guint64)i)) : 12345;
  return x;
}

static void
compare (const char *what, gint64 n, const float *a, const float *b)
{
  for (gint64 i = 0; i < n + 16; i++)
    ck_assert_msg (fabs (a[i] - b[i]) <= TOLERANCE * MAX (1, fabs (b[i])),
                   "%s, %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT ": %g instead of %g", what, i, n, a[i], b[i]);
}

typedef void (*Check) (const PrCpuKernels *k, gint64 n);

static void
on_all (Check check)
{
  gboolean any = FALSE;

  for (gsize i = 0; pr_cpu_all[i] != &pr_cpu_plain; i++)
    if (pr_cpu_all[i]->supported ())
      {
        any = TRUE;
        for (gsize s = 0; s < G_N_ELEMENTS (sizes); s++)
          check (pr_cpu_all[i], sizes[s]);
      }
  if (!any)
    pr_check_skip ("no vectorised kernels run here");
}

static void
check_rmsnorm (const PrCpuKernels *k, gint64 n)
{
  const gint64 rows = 3;
  const PrCpuKernels *both[2] = { k, &pr_cpu_plain };
  g_autofree float *x = draw (rows * n, 1, 0, 1), *w = draw (n, 2, 1, 0.3), *dy = draw (rows * n, 3, 0, 1);
  g_autofree float *residual = draw (rows * n, 4, 0, 1);
  float *y[2], *rstd[2], *dx[2], *dw[2], *again[2];

  for (int i = 0; i < 2; i++)
    {
      y[i] = draw (rows * n, 5, 0, 1), rstd[i] = draw (rows, 5, 0, 1), dx[i] = draw (rows * n, 5, 0, 1);
      dw[i] = draw (n, 5, 0, 1), again[i] = draw (rows * n, 5, 0, 1);
      both[i]->rmsnorm_forward (rows, n, x, w, 1e-6f, y[i], rstd[i]);
      both[i]->rmsnorm_backward (rows, n, x, w, rstd[i], dy, residual, dx[i], dw[i], again[i]);
    }
  compare ("rmsnorm y", rows * n, y[0], y[1]);
  compare ("rmsnorm rstd", rows, rstd[0], rstd[1]);
  compare ("rmsnorm dx", rows * n, dx[0], dx[1]);
  compare ("rmsnorm dw", n, dw[0], dw[1]);
  compare ("rmsnorm y again", rows * n, again[0], y[1]);
  for (int i = 0; i < 2; i++)
    {
      both[i]->rmsnorm_backward (rows, n, x, w, rstd[1], dy, NULL, dx[i], NULL, NULL);
      g_free (y[i]), g_free (rstd[i]), g_free (dw[i]), g_free (again[i]);
    }
  compare ("rmsnorm dx alone", rows * n, dx[0], dx[1]);
  g_free (dx[0]), g_free (dx[1]);
}

START_TEST (rmsnorm) { on_all (check_rmsnorm); }
END_TEST

static void
check_bias (const PrCpuKernels *k, gint64 n)
{
  const gint64 rows = 4, stride = n + 3;
  g_autofree float *x = draw (rows * stride, 1, 0, 1), *y = draw (rows * stride, 1, 0, 1), *bias = draw (n, 2, 0, 1);
  g_autofree float *db = draw (n, 3, 0, 1), *dc = draw (n, 3, 0, 1);

  k->bias_forward (rows, n, bias, x, stride);
  pr_cpu_plain.bias_forward (rows, n, bias, y, stride);
  compare ("bias", rows * stride, x, y);
  k->bias_backward (rows, n, x, stride, db);
  pr_cpu_plain.bias_backward (rows, n, x, stride, dc);
  compare ("dbias", n, db, dc);
}

START_TEST (bias) { on_all (check_bias); }
END_TEST

/* N pairs a head, with and without norms. */
static void
check_rope (const PrCpuKernels *k, gint64 n)
{
  const gint64 rows = 3, d = 2 * n, heads = 3, stride = heads * d + 5;
  const gint32 positions[] = { 0, 4, 2 };
  g_autofree float *cos = draw (5 * n, 1, 0, 1), *sin = draw (5 * n, 2, 0, 1), *q = draw (d, 3, 1, 0.1);
  g_autofree float *norm_k = draw (d, 4, 1, 0.1), *x = draw (rows * stride, 5, 0, 1),
                   *dy = draw (rows * stride, 6, 0, 1);

  for (int with_norm = 0; with_norm < 2; with_norm++)
    {
      PrRope rope = { 2, 1, (gint32)d, 1e-6f, cos, sin, with_norm ? q : NULL, with_norm ? norm_k : NULL };
      const PrCpuKernels *both[2] = { k, &pr_cpu_plain };
      float *y[2], *rstd[2], *dx[2], *dq[2], *dk[2];

      for (int i = 0; i < 2; i++)
        {
          y[i] = draw (rows * stride, 7, 0, 1), rstd[i] = draw (rows * heads, 7, 1, 0),
          dx[i] = draw (rows * stride, 7, 0, 1);
          dq[i] = draw (d, 7, 0, 1), dk[i] = draw (d, 8, 0, 1);
          both[i]->rope_forward (&rope, rows, positions, x, stride, y[i], stride, rstd[i]);
          both[i]->rope_backward (&rope, rows, positions, x, stride, rstd[i], dy, stride, dx[i], stride, dq[i], dk[i]);
        }
      compare ("rope y", rows * stride, y[0], y[1]);
      compare ("rope rstd", rows * heads, rstd[0], rstd[1]);
      compare ("rope dx", rows * stride, dx[0], dx[1]);
      compare ("rope dq_norm", d, dq[0], dq[1]);
      compare ("rope dk_norm", d, dk[0], dk[1]);
      for (int i = 0; i < 2; i++)
        g_free (y[i]), g_free (rstd[i]), g_free (dx[i]), g_free (dq[i]), g_free (dk[i]);
    }
}

START_TEST (rope) { on_all (check_rope); }
END_TEST

static void
check_swiglu (const PrCpuKernels *k, gint64 n)
{
  const gint64 rows = 3;
  g_autofree float *gate_up = draw (2 * rows * n, 1, 0, 20), *dact = draw (rows * n, 2, 0, 1);
  g_autofree float *act[2], *again[2], *d[2];
  const PrCpuKernels *both[2] = { k, &pr_cpu_plain };

  for (int i = 0; i < 2; i++)
    {
      act[i] = draw (rows * n, 3, 0, 1), again[i] = draw (rows * n, 3, 0, 1), d[i] = draw (2 * rows * n, 3, 0, 1);
      both[i]->swiglu_forward (rows, n, gate_up, act[i]);
      both[i]->swiglu_backward (rows, n, gate_up, dact, d[i], again[i]);
    }
  compare ("swiglu", rows * n, act[0], act[1]);
  compare ("swiglu again", rows * n, again[0], act[1]);
  compare ("dswiglu", 2 * rows * n, d[0], d[1]);
  g_free (act[1]), g_free (again[1]), g_free (d[1]);
}

START_TEST (swiglu) { on_all (check_swiglu); }
END_TEST

/* Logits as far apart as single precision makes sense of. */
static void
check_cross_entropy (const PrCpuKernels *k, gint64 n)
{
  const gint64 rows = 3, stride = n + 2;
  const gint32 targets[] = { 0, (gint32)(n - 1), (gint32)(n / 2) };
  float losses[3], expected[3];

  for (double sd = 0.1; sd < 200; sd *= 10)
    for (float scale = 0; scale < 1; scale += 0.5f)
      {
        g_autofree float *x = draw (rows * stride, 1, 3, sd), *y = draw (rows * stride, 1, 3, sd);

        k->cross_entropy (rows, n, x, stride, targets, scale, losses);
        pr_cpu_plain.cross_entropy (rows, n, y, stride, targets, scale, expected);
        for (int r = 0; r < rows; r++)
          {
            ck_assert_double_le (fabs (losses[r] - expected[r]), TOLERANCE * MAX (1, expected[r]));
            for (gint64 i = 0; scale != 0 && i < stride; i++)
              ck_assert_double_le (fabs (x[r * stride + i] - y[r * stride + i]), 1e-6);
          }
      }
}

START_TEST (cross_entropy) { on_all (check_cross_entropy); }
END_TEST

/* Exactly the same elements are kept, wherever the row stands. */
static void
check_dropout (const PrCpuKernels *k, gint64 n)
{
  const gint64 rows = 3;
  g_autofree float *x = draw (rows * n, 1, 0, 1), *residual = draw (rows * n, 2, 0, 1);
  g_autofree float *y = draw (rows * n, 3, 0, 1), *z = draw (rows * n, 3, 0, 1);
  PrDropout d = { 0.25f, pr_rng_new (1, "dropout"), 7, 5 };

  for (guint64 first = 0; first < 3; first++)
    {
      guint64 row = first == 2 ? (G_GUINT64_CONSTANT (1) << 32) / 16 - 1 : first * 100;

      k->dropout (&d, rows, n, row, x, residual, y);
      pr_cpu_plain.dropout (&d, rows, n, row, x, residual, z);
      compare ("dropout", rows * n, y, z);
      k->dropout (&d, rows, n, row, x, NULL, y);
      pr_cpu_plain.dropout (&d, rows, n, row, x, NULL, z);
      compare ("dropout alone", rows * n, y, z);
    }
}

START_TEST (dropout) { on_all (check_dropout); }
END_TEST

/* The share that is kept, and its mean; enough draws to meet the threshold itself. */
START_TEST (dropout_keeps_the_mean)
{
  const gint64 n = 1 << 20;
  g_autofree float *x = draw (n, 1, 1, 0), *y = draw (n, 1, 0, 0);
  PrDropout d = { 0.3f, pr_rng_new (1, "dropout"), 1, 0 };
  double sum = 0;
  gint64 kept = 0;

  pr_cpu_kernels ()->dropout (&d, 64, n / 64, 0, x, NULL, y);
  for (gint64 i = 0; i < n; i++)
    {
      sum += y[i];
      kept += y[i] != 0;
    }
  ck_assert_double_eq_tol (sum / (double)n, 1, 0.02);
  ck_assert_double_eq_tol ((double)kept / (double)n, 0.7, 0.01);
  pr_cpu_plain.dropout (&d, 64, n / 64, 0, x, NULL, x);
  ck_assert_mem_eq (x, y, sizeof (float) * (gsize)n);
}
END_TEST

static void
check_adamw (const PrCpuKernels *k, gint64 n)
{
  PrAdamW a = {
    .lr = 0.01f, .beta1 = 0.9f, .beta2 = 0.99f, .eps = 1e-8f, .weight_decay = 0.1f, .grad_scale = 0.5f, .step = 3
  };
  g_autofree float *g = draw (n, 1, 0, 1);
  g_autofree float *w[2] = { draw (n, 2, 0, 1), draw (n, 2, 0, 1) }, *m[2] = { draw (n, 3, 0, 1), draw (n, 3, 0, 1) };
  g_autofree float *v[2] = { draw (n, 4, 3, 0.1), draw (n, 4, 3, 0.1) };

  k->adamw (&a, n, w[0], g, m[0], v[0]);
  pr_cpu_plain.adamw (&a, n, w[1], g, m[1], v[1]);
  compare ("adamw w", n, w[0], w[1]);
  compare ("adamw m", n, m[0], m[1]);
  compare ("adamw v", n, v[0], v[1]);
  ck_assert_double_eq_tol (k->squared_norm (n, g), pr_cpu_plain.squared_norm (n, g), 1e-9 * (double)n);
  g_free (w[1]), g_free (m[1]), g_free (v[1]);
}

START_TEST (adamw) { on_all (check_adamw); }
END_TEST

static void
check_attention_pieces (const PrCpuKernels *k, gint64 n)
{
  gint64 padded = (n + 15) / 16 * 16;
  g_autofree float *p[2] = { draw (padded, 1, 0, 3), draw (padded, 1, 0, 3) },
                   *ds[2] = { draw (padded, 2, 0, 1), draw (padded, 2, 0, 1) };
  g_autofree float *s[2] = { draw (n * 32, 3, 0, 3), draw (n * 32, 3, 0, 3) }, *x = draw (n, 4, 0, 1),
                   *y = draw (n, 5, 0, 1), *many = draw (7 * (n + 3), 6, 0, 1);

  k->softmax_backward (n, padded, 2, 0.3f, p[0], ds[0]);
  pr_cpu_plain.softmax_backward (n, padded, 2, 0.3f, p[1], ds[1]);
  compare ("softmax backward p", padded, p[0], p[1]);
  compare ("softmax backward ds", padded, ds[0], ds[1]);
  ck_assert_double_eq_tol (k->softmax (n, padded, p[0]), pr_cpu_plain.softmax (n, padded, p[1]), 1e-4);
  compare ("softmax", padded, p[0], p[1]);
  k->softmax_columns (n, 32, s[0]);
  pr_cpu_plain.softmax_columns (n, 32, s[1]);
  compare ("softmax of columns", n * 32, s[0], s[1]);
  ck_assert_double_eq_tol (k->dot (n, x, y), pr_cpu_plain.dot (n, x, y), 1e-4);
  for (gint64 rows = 1; rows <= 7; rows++)
    {
      g_autofree float *out = draw (rows, 7, 0, 1), *plain = draw (rows, 7, 0, 1);

      k->dots (rows, n, many, n + 3, y, out);
      pr_cpu_plain.dots (rows, n, many, n + 3, y, plain);
      compare ("dots", rows, out, plain);
    }
  g_free (p[1]), g_free (ds[1]), g_free (s[1]);
}

START_TEST (attention_pieces) { on_all (check_attention_pieces); }
END_TEST

/* All numbers of rows, widths and strides; A also transposed. */
static void
check_block (const PrCpuKernels *k, gint64 n)
{
  const gint64 depth = 19, width = (n + 15) / 16 * 16, ldb = width + 16, ldc = width + 32;
  g_autofree float *a = draw (32 * 32, 1, 0, 1), *b = draw (depth * ldb, 2, 0, 1);

  for (gint64 m = 1; m <= 14; m++)
    for (int variant = 0; variant < 4; variant++)
      {
        g_autofree float *c = draw (m * ldc, 3, 0, 1), *d = draw (m * ldc, 3, 0, 1);
        gint64 row = variant & 1 ? 1 : 32, column = variant & 1 ? 32 : 1;

        k->block (m, width, depth, a, row, column, b, ldb, variant >> 1, c, ldc);
        pr_cpu_plain.block (m, width, depth, a, row, column, b, ldb, variant >> 1, d, ldc);
        compare ("block", m * ldc, c, d);
      }
}

START_TEST (block) { on_all (check_block); }
END_TEST

static void
check_pack (const PrCpuKernels *k, gint64 n)
{
  const gint64 rows = 37, stride = n + 3, wide = 48, padded = (n + 15) / 16 * 16;
  g_autofree float *x = draw (rows * stride, 1, 0, 1), *t = draw (n * wide, 2, 0, 1), *u = draw (n * wide, 2, 0, 1);
  g_autofree float *p = draw (rows * padded, 2, 0, 1), *q = draw (rows * padded, 2, 0, 1);

  k->transpose (rows, n, x, stride, t, wide);
  pr_cpu_plain.transpose (rows, n, x, stride, u, wide);
  compare ("transpose", n * wide, t, u);
  k->pack (rows, n, 0.5f, x, stride, p, padded);
  pr_cpu_plain.pack (rows, n, 0.5f, x, stride, q, padded);
  compare ("pack", rows * padded, p, q);
}

START_TEST (pack) { on_all (check_pack); }
END_TEST

/* e^x over all that single precision holds, to 4 units in the last place. */
static void
check_exponential (const PrCpuKernels *k, gint64 n)
{
  gint64 padded = (n + 15) / 16 * 16;
  g_autofree float *p = draw (padded, 1, 0, 1), *ds = draw (padded, 2, 0, 1);

  for (gint64 i = 0; i < n; i++)
    p[i] = 88.0f - 175.0f * (float)i / (float)n;
  k->softmax_backward (n, padded, 0, 0, p, ds);
  for (gint64 i = 0; i < n; i++)
    {
      double expected = exp ((double)(88.0f - 175.0f * (float)i / (float)n));

      ck_assert_double_le (fabs (p[i] - expected), 5e-7 * expected);
    }
}

START_TEST (exponential) { on_all (check_exponential); }
END_TEST

/* A NaN or an infinity must reach the loss, where the trainer looks for it. */
static void
check_poison (const PrCpuKernels *k, gint64 n)
{
  const float poison[] = { NAN, INFINITY };
  const gint32 target = 0;

  for (int i = 0; i < 2; i++)
    {
      g_autofree float *x = draw (2 * n, 1, 0, 1), *y = draw (n, 1, 0, 1);
      float loss, weight = 1;

      x[n - 1] = poison[i];
      k->swiglu_forward (1, n, x, y);
      ck_assert (!isfinite (y[n - 1]));
      ck_assert (!isfinite (k->squared_norm (n, x)));
      k->rmsnorm_forward (1, 1, x + n - 1, &weight, 1e-6f, y, NULL);
      ck_assert (isnan (y[0]));
      k->cross_entropy (1, n, x, n, &target, 1, &loss);
      ck_assert (!isfinite (loss));
    }
}

START_TEST (poison_spreads) { on_all (check_poison); }
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("kernels");
  TCase *tc = tcase_create ("kernels");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, rmsnorm);
  tcase_add_test (tc, bias);
  tcase_add_test (tc, rope);
  tcase_add_test (tc, swiglu);
  tcase_add_test (tc, cross_entropy);
  tcase_add_test (tc, dropout);
  tcase_add_test (tc, dropout_keeps_the_mean);
  tcase_add_test (tc, adamw);
  tcase_add_test (tc, attention_pieces);
  tcase_add_test (tc, block);
  tcase_add_test (tc, pack);
  tcase_add_test (tc, exponential);
  tcase_add_test (tc, poison_spreads);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
