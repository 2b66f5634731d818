/* probe-sweep.h - sweeps of the probe plugin (tests/runtime/probe.c) in a temporary folder. */
#ifndef PROBE_SWEEP_H
#define PROBE_SWEEP_H

#include "pr-check.h"

#include "engines/sweep-run.h"

/* The folder, the file in which the probes note that they run, and the plugin. */
static char *dir, *tally;
static PrRegistry *registry;

static inline void
probe_setup (void)
{
  g_autofree char *plugin = g_build_filename (g_getenv ("PR_BUILD_DIR"), "tests", "runtime", ".libs", "probe.so", NULL);
  g_autoptr (GError) error = NULL;

  dir = pr_check_tmpdir ();
  tally = g_build_filename (dir, "tally", NULL);
  g_setenv ("PR_TEST_TALLY", tally, TRUE);
  registry = pr_registry_new ();
  pr_registry_load (registry, plugin, &error);
  ck_assert_no_error (error);
}

static inline void
probe_teardown (void)
{
  pr_registry_free (registry);
  pr_check_rmdir (dir);
  g_free (tally);
  g_free (dir);
}

/* DIR/<place>-<what>, to free. */
static inline char *
probe_path (const char *place, const char *what)
{
  g_autofree char *name = g_strconcat (place, "-", what, NULL);

  return g_build_filename (dir, name, NULL);
}

static inline PrExperiment *
probe_load (const char *text, const char *const *set)
{
  g_autofree char *manifest = g_build_filename (dir, "m.manifest", NULL);
  const PrExperimentOptions options = { .set = set };
  g_autoptr (GError) error = NULL;
  PrExperiment *experiment;

  ck_assert (g_file_set_contents (manifest, text, -1, NULL));
  experiment = pr_experiment_load (manifest, registry, &options, &error);
  ck_assert_no_error (error);
  return experiment;
}

/* A sweep into DIR/<place>-store and DIR/<place>-out.  CALL gives mode, jobs (0: 1), memory and watch. */
static inline gboolean
probe_sweep (const PrExperiment *experiment, const char *const *set, const char *place, PrSweepCall call,
             PrSweepSummary *ret_summary, GError **error)
{
  g_autofree char *store = probe_path (place, "store"), *out = probe_path (place, "out");
  static const PrWatch deaf;

  call.experiment = experiment;
  call.set = set;
  call.store_dir = store;
  call.out_dir = out;
  call.engine = &pr_engine_local;
  call.threads = 1;
  if (call.watch == NULL)
    call.watch = &deaf;
  return pr_sweep_run (&call, ret_summary, error);
}

#endif
