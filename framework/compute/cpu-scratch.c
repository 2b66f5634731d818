#include "config.h"

#include "compute/cpu.h"

#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE (2 << 20)

/* Large blocks ask for huge pages: with small ones a matrix product spends several percent on address translation. */
gpointer
pr_cpu_alloc (gsize bytes)
{
  gsize align = bytes >= HUGE_PAGE / 2 ? HUGE_PAGE : 64;
  gpointer memory;

  if (bytes > G_MAXSSIZE - HUGE_PAGE)
    return NULL;
  bytes = (MAX (bytes, 1) + align - 1) / align * align;
  memory = aligned_alloc (align, bytes);
#ifdef MADV_HUGEPAGE
  /* Only advice: where it is refused, small pages do. */
  if (memory != NULL && align == HUGE_PAGE)
    (void)madvise (memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

typedef struct
{
  gpointer memory[PR_CPU_N_SCRATCH];
  gsize floats[PR_CPU_N_SCRATCH];
} Scratch;

static void
scratch_free (gpointer data)
{
  Scratch *scratch = data;

  for (int i = 0; i < PR_CPU_N_SCRATCH; i++)
    free (scratch->memory[i]);
  g_free (scratch);
}

static GPrivate key = G_PRIVATE_INIT (scratch_free);

float *
pr_cpu_scratch (PrCpuScratch purpose, gsize floats)
{
  Scratch *scratch = g_private_get (&key);

  if (scratch == NULL)
    {
      scratch = g_new0 (Scratch, 1);
      g_private_set (&key, scratch);
    }
  if (scratch->floats[purpose] < floats)
    {
      free (scratch->memory[purpose]);
      scratch->memory[purpose] = pr_cpu_alloc (MAX (floats * sizeof (float), HUGE_PAGE));
      if (scratch->memory[purpose] == NULL)
        g_error ("no memory for %" G_GSIZE_FORMAT " bytes of scratch", floats * sizeof (float));
      scratch->floats[purpose] = MAX (floats, HUGE_PAGE / sizeof (float));
    }
  return scratch->memory[purpose];
}
