/* sweep-file.h - a results.h5 of many runs in one go, without a file for each of them. */
#ifndef PR_SWEEP_FILE_H
#define PR_SWEEP_FILE_H

#include "results/seal.h"

#include <math.h>
#include <pauserec/run.h>
#include "runtime/record.h"

typedef struct
{
  gsize n_arms, n_seeds, n_users;
  const char *const *metrics; /* NULL-terminated; each has a value for every user */
  float (*value) (gsize arm, gsize seed, gsize metric, gsize user);
} SweepFile;

/* Arm a is "base" (the baseline) for 0, otherwise "arm<a>"; seeds are 1, 2, ... */
static inline char **
sweep_arms (const SweepFile *sweep, gsize repeat)
{
  char **arms = g_new0 (char *, sweep->n_arms * sweep->n_seeds * repeat + 1);

  for (gsize i = 0; i < sweep->n_arms * sweep->n_seeds * repeat; i++)
    {
      gsize arm = i / repeat / sweep->n_seeds;

      arms[i] = arm == 0 ? g_strdup ("base") : g_strdup_printf ("arm%d", (int)arm);
    }
  return arms;
}

static inline guint64 *
sweep_seeds (const SweepFile *sweep, gsize repeat)
{
  guint64 *seeds = g_new (guint64, sweep->n_arms * sweep->n_seeds * repeat);

  for (gsize i = 0; i < sweep->n_arms * sweep->n_seeds * repeat; i++)
    seeds[i] = i / repeat % sweep->n_seeds + 1;
  return seeds;
}

/* /per_user/<metric>, and the mean of each run in every N_METRICS-th of MEANS. */
static inline gboolean
sweep_write_users (const SweepFile *sweep, PrH5 *h5, gsize metric, gsize n_metrics, double *means, GError **error)
{
  gsize n_runs = sweep->n_arms * sweep->n_seeds;
  g_autofree float *values = g_new (float, n_runs * sweep->n_users);
  g_autofree char *path = g_strdup_printf ("/per_user/%s", sweep->metrics[metric]);

  for (gsize r = 0; r < n_runs; r++)
    {
      double sum = 0;

      for (gsize u = 0; u < sweep->n_users; u++)
        {
          values[r * sweep->n_users + u] = sweep->value (r / sweep->n_seeds, r % sweep->n_seeds, metric, u);
          sum += (double)values[r * sweep->n_users + u];
        }
      means[r * n_metrics + metric] = sum / (double)sweep->n_users;
    }
  return pr_h5_write_array (h5, path, PR_H5_F32, 2, (const gint64[]){ (gint64)n_runs, (gint64)sweep->n_users }, values,
                            error);
}

/* Two stages a run, which cost nothing. */
static inline gboolean
sweep_write_cost (const SweepFile *sweep, PrH5 *h5, GError **error)
{
  static const char *const measured[] = { "wall_seconds", "cpu_seconds", "peak_rss_bytes" };
  gsize n = sweep->n_arms * sweep->n_seeds * 2;
  g_auto (GStrv) arms = sweep_arms (sweep, 2);
  g_autofree guint64 *seeds = sweep_seeds (sweep, 2);
  g_autofree double *zeros = g_new0 (double, n);
  g_autofree const char **stages = g_new (const char *, n);
  PrH5Column columns[3 + 3 + PR_N_COSTS] = { { "arm", PR_H5_TEXT, arms },
                                             { "seed", PR_H5_U64, seeds },
                                             { "stage", PR_H5_TEXT, stages } };

  for (gsize i = 0; i < n; i++)
    stages[i] = i % 2 == 0 ? "sft" : "metrics";
  for (int i = 0; i < 3 + PR_N_COSTS; i++)
    columns[3 + i] = (PrH5Column){ i < 3 ? measured[i] : pr_cost_names[i - 3], PR_H5_F64, zeros };
  return pr_h5_write_table (h5, "/cost", columns, G_N_ELEMENTS (columns), (gint64)n, error);
}

static inline gboolean
sweep_write_tables (const SweepFile *sweep, PrH5 *h5, gsize n_metrics, const double *means, GError **error)
{
  gsize n_runs = sweep->n_arms * sweep->n_seeds;
  g_auto (GStrv) arms = sweep_arms (sweep, 1), row_arms = sweep_arms (sweep, n_metrics);
  g_autofree guint64 *seeds = sweep_seeds (sweep, 1), *row_seeds = sweep_seeds (sweep, n_metrics);
  g_autofree guint64 *users = g_new (guint64, n_runs);
  g_autofree const char **names = g_new (const char *, n_runs *n_metrics);

  for (gsize r = 0; r < n_runs; r++)
    users[r] = sweep->n_users;
  for (gsize i = 0; i < n_runs * n_metrics; i++)
    names[i] = sweep->metrics[i % n_metrics];
  return pr_h5_write_table (h5, "/runs",
                            (PrH5Column[]){ { "arm", PR_H5_TEXT, arms },
                                            { "seed", PR_H5_U64, seeds },
                                            { "n_users", PR_H5_U64, users } },
                            3, (gint64)n_runs, error)
         && pr_h5_write_table (h5, "/metrics",
                               (PrH5Column[]){ { "arm", PR_H5_TEXT, row_arms },
                                               { "seed", PR_H5_U64, row_seeds },
                                               { "metric", PR_H5_TEXT, names },
                                               { "value", PR_H5_F64, means } },
                               4, (gint64)(n_runs * n_metrics), error);
}

static inline gboolean
sweep_file_write (const SweepFile *sweep, const char *path, GError **error)
{
  gsize n_metrics = g_strv_length ((char **)sweep->metrics);
  g_autofree double *means = g_new (double, sweep->n_arms * sweep->n_seeds * n_metrics);
  g_autoptr (PrH5) h5 = pr_h5_new (PR_SEAL_BLOCK, error);

  if (h5 == NULL)
    return FALSE;
  for (gsize m = 0; m < n_metrics; m++)
    if (!sweep_write_users (sweep, h5, m, n_metrics, means, error))
      return FALSE;
  return sweep_write_cost (sweep, h5, error) && sweep_write_tables (sweep, h5, n_metrics, means, error)
         && pr_h5_set_text (h5, "/", "schema", PR_RESULTS_SCHEMA, error)
         && pr_h5_set_text (h5, "/", "kind", "experiment", error)
         && pr_h5_set_text (h5, "/", "experiment", "sweep", error)
         && pr_h5_set_text (h5, "/", "baseline", "base", error) && pr_seal_write (h5, path, error);
}

#endif
