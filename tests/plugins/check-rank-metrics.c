#include "config.h"

#include "pr-check.h"
#include "stage-check.h"

#include "../../plugins/rank-metrics/metrics.h"

#include <pauserec/dataset.h>
#include <pauserec/ranking.h>
#include <pauserec/rng.h>

#include <math.h>

START_TEST (ranks_and_metrics_are_as_computed_by_hand)
{
  const gint32 items[] = { 7, 3, 9, -1, -1 };

  ck_assert_int_eq (metrics_rank (items, 5, 7), 1);
  ck_assert_int_eq (metrics_rank (items, 5, 9), 3);
  ck_assert_int_eq (metrics_rank (items, 2, 9), 0);
  ck_assert_int_eq (metrics_rank (items, 5, 4), 0);

  ck_assert_float_eq (metrics_hit (5, 5), 1);
  ck_assert_float_eq (metrics_hit (6, 5), 0);
  ck_assert_float_eq (metrics_hit (0, 5), 0);
  ck_assert_float_eq (metrics_ndcg (1, 5), 1);
  ck_assert_float_eq_tol (metrics_ndcg (2, 5), 0.63092975, 1e-7);
  ck_assert_float_eq (metrics_ndcg (3, 5), 0.5);
  ck_assert_float_eq (metrics_ndcg (6, 5), 0);
  ck_assert_float_eq (metrics_ndcg (0, 5), 0);
  ck_assert_float_eq (metrics_mrr (4, 5), 0.25);
  ck_assert_float_eq (metrics_mrr (6, 5), 0);
}
END_TEST

START_TEST (coverage_counts_each_item_once)
{
  const gint32 items[] = { 0, 1, 2, 1, 0, -1 };

  ck_assert_double_eq (metrics_coverage (items, 2, 3, 1, 10), 0.2);
  ck_assert_double_eq (metrics_coverage (items, 2, 3, 3, 10), 0.3);
  ck_assert_double_eq (metrics_coverage (items, 2, 3, 99, 10), 0.3);
  ck_assert_double_eq (metrics_coverage (items, 0, 3, 3, 10), 0);
}
END_TEST

START_TEST (random_rankings_score_chance)
{
  enum
  {
    USERS = 4000,
    ITEMS = 50,
    K = 10
  };
  PrRng rng = pr_rng_new (1, "chance");
  double hits = 0, ndcg = 0, ideal = 0;

  for (int u = 0; u < USERS; u++)
    {
      g_autofree guint32 *order = pr_rng_permutation (rng, (guint64)u, ITEMS);
      gint64 rank = metrics_rank ((const gint32 *)order, K, u % ITEMS);

      hits += metrics_hit (rank, K);
      ndcg += metrics_ndcg (rank, K);
    }
  for (int r = 1; r <= K; r++)
    ideal += 1 / log2 (1.0 + r) / ITEMS;
  /* Four standard deviations of a mean of 4,000 draws at p = .2. */
  ck_assert_double_eq_tol (hits / USERS, (double)K / ITEMS, 0.0253);
  ck_assert_double_eq_tol (ndcg / USERS, ideal, 0.0253);
}
END_TEST

/* The stage --------------------------------------------------------------------------------------------------- */

enum
{
  N_USERS = 6,
  N_ITEMS = 8
};

/* User u buys u, u + 1, ... modulo 8; user 5 too little for a target.  Group "odd": users 1, 3 and 5. */
static void
put_dataset (const char *dir)
{
  static const char *const none[] = { NULL };
  g_autofree char *folder = g_build_filename (dir, "dataset", NULL);
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("tiny");
  GError *error = NULL;
  gsize group;

  for (int i = 0; i < N_ITEMS; i++)
    {
      g_autofree char *id = g_strdup_printf ("i%d", i);
      const PrItem item = { id, id, "", "", none };

      pr_dataset_builder_add_item (builder, &item);
    }
  group = pr_dataset_builder_add_group (builder, "odd");
  for (int u = 0; u < N_USERS; u++)
    {
      g_autofree char *id = g_strdup_printf ("u%d", u);
      gint32 items[4];

      for (int i = 0; i < 4; i++)
        items[i] = (u + i) % N_ITEMS;
      pr_dataset_builder_add_user (builder, id, items, u == 5 ? 1 : 4);
      pr_dataset_builder_set_group (builder, group, u, u % 2);
    }
  g_mkdir (folder, 0700);
  pr_dataset_builder_write (builder, folder, &error);
  ck_assert_no_error (error);
}

/* The target of SPLIT stands at place RANKS[u] of 3 (0: nowhere), other items elsewhere. */
static void
put_ranking (const char *dir, PrSplit split, const int *ranks, gint64 n_users)
{
  g_autofree char *folder = g_build_filename (dir, "ranking", NULL);
  g_autoptr (PrRanking) ranking = pr_ranking_new (n_users, 3, split);
  GError *error = NULL;

  for (int u = 0; u < n_users; u++)
    {
      gint32 target = (u + (split == PR_SPLIT_TEST ? 3 : 2)) % N_ITEMS;

      for (int r = 0; r < 3; r++)
        {
          ranking->items[u * 3 + r] = ranks[u] == r + 1 ? target : (target + 1 + r) % N_ITEMS;
          ranking->scores[u * 3 + r] = (float)-r;
        }
    }
  g_mkdir (folder, 0700);
  ck_assert (pr_ranking_save (ranking, folder, &error));
}

static gboolean
run_stage (StageCheck *check, const char *const *set, GError **error)
{
  static const char *const in[] = { "dataset", "ranking" };

  check->stage = pr_plugin.stages[0];
  check->set = set;
  check->in = in;
  return stage_check_run (check, error);
}

static const float *
user_values (const StageCheck *check, const char *name)
{
  for (guint i = 0; i < check->record->users->len; i++)
    {
      const PrRecordUsers *users = check->record->users->pdata[i];

      if (strcmp (users->name, name) == 0)
        return (const float *)(void *)users->values->data;
    }
  return NULL;
}

START_TEST (the_stage_measures_every_user_and_group)
{
  static const int ranks[] = { 1, 2, 0, 3, 1, 0 };
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  GError *error = NULL;
  const float *hits;

  put_dataset (dir);
  put_ranking (dir, PR_SPLIT_TEST, ranks, N_USERS);
  run_stage (&check, (const char *const[]){ "ks=1,3", NULL }, &error);
  ck_assert_no_error (error);
  ck_assert_double_eq_tol (stage_check_metric (&check, "hit_1"), 2.0 / 5, 1e-6);
  ck_assert_double_eq_tol (stage_check_metric (&check, "hit_3"), 4.0 / 5, 1e-6);
  ck_assert_double_eq_tol (stage_check_metric (&check, "ndcg_3"), (2 + 0.63092975 + 0.5) / 5, 1e-6);
  ck_assert_double_eq_tol (stage_check_metric (&check, "mrr_3"), (2 + 0.5 + 1.0 / 3) / 5, 1e-6);
  ck_assert_double_eq_tol (stage_check_metric (&check, "hit_1_odd"), 0, 1e-6);
  ck_assert_double_eq_tol (stage_check_metric (&check, "hit_3_odd"), 1, 1e-6);
  ck_assert_double_eq (stage_check_metric (&check, "users_measured"), 5);
  ck_assert_double_gt (stage_check_metric (&check, "coverage_3"), stage_check_metric (&check, "coverage_1"));
  hits = user_values (&check, "hit_3");
  ck_assert_float_eq (hits[2], 0);
  ck_assert_float_eq (hits[3], 1);
  ck_assert (isnan (hits[5]));
  hits = user_values (&check, "hit_3_odd");
  ck_assert (isnan (hits[2]));
  ck_assert_float_eq (hits[3], 1);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (the_oracle_scores_one)
{
  static const int ranks[] = { 1, 1, 1, 1, 1, 1 };
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  GError *error = NULL;

  put_dataset (dir);
  put_ranking (dir, PR_SPLIT_VALID, ranks, N_USERS);
  run_stage (&check, (const char *const[]){ "ks=1,3", NULL }, &error);
  ck_assert_no_error (error);
  ck_assert_double_eq (stage_check_metric (&check, "hit_1"), 1);
  ck_assert_double_eq (stage_check_metric (&check, "ndcg_3"), 1);
  ck_assert_double_eq (stage_check_metric (&check, "mrr_3"), 1);
  ck_assert_ptr_null (user_values (&check, "hit_1_odd")); /* groups are about test targets */
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (bad_input_is_refused)
{
  static const int ranks[] = { 1, 1, 1, 1, 1, 1, 1 };
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (GError) error = NULL;

  put_dataset (dir);
  put_ranking (dir, PR_SPLIT_TEST, ranks, N_USERS);
  ck_assert (!run_stage (&check, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "3 items a user");
  g_clear_error (&error);
  ck_assert (!run_stage (&check, (const char *const[]){ "ks=3,3", NULL }, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "twice");
  g_clear_error (&error);
  put_ranking (dir, PR_SPLIT_TEST, ranks, N_USERS + 1);
  ck_assert (!run_stage (&check, (const char *const[]){ "ks=3", NULL }, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "7 users");
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("rank-metrics");
  TCase *tc = tcase_create ("metrics");

  tcase_add_test (tc, ranks_and_metrics_are_as_computed_by_hand);
  tcase_add_test (tc, coverage_counts_each_item_once);
  tcase_add_test (tc, random_rankings_score_chance);
  tcase_add_test (tc, the_stage_measures_every_user_and_group);
  tcase_add_test (tc, the_oracle_scores_one);
  tcase_add_test (tc, bad_input_is_refused);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
