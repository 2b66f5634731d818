/* schema-breaches.h - files that are sealed and yet not what the schema says, one by one. */
#ifndef PR_SCHEMA_BREACHES_H
#define PR_SCHEMA_BREACHES_H

#include "pr-check.h"

#include "results/h5.h"

#include <math.h>
#include <pauserec/run.h>
#include "runtime/record.h"

/* What to break in a copy of a file: leave WITHOUT out, then EDIT it. */
typedef struct
{
  const char *without;
  void (*edit) (PrH5 *h5);
  const char *place, *complaint;
} Breakage;

static const float some_hits[] = { 1, 0, NAN, 1 };

static void
add_stranger (PrH5 *h5)
{
  ck_assert (pr_h5_write_text (h5, "/notes/mine", "x", NULL));
}
static void
add_attribute (PrH5 *h5)
{
  ck_assert (pr_h5_set_text (h5, "/", "author", "x", NULL));
}
static void
manifest_as_array (PrH5 *h5)
{
  gint64 n = 2;

  ck_assert (pr_h5_write_array (h5, "/manifest", PR_H5_F32, 1, &n, some_hits, NULL));
}
static void
users_as_double (PrH5 *h5)
{
  const double values[4] = { 0 };
  gint64 n = 4;

  ck_assert (pr_h5_write_array (h5, "/per_user/hit_10", PR_H5_F64, 1, &n, values, NULL));
}
static void
curve_as_array (PrH5 *h5)
{
  gint64 n = 4;

  ck_assert (pr_h5_write_array (h5, "/curves/lm_base/loss", PR_H5_F32, 1, &n, some_hits, NULL));
}
static void
curve_without_steps (PrH5 *h5)
{
  const double values[] = { 4, 3, 2 };

  ck_assert (
      pr_h5_write_table (h5, "/curves/lm_base/loss", (PrH5Column[]){ { "value", PR_H5_F64, values } }, 1, 3, NULL));
}
static void
curve_of_floats (PrH5 *h5)
{
  const guint64 steps[] = { 0, 1 };

  ck_assert (pr_h5_write_table (h5, "/curves/lm_base/loss",
                                (PrH5Column[]){ { "step", PR_H5_U64, steps }, { "value", PR_H5_F32, some_hits } }, 2, 2,
                                NULL));
}
static void
table_of_texts (PrH5 *h5)
{
  const char *texts[] = { "a" };

  ck_assert (
      pr_h5_write_table (h5, "/tables/lm_base/codebook", (PrH5Column[]){ { "level", PR_H5_TEXT, texts } }, 1, 1, NULL));
}
static void
write_metrics (PrH5 *h5, const char *arm, guint64 seed, gboolean more)
{
  const char *arms[] = { arm }, *stages[] = { "metrics" }, *names[] = { "hit_10" };
  double values[] = { 0.5 };

  ck_assert (pr_h5_write_table (h5, "/metrics",
                                (PrH5Column[]){ { "arm", PR_H5_TEXT, arms },
                                                { "seed", PR_H5_U64, &seed },
                                                { "stage", PR_H5_TEXT, stages },
                                                { "metric", PR_H5_TEXT, names },
                                                { "value", PR_H5_F64, values },
                                                { "more", PR_H5_F64, values } },
                                more ? 6 : 5, 1, NULL));
}
static void
metrics_with_more (PrH5 *h5)
{
  write_metrics (h5, "base", 1, TRUE);
}
static void
metrics_of_another_arm (PrH5 *h5)
{
  write_metrics (h5, "stranger", 1, FALSE);
}
static void
metrics_of_another_seed (PrH5 *h5)
{
  write_metrics (h5, "base", 2, FALSE);
}
static void
metrics_of_less (PrH5 *h5)
{
  write_metrics (h5, "base", 1, FALSE);
}
/* One row for each of ARMS. */
static void
write_cost (PrH5 *h5, const char *const *arms, gint64 n, double seconds)
{
  PrH5Column columns[7 + PR_N_COSTS];
  const char *texts[] = { "x", "x", "x" };
  guint64 seeds[] = { 1, 1, 1 }, bytes[] = { 0, 0, 0 };
  double zeros[] = { 0, 0, 0 }, walls[] = { seconds, seconds, seconds };

  columns[0] = (PrH5Column){ "arm", PR_H5_TEXT, arms };
  columns[1] = (PrH5Column){ "seed", PR_H5_U64, seeds };
  columns[2] = (PrH5Column){ "stage", PR_H5_TEXT, texts };
  columns[3] = (PrH5Column){ "key", PR_H5_TEXT, texts };
  columns[4] = (PrH5Column){ "wall_seconds", PR_H5_F64, walls };
  columns[5] = (PrH5Column){ "cpu_seconds", PR_H5_F64, zeros };
  columns[6] = (PrH5Column){ "peak_rss_bytes", PR_H5_U64, bytes };
  for (int c = 0; c < PR_N_COSTS; c++)
    columns[7 + c] = (PrH5Column){ pr_cost_names[c], PR_H5_F64, zeros };
  ck_assert (pr_h5_write_table (h5, "/cost", columns, G_N_ELEMENTS (columns), n, NULL));
}
static void
cost_of_one_run (PrH5 *h5)
{
  write_cost (h5, (const char *const[]){ "base" }, 1, 1);
}
static void
cost_out_of_order (PrH5 *h5)
{
  write_cost (h5, (const char *const[]){ "base", "pause", "base" }, 3, 1);
}
static void
cost_without_the_first (PrH5 *h5)
{
  write_cost (h5, (const char *const[]){ "pause" }, 1, 1);
}
static void
cost_of_nan (PrH5 *h5)
{
  write_cost (h5, (const char *const[]){ "base", "pause" }, 2, NAN);
}
static void
cost_below_zero (PrH5 *h5)
{
  write_cost (h5, (const char *const[]){ "base", "pause" }, 2, -1);
}
static void
users_of_three_runs (PrH5 *h5)
{
  const float values[12] = { 0 };
  gint64 dims[] = { 3, 4 };

  ck_assert (pr_h5_write_array (h5, "/per_user/hit_10", PR_H5_F32, 2, dims, values, NULL));
}
static void
users_of_one_dimension (PrH5 *h5)
{
  gint64 n = 4;

  ck_assert (pr_h5_write_array (h5, "/per_user/hit_10", PR_H5_F32, 1, &n, some_hits, NULL));
}
static void
scores_of_three_users (PrH5 *h5)
{
  const float values[6] = { 0 };
  gint64 dims[] = { 3, 2 };

  ck_assert (pr_h5_write_array (h5, "/runs_detail/r1/ranking/scores", PR_H5_F32, 2, dims, values, NULL));
}
static void
scores_of_nan (PrH5 *h5)
{
  const float values[8] = { 0, 0, NAN };
  gint64 dims[] = { 4, 2 };

  ck_assert (pr_h5_write_array (h5, "/runs_detail/r1/ranking/scores", PR_H5_F32, 2, dims, values, NULL));
}
static void
items_below (PrH5 *h5)
{
  const gint32 values[8] = { 0, 0, -2 };
  gint64 dims[] = { 4, 2 };

  ck_assert (pr_h5_write_array (h5, "/runs_detail/r0/ranking/items", PR_H5_I32, 2, dims, values, NULL));
}
static void
a_third_run (PrH5 *h5)
{
  ck_assert (pr_h5_write_text (h5, "/runs_detail/r2/provenance", "{}", NULL));
}
static void
a_run_of_a_name (PrH5 *h5)
{
  ck_assert (pr_h5_write_text (h5, "/runs_detail/base/provenance", "{}", NULL));
}
static void
provenance_of_words (PrH5 *h5)
{
  ck_assert (pr_h5_write_text (h5, "/runs_detail/r1/provenance", "none", NULL));
}
static void
another_digest (PrH5 *h5)
{
  ck_assert (pr_h5_set_text (h5, "/", "digest", "0123", NULL));
}
static void
a_seed_of_text (PrH5 *h5)
{
  ck_assert (pr_h5_set_text (h5, "/", "seed", "1", NULL));
}
static void
a_split_of_its_own (PrH5 *h5)
{
  ck_assert (pr_h5_set_text (h5, "/ranking", "split", "train", NULL));
}
static void
another_kind (PrH5 *h5)
{
  ck_assert (pr_h5_set_text (h5, "/", "kind", "sweep", NULL));
}

static const Breakage run_breakages[] = {
  { "/metrics", NULL, "/metrics", "is not there" },
  { "/cost", NULL, "/cost", "is not there" },
  { "/manifest", NULL, "/manifest", "is not there" },
  { "/provenance", NULL, "/provenance", "is not there" },
  { "/ranking/scores", NULL, "/ranking", "lacks items or scores" },
  { "/@experiment", NULL, "'/'", "no attribute 'experiment'" },
  { "/@arm", NULL, "'/'", "no attribute 'arm'" },
  { "/@digest", NULL, "'/'", "no attribute 'digest'" },
  { "/curves/lm_base@stage", NULL, "/curves/lm_base", "no attribute 'stage'" },
  { "/@seed", a_seed_of_text, "'/'", "attribute 'seed' that is no u64" },
  { "/@digest", another_digest, "'/'", "has the digest 0123" },
  { "/@kind", another_kind, "'/'", "neither run nor experiment" },
  { "/ranking@split", a_split_of_its_own, "/ranking", "neither test nor valid" },
  { NULL, add_stranger, "/notes", "nothing that the schema knows" },
  { NULL, add_attribute, "'/'", "attribute 'author' that the schema does not know" },
  { "/manifest", manifest_as_array, "/manifest", "is no text" },
  { "/per_user/hit_10", users_as_double, "/per_user/hit_10", "is no f32 [n_users]" },
  { "/per_user/hit_10", NULL, "'/'", "digest" },
  { "/curves/lm_base/loss", curve_as_array, "/curves/lm_base", "no attribute 'stage'" },
  { "/curves/lm_base/loss", curve_without_steps, "/curves/lm_base", "no attribute 'stage'" },
  { "/metrics", metrics_with_more, "/metrics", "column 'more' that the schema does not know" },
  { "/metrics", metrics_of_another_arm, "/metrics", "arm 'stranger'" },
  { "/metrics", metrics_of_another_seed, "/metrics", "seed 2" },
  { "/metrics", metrics_of_less, "'/'", "digest" },
};

static const Breakage merged_breakages[] = {
  { "/runs", NULL, "/runs", "is not there" },
  { "/metrics", NULL, "/metrics", "is not there" },
  { "/@metric", NULL, "'/'", "no attribute 'metric'" },
  { "/@baseline", NULL, "'/'", "no attribute 'baseline'" },
  { "/cost", cost_of_one_run, "/cost", "no row of arm 'pause'" },
  { "/cost", cost_out_of_order, "/cost", "row 2" },
  { "/cost", cost_without_the_first, "/cost", "arm 'pause'" },
  { "/cost", cost_of_nan, "/cost", "column 'wall_seconds', row 0" },
  { "/cost", cost_below_zero, "/cost", "has -1 in column 'wall_seconds'" },
  { "/metrics", metrics_of_another_arm, "/metrics", "arm 'stranger'" },
  { "/per_user/hit_10", users_of_three_runs, "/per_user/hit_10", "3 rows" },
  { "/per_user/hit_10", users_of_one_dimension, "/per_user/hit_10", "is no f32 [n_runs, most users]" },
  { "/runs_detail/r1/ranking/scores", scores_of_three_users, "/runs_detail/r1/ranking/scores", "shape of the items" },
  { "/runs_detail/r1/ranking/scores", scores_of_nan, "/runs_detail/r1/ranking/scores", "has NaN for user 1" },
  { "/runs_detail/r0/ranking/items", items_below, "/runs_detail/r0/ranking/items", "item -2 for user 1" },
  { "/runs_detail/r1/provenance", NULL, "/runs_detail/r1/provenance", "is not there" },
  { "/runs_detail/r1/provenance", provenance_of_words, "/runs_detail/r1/provenance", "no JSON object" },
  { "/runs_detail/r1", NULL, "/runs_detail/r1/provenance", "is not there" },
  { NULL, a_third_run, "/runs_detail", "3 entries" },
  { NULL, a_run_of_a_name, "/runs_detail/base", "nothing that the schema knows" },
  { NULL, add_stranger, "/notes", "nothing that the schema knows" },
};

#endif
