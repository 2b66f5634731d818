#include "config.h"

#include "compute/cpu.h"

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
    g_free (scratch->memory[i]);
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
      g_free (scratch->memory[purpose]);
      scratch->memory[purpose] = g_malloc (floats * sizeof (float) + 64);
      scratch->floats[purpose] = floats;
    }
  return (float *) (((guintptr) scratch->memory[purpose] + 63) & ~(guintptr) 63);
}
