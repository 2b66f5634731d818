/* Which matrix product: the kernels' own for the shapes of training, OpenBLAS for all others and for processors
 * without vectorised kernels. */
#include "config.h"

#include "compute/cpu.h"

#include <pauserec/linalg.h>

#define TILE_ROWS 256
#define TILE_COLUMNS 512
#define MIN_ROWS 16 /* with fewer, packing the right operand does not pay */

typedef struct
{
  gboolean trans_a, trans_b, add;
  gint64 m, n, k;
  const float *a, *b;
  float *c;
  gint64 lda, ldb, ldc;
  gint64 tile_rows, tile_columns, n_column_tiles;
} Gemm;

static void
compute_tile (gpointer ctx, gsize tile, guint worker)
{
  const Gemm *g = ctx;
  gint64 row = (gint64)tile / g->n_column_tiles * g->tile_rows,
         column = (gint64)tile % g->n_column_tiles * g->tile_columns;

  (void)worker;
  pr_cpu_kernels ()->gemm (g->trans_a, g->trans_b, MIN (g->tile_rows, g->m - row), MIN (g->tile_columns, g->n - column),
                           g->k, g->a + (g->trans_a ? row : row * g->lda), g->lda,
                           g->b + (g->trans_b ? column * g->ldb : column), g->ldb, g->add, g->c + row * g->ldc + column,
                           g->ldc, pr_cpu_scratch (PR_CPU_SCRATCH_GEMM, PR_CPU_GEMM_SCRATCH));
}

/* Tiles do not change bits: every element is summed in the same order wherever its tile ends. */
void
pr_cpu_gemm (gboolean trans_a, gboolean trans_b, gint64 m, gint64 n, gint64 k, float alpha, const float *a, gint64 lda,
             const float *b, gint64 ldb, float beta, float *c, gint64 ldc)
{
  Gemm g = { trans_a, trans_b, beta == 1, m, n, k, a, b, c, lda, ldb, ldc, TILE_ROWS, TILE_COLUMNS, 0 };

  if (pr_cpu_kernels ()->gemm == NULL || (trans_a && trans_b) || alpha != 1 || (beta != 0 && beta != 1) || m < MIN_ROWS
      || n <= 0 || k <= 0)
    {
      pr_gemm (trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
      return;
    }
  if (pr_threads_inside ())
    {
      g.tile_rows = trans_a ? PR_CPU_GEMM_ROWS : m;
      g.tile_columns = n;
    }
  g.n_column_tiles = (n + g.tile_columns - 1) / g.tile_columns;
  pr_parallel ((gsize)((m + g.tile_rows - 1) / g.tile_rows * g.n_column_tiles), compute_tile, &g);
}
