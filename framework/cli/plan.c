/* plan - what a run of the manifest would do: stages, what is in the store already, memory, work, time; kept in
 * plan.json. */
#include "config.h"

#include "cli/command.h"
#include "engines/sweep-run.h"

#include <pauserec/linalg.h>
#include <pauserec/threads.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the stages of the framework reach of the machine's matrix product, by experience with `bench train`. */
#define EFFICIENCY 0.75

#define GEMM_SIZE 512
#define GEMM_MICROSECONDS 100000

typedef struct
{
  GHashTable *listed;  /* keys of stages that an earlier run of this plan computes */
  double rate;         /* operations a second */
  gboolean parameters; /* list them */
  guint n_runs, n_arms, n_cached, n_shared, n_to_do;
  double flops;
  guint64 memory;
  const char *memory_stage; /* borrowed from the plan */
} Totals;

static char *
size_text (guint64 bytes)
{
  return bytes == 0 ? g_strdup ("-") : g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
}

static char *
flops_text (double flops)
{
  static const char *const units[] = { "", "k", "M", "G", "T", "P", "E" };
  gsize unit = 0;

  if (flops == 0.0)
    return g_strdup ("-");
  for (; flops >= 1000.0 && unit + 1 < G_N_ELEMENTS (units); unit++)
    flops /= 1000.0;
  return g_strdup_printf ("%.3g %sFLOP", flops, units[unit]);
}

static char *
time_text (double seconds)
{
  if (seconds <= 0.0)
    return g_strdup ("-");
  if (seconds < 0.1)
    return g_strdup ("< 0.1 s");
  if (seconds < 90.0)
    return g_strdup_printf ("%.1f s", seconds);
  if (seconds < 90.0 * 60.0)
    return g_strdup_printf ("%.0f min", seconds / 60.0);
  return g_strdup_printf ("%.1f h", seconds / 3600.0);
}

/* Operations a second of the matrix product on all threads: the best of what fits into a tenth of a second. */
static double
measure_rate (void)
{
  gsize n = GEMM_SIZE * GEMM_SIZE;
  g_autofree float *a = g_new (float, n), *b = g_new (float, n), *c = g_new0 (float, n);
  gint64 started = g_get_monotonic_time ();
  double best = 0.0;

  for (gsize i = 0; i < n; i++)
    a[i] = b[i] = 1.0f;
  do
    {
      gint64 before = g_get_monotonic_time (), taken;

      pr_gemm (FALSE, FALSE, GEMM_SIZE, GEMM_SIZE, GEMM_SIZE, 1.0f, a, GEMM_SIZE, b, GEMM_SIZE, 0.0f, c, GEMM_SIZE);
      taken = MAX (g_get_monotonic_time () - before, 1);
      best = MAX (best, 2.0 * GEMM_SIZE * GEMM_SIZE * GEMM_SIZE * 1e6 / (double)taken);
    }
  while (g_get_monotonic_time () - started < GEMM_MICROSECONDS);
  return best * EFFICIENCY;
}

static void
print_parameters (const PrPlannedNode *node, int width)
{
  const char *key;
  json_t *said;

  json_object_foreach (node->parameters, key, said)
      printf ("  %-*s    %s = %s  (%s)\n", width, "", key, json_string_value (json_object_get (said, "value")),
              json_string_value (json_object_get (said, "origin")));
}

static void
print_node (Totals *totals, const PrPlannedNode *node, int width)
{
  gboolean shared = !node->cached && !g_hash_table_add (totals->listed, g_strdup (node->key));
  gboolean to_do = !node->cached && !shared;
  g_autofree char *memory = size_text (node->memory), *work = flops_text (node->flops);
  g_autofree char *time = time_text (to_do ? node->flops / totals->rate : 0.0);
  const char *state = node->cached ? "cached" : shared ? "as above" : "to do";

  printf ("  %-*s  %.10s  %-8s  %10s  %12s  %8s\n", width, node->name, node->key, state, memory, work, time);
  if (totals->parameters)
    print_parameters (node, width);
  totals->n_cached += node->cached;
  totals->n_shared += shared;
  totals->n_to_do += to_do;
  if (!to_do)
    return;
  totals->flops += node->flops;
  if (node->memory > totals->memory)
    {
      totals->memory = node->memory;
      totals->memory_stage = node->name;
    }
}

static void
print_run (Totals *totals, const PrSweepPlan *plan, const PrPlannedRun *run)
{
  gsize width = strlen ("stage");

  for (guint i = 0; i < run->n_nodes; i++)
    width = MAX (width, strlen (pr_sweep_node (plan, run, i)->name));
  printf ("%s, seed %" G_GUINT64_FORMAT "\n", run->arm, run->seed);
  printf ("  %-*s  %-10s  %-8s  %10s  %12s  %8s\n", (int)width, "stage", "key", "state", "memory", "work", "time");
  for (guint i = 0; i < run->n_nodes; i++)
    print_node (totals, pr_sweep_node (plan, run, i), (int)width);
  totals->n_runs++;
}

static void
print_totals (const Totals *totals)
{
  guint64 machine = (guint64)sysconf (_SC_PHYS_PAGES) * (guint64)sysconf (_SC_PAGESIZE);
  g_autofree char *memory = size_text (totals->memory), *has = size_text (machine);
  g_autofree char *work = flops_text (totals->flops), *time = time_text (totals->flops / totals->rate);

  printf ("\n%u run%s of %u arm%s; stages: %u to do, %u cached, %u shared with a run above\n", totals->n_runs,
          totals->n_runs == 1 ? "" : "s", totals->n_arms, totals->n_arms == 1 ? "" : "s", totals->n_to_do,
          totals->n_cached, totals->n_shared);
  printf ("work: %s, about %s at %.3g GFLOP/s with %u thread%s (what a stage does not tell is not in it)\n", work, time,
          totals->rate / 1e9, pr_threads_get (), pr_threads_get () == 1 ? "" : "s");
  if (totals->memory > 0)
    printf ("memory: %s in stage '%s'; the machine has %s%s\n", memory, totals->memory_stage, has,
            totals->memory > machine ? ": TOO LITTLE" : "");
}

/* Only looks into the store: what is not there yet need not be made for a plan. */
static PrSweepPlan *
make_plan (const PrOptions *options, const PrExperiment *experiment, const char *out, GError **error)
{
  g_autoptr (GError) raised = NULL;
  g_autoptr (PrStore) store = pr_store_open_readonly (pr_options_store (options), &raised);
  const PrSweepPlanSource source = { .experiment = experiment,
                                     .set = (const char *const *)options->set,
                                     .plugin_path = (const char *const *)options->plugin_path,
                                     .store_dir = pr_options_store (options),
                                     .store = store,
                                     .frozen = TRUE };

  if (raised == NULL)
    return out != NULL ? pr_sweep_freeze (&source, out, error) : pr_sweep_plan_new (&source, error);
  g_propagate_error (error, g_steal_pointer (&raised));
  return NULL;
}

static gboolean
plan_experiment (const PrOptions *options, const PrExperiment *experiment, Totals *totals, gboolean dry, GError **error)
{
  g_autofree char *out = dry ? NULL : pr_options_out (options, experiment);
  g_autoptr (PrSweepPlan) plan = make_plan (options, experiment, out, error);
  g_autoptr (GHashTable) listed = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  const char *arm = NULL;

  if (plan == NULL)
    return FALSE;
  totals->listed = listed;
  if (totals->rate <= 0.0)
    totals->rate = measure_rate ();
  for (guint i = 0; i < plan->runs->len; i++)
    {
      const PrPlannedRun *run = plan->runs->pdata[i];

      if (!((const PrRunSpec *)experiment->runs->pdata[i])->wanted)
        continue;
      totals->n_arms += arm == NULL || strcmp (arm, run->arm) != 0;
      arm = run->arm;
      print_run (totals, plan, run);
    }
  print_totals (totals);
  if (!dry)
    printf ("frozen: %s/plan.json\n", out);
  return TRUE;
}

static gboolean
plan (int argc, char **argv, GError **error)
{
  g_auto (PrOptions) options = { 0 };
  double gflops = 0.0;
  gboolean dry = FALSE, parameters = FALSE;
  const GOptionEntry extra[] = {
    { "gflops", 0, 0, G_OPTION_ARG_DOUBLE, &gflops,
      "Estimate time at this rate (default: measured, a tenth of a second)", "N" },
    { "parameters", 0, 0, G_OPTION_ARG_NONE, &parameters, "List every parameter, its value and where that was said",
      NULL },
    { "dry-run", 'n', 0, G_OPTION_ARG_NONE, &dry, "Only show the plan, do not freeze it", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_auto (GStrv) args = pr_options_parse (&pr_command_plan, argc, argv,
                                          PR_OPTIONS_MANIFEST | PR_OPTIONS_STORE | PR_OPTIONS_OUT | PR_OPTIONS_THREADS,
                                          &options, extra, 1, 1, error);
  g_autoptr (PrRegistry) registry = args != NULL ? pr_options_load_registry (&options, error) : NULL;
  g_autoptr (PrExperiment) experiment =
      registry != NULL ? pr_options_load_experiment (&options, args[0], registry, error) : NULL;
  Totals totals = { .rate = gflops * 1e9, .parameters = parameters };

  if (experiment == NULL)
    return FALSE;
  if (!(gflops >= 0.0 && gflops <= 1e9))
    {
      g_set_error_literal (error, PR_ERROR, PR_ERROR_MANIFEST, "--gflops: want a positive number");
      return FALSE;
    }
  pr_options_set_threads (&options);
  return plan_experiment (&options, experiment, &totals, dry, error);
}

const PrCommand pr_command_plan = {
  .name = "plan",
  .arguments = "FILE",
  .summary = "What a run would do, frozen: stages, what is cached already, memory, work, time",
  .description = "The plan is kept in OUT/plan.json with every run, every parameter and its origin, and digests of "
                 "program, plugins "
                 "and\ninputs: `pauserec run` then refuses, with the difference, when any of these changed.",
  .run = plan,
};
