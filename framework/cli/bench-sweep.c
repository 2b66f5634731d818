/* bench sweep - what runs cost beside their stages: planning, starting, keeping and looking at a thousand of them, and
 * what two at once gain over one after the other. */
#include "config.h"

#include "cli/bench.h"
#include "cli/command.h"
#include "engines/status.h"
#include "engines/sweep-run.h"
#include "runtime/folder.h"

#include <glib/gstdio.h>
#include <pauserec/error.h>
#include <errno.h>
#include <stdio.h>

#define SEEDS 20
#define VALUES 50 /* of k, from 10 */
#define RUNS (SEEDS * VALUES)

/* Stages that take next to nothing: what is measured is the rest. */
static const char many[] = "[experiment]\nname = many\nseeds = 1..20\nmetric = hit_10\nbaseline = popular[popular.k=10]\n"
                           "[stage world]\nuses = synthetic-world\nn_users = 50\n"
                           "[stage popular]\nuses = popularity\n"
                           "[arm popular]\npipeline = world; popular; rank-metrics\n";

/* Trainings of some seconds each, none of which needs another. */
static const char heavy[] = "[experiment]\nname = heavy\nseeds = 1..4\nmetric = hit_10\nbaseline = train\n"
                            "[stage world]\nuses = synthetic-world\nn_users = 200\n"
                            "[stage base]\nuses = lm-pretrain\nvocab = 600\nlayers = 2\nhidden = 64\nheads = 4\n"
                            "kv_heads = 2\nhead_dim = 16\nffn = 128\nepochs = 6\n"
                            "[arm train]\npipeline = world; base\n";

typedef struct
{
  char *dir;
  PrRegistry *registry;
  double stage_seconds; /* that stages said they took */
} Bench;

static void
on_event (const PrEvent *event, gpointer ctx)
{
  Bench *b = ctx;

  if (event->kind == PR_EVENT_STAGE_END)
    b->stage_seconds += event->seconds;
}

static PrExperiment *
load (const Bench *b, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename (b->dir, "m.manifest", NULL);

  return g_file_set_contents (path, text, -1, error) ? pr_experiment_load (path, b->registry, NULL, error) : NULL;
}

/* The manifest with VALUES values of k. */
static char *
many_text (void)
{
  GString *text = g_string_new (many);

  for (guint k = 0; k < VALUES; k++)
    g_string_append_printf (text, "%s%u", k == 0 ? "popular.k = " : ";", 10 + k);
  g_string_append_c (text, '\n');
  return g_string_free (text, FALSE);
}

/* Seconds that a sweep takes, into folders that nobody used before. */
static gboolean
sweep (Bench *b, const PrExperiment *experiment, const char *place, guint jobs, guint threads, double *ret_seconds,
       GError **error)
{
  g_autofree char *store = g_strdup_printf ("%s/%s-store", b->dir, place);
  g_autofree char *out = g_strdup_printf ("%s/%s-out", b->dir, place);
  g_auto (PrSweepSummary) summary = { 0 };
  const PrWatch watch = { .event = on_event, .ctx = b };
  double started = pr_bench_now ();

  b->stage_seconds = 0;
  if (!pr_sweep_run (&(PrSweepCall){ .experiment = experiment,
                                     .store_dir = store,
                                     .out_dir = out,
                                     .engine = &pr_engine_local,
                                     .jobs = jobs,
                                     .threads = threads,
                                     .watch = &watch },
                     &summary, error))
    return FALSE;
  *ret_seconds = pr_bench_now () - started;
  return TRUE;
}

/* Seconds to plan the sweep whose stages are all in the store. */
static gboolean
plan_full (const Bench *b, const char *text, double *ret_seconds, GError **error)
{
  g_autofree char *dir = g_build_filename (b->dir, "many-store", NULL), *out = g_build_filename (b->dir, "plan", NULL);
  double started = pr_bench_now ();
  g_autoptr (PrExperiment) experiment = load (b, text, error);
  g_autoptr (PrStore) store = experiment != NULL ? pr_store_open (dir, error) : NULL;
  g_autoptr (PrSweepPlan) plan = NULL;

  if (store == NULL)
    return FALSE;
  plan = pr_sweep_freeze (
      &(PrSweepPlanSource){ .experiment = experiment, .store_dir = dir, .store = store, .frozen = TRUE }, out, error);
  *ret_seconds = pr_bench_now () - started;
  return plan != NULL;
}

static gboolean
look (const Bench *b, double *ret_seconds, GError **error)
{
  g_autofree char *out = g_build_filename (b->dir, "many-out", NULL);
  double started = pr_bench_now ();
  g_autoptr (PrSweepPlan) plan = pr_sweep_plan_load (out, error);
  g_autoptr (PrSweepStatus) status = plan != NULL ? pr_sweep_status_new (plan, out, FALSE, error) : NULL;

  *ret_seconds = pr_bench_now () - started;
  return status != NULL;
}

static gboolean
merge (const Bench *b, double *ret_seconds, GError **error)
{
  g_autofree char *out = g_build_filename (b->dir, "many-out", NULL);
  g_autoptr (PrSweepPlan) plan = pr_sweep_plan_load (out, error);
  const PrWatch watch = { 0 };
  double started = pr_bench_now ();
  guint n;

  if (plan == NULL || !pr_sweep_merge (plan, out, &watch, &n, error))
    return FALSE;
  *ret_seconds = pr_bench_now () - started;
  return TRUE;
}

static gboolean
bench_many (Bench *b, GError **error)
{
  g_autofree char *text = many_text ();
  g_autoptr (PrExperiment) experiment = load (b, text, error);
  double all, planned, looked, merged, overhead;

  if (experiment == NULL || !sweep (b, experiment, "many", 1, 1, &all, error))
    return FALSE;
  overhead = all - b->stage_seconds;
  if (!plan_full (b, text, &planned, error) || !look (b, &looked, error) || !merge (b, &merged, error))
    return FALSE;
  printf ("%d runs of three small stages, one at a time: %.1f s, %.1f s of it in stages\n"
          "  beside the stages %.1f ms a run, merging included (%.1f s)\n"
          "  planning them again, everything in the store: %.2f s; looking how they stand: %.2f s\n",
          RUNS, all, all - overhead, 1000 * overhead / RUNS, merged, planned, looked);
  printf ("overhead_ms=%.2f\nplan_s=%.3f\nstatus_s=%.3f\nmerge_s=%.2f\n", 1000 * overhead / RUNS, planned, looked,
          merged);
  return TRUE;
}

static gboolean
bench_heavy (Bench *b, GError **error)
{
  g_autoptr (PrExperiment) experiment = load (b, heavy, error);
  double one, two, threads;

  if (experiment == NULL || !sweep (b, experiment, "one", 1, 1, &one, error)
      || !sweep (b, experiment, "two", 2, 1, &two, error) || !sweep (b, experiment, "threads", 1, 2, &threads, error))
    return FALSE;
  printf ("4 trainings of one thread each: one after the other %.1f s, two at once %.1f s: %.2f of it\n"
          "  one after the other with two threads %.1f s: two at once take %.2f of that\n",
          one, two, two / one, threads, two / threads);
  printf ("parallel_ratio=%.3f\nparallel_to_threads_ratio=%.3f\n", two / one, two / threads);
  return TRUE;
}

gboolean
pr_bench_sweep (const PrBenchOptions *options, GError **error)
{
  const PrOptions none = { 0 };
  Bench b = { .dir = g_dir_make_tmp ("pauserec-bench-XXXXXX", error) };
  gboolean ok;

  (void)options;
  if (b.dir == NULL)
    return FALSE;
  b.registry = pr_options_load_registry (&none, error);
  ok = b.registry != NULL && bench_many (&b, error) && bench_heavy (&b, error);
  pr_registry_free (b.registry);
  pr_folder_remove (b.dir, NULL);
  g_free (b.dir);
  return ok;
}
