/* The operations of the CPU backend: products against sums in double, every backward against finite differences, AdamW
 * against torch. */
#include "every-kernel.h"

#include <math.h>

/* Central differences with steps of 1e-2 of functions computed in single precision. */
#define SLOPE_STEP 1e-2f
#define SLOPE_TOLERANCE 4e-3

static double
weighted_sum (gint64 n, const float *y, const float *weights)
{
  double sum = 0;

  for (gint64 i = 0; i < n; i++)
    sum += (double)y[i] * weights[i];
  return sum;
}

/* The scalar whose slopes are tested: sum of dy y(x). */
typedef double (*Scalar) (gpointer ctx);

static void
check_slopes (const char *what, Scalar f, gpointer ctx, gint64 n, float *x, const float *dx)
{
  for (gint64 i = 0; i < n; i++)
    {
      float keep = x[i];
      double up, down, slope;

      x[i] = keep + SLOPE_STEP;
      up = f (ctx);
      x[i] = keep - SLOPE_STEP;
      down = f (ctx);
      slope = (up - down) / ((double)(keep + SLOPE_STEP) - (double)(keep - SLOPE_STEP));
      x[i] = keep;
      ck_assert_msg (fabs (slope - dx[i]) <= SLOPE_TOLERANCE * MAX (1, fabs (slope)), "%s at %d: %g instead of %g",
                     what, (int)i, dx[i], slope);
    }
}

#define ROWS 3
#define WIDTH 21

typedef struct
{
  float *x, *w, *dy;
  float y[ROWS * WIDTH * 2];
  PrRope rope;
} Op;

static const gint32 positions[ROWS] = { 0, 3, 1 };

static double
rmsnorm (gpointer ctx)
{
  Op *o = ctx;

  pr_backend_get ()->rmsnorm_forward (ROWS, WIDTH, o->x, o->w, 1e-5f, o->y, NULL);
  return weighted_sum (ROWS * WIDTH, o->y, o->dy);
}

START_TEST (rmsnorm_slopes)
{
  g_autofree float *x = draw (ROWS * WIDTH, 1, 0, 1), *w = draw (WIDTH, 2, 1, 0.3), *dy = draw (ROWS * WIDTH, 3, 0, 1);
  g_autofree float *dx = draw (ROWS * WIDTH, 4, 0, 1), *dw = draw (WIDTH, 5, 0, 0);
  float rstd[ROWS];
  Op o = { x, w, dy, { 0 }, { 0 } };

  pr_backend_get ()->rmsnorm_forward (ROWS, WIDTH, x, w, 1e-5f, o.y, rstd);
  pr_backend_get ()->rmsnorm_backward (ROWS, WIDTH, x, w, rstd, dy, NULL, dx, dw, NULL);
  check_slopes ("rmsnorm dx", rmsnorm, &o, ROWS * WIDTH, x, dx);
  check_slopes ("rmsnorm dweight", rmsnorm, &o, WIDTH, w, dw);
  /* In place, on top of a residual. */
  memcpy (o.y, dy, sizeof (float) * ROWS * WIDTH);
  pr_backend_get ()->rmsnorm_backward (ROWS, WIDTH, x, w, rstd, o.y, x, o.y, NULL, NULL);
  for (int i = 0; i < ROWS * WIDTH; i++)
    ck_assert_double_eq_tol (o.y[i], dx[i] + x[i], 1e-6);
}
END_TEST

static double
swiglu (gpointer ctx)
{
  Op *o = ctx;

  pr_backend_get ()->swiglu_forward (ROWS, WIDTH, o->x, o->y);
  return weighted_sum (ROWS * WIDTH, o->y, o->dy);
}

START_TEST (swiglu_slopes)
{
  g_autofree float *x = draw (2 * ROWS * WIDTH, 1, 0, 1), *dy = draw (ROWS * WIDTH, 2, 0, 1),
                   *dx = draw (2 * ROWS * WIDTH, 3, 0, 1);
  Op o = { x, NULL, dy, { 0 }, { 0 } };

  pr_backend_get ()->swiglu_backward (ROWS, WIDTH, x, dy, dx, NULL);
  check_slopes ("swiglu dx", swiglu, &o, 2 * ROWS * WIDTH, x, dx);
}
END_TEST

/* 3 heads of 14. */
static double
rope (gpointer ctx)
{
  Op *o = ctx;

  pr_backend_get ()->rope_forward (&o->rope, ROWS, positions, o->x, 42, o->y, 42, NULL);
  return weighted_sum (ROWS * 42, o->y, o->dy);
}

START_TEST (rope_slopes)
{
  g_autofree float *x = draw (ROWS * 42, 1, 0, 1), *dy = draw (ROWS * 42, 2, 0, 1), *dx = draw (ROWS * 42, 3, 0, 1);
  g_autofree float *q = draw (14, 4, 1, 0.2), *k = draw (14, 5, 1, 0.2), *dq = draw (14, 6, 0, 0),
                   *dk = draw (14, 6, 0, 0);
  g_autofree float *cos_ = g_new (float, 4 * 7), *sin_ = g_new (float, 4 * 7);
  float rstd[ROWS * 3];

  for (int i = 0; i < 28; i++)
    cos_[i] = cosf ((float)i), sin_[i] = sinf ((float)i);
  for (int norm = 0; norm < 2; norm++)
    {
      Op o = { x, NULL, dy, { 0 }, { 2, 1, 14, 1e-5f, cos_, sin_, norm ? q : NULL, norm ? k : NULL } };

      pr_backend_get ()->rope_forward (&o.rope, ROWS, positions, x, 42, o.y, 42, rstd);
      memcpy (dx, dy, sizeof (float) * ROWS * 42);
      pr_backend_get ()->rope_backward (&o.rope, ROWS, positions, x, 42, rstd, dx, 42, dx, 42, dq, dk);
      check_slopes ("rope dx", rope, &o, ROWS * 42, x, dx);
      if (norm)
        {
          check_slopes ("rope dq_norm", rope, &o, 14, q, dq);
          check_slopes ("rope dk_norm", rope, &o, 14, k, dk);
        }
    }
}
END_TEST

static const gint32 classes[ROWS] = { 0, 20, 7 };

static double
cross_entropy (gpointer ctx)
{
  Op *o = ctx;
  float losses[ROWS];

  memcpy (o->y, o->x, sizeof (float) * ROWS * WIDTH);
  pr_backend_get ()->cross_entropy (ROWS, WIDTH, o->y, WIDTH, classes, 0, losses);
  return 0.5 * ((double)losses[0] + losses[1] + losses[2]);
}

START_TEST (cross_entropy_slopes)
{
  g_autofree float *x = draw (ROWS * WIDTH, 1, 0, 2), *dx = draw (ROWS * WIDTH, 1, 0, 2);
  Op o = { x, NULL, NULL, { 0 }, { 0 } };
  float losses[ROWS];

  pr_backend_get ()->cross_entropy (ROWS, WIDTH, dx, WIDTH, classes, 0.5f, losses);
  check_slopes ("cross-entropy", cross_entropy, &o, ROWS * WIDTH, x, dx);
}
END_TEST

/* Dropout is linear: its backward is itself, so <dropout x, y> = <x, dropout y>. */
START_TEST (dropout_is_its_own_backward)
{
  g_autofree float *x = draw (ROWS * 300, 1, 0, 1), *y = draw (ROWS * 300, 2, 0, 1);
  g_autofree float *dropped_x = g_new (float, ROWS * 300), *dropped_y = g_new (float, ROWS * 300);
  PrDropout d = { 0.5f, pr_rng_new (1, "dropout"), 2, 3 };

  pr_backend_get ()->dropout (&d, ROWS, 300, 8, x, NULL, dropped_x);
  pr_backend_get ()->dropout (&d, ROWS, 300, 8, y, NULL, dropped_y);
  ck_assert_double_eq_tol (weighted_sum (ROWS * 300, dropped_x, y), weighted_sum (ROWS * 300, x, dropped_y), 1e-4);
  ck_assert (memcmp (dropped_x, x, sizeof (float) * 300) != 0);
  pr_backend_get ()->dropout (&d, 1, 300, 9, x + 300, NULL, dropped_y);
  ck_assert_mem_eq (dropped_y, dropped_x + 300, sizeof (float) * 300);
}
END_TEST

static void
check_product (gboolean ta, gboolean tb, gint64 m, gint64 n, gint64 k, float beta)
{
  gint64 lda = (ta ? m : k) + 3, ldb = (tb ? k : n) + 5, ldc = n + 7;
  g_autofree float *a = draw ((ta ? k : m) * lda, 1, 0, 1), *b = draw ((tb ? n : k) * ldb, 2, 0, 1),
                   *c = draw (m * ldc, 3, 0, 1);
  g_autofree float *c0 = draw (m * ldc, 3, 0, 1);

  pr_backend_get ()->gemm (ta, tb, m, n, k, 1, a, lda, b, ldb, beta, c, ldc);
  for (gint64 i = 0; i < m; i++)
    for (gint64 j = 0; j < ldc; j++)
      {
        double sum = j < n ? beta * c0[i * ldc + j] : c0[i * ldc + j];

        for (gint64 p = 0; p < k && j < n; p++)
          sum += (double)(ta ? a[p * lda + i] : a[i * lda + p]) * (tb ? b[j * ldb + p] : b[p * ldb + j]);
        ck_assert_msg (fabs (c[i * ldc + j] - sum) < 3e-6 * sqrt ((double)k) * 10,
                       "%d%d %dx%dx%d at %d, %d: %g instead of %g", ta, tb, (int)m, (int)n, (int)k, (int)i, (int)j,
                       c[i * ldc + j], sum);
      }
}

/* Sizes around the edges of blocks (6), panels (64), groups (48) and depths (128 and 512). */
START_TEST (products_agree_with_sums_in_double)
{
  const gint64 shapes[][3] = { { 1, 7, 5 },      { 16, 16, 16 },  { 17, 65, 3 },   { 50, 64, 513 },
                               { 53, 130, 129 }, { 300, 33, 40 }, { 391, 70, 257 } };

  for (gsize i = 0; i < G_N_ELEMENTS (shapes); i++)
    for (int variant = 0; variant < 4; variant++)
      check_product (variant & 1, variant >> 1, shapes[i][0], shapes[i][1], shapes[i][2], i % 2 ? 1.0f : 0.0f);
}
END_TEST

typedef struct
{
  const float *a, *b;
  float *c;
} Inside;

static void
product_inside (gpointer ctx, gsize tile, guint worker)
{
  Inside *p = ctx;

  (void)tile;
  (void)worker;
  pr_backend_get ()->gemm (TRUE, FALSE, 500, 700, 300, 1, p->a, 500, p->b, 700, 0, p->c, 700);
}

/* The same bits inside a tile, where a product is not cut up, and outside, on any number of threads. */
START_TEST (products_do_not_depend_on_tiles)
{
  g_autofree float *a = draw (300 * 500, 1, 0, 1), *b = draw (300 * 700, 2, 0, 1);
  g_autofree float *inside = draw (500 * 700, 3, 0, 1), *outside = draw (500 * 700, 4, 0, 1);
  Inside p = { a, b, inside };

  pr_parallel (1, product_inside, &p);
  pr_threads_set (3);
  pr_backend_get ()->gemm (TRUE, FALSE, 500, 700, 300, 1, a, 500, b, 700, 0, outside, 700);
  ck_assert_mem_eq (inside, outside, sizeof (float) * 500 * 700);
}
END_TEST

START_TEST (rows_move_as_told)
{
  const gint32 index[] = { 2, 0, 2, -1 }, spread[] = { 3, 1 };
  const gsize first[] = { 0, 2, 3 };
  g_autofree float *table = draw (4 * 70, 1, 0, 1), *dy = draw (4 * 70, 2, 0, 1), *y = draw (4 * 70, 3, 0, 1);
  g_autofree float *dtable = draw (4 * 70, 4, 0, 1), *old = draw (4 * 70, 4, 0, 1);
  float dots[3];

  pr_backend_get ()->embedding_forward (3, 70, index, table, y);
  ck_assert_mem_eq (y, table + 2 * 70, sizeof (float) * 70);
  ck_assert_mem_eq (y + 70, table, sizeof (float) * 70);
  pr_backend_get ()->embedding_backward (4, 70, index, dy, dtable);
  for (int i = 0; i < 70; i++)
    {
      ck_assert_float_eq (dtable[i], old[i] + dy[70 + i]);
      ck_assert_float_eq (dtable[2 * 70 + i], old[2 * 70 + i] + dy[i] + dy[2 * 70 + i]);
    }
  ck_assert_mem_eq (dtable + 70, old + 70, sizeof (float) * 70);
  pr_backend_get ()->scatter (2, 70, spread, dy, y);
  ck_assert_mem_eq (y + 3 * 70, dy, sizeof (float) * 70);
  ck_assert_mem_eq (y + 70, dy + 70, sizeof (float) * 70);
  pr_backend_get ()->gather_dot (2, 70, first, dy, index, table, dots);
  ck_assert_double_eq_tol (dots[0], weighted_sum (70, dy, table + 2 * 70), TOLERANCE);
  ck_assert_double_eq_tol (dots[1], weighted_sum (70, dy, table), TOLERANCE);
  ck_assert_double_eq_tol (dots[2], weighted_sum (70, dy + 70, table + 2 * 70), TOLERANCE);
}
END_TEST

/* torch 2.6, torch.optim.AdamW([w], lr=.01, betas=(.9, .98), eps=1e-8, weight_decay=.1), three steps. */
START_TEST (adamw_steps_as_torch)
{
  const float grads[3][4] = { { 0.1f, -2.0f, 0.0f, 1e-4f },
                              { 0.3f, 1.5f, 0.0f, -2e-4f },
                              { -0.7f, 0.25f, 0.0f, 5e-4f } };
  const float expected[3][4] = { { 0.489500016f, -1.23874998f, 1.99800003f, -0.0099990014f },
                                 { 0.479867727f, -1.23661685f, 1.99600208f, -0.0063386932f },
                                 { 0.482268214f, -1.23532903f, 1.99400616f, -0.0109739956f } };
  float w[4] = { 0.5f, -1.25f, 2.0f, 0.0f }, m[4] = { 0 }, v[4] = { 0 };

  for (guint64 step = 1; step <= 3; step++)
    {
      PrAdamW a = { 0.01f, 0.9f, 0.98f, 1e-8f, 0.1f, 1.0f, step };

      pr_backend_get ()->adamw (&a, 4, w, grads[step - 1], m, v);
      for (int i = 0; i < 4; i++)
        ck_assert_double_eq_tol (w[i], expected[step - 1][i], 3e-7);
    }
}
END_TEST

START_TEST (sums_do_not_depend_on_threads)
{
  const gint64 n = 200001;
  g_autofree float *x = draw (n, 1, 0, 1), *y = g_new (float, n);
  double one = pr_backend_get ()->squared_norm (n, x);
  double three;

  pr_threads_set (3);
  three = pr_backend_get ()->squared_norm (n, x);
  ck_assert_mem_eq (&one, &three, sizeof one);
  ck_assert_double_eq_tol (one, (double)n, 0.02 * (double)n);
  y[n - 1] = 5;
  pr_backend_get ()->zero (y, (gsize)(n - 1) * sizeof (float));
  for (gint64 i = 0; i < n; i++)
    ck_assert_float_eq (y[i], i < n - 1 ? 0 : 5);
}
END_TEST

/* Another backend can take the CPU's place. */
START_TEST (backends_can_be_exchanged)
{
  PrBackend other = *pr_backend_get ();

  other.name = "other";
  pr_backend_set (&other);
  ck_assert_str_eq (pr_backend_get ()->name, "other");
  pr_backend_set (NULL);
  ck_assert (g_str_has_prefix (pr_backend_get ()->name, "cpu/"));
  for (const gpointer *f = (const gpointer *)pr_backend_get ();
       (const guint8 *)f < (const guint8 *)(pr_backend_get () + 1); f++)
    ck_assert_ptr_nonnull (*f);
}
END_TEST

START_TEST (impossible_memory_is_null)
{
  ck_assert_ptr_null (pr_backend_get ()->alloc (G_MAXSIZE));
  pr_backend_get ()->free (NULL);
}
END_TEST

static void
add_tests (TCase *tc)
{
  tcase_add_test (tc, rmsnorm_slopes);
  tcase_add_test (tc, swiglu_slopes);
  tcase_add_test (tc, rope_slopes);
  tcase_add_test (tc, cross_entropy_slopes);
  tcase_add_test (tc, dropout_is_its_own_backward);
  tcase_add_test (tc, products_agree_with_sums_in_double);
  tcase_add_test (tc, products_do_not_depend_on_tiles);
  tcase_add_test (tc, rows_move_as_told);
  tcase_add_test (tc, adamw_steps_as_torch);
  tcase_add_test (tc, sums_do_not_depend_on_threads);
  tcase_add_test (tc, backends_can_be_exchanged);
  tcase_add_test (tc, impossible_memory_is_null);
}

int
main (void)
{
  return check_with_every_kernel (add_tests);
}
