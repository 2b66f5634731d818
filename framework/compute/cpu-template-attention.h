/* cpu-template-attention.h - the part of cpu-template.h for attention: block products and softmax. */

/* One column of A times one row of B. */
INLINE void
block_step (const int m, const int n, const float *a, gint64 a_row, const float *b,
            V sum[PR_CPU_BLOCK][PR_BLOCK_VECTORS])
{
  V row[PR_BLOCK_VECTORS];

#pragma GCC unroll 8
  for (int j = 0; j < n; j++)
    row[j] = *(const VU *)(b + j * W);
#pragma GCC unroll 8
  for (int i = 0; i < m; i++)
    {
      float x = a[i * a_row];

#pragma GCC unroll 8
      for (int j = 0; j < n; j++)
        sum[i][j] += x * row[j];
    }
}

/* M rows and N vectors of C stay in registers while k runs; M and N are constants after inlining. */
INLINE void
block_of (const int m, const int n, gint64 k, const float *a, gint64 a_row, gint64 a_column, const float *b, gint64 ldb,
          gboolean add, float *c, gint64 ldc)
{
  V sum[PR_CPU_BLOCK][PR_BLOCK_VECTORS];

#pragma GCC unroll 8
  for (int i = 0; i < m; i++)
#pragma GCC unroll 8
    for (int j = 0; j < n; j++)
      sum[i][j] = add ? (V) * (VU *)(c + i * ldc + j * W) : (V){ 0 };
  for (gint64 p = 0; p < k; p++, a += a_column, b += ldb)
    block_step (m, n, a, a_row, b, sum);
#pragma GCC unroll 8
  for (int i = 0; i < m; i++)
#pragma GCC unroll 8
    for (int j = 0; j < n; j++)
      *(VU *)(c + i * ldc + j * W) = sum[i][j];
}

/* All N columns for a constant number of rows. */
INLINE void
block_rows (const int m, gint64 n, gint64 k, const float *a, gint64 a_row, gint64 a_column, const float *b, gint64 ldb,
            gboolean add, float *c, gint64 ldc)
{
  gint64 j = 0;

  for (; j + PR_BLOCK_VECTORS * W <= n; j += PR_BLOCK_VECTORS * W)
    block_of (m, PR_BLOCK_VECTORS, k, a, a_row, a_column, b + j, ldb, add, c + j, ldc);
#if PR_BLOCK_VECTORS == 4
  if (n - j >= 2 * W)
    {
      block_of (m, 2, k, a, a_row, a_column, b + j, ldb, add, c + j, ldc);
      j += 2 * W;
    }
#endif
  if (n - j >= W)
    block_of (m, 1, k, a, a_row, a_column, b + j, ldb, add, c + j, ldc);
}

static void
block (gint64 m, gint64 n, gint64 k, const float *a, gint64 a_row, gint64 a_column, const float *b, gint64 ldb,
       gboolean add, float *c, gint64 ldc)
{
  for (; m >= 6; m -= 6, a += 6 * a_row, c += 6 * ldc)
    block_rows (6, n, k, a, a_row, a_column, b, ldb, add, c, ldc);
  if (m >= 4)
    {
      block_rows (4, n, k, a, a_row, a_column, b, ldb, add, c, ldc);
      m -= 4, a += 4 * a_row, c += 4 * ldc;
    }
  if (m >= 2)
    {
      block_rows (2, n, k, a, a_row, a_column, b, ldb, add, c, ldc);
      m -= 2, a += 2 * a_row, c += 2 * ldc;
    }
  if (m >= 1)
    block_rows (1, n, k, a, a_row, a_column, b, ldb, add, c, ldc);
}

static float
softmax (gint64 n, gint64 padded, float *s)
{
  float max = row_max (n, s), sum = row_exponentials (n, s, max), factor = 1.0f / sum;

  for (gint64 i = 0; i < padded; i += W)
    *(VU *)(s + i) = (V)((I)(*(VU *)(s + i) * factor) & before (n - i));
  return max + logf (sum);
}

static void
softmax_backward (gint64 n, gint64 padded, float lse, float delta, float *p, float *ds)
{
  for (gint64 i = 0; i < padded; i += W)
    {
      I inside = before (n - i);
      V e = (V)((I)exponential (*(VU *)(p + i) - lse) & inside);

      *(VU *)(p + i) = e;
      *(VU *)(ds + i) = (V)((I)(e * (*(VU *)(ds + i) - delta)) & inside);
    }
}

static void
softmax_columns (gint64 n, gint64 width, float *s)
{
  for (gint64 c = 0; c < width; c += W)
    {
      V max = *(VU *)(s + c), sum = { 0 };

      for (gint64 i = 1; i < n; i++)
        max = larger (*(VU *)(s + i * width + c), max);
      for (gint64 i = 0; i < n; i++)
        {
          V e = exponential (*(VU *)(s + i * width + c) - max);

          *(VU *)(s + i * width + c) = e;
          sum += e;
        }
      sum = 1.0f / sum;
      for (gint64 i = 0; i < n; i++)
        *(VU *)(s + i * width + c) *= sum;
    }
}
