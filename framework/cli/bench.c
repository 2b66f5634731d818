/* bench - how fast is this machine, and how near does the program come to it? */
#include "config.h"

#include "cli/bench.h"
#include "cli/command.h"
#include "text/nearest.h"


#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

typedef struct
{
  const char *name;
  gboolean (*run) (const PrBenchOptions *options, GError **error);
} Bench;

static const Bench benches[] = {
  { "train", pr_bench_train }, { "decode", pr_bench_decode }, { "generate", pr_bench_generate },
  { "sweep", pr_bench_sweep }, { "merge", pr_bench_merge },
};

const PrLmConfig pr_bench_config = { .family = PR_LM_QWEN3,
                                     .vocab = 4096,
                                     .hidden = 256,
                                     .layers = 6,
                                     .heads = 4,
                                     .kv_heads = 2,
                                     .head_dim = 64,
                                     .ffn = 704,
                                     .max_positions = 1024,
                                     .rope_theta = 1e6,
                                     .rms_eps = 1e-6,
                                     .init_sd = 0.02 };

double
pr_bench_now (void)
{
  return (double)g_get_monotonic_time () / G_USEC_PER_SEC;
}

static int
compare (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

double
pr_bench_median (gsize n, double *values)
{
  qsort (values, n, sizeof *values, compare);
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

double
pr_bench_peak_rss_mib (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss / 1024;
}

static gboolean
bench (int argc, char **argv, GError **error)
{
  g_auto (PrOptions) options = { 0 };
  PrBenchOptions own = { 0 };
  const char *names[G_N_ELEMENTS (benches)];
  g_autofree char *hint = NULL;
  const GOptionEntry extra[] = {
    { "steps", 'n', 0, G_OPTION_ARG_INT, &own.steps, "Measure so many steps", "N" },
    { "chunk-tokens", 0, 0, G_OPTION_ARG_INT, &own.chunk_tokens,
      "Train on about so many tokens at once (default: 2048)", "N" },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (GStrv) args =
      pr_options_parse (&pr_command_bench, argc, argv, PR_OPTIONS_THREADS, &options, extra, 1, 1, error);

  if (args == NULL)
    return FALSE;
  if (own.steps < 0 || own.steps > 10000)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "--steps %d: outside 1 to 10000", own.steps);
      return FALSE;
    }
  if (own.chunk_tokens < 0 || own.chunk_tokens > 1 << 20)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "--chunk-tokens %d: outside 1 to %d", own.chunk_tokens, 1 << 20);
      return FALSE;
    }
  pr_options_set_threads (&options);
  for (gsize i = 0; i < G_N_ELEMENTS (benches); i++)
    {
      if (strcmp (args[0], benches[i].name) == 0)
        return benches[i].run (&own, error);
      names[i] = benches[i].name;
    }
  hint = pr_nearest_hint (args[0], names, G_N_ELEMENTS (benches));
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "no benchmark '%s'%s (see 'pauserec bench --help')", args[0], hint);
  return FALSE;
}

const PrCommand pr_command_bench = {
  .name = "bench",
  .arguments = "train|decode|generate|sweep|merge",
  .summary = "Measure this machine and the program on it",
  .description = "train     a training step of a small model as a share of the machine's own matrix product\n"
                 "decode    users answered a second by beam search, beside a search without a cache\n"
                 "generate  tokens written a second for many users together, beside one user after the other\n"
                 "sweep     what 1,000 runs cost beside their stages; what two runs at once gain\n"
                 "merge     seconds and memory to merge the results of 1,000 runs (--steps: so many) of 20,000 users;\n"
                 "          takes 5 GB below $TMPDIR while it runs",
  .run = bench,
};
