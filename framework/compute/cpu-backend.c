/* The CPU backend: which kernels, and the few operations that use all threads by themselves. */
#include "config.h"

#include "compute/cpu.h"

#include <stdlib.h>
#include <string.h>

#define TILE_ROWS 256   /* a tile's activations of one operation stay in the second cache */
#define FLAT_TILE 65536 /* elements a tile of adamw, squared_norm and zero */
#define DOT_TILE 16     /* rows a tile of gather_dot */
#define COLUMN_TILE 64  /* columns a tile of embedding_backward */

const PrCpuKernels *const pr_cpu_all[] = {
#if defined(__x86_64__)
  &pr_cpu_avx512, &pr_cpu_avx2,
#endif
  &pr_cpu_plain, NULL
};

static const PrCpuKernels *kernels;

const PrCpuKernels *
pr_cpu_kernels (void)
{
  const PrCpuKernels *k = g_atomic_pointer_get (&kernels);
  const char *name;

  if (k != NULL)
    return k;
  name = g_getenv ("PR_CPU_KERNELS");
  for (gsize i = 0; k == NULL && pr_cpu_all[i] != NULL; i++)
    if (pr_cpu_all[i]->supported () && (name == NULL || strcmp (name, pr_cpu_all[i]->name) == 0))
      k = pr_cpu_all[i];
  if (k == NULL)
    k = &pr_cpu_plain;
  g_atomic_pointer_set (&kernels, k);
  return k;
}

static void
cpu_copy (gpointer to, gconstpointer from, gsize bytes)
{
  memcpy (to, from, bytes);
}

typedef struct
{
  gint64 n;
  float *w, *m, *v;
  const float *x, *dy;
  const gint32 *index;
  gint64 rows;
  const PrAdamW *adamw;
  double *sums;
  guint8 *bytes;
} Flat;

static gsize
flat_tiles (gint64 n)
{
  return (gsize)((n + FLAT_TILE - 1) / FLAT_TILE);
}

static void
zero_tile (gpointer ctx, gsize tile, guint worker)
{
  Flat *f = ctx;

  (void)worker;
  memset (f->bytes + tile * FLAT_TILE * sizeof (float), 0,
          MIN (FLAT_TILE * sizeof (float), (gsize)f->n - tile * FLAT_TILE * sizeof (float)));
}

static void
cpu_zero (gpointer memory, gsize bytes)
{
  Flat f = { .bytes = memory, .n = (gint64)bytes };

  pr_parallel ((bytes + FLAT_TILE * sizeof (float) - 1) / (FLAT_TILE * sizeof (float)), zero_tile, &f);
}

static void
adamw_tile (gpointer ctx, gsize tile, guint worker)
{
  Flat *f = ctx;
  gint64 at = (gint64)tile * FLAT_TILE;

  (void)worker;
  pr_cpu_kernels ()->adamw (f->adamw, MIN (FLAT_TILE, f->n - at), f->w + at, f->x + at, f->m + at, f->v + at);
}

static void
cpu_adamw (const PrAdamW *adamw, gint64 n, float *weights, const float *grads, float *m, float *v)
{
  Flat f = { .n = n, .w = weights, .x = grads, .m = m, .v = v, .adamw = adamw };

  pr_parallel (flat_tiles (n), adamw_tile, &f);
}

static void
norm_tile (gpointer ctx, gsize tile, guint worker)
{
  Flat *f = ctx;
  gint64 at = (gint64)tile * FLAT_TILE;

  (void)worker;
  f->sums[tile] = pr_cpu_kernels ()->squared_norm (MIN (FLAT_TILE, f->n - at), f->x + at);
}

static double
cpu_squared_norm (gint64 n, const float *x)
{
  gsize tiles = flat_tiles (n);
  g_autofree double *sums = g_new (double, MAX (tiles, 1));
  Flat f = { .n = n, .x = x, .sums = sums };
  double sum = 0;

  pr_parallel (tiles, norm_tile, &f);
  for (gsize i = 0; i < tiles; i++)
    sum += sums[i];
  return sum;
}

static void
cpu_embedding_forward (gint64 rows, gint64 n, const gint32 *index, const float *table, float *y)
{
  for (gint64 r = 0; r < rows; r++)
    memcpy (y + r * n, table + index[r] * n, (gsize)n * sizeof (float));
}

static void
cpu_scatter (gint64 rows, gint64 n, const gint32 *index, const float *x, float *y)
{
  for (gint64 r = 0; r < rows; r++)
    memcpy (y + index[r] * n, x + r * n, (gsize)n * sizeof (float));
}

/* Tokens repeat, so rows are added in order; tiles share out the columns. */
static void
embedding_tile (gpointer ctx, gsize tile, guint worker)
{
  Flat *f = ctx;
  gint64 from = (gint64)tile * COLUMN_TILE, to = MIN (from + COLUMN_TILE, f->n);

  (void)worker;
  for (gint64 r = 0; r < f->rows; r++)
    if (f->index[r] >= 0)
      {
        float *w = f->w + f->index[r] * f->n;

        for (gint64 i = from; i < to; i++)
          w[i] += f->dy[r * f->n + i];
      }
}

static void
cpu_embedding_backward (gint64 rows, gint64 n, const gint32 *index, const float *dy, float *dtable)
{
  Flat f = { .rows = rows, .n = n, .index = index, .dy = dy, .w = dtable };

  pr_parallel ((gsize)((n + COLUMN_TILE - 1) / COLUMN_TILE), embedding_tile, &f);
}

typedef struct
{
  gint64 rows, n;
  const gsize *first;
  const float *x, *table;
  const gint32 *index;
  float *y;
} GatherDot;

static void
gather_dot_tile (gpointer ctx, gsize tile, guint worker)
{
  GatherDot *g = ctx;
  const PrCpuKernels *k = pr_cpu_kernels ();
  gint64 from = (gint64)tile * DOT_TILE, to = MIN (from + DOT_TILE, g->rows);

  (void)worker;
  for (gint64 r = from; r < to; r++)
    for (gsize j = g->first[r]; j < g->first[r + 1]; j++)
      g->y[j] = k->dot (g->n, g->x + r * g->n, g->table + g->index[j] * g->n);
}

static void
cpu_gather_dot (gint64 rows, gint64 n, const gsize *first, const float *x, const gint32 *index, const float *table,
                float *y)
{
  GatherDot g = { rows, n, first, x, table, index, y };

  pr_parallel ((gsize)((rows + DOT_TILE - 1) / DOT_TILE), gather_dot_tile, &g);
}

static void
cpu_scale_rows (gint64 rows, gint64 n, const float *scales, float *x)
{
  for (gint64 r = 0; r < rows; r++)
    for (gint64 i = 0; i < n; i++)
      x[r * n + i] *= scales[r];
}

static PrBackend cpu = {
  .tile_rows = TILE_ROWS,
  .alloc = pr_cpu_alloc,
  .free = free,
  .upload = cpu_copy,
  .download = cpu_copy,
  .copy = cpu_copy,
  .zero = cpu_zero,
  .parallel = pr_parallel,
  .gemm = pr_cpu_gemm,
  .attention_forward = pr_cpu_attention_forward,
  .attention_backward = pr_cpu_attention_backward,
  .attention_cached = pr_cpu_attention_cached,
  .embedding_forward = cpu_embedding_forward,
  .embedding_backward = cpu_embedding_backward,
  .scatter = cpu_scatter,
  .gather_dot = cpu_gather_dot,
  .scale_rows = cpu_scale_rows,
  .adamw = cpu_adamw,
  .squared_norm = cpu_squared_norm,
};

static const PrBackend *current; /* NULL: the CPU's */
static GMutex lock;

static void
cpu_fill (const PrCpuKernels *k)
{
  static char name[32];

  g_snprintf (name, sizeof name, "cpu/%s", k->name);
  cpu.name = name;
  cpu.rmsnorm_forward = k->rmsnorm_forward;
  cpu.rmsnorm_backward = k->rmsnorm_backward;
  cpu.bias_forward = k->bias_forward;
  cpu.bias_backward = k->bias_backward;
  cpu.rope_forward = k->rope_forward;
  cpu.rope_backward = k->rope_backward;
  cpu.swiglu_forward = k->swiglu_forward;
  cpu.swiglu_backward = k->swiglu_backward;
  cpu.cross_entropy = k->cross_entropy;
  cpu.dropout = k->dropout;
}

void
pr_cpu_set_kernels (const PrCpuKernels *k)
{
  g_mutex_lock (&lock);
  g_atomic_pointer_set (&kernels, k);
  cpu_fill (k);
  g_mutex_unlock (&lock);
}

const PrBackend *
pr_backend_get (void)
{
  const PrBackend *backend;

  g_mutex_lock (&lock);
  if (cpu.name == NULL)
    cpu_fill (pr_cpu_kernels ());
  backend = current != NULL ? current : &cpu;
  g_mutex_unlock (&lock);
  return backend;
}

void
pr_backend_set (const PrBackend *backend)
{
  g_mutex_lock (&lock);
  current = backend;
  g_mutex_unlock (&lock);
}
