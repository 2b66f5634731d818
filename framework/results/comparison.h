/* comparison.h - arms against arms: the numbers behind the tables of `compare` and `run`. */
#ifndef PR_COMPARISON_H
#define PR_COMPARISON_H

#include <pauserec/run.h>

#define PR_COMPARE_DRAWS 10000
#define PR_COMPARE_LEVEL 0.95
#define PR_COMPARE_ALPHA 0.05
#define PR_COMPARE_POWER 0.8

typedef enum
{
  PR_VERDICT_NONE, /* not tested: the baseline itself, or nothing to pair */
  PR_VERDICT_BETTER,
  PR_VERDICT_WORSE,
  PR_VERDICT_OPEN, /* not significant */
} PrVerdict;

/* One metric of one arm; NaN where there is nothing to say. */
typedef struct
{
  double mean, sd;  /* over seeds */
  double low, high; /* bootstrap interval of the mean over users */
  /* To the baseline, over the baseline: 0.01 is 1 %.  Of a metric that is known by user it is about the seeds and users
   * that both arms have (paired.h), with the bootstrap interval over these users. */
  double difference, difference_low, difference_high;
  gsize n_paired, n_better; /* seeds that both have; those in which this arm is ahead */
  gsize paired_users;
  double p;          /* two-sided sign-flip permutation test */
  double p_holm;     /* adjusted for the arms that are compared on this metric */
  double detectable; /* like difference: the true one that is found with probability PR_COMPARE_POWER; 0: no user
                        differs */
  int direction;     /* sign of the difference itself, known even where the baseline is 0 */
  PrVerdict verdict; /* at PR_COMPARE_ALPHA, p_holm; better is higher */
} PrCell;

/* What stages cost: means over the runs of an arm, the memory alone is the largest of any of them.  A stage that was
 * taken from the store costs what it cost when it ran. */
typedef struct
{
  double counters[PR_N_COSTS]; /* by PrCost */
  double wall_seconds, cpu_seconds, peak_bytes;
} PrCosts;

/* One stage of one arm. */
typedef struct
{
  gsize arm;
  char *stage;
  gboolean answers; /* users (PR_COST_INFER_USERS above 0) and does not train: all of the stage is inference */
  PrCosts costs;
} PrStageCost;

/* Sums over the stages of an arm.  Inference is what answers users (recommend); training everything else that the arm
 * needs: data, semantic ids, pre-training, rationales, fine-tuning, roll-outs, validation.  A stage that several arms
 * share counts in each. */
typedef struct
{
  PrCosts training, inference;
} PrArmCost;

typedef struct
{
  char *experiment;
  char **arms; /* in the order of the experiment */
  gsize n_arms;
  guint *n_seeds;  /* [n_arms] */
  gssize baseline; /* index, -1: none */
  char *missing;   /* baseline that the file names but no run belongs to; NULL otherwise */
  char **notes;    /* what could not be compared, a sentence each */
  guint64 n_users; /* of the per-user metrics */
  char **metrics;
  gsize n_metrics;
  PrCell *cells;       /* [n_arms, n_metrics] */
  gsize *n_compared;   /* [n_metrics]: arms that were tested against the baseline */
  double *oracle;      /* [n_metrics]: best attainable, from metrics oracle_<metric>; NaN if unknown */
  PrArmCost *costs;    /* [n_arms] */
  PrStageCost *stages; /* [n_stages], arm by arm in the order of their pipelines */
  gsize n_stages;
} PrComparison;

/* Of results.h5 at PATH; BASELINE and METRICS as for pr_results_compare(). */
PrComparison *pr_comparison_new (const char *path, const char *baseline, const char *const *metrics, GError **error);
void pr_comparison_free (PrComparison *comparison);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrComparison, pr_comparison_free)

/* AMOUNT of INFERENCE for each user answered; NaN if none was. */
double pr_costs_per_user (const PrCosts *inference, double amount);
/* Wall milliseconds for each. */
double pr_costs_user_ms (const PrCosts *inference);

/* As text for a terminal, comma-separated values (one row per arm and metric), Markdown, or LaTeX: tables to \input
 * that need no package.  All of them name the baseline. */
char *pr_comparison_text (const PrComparison *comparison);
char *pr_comparison_csv (const PrComparison *comparison);
char *pr_comparison_markdown (const PrComparison *comparison);
char *pr_comparison_latex (const PrComparison *comparison);
/* The same faces of what every stage of every arm costs. */
char *pr_comparison_costs_text (const PrComparison *comparison);
char *pr_comparison_costs_csv (const PrComparison *comparison);
char *pr_comparison_costs_markdown (const PrComparison *comparison);
char *pr_comparison_costs_latex (const PrComparison *comparison);

#endif
