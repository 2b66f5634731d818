/* source.h - a results.h5 in memory, as comparisons want it: runs by arm, values by run. */
#ifndef PR_SOURCE_H
#define PR_SOURCE_H

#include "results/h5.h"

typedef struct
{
  PrH5 *h5;
  char **arms; /* in the order of the experiment */
  gsize n_arms;
  gsize n_runs;
  gsize *run_arms;                /* [n_runs]: index into arms */
  guint64 *run_seeds, *run_users; /* [n_runs] */
  gsize *arm_starts,
      *runs_by_arm; /* runs of arm a: runs_by_arm[arm_starts[a]] .. [arm_starts[a + 1] - 1], a seed once */
  gsize n_rows;
  char **row_names; /* of /metrics */
  double *row_values;
  gsize *run_starts, *rows_by_run; /* the same of rows and runs */
} PrSource;

gboolean pr_source_read (PrSource *source, const char *path, GError **error);
void pr_source_clear (PrSource *source);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PrSource, pr_source_clear)

/* Value of METRIC in RUN, of the last stage that reports it; NaN if none does. */
double pr_source_value (const PrSource *source, gsize run, const char *metric);
/* The run of ARM with SEED, or -1. */
gssize pr_source_find_run (const PrSource *source, gsize arm, guint64 seed);

#endif
