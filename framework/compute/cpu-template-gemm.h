/* cpu-template-gemm.h - the third part of cpu-template.h: the matrix product of training.
 *
 * Only the right operand is packed, one panel of PANEL columns at a time, in a pass that also transposes it where needed; the left
 * one is read where it lies (transposed, it is copied in groups of 48 rows).  A general BLAS packs both on every call,
 * which for the 256 rows of a tile costs a fifth of the time. */

#define PANEL 64
#define GROUP 48 /* rows of a transposed left operand side by side; a multiple of PR_CPU_BLOCK and W */

/* R = R^T, W x W: off-diagonal halves, then quarters, ... change places. */
INLINE void
transpose_square (V r[W])
{
#pragma GCC unroll 4
  for (int half = W / 2; half > 0; half /= 2)
    {
      const I l = lane (), upper = (l & half) != 0;
      const I first = (l & ~upper) | ((l - half + W) & upper), second = ((l + half) & ~upper) | ((l + W) & upper);

#pragma GCC unroll 16
      for (int i = 0; i < W; i++)
        if (!(i & half))
          {
            V a = r[i], b = r[i + half];

            r[i] = __builtin_shuffle (a, b, first);
            r[i + half] = __builtin_shuffle (a, b, second);
          }
    }
}

/* to [n, stride] from [rows, n]: ROWS columns of TO, up to W; zeros in the rest of the W. */
static void
transpose_strip (gint64 rows, gint64 n, const float *from, gint64 from_stride, float *to, gint64 to_stride)
{
  V r[W];

  for (gint64 i = 0; i < n; i += W)
    {
#pragma GCC unroll 16
      for (int j = 0; j < W; j++)
        r[j] = j < rows ? load (from + j * from_stride + i, n - i) : (V){ 0 };
      transpose_square (r);
      if (n - i >= W)
#pragma GCC unroll 16
        for (int j = 0; j < W; j++)
          *(VU *) (to + (i + j) * to_stride) = r[j];
      else
        for (int j = 0; j < n - i; j++)
          *(VU *) (to + (i + j) * to_stride) = r[j];
    }
}

static void
transpose (gint64 rows, gint64 n, const float *from, gint64 from_stride, float *to, gint64 to_stride)
{
  for (gint64 r = 0; r < to_stride; r += W)
    transpose_strip (CLAMP (rows - r, 0, W), n, from + r * from_stride, from_stride, to + r, to_stride);
}

/* panel [k, PANEL] = WIDTH columns of B, [k, n] or, transposed, [n, k]; zeros up to the next vector. */
static void
pack_panel (gboolean transposed, gint64 width, gint64 k, const float *b, gint64 ldb, float *panel)
{
  if (transposed)
    {
      for (gint64 j = 0; j < width; j += W)
        transpose_strip (MIN (W, width - j), k, b + j * ldb, ldb, panel + j, PANEL);
      return;
    }
  for (gint64 p = 0; p < k; p++, b += ldb, panel += PANEL)
    for (gint64 j = 0; j < width; j += W)
      *(VU *) (panel + j) = load (b + j, width - j);
}

/* packed [groups][k, GROUP] from A [k, m]. */
static void
pack_groups (gint64 m, gint64 k, const float *a, gint64 lda, float *packed)
{
  for (gint64 i = 0; i < m; i += GROUP)
    for (gint64 p = 0; p < k; p++, packed += GROUP)
      for (gint64 j = i; j < MIN (i + GROUP, m); j += W)
        *(VU *) (packed + j - i) = load (a + p * lda + j, m - j);
}

/* C [m, width] (+)= A panel, where the last vector of C's rows may be cut short. */
static void
product (gint64 m, gint64 width, gint64 k, const float *a, gint64 a_row, gint64 a_column, const float *panel, gboolean add, float *c,
         gint64 ldc)
{
  float edge[GROUP * PANEL];
  gint64 padded = (width + PR_CPU_PAD - 1) / PR_CPU_PAD * PR_CPU_PAD;

  if (padded == width)
    {
      block (m, width, k, a, a_row, a_column, panel, PANEL, add, c, ldc);
      return;
    }
  for (gint64 i = 0; i < m; i += GROUP, a += GROUP * a_row, c += GROUP * ldc)
    {
      gint64 rows = MIN (GROUP, m - i);

      for (gint64 r = 0; add && r < rows; r++)
        memcpy (edge + r * PANEL, c + r * ldc, (gsize) width * sizeof (float));
      block (rows, padded, k, a, a_row, a_column, panel, PANEL, add, edge, PANEL);
      for (gint64 r = 0; r < rows; r++)
        memcpy (c + r * ldc, edge + r * PANEL, (gsize) width * sizeof (float));
    }
}

static void
gemm (gboolean trans_a, gboolean trans_b, gint64 m, gint64 n, gint64 k, const float *a, gint64 lda, const float *b, gint64 ldb,
      gboolean add, float *c, gint64 ldc, float *scratch)
{
  gint64 most = trans_a ? PR_CPU_GEMM_DEPTH / 2 : PR_CPU_GEMM_DEPTH, parts = (k + most - 1) / most;
  gint64 depth = ((k + parts - 1) / parts + W - 1) / W * W;
  float *panel = scratch, *packed = scratch + PANEL * PR_CPU_GEMM_DEPTH;

  for (gint64 p = 0; p < k; p += depth)
    {
      gint64 d = MIN (depth, k - p);

      if (trans_a)
        pack_groups (m, d, a + p * lda, lda, packed);
      for (gint64 j = 0; j < n; j += PANEL)
        {
          gint64 width = MIN (PANEL, n - j);

          pack_panel (trans_b, width, d, trans_b ? b + j * ldb + p : b + p * ldb + j, ldb, panel);
          if (!trans_a)
            product (m, width, d, a + p, lda, 1, panel, add || p > 0, c + j, ldc);
          else
            for (gint64 i = 0; i < m; i += GROUP)
              product (MIN (GROUP, m - i), width, d, packed + i * d, 1, GROUP, panel, add || p > 0, c + i * ldc + j, ldc);
        }
    }
}
