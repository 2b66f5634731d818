/* comparison.h - arms against arms: the numbers behind the tables of `compare` and `run`. */
#ifndef PR_COMPARISON_H
#define PR_COMPARISON_H

#include <glib.h>

#define PR_COMPARE_DRAWS 10000
#define PR_COMPARE_LEVEL 0.95

/* One metric of one arm; NaN where there is nothing to say. */
typedef struct
{
  double mean, sd;                                    /* over seeds */
  double low, high;                                   /* bootstrap interval of the mean over users */
  double difference, difference_low, difference_high; /* to the baseline, over the baseline: 0.01 is 1 % */
} PrCell;

/* Means over the runs of an arm.  Every stage of the pipeline counts, computed in this run or taken from the store. */
typedef struct
{
  double train_tokens;
  double train_seconds; /* wall seconds of the stages that train */
  double total_seconds; /* of all stages */
  double infer_ms;      /* wall milliseconds a user answered; NaN if none was */
} PrArmCost;

typedef struct
{
  char *experiment;
  char **arms; /* in the order of the experiment */
  gsize n_arms;
  guint *n_seeds;  /* [n_arms] */
  gssize baseline; /* index, -1: none */
  char *missing;   /* baseline that the file names but no run belongs to; NULL otherwise */
  guint64 n_users; /* of the per-user metrics */
  char **metrics;
  gsize n_metrics;
  PrCell *cells;    /* [n_arms, n_metrics] */
  double *oracle;   /* [n_metrics]: best attainable, from metrics oracle_<metric>; NaN if unknown */
  PrArmCost *costs; /* [n_arms] */
} PrComparison;

/* Of results.h5 at PATH; BASELINE and METRICS as for pr_results_compare(). */
PrComparison *pr_comparison_new (const char *path, const char *baseline, const char *const *metrics, GError **error);
void pr_comparison_free (PrComparison *comparison);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrComparison, pr_comparison_free)

/* As text for a terminal, comma-separated values (one row per arm and metric), or a Markdown table. */
char *pr_comparison_text (const PrComparison *comparison);
char *pr_comparison_csv (const PrComparison *comparison);
char *pr_comparison_markdown (const PrComparison *comparison);

#endif
