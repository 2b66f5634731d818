/* results-check.h - runs made by hand, for tests of results. */
#ifndef PR_RESULTS_CHECK_H
#define PR_RESULTS_CHECK_H

#include "pr-check.h"

#include "results/results.h"

#include <math.h>
#include <pauserec/ranking.h>

/* A pipeline of two stages that says a little of everything. */
typedef struct
{
  PrRecord *train, *metrics;
  PrStageResult stages[2];
  json_t *provenance;
  PrRunResult run;
} MadeRun;

static inline void
made_run_init (MadeRun *made, const char *arm, guint64 seed, const float *hits, gsize n_users)
{
  double sum = 0;
  gsize defined = 0;

  made->train = pr_record_new ();
  made->metrics = pr_record_new ();
  for (guint64 step = 0; step < 3; step++)
    pr_record_curve (made->train, "loss", step, 4.0 - (double)step);
  pr_record_metric (made->train, "oracle_hit_10", 0.75);
  pr_record_column (made->train, "codebook", "level", 0);
  pr_record_column (made->train, "codebook", "level", 1);
  pr_record_column (made->train, "codebook", "used", 250);
  pr_record_column (made->train, "codebook", "used", NAN);
  made->train->costs[PR_COST_TRAIN_TOKENS] = 1200;
  made->train->wall_seconds = 2;
  made->train->cpu_seconds = 3;
  made->train->peak_rss = 4096;
  for (gsize i = 0; i < n_users; i++)
    if (!isnan (hits[i]))
      {
        sum += (double)hits[i];
        defined++;
      }
  pr_record_users (made->metrics, "hit_10", hits, n_users);
  pr_record_metric (made->metrics, "hit_10", defined > 0 ? sum / (double)defined : NAN);
  pr_record_metric (made->metrics, "coverage_10", 0.5);
  made->metrics->wall_seconds = 1;
  made->metrics->costs[PR_COST_INFER_USERS] = 100;
  made->metrics->costs[PR_COST_INFER_SECONDS] = 0.5;
  made->stages[0] = (PrStageResult){ "lm-base", "aa", made->train };
  made->stages[1] = (PrStageResult){ "metrics", "bb", made->metrics };
  made->provenance = json_pack ("{s:s}", "program", "pauserec");
  made->run = (PrRunResult){ .experiment = "tiny",
                             .arm = arm,
                             .manifest = "[experiment]\nname = tiny\n",
                             .run_key = "0123456789abcdef",
                             .seed = seed,
                             .stages = made->stages,
                             .n_stages = 2,
                             .provenance = made->provenance };
}

static inline void
made_run_clear (MadeRun *made)
{
  pr_record_free (made->train);
  pr_record_free (made->metrics);
  json_decref (made->provenance);
}

/* Write a run file to DIR; the caller frees its path. */
static inline char *
made_run_write (const char *dir, const char *arm, guint64 seed, const float *hits, gsize n_users)
{
  g_autofree char *name = g_strdup_printf ("%s-%d.h5", arm, (int)seed);
  char *path = g_build_filename (dir, name, NULL);
  GError *error = NULL;
  MadeRun made;

  made_run_init (&made, arm, seed, hits, n_users);
  pr_results_write_run (&made.run, path, &error);
  ck_assert_no_error (error);
  made_run_clear (&made);
  return path;
}

#endif
