/* How fast the results of many runs become one file, and in how much memory. */
#include "config.h"

#include "cli/bench.h"

#include "results/results.h"
#include "runtime/folder.h"

#include <pauserec/error.h>
#include <pauserec/ranking.h>
#include <pauserec/rng.h>

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>

enum
{
  RUNS = 1000,
  SEEDS = 10,
  USERS = 20000,
  METRICS = 8,
  RANKED = 10,
  CURVE_STEPS = 200,
};

/* A folder of run files made by nothing. */
typedef struct
{
  char *dir, *ranking;
  char **paths; /* [n_runs] */
  gsize n_runs;
} Sweep;

static gboolean
make_ranking (const Sweep *sweep, GError **error)
{
  g_autoptr (PrRanking) ranking = pr_ranking_new (USERS, RANKED, PR_SPLIT_TEST);

  if (g_mkdir (sweep->ranking, 0777) != 0)
    return pr_error_set_errno (error, errno, "cannot make folder", sweep->ranking);
  for (gint64 u = 0; u < USERS; u++)
    for (gint32 k = 0; k < RANKED; k++)
      {
        ranking->items[u * RANKED + k] = (gint32)((u * 7) % 12000) + k;
        ranking->scores[u * RANKED + k] = -(float)k;
      }
  return pr_ranking_save (ranking, sweep->ranking, error);
}

/* METRICS values of every user, their means, and a curve. */
static void
fill_record (PrRecord *record, PrRng rng, guint64 run)
{
  g_autofree float *values = g_new (float, USERS);

  for (guint64 m = 0; m < METRICS; m++)
    {
      g_autofree char *name = g_strdup_printf ("metric_%d", (int)m);
      double sum = 0;

      for (guint64 u = 0; u < USERS; u++)
        {
          values[u] = (float)pr_rng_uniform (rng, run, m * USERS + u);
          sum += (double)values[u];
        }
      pr_record_users (record, name, values, USERS);
      pr_record_metric (record, name, sum / USERS);
    }
  for (guint64 step = 0; step < CURVE_STEPS; step++)
    pr_record_curve (record, "loss", step, 1.0 / (double)(step + 1));
}

static gboolean
make_run (Sweep *sweep, gsize i, GError **error)
{
  g_autoptr (PrRecord) record = pr_record_new ();
  g_autofree char *arm = g_strdup_printf ("arm-%d", (int)(i / SEEDS)), *key = g_strdup_printf ("%064x", (int)i);
  g_autofree char *name = g_strdup_printf ("r%d.h5", (int)i);
  const PrStageResult stages[] = { { "recommend", key, record } };
  PrRunResult result = { .experiment = "bench",
                         .arm = arm,
                         .manifest = "[experiment]\nname = bench\n",
                         .run_key = key,
                         .seed = i % SEEDS,
                         .stages = stages,
                         .n_stages = 1,
                         .ranking_dir = sweep->ranking };

  fill_record (record, pr_rng_new (1, "bench-merge"), i);
  sweep->paths[i] = g_build_filename (sweep->dir, name, NULL);
  return pr_results_write_run (&result, sweep->paths[i], error);
}

static gboolean
make_sweep (Sweep *sweep, GError **error)
{
  if (!make_ranking (sweep, error))
    return FALSE;
  for (gsize i = 0; i < sweep->n_runs; i++)
    if (!make_run (sweep, i, error))
      return FALSE;
  return TRUE;
}

static gboolean
measure (Sweep *sweep, GError **error)
{
  const char *const *paths = (const char *const *)sweep->paths;
  g_autofree char *out = g_build_filename (sweep->dir, "results.h5", NULL);
  double start = pr_bench_now (), made, peeked, merged;
  GStatBuf info;

  if (!make_sweep (sweep, error))
    return FALSE;
  made = pr_bench_now ();
  for (gsize i = 0; i < sweep->n_runs; i++)
    if (!pr_results_peek_run (paths[i], NULL, error))
      return FALSE;
  peeked = pr_bench_now ();
  if (!pr_results_merge (paths, sweep->n_runs, "bench", "metric_0", "arm-0", out, error))
    return FALSE;
  merged = pr_bench_now ();
  if (g_stat (out, &info) != 0)
    return pr_error_set_errno (error, errno, "cannot see", out);
  printf ("%d runs of %d users, %d metrics each, rankings of %d\n\n"
          "  writing them      %8.2f s\n  looking at them   %8.3f s\n  merging them      %8.2f s\n"
          "  results.h5        %8.0f MiB\n  most memory       %8.0f MiB\n\n",
          (int)sweep->n_runs, USERS, METRICS, RANKED, made - start, peeked - made, merged - peeked,
          (double)info.st_size / 1048576, pr_bench_peak_rss_mib ());
  printf ("merge_runs=%d\nmerge_users=%d\nmerge_write_s=%.2f\nmerge_peek_s=%.4f\nmerge_s=%.2f\nmerge_file_mib=%.0f\n"
          "peak_rss_mib=%.0f\n",
          (int)sweep->n_runs, USERS, made - start, peeked - made, merged - peeked, (double)info.st_size / 1048576,
          pr_bench_peak_rss_mib ());
  return TRUE;
}

gboolean
pr_bench_merge (const PrBenchOptions *options, GError **error)
{
  Sweep sweep = { .n_runs = options->steps > 0 ? (gsize)options->steps : RUNS };
  g_autoptr (GError) local = NULL;
  gboolean ok;

  sweep.dir = g_dir_make_tmp ("pauserec-bench-XXXXXX", &local);
  if (sweep.dir == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "cannot make a folder for the runs: %s", local->message);
      return FALSE;
    }
  sweep.ranking = g_build_filename (sweep.dir, "ranking", NULL);
  sweep.paths = g_new0 (char *, sweep.n_runs + 1);
  ok = measure (&sweep, error);
  pr_folder_remove (sweep.dir, NULL);
  g_strfreev (sweep.paths);
  g_free (sweep.ranking);
  g_free (sweep.dir);
  return ok;
}
