/* The yardstick of all benchmarks: what the machine's own matrix product reaches on all threads at once. */
#include "config.h"

#include "cli/bench.h"

#include <pauserec/backend.h>
#include <pauserec/error.h>
#include <pauserec/linalg.h>
#include <pauserec/threads.h>

#define SIZE 1024
#define REPEATS 4

struct PrBenchSgemm
{
  float *matrices; /* three a thread */
  guint threads;
  guint arrived; /* atomic */
};

PrBenchSgemm *
pr_bench_sgemm_new (GError **error)
{
  PrBenchSgemm *s = g_new0 (PrBenchSgemm, 1);
  gsize floats;

  s->threads = pr_threads_get ();
  floats = (gsize)s->threads * 3 * SIZE * SIZE;
  /* The memory that training uses, so that huge pages help both. */
  s->matrices = pr_backend_get ()->alloc (floats * sizeof (float));
  if (s->matrices == NULL)
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_IO, "no memory for the matrices of the SGEMM");
      g_free (s);
      return NULL;
    }
  for (gsize i = 0; i < floats; i++)
    s->matrices[i] = (float)(i % 17) * 0.01f;
  return s;
}

void
pr_bench_sgemm_free (PrBenchSgemm *s)
{
  if (s == NULL)
    return;
  pr_backend_get ()->free (s->matrices);
  g_free (s);
}

/* One matrix product a thread, all at once. */
static void
sgemm_tile (gpointer ctx, gsize tile, guint worker)
{
  const gint64 n = SIZE;
  PrBenchSgemm *s = ctx;
  float *a = s->matrices + (gint64)tile * 3 * n * n;

  (void)worker;
  /* Nobody begins before everybody is here, so that no thread takes two tiles. */
  __atomic_add_fetch (&s->arrived, 1, __ATOMIC_ACQ_REL);
  while (__atomic_load_n (&s->arrived, __ATOMIC_ACQUIRE) < s->threads)
    g_thread_yield ();
  for (int i = 0; i < REPEATS; i++)
    pr_gemm (FALSE, FALSE, n, n, n, 1, a, n, a + n * n, n, 0, a + 2 * n * n, n);
}

double
pr_bench_sgemm_gflops (PrBenchSgemm *s)
{
  double start;

  s->arrived = 0;
  start = pr_bench_now ();
  pr_parallel (s->threads, sgemm_tile, s);
  return 2e-9 * SIZE * SIZE * SIZE * REPEATS * s->threads / (pr_bench_now () - start);
}
