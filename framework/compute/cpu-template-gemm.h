/* cpu-template-gemm.h - the part of cpu-template.h for the matrix product of training.
 *
 * Only the right operand is packed, one panel of PANEL columns at a time, in a pass that also transposes it where
 * needed; the left one is read where it lies (transposed, it is copied in groups of 48 rows).  A general BLAS packs
 * both on every call, which for the 256 rows of a tile costs a fifth of the time. */

#define PANEL 64
#define AHEAD 8  /* rows fetched ahead while packing */
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

/* to [n, to_stride] from [rows, n]: ROWS columns of TO, up to W; zeros in the rest of the W. */
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
          *(VU *)(to + (i + j) * to_stride) = r[j];
      else
        for (int j = 0; j < n - i; j++)
          *(VU *)(to + (i + j) * to_stride) = r[j];
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
      {
        __builtin_prefetch (b + AHEAD * ldb + j);
        *(VU *)(panel + j) = load (b + j, width - j);
      }
}

/* packed [groups][k, GROUP] from A [k, m], row by row, since A comes from far away. */
static void
pack_groups (gint64 m, gint64 k, const float *a, gint64 lda, float *packed)
{
  for (gint64 p = 0; p < k; p++, a += lda)
    for (gint64 i = 0; i < m; i += GROUP)
      for (gint64 j = i; j < MIN (i + GROUP, m); j += W)
        {
          __builtin_prefetch (a + AHEAD * lda + j);
          *(VU *)(packed + i * k + p * GROUP + j - i) = load (a + j, m - j);
        }
}

/* Memory that will be packed next, fetched into the second cache a line at a time while the product runs: the operands
 * are far larger than that cache, and packing would wait for every line. */
typedef struct Fetch Fetch;
struct Fetch
{
  const float *next;
  gint64 rows, stride, width; /* left to fetch: ROWS rows of WIDTH floats */
  gint64 column;              /* of the next line in its row */
  const Fetch *then;          /* what follows, or NULL */
};

INLINE void
fetch (Fetch *f, gint64 lines)
{
  for (; lines > 0 && f->rows > 0; lines--)
    {
      __builtin_prefetch (f->next + f->column, 0, 2);
      f->column += 16;
      if (f->column >= f->width)
        {
          f->column = 0;
          f->next += f->stride;
          if (--f->rows == 0 && f->then != NULL)
            *f = *f->then;
        }
    }
}

static gint64
fetch_lines (const Fetch *f)
{
  return f->rows * ((f->width + 15) / 16) + (f->then != NULL ? fetch_lines (f->then) : 0);
}

#define STEP 16 /* products between two lines fetched: more at once would hold up the panel's own loads */

/* A whole block of C (+)= A panel, which meanwhile fetches LINES lines of F and the block of C that comes next. */
static void
block_fetching (gint64 k, const float *a, gint64 a_row, gint64 a_column, const float *b, gboolean add, float *c,
                gint64 ldc, Fetch *f, gint64 lines, const float *next_c)
{
  V sum[PR_CPU_BLOCK][PR_BLOCK_VECTORS];
  gint64 burst = lines * STEP / k + 1, column = 0;

#pragma GCC unroll 8
  for (int i = 0; i < PR_CPU_BLOCK; i++)
#pragma GCC unroll 8
    for (int j = 0; j < PR_BLOCK_VECTORS; j++)
      sum[i][j] = add ? (V) * (VU *)(c + i * ldc + j * W) : (V){ 0 };
  while (k > 0)
    {
      gint64 n = MIN (STEP, k);

      if (lines > 0)
        {
          fetch (f, burst);
          lines -= burst;
        }
      if (column < PR_CPU_BLOCK)
        {
          for (int j = 0; j < PR_BLOCK_VECTORS; j += 64 / (4 * W))
            __builtin_prefetch (next_c + j * W, 1, 3);
          next_c += ldc;
          column++;
        }
      for (gint64 p = 0; p < n; p++, a += a_column, b += PANEL)
        block_step (PR_CPU_BLOCK, PR_BLOCK_VECTORS, a, a_row, b, sum);
      k -= n;
    }
#pragma GCC unroll 8
  for (int i = 0; i < PR_CPU_BLOCK; i++)
#pragma GCC unroll 8
    for (int j = 0; j < PR_BLOCK_VECTORS; j++)
      *(VU *)(c + i * ldc + j * W) = sum[i][j];
}

/* Up to PR_CPU_BLOCK rows of C (+)= A panel, where the last vector of C's rows may be cut short. */
INLINE void
product (gint64 rows, gint64 width, gint64 k, const float *a, gint64 a_row, gint64 a_column, const float *panel,
         gboolean add, float *c, gint64 ldc)
{
  float edge[PR_CPU_BLOCK * PANEL];
  gint64 padded = (width + PR_CPU_PAD - 1) / PR_CPU_PAD * PR_CPU_PAD;

  if (padded == width)
    {
      block (rows, width, k, a, a_row, a_column, panel, PANEL, add, c, ldc);
      return;
    }
  for (gint64 r = 0; add && r < rows; r++)
    memcpy (edge + r * PANEL, c + r * ldc, (gsize)width * sizeof (float));
  block (rows, padded, k, a, a_row, a_column, panel, PANEL, add, edge, PANEL);
  for (gint64 r = 0; r < rows; r++)
    memcpy (c + r * ldc, edge + r * PANEL, (gsize)width * sizeof (float));
}

/* C += A B for K not above PR_CPU_GEMM_DEPTH; A [m, k] or, packed in groups, its transpose.  NEXT: what to fetch
 * meanwhile. */
static void
slab (gboolean packed, gboolean trans_b, gint64 m, gint64 n, gint64 k, const float *a, gint64 lda, const float *b,
      gint64 ldb, gboolean add, float *c, gint64 ldc, float *panel, Fetch *next)
{
  gint64 blocks = (m + PR_CPU_BLOCK - 1) / PR_CPU_BLOCK * ((n + PANEL - 1) / PANEL), lines = fetch_lines (next);

  for (gint64 j = 0; j < n; j += PANEL)
    {
      gint64 width = MIN (PANEL, n - j), left = MIN (PANEL, n - j - PANEL);

      pack_panel (trans_b, width, k, trans_b ? b + j * ldb : b + j, ldb, panel);
      /* Untransposed, A is what the caller has just written; B is a weight, and its next panel comes from afar. */
      if (!packed && left > 0)
        {
          *next = trans_b ? (Fetch){ b + (j + PANEL) * ldb, left, ldb, k, 0, NULL }
                          : (Fetch){ b + j + PANEL, k, ldb, left, 0, NULL };
          blocks = (m + PR_CPU_BLOCK - 1) / PR_CPU_BLOCK;
          lines = fetch_lines (next);
        }
      for (gint64 i = 0; i < m; i += PR_CPU_BLOCK)
        {
          const float *rows = packed ? a + i / GROUP * GROUP * k + i % GROUP : a + i * lda;
          gint64 a_row = packed ? 1 : lda, a_column = packed ? GROUP : 1;

          if (width == PR_BLOCK_VECTORS * W && m - i >= PR_CPU_BLOCK)
            {
              gboolean last = m - i < 2 * PR_CPU_BLOCK;

              block_fetching (k, rows, a_row, a_column, panel, add, c + i * ldc + j, ldc, next, lines / blocks + 1,
                              last ? c + j + PANEL : c + (i + PR_CPU_BLOCK) * ldc + j);
              continue;
            }
          fetch (next, lines / blocks + 1);
          product (MIN (PR_CPU_BLOCK, m - i), width, k, rows, a_row, a_column, panel, add, c + i * ldc + j, ldc);
        }
    }
}

static void
gemm (gboolean trans_a, gboolean trans_b, gint64 m, gint64 n, gint64 k, const float *a, gint64 lda, const float *b,
      gint64 ldb, gboolean add, float *c, gint64 ldc, float *scratch)
{
  gint64 most = trans_a ? PR_CPU_GEMM_DEPTH / 4 : PR_CPU_GEMM_DEPTH, parts = (k + most - 1) / most;
  gint64 depth = ((k + parts - 1) / parts + W - 1) / W * W;
  float *panel = scratch, *packed = scratch + PANEL * PR_CPU_GEMM_DEPTH;

  for (gint64 p = 0; p < k; p += depth)
    {
      gint64 d = MIN (depth, k - p), rest = MAX (MIN (depth, k - p - depth), 0);
      const Fetch next_b = { b + (p + depth) * ldb, rest, ldb, n, 0, NULL };
      Fetch next = { NULL };

      if (trans_a)
        {
          pack_groups (m, d, a + p * lda, lda, packed);
          next = (Fetch){ a + (p + depth) * lda, rest, lda, m, 0, &next_b };
        }
      slab (trans_a, trans_b, m, n, d, trans_a ? packed : a + p, lda, trans_b ? b + p : b + p * ldb, ldb, add || p > 0,
            c, ldc, panel, &next);
    }
}
