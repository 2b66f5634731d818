#include "config.h"

#include <pauserec/linalg.h>
#include <pauserec/threads.h>

#include <cblas.h>

/* OpenBLAS computes each tile with one thread; tiles depend on the shape alone, so the bits do not depend on
 * the number of threads.  A tile this large loses little to packing its operands anew. */
#define TILE_ROWS 256
#define TILE_COLUMNS 512

typedef struct
{
  gboolean trans_a, trans_b;
  gint64 m, n, k;
  float alpha, beta;
  const float *a, *b;
  float *c;
  gint64 lda, ldb, ldc;
  gint64 tile_rows, tile_columns, n_column_tiles;
} Gemm;

static void
blas_init (void)
{
  static gsize once;

  if (g_once_init_enter (&once))
    {
      openblas_set_num_threads (1);
      g_once_init_leave (&once, 1);
    }
}

static void
compute_tile (gpointer ctx, gsize tile, guint worker)
{
  const Gemm *g = ctx;
  gint64 row = (gint64)tile / g->n_column_tiles * g->tile_rows;
  gint64 column = (gint64)tile % g->n_column_tiles * g->tile_columns;
  const float *a = g->a + (g->trans_a ? row : row * g->lda);
  const float *b = g->b + (g->trans_b ? column * g->ldb : column);

  (void)worker;
  cblas_sgemm (CblasRowMajor, g->trans_a ? CblasTrans : CblasNoTrans, g->trans_b ? CblasTrans : CblasNoTrans,
               (blasint)MIN (g->tile_rows, g->m - row), (blasint)MIN (g->tile_columns, g->n - column), (blasint)g->k,
               g->alpha, a, (blasint)g->lda, b, (blasint)g->ldb, g->beta, g->c + row * g->ldc + column,
               (blasint)g->ldc);
}

void
pr_gemm (gboolean trans_a, gboolean trans_b, gint64 m, gint64 n, gint64 k, float alpha, const float *a, gint64 lda,
         const float *b, gint64 ldb, float beta, float *c, gint64 ldc)
{
  Gemm g = { trans_a, trans_b, m, n, k, alpha, beta, a, b, c, lda, ldb, ldc, TILE_ROWS, TILE_COLUMNS, 0 };

  if (m <= 0 || n <= 0)
    return;
  blas_init ();
  if (pr_threads_inside ())
    {
      /* Already one of many tiles: a single call packs each operand once. */
      g.tile_rows = m;
      g.tile_columns = n;
    }
  g.n_column_tiles = (n + g.tile_columns - 1) / g.tile_columns;
  pr_parallel ((gsize)((m + g.tile_rows - 1) / g.tile_rows * g.n_column_tiles), compute_tile, &g);
}

char *
pr_blas_description (void)
{
  blas_init ();
  return g_strdup_printf ("%s, core %s", openblas_get_config (), openblas_get_corename ());
}
