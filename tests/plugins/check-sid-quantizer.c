#include "config.h"

#include "pr-check.h"
#include "stage-check.h"

#include "../../plugins/sid-quantizer/collisions.h"
#include "../../plugins/sid-quantizer/kmeans.h"

#include <pauserec/io.h>
#include <pauserec/matrix.h>
#include <pauserec/threads.h>

#include <math.h>

enum
{
  N_CLUSTERS = 20,
  PER_CLUSTER = 40,
  D = 37
};

/* Well-separated clusters: item i belongs to cluster i % N_CLUSTERS. */
static float *
make_clusters (double spread)
{
  float *x = g_new (float, N_CLUSTERS *PER_CLUSTER *D);
  PrRng rng = pr_rng_new (7, "clusters");

  for (int i = 0; i < N_CLUSTERS * PER_CLUSTER; i++)
    for (int j = 0; j < D; j++)
      x[i * D + j] = (float)(pr_rng_normal (rng, 0, (guint64)(i % N_CLUSTERS) * D + j)
                             + spread * pr_rng_normal (rng, 1, (guint64)i * D + j));
  return x;
}

static KmeansFit *
fit (const float *x, gint64 n, gint64 d, gint32 k, gint64 iterations, guint64 seed)
{
  KmeansProblem problem = {
    .x = x, .n = n, .d = d, .k = k, .iterations = iterations, .rng = pr_rng_new (seed, "test")
  };
  GError *error = NULL;
  KmeansFit *result = kmeans_fit (&problem, &error);

  ck_assert_no_error (error);
  return result;
}

START_TEST (separated_clusters_are_found)
{
  g_autofree float *x = make_clusters (0.02);
  g_autoptr (KmeansFit) f = fit (x, N_CLUSTERS * PER_CLUSTER, D, N_CLUSTERS, 50, 1);
  gboolean seen[N_CLUSTERS] = { 0 };

  for (int i = 0; i < N_CLUSTERS * PER_CLUSTER; i++)
    ck_assert_int_eq (f->codes[i], f->codes[i % N_CLUSTERS]);
  for (int c = 0; c < N_CLUSTERS; c++)
    {
      ck_assert (!seen[f->codes[c]]);
      seen[f->codes[c]] = TRUE;
    }
}
END_TEST

START_TEST (objective_never_increases)
{
  g_autofree float *x = make_clusters (0.8);

  for (guint64 seed = 0; seed < 5; seed++)
    {
      g_autoptr (KmeansFit) f = fit (x, N_CLUSTERS * PER_CLUSTER, D, 64, 40, seed);

      ck_assert_int_gt (f->n_objective, 3);
      for (gint64 i = 1; i < f->n_objective; i++)
        ck_assert_double_le (f->objective[i], f->objective[i - 1] * (1 + 1e-6));
      ck_assert_double_lt (f->objective[f->n_objective - 1], f->objective[0]);
    }
}
END_TEST

START_TEST (codes_are_of_the_nearest_centroid)
{
  g_autofree float *x = make_clusters (1.5);
  g_autoptr (KmeansFit) f = fit (x, N_CLUSTERS * PER_CLUSTER, D, 33, 10, 3);
  double sum = 0;

  for (int i = 0; i < N_CLUSTERS * PER_CLUSTER; i++)
    {
      double distances[33];

      kmeans_distances (x + i * D, f->centroids, 33, D, distances);
      for (int c = 0; c < 33; c++)
        ck_assert_double_ge (distances[c], distances[f->codes[i]] - 1e-3);
      sum += distances[f->codes[i]];
    }
  ck_assert_double_eq_tol (sum, f->objective[f->n_objective - 1], 1e-3 * sum);
}
END_TEST

START_TEST (more_codes_than_items)
{
  g_autofree float *x = make_clusters (0.5);
  g_autoptr (KmeansFit) f = fit (x, 5, D, 64, 25, 1);

  for (int i = 0; i < 5; i++)
    for (int j = 0; j < i; j++)
      ck_assert_int_ne (f->codes[i], f->codes[j]);
  ck_assert_double_lt (f->objective[f->n_objective - 1], 1e-3);
}
END_TEST

START_TEST (duplicates_share_a_code)
{
  float x[100 * 3];
  g_autoptr (KmeansFit) f = NULL;

  for (int i = 0; i < 100; i++)
    for (int j = 0; j < 3; j++)
      x[i * 3 + j] = (float)(0.1 + (i % 4) * (j + 1));
  f = fit (x, 100, 3, 16, 25, 1);
  for (int i = 0; i < 100; i++)
    {
      ck_assert_int_eq (f->codes[i], f->codes[i % 4]);
      ck_assert (isfinite (f->centroids[f->codes[i] * 3]));
    }
  ck_assert_int_ne (f->codes[0], f->codes[1]);
}
END_TEST

START_TEST (zero_rows_are_harmless)
{
  float x[8 * 2] = { 0 };
  g_autoptr (KmeansFit) f = fit (x, 8, 2, 3, 25, 1);

  for (int i = 0; i < 8; i++)
    ck_assert_int_eq (f->codes[i], f->codes[0]);
  ck_assert_double_eq (f->objective[0], 0);
}
END_TEST

START_TEST (threads_change_no_bit)
{
  g_autofree float *x = make_clusters (1.0);
  g_autoptr (KmeansFit) one = fit (x, N_CLUSTERS * PER_CLUSTER, D, 64, 20, 9);
  g_autoptr (KmeansFit) three = NULL;

  pr_threads_set (3);
  three = fit (x, N_CLUSTERS * PER_CLUSTER, D, 64, 20, 9);
  ck_assert_mem_eq (one->codes, three->codes, sizeof (gint32) * N_CLUSTERS * PER_CLUSTER);
  ck_assert_mem_eq (one->centroids, three->centroids, sizeof (float) * 64 * D);
  ck_assert_int_eq (one->n_objective, three->n_objective);
  ck_assert_mem_eq (one->objective, three->objective, sizeof (double) * one->n_objective);
}
END_TEST

static gboolean
stop_at_third (gpointer ctx, GError **error)
{
  if (++*(int *)ctx < 3)
    return TRUE;
  g_set_error_literal (error, PR_ERROR, PR_ERROR_CANCELLED, "cancelled");
  return FALSE;
}

START_TEST (a_tick_can_stop_the_fit)
{
  g_autofree float *x = make_clusters (1.0);
  int calls = 0;
  KmeansProblem problem = { .x = x,
                            .n = N_CLUSTERS * PER_CLUSTER,
                            .d = D,
                            .k = 64,
                            .iterations = 20,
                            .rng = pr_rng_new (1, "t"),
                            .tick = stop_at_third,
                            .tick_ctx = &calls };
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (kmeans_fit (&problem, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "cancelled");
  ck_assert_int_eq (calls, 3);
}
END_TEST

/* Collisions -------------------------------------------------------------------------------------------------- */

static PrSids *
make_sids (const gint32 *codes, gint64 n, gint32 size)
{
  PrSids *sids = pr_sids_new (n, 2, (gint32[]){ size, size });

  memcpy (sids->codes, codes, sizeof (gint32) * n * 2);
  return sids;
}

static const gint32 colliding[] = { 0, 1, 2, 3, 0, 1, 1, 1, 0, 1, 2, 3 }; /* (0,1) x 3, (2,3) x 2, (1,1) */

START_TEST (collisions_are_counted)
{
  g_autoptr (PrSids) sids = make_sids (colliding, 6, 4);
  CollisionCount count = collisions_count (sids);

  ck_assert_int_eq (count.distinct, 3);
  ck_assert_int_eq (count.shared, 5);
  ck_assert_int_eq (count.largest, 3);
  ck_assert_int_eq (count.histogram[1], 1);
  ck_assert_int_eq (count.histogram[2], 1);
  ck_assert_int_eq (count.histogram[3], 1);
  collisions_count_clear (&count);
}
END_TEST

START_TEST (digit_numbers_colliding_items)
{
  const gint32 expected[] = { 1, 1, 2, 0, 3, 2 };
  g_autoptr (PrSids) sids = make_sids (colliding, 6, 4);
  g_autoptr (PrSids) longer = collisions_add_digit (sids);
  CollisionCount count = collisions_count (longer);

  ck_assert_int_eq (longer->levels, 3);
  ck_assert_int_eq (longer->sizes[2], 4);
  for (int i = 0; i < 6; i++)
    {
      ck_assert_int_eq (pr_sids_item (longer, i)[0], colliding[2 * i]);
      ck_assert_int_eq (pr_sids_item (longer, i)[1], colliding[2 * i + 1]);
      ck_assert_int_eq (pr_sids_item (longer, i)[2], expected[i]);
    }
  ck_assert_int_eq (count.distinct, 6);
  collisions_count_clear (&count);
}
END_TEST

START_TEST (digit_of_unique_tuples_is_one_code)
{
  g_autoptr (PrSids) sids = make_sids ((const gint32[]){ 0, 1, 1, 0 }, 2, 2);
  g_autoptr (PrSids) longer = collisions_add_digit (sids);

  ck_assert_int_eq (longer->sizes[2], 1);
  ck_assert_int_eq (pr_sids_item (longer, 1)[2], 0);
}
END_TEST

/* Item i sits at i / 10 on a line, code c at c. */
static void
line_cost (gpointer ctx, gint64 item, double *ret_costs)
{
  const double *place = ctx;

  for (int c = 0; c < 4; c++)
    ret_costs[c] = fabs (place[item] - c);
}

START_TEST (reassign_moves_to_the_nearest_free_code)
{
  /* Items 0, 2, 4 share (0,1): 2 stands nearest and keeps it, 0 wants code 0, 4 wants code 2. */
  double place[] = { 0.6, 3, 1.1, 1, 1.8, 2.9 };
  g_autoptr (PrSids) sids = make_sids (colliding, 6, 4);
  gint64 moved = collisions_reassign (sids, 20, line_cost, place);
  CollisionCount count = collisions_count (sids);

  ck_assert_int_eq (moved, 3);
  ck_assert_int_eq (count.distinct, 6);
  ck_assert_int_eq (pr_sids_item (sids, 2)[1], 1);
  ck_assert_int_eq (pr_sids_item (sids, 0)[1], 0);
  ck_assert_int_eq (pr_sids_item (sids, 4)[1], 2);
  ck_assert_int_eq (pr_sids_item (sids, 1)[1], 3);
  ck_assert_int_eq (pr_sids_item (sids, 5)[1], 2);
  ck_assert_int_eq (pr_sids_item (sids, 3)[1], 1);
  for (int i = 0; i < 6; i++)
    ck_assert_int_eq (pr_sids_item (sids, i)[0], colliding[2 * i]);
  collisions_count_clear (&count);
}
END_TEST

START_TEST (reassign_never_takes_the_code_of_a_unique_item)
{
  /* Item 2 alone has code 0, where items 0 and 1 would like to go. */
  double place[] = { 0.4, 0.9, 0 };
  g_autoptr (PrSids) sids = make_sids ((const gint32[]){ 0, 1, 0, 1, 0, 0 }, 3, 4);

  ck_assert_int_eq (collisions_reassign (sids, 20, line_cost, place), 1);
  ck_assert_int_eq (pr_sids_item (sids, 2)[1], 0);
  ck_assert_int_eq (pr_sids_item (sids, 1)[1], 1);
  ck_assert_int_eq (pr_sids_item (sids, 0)[1], 2);
}
END_TEST

START_TEST (reassign_leaves_what_does_not_fit)
{
  double place[] = { 1, 1, 1, 1, 1, 1 };
  gint32 codes[12] = { 0 };
  g_autoptr (PrSids) sids = NULL;
  CollisionCount count;

  for (int i = 0; i < 6; i++)
    codes[2 * i + 1] = 1;
  sids = make_sids (codes, 6, 4);
  ck_assert_int_eq (collisions_reassign (sids, 20, line_cost, place), 3);
  count = collisions_count (sids);
  ck_assert_int_eq (count.distinct, 4);
  ck_assert_int_eq (pr_sids_item (sids, 0)[1], 1);
  collisions_count_clear (&count);
}
END_TEST

/* The stage --------------------------------------------------------------------------------------------------- */

enum
{
  N_ITEMS = N_CLUSTERS * PER_CLUSTER
};
#define SPREAD 0.05

/* Clusters as embeddings, the first COPIES + 1 items alike. */
static void
write_embeddings (const char *dir, int copies)
{
  g_autofree float *x = make_clusters (SPREAD);
  g_autofree char *folder = g_build_filename (dir, "embeddings", NULL);
  g_autoptr (PrMatrix) m = pr_matrix_new (N_ITEMS, D, NULL);
  GError *error = NULL;

  g_mkdir (folder, 0700);
  for (int i = 1; i <= copies; i++)
    memcpy (x + i * D, x, sizeof (float) * D);
  memcpy (m->data, x, sizeof (float) * N_ITEMS * D);
  ck_assert (pr_embeddings_save (m, folder, &error));
}

static const char *const embeddings_only[] = { "embeddings", NULL };

static void
run_stage (StageCheck *check, const char *const *set)
{
  GError *error = NULL;

  check->stage = pr_plugin.stages[0];
  check->set = set;
  check->in = embeddings_only;
  stage_check_run (check, &error);
  ck_assert_no_error (error);
}

static PrSids *
load_sids (const char *dir)
{
  g_autofree char *folder = g_build_filename (dir, "out", "sids", NULL);
  GError *error = NULL;
  PrSids *sids = pr_sids_load (folder, &error);

  ck_assert_no_error (error);
  return sids;
}

static const GArray *
column (const StageCheck *check, const char *table, const char *name)
{
  for (guint i = 0; i < check->record->columns->len; i++)
    {
      const PrRecordColumn *c = check->record->columns->pdata[i];

      if (strcmp (c->table, table) == 0 && strcmp (c->column, name) == 0)
        return c->values;
    }
  ck_abort_msg ("no column '%s' in '%s'", name, table);
  return NULL;
}

#define VALUE(array, i) g_array_index (array, double, i)

/* Of every level all codes and all items are accounted for, the codes that nobody has in a row of their own. */
static void
check_usage (const StageCheck *check, const double *sizes, const GArray *used)
{
  const GArray *level = column (check, "usage", "level"), *items = column (check, "usage", "items");
  const GArray *codes = column (check, "usage", "codes");

  for (guint l = 0; l < used->len; l++)
    {
      double n_codes = 0, n_items = 0, n_empty = 0;

      for (guint i = 0; i < level->len; i++)
        if (VALUE (level, i) == l)
          {
            n_codes += VALUE (codes, i);
            n_items += VALUE (codes, i) * VALUE (items, i);
            n_empty += VALUE (items, i) == 0 ? VALUE (codes, i) : 0;
          }
      ck_assert_double_eq (n_codes, sizes[l]);
      ck_assert_double_eq (n_items, N_ITEMS);
      ck_assert_double_eq (n_empty, sizes[l] - VALUE (used, l));
    }
}

START_TEST (the_stage_reports_its_codebooks)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (PrSids) sids = NULL;
  const GArray *unexplained, *used, *perplexity, *items, *tuples;
  double sum = 0;

  write_embeddings (dir, 2);
  run_stage (&check, (const char *const[]){ "sizes=20,16,4", "restarts=10", NULL });
  sids = load_sids (dir);
  ck_assert_int_eq (sids->levels, 4);
  ck_assert_int_eq (sids->sizes[0], 20);
  /* The first level finds the clusters, the copies keep together until the digit. */
  for (int i = 0; i < N_ITEMS; i++)
    ck_assert_int_eq (pr_sids_item (sids, i)[0] == pr_sids_item (sids, 5)[0], i > 2 ? i % N_CLUSTERS == 5 : 0);
  ck_assert_mem_eq (pr_sids_item (sids, 0), pr_sids_item (sids, 2), 3 * sizeof (gint32));
  ck_assert_int_ne (pr_sids_item (sids, 0)[3], pr_sids_item (sids, 2)[3]);
  ck_assert_double_eq (stage_check_metric (&check, "collision_rate"), 0);
  ck_assert_double_ge (stage_check_metric (&check, "collision_rate_before"), 2.0 / N_ITEMS);
  unexplained = column (&check, "codebook", "unexplained");
  used = column (&check, "codebook", "used");
  perplexity = column (&check, "codebook", "perplexity");
  ck_assert_uint_eq (unexplained->len, 3);
  ck_assert_double_lt (VALUE (unexplained, 0), 0.2);
  for (guint l = 0; l < 3; l++)
    {
      ck_assert_double_lt (VALUE (unexplained, l), l > 0 ? VALUE (unexplained, l - 1) : 1);
      ck_assert_double_gt (VALUE (unexplained, l), 0);
      ck_assert_double_le (VALUE (perplexity, l), VALUE (used, l) + 1e-9);
    }
  ck_assert_double_eq (VALUE (used, 0), 20);
  ck_assert_double_gt (VALUE (perplexity, 0), 19.9);
  check_usage (&check, (const double[]){ 20, 16, 4 }, used);
  items = column (&check, "buckets", "items");
  tuples = column (&check, "buckets", "tuples");
  for (guint i = 0; i < items->len; i++)
    sum += VALUE (items, i) * VALUE (tuples, i);
  ck_assert_double_eq (sum, N_ITEMS);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (codes_that_nobody_has_are_counted)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  const GArray *used;

  write_embeddings (dir, 0);
  run_stage (&check, (const char *const[]){ "method=random", "sizes=2048,4", "collisions=keep", NULL });
  used = column (&check, "codebook", "used");
  ck_assert_double_lt (VALUE (used, 0), 2048);
  check_usage (&check, (const double[]){ 2048, 4 }, used);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (without_normalisation_lengths_count)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  const GArray *unexplained;
  const PrRecordCurve *curve;

  write_embeddings (dir, 0);
  run_stage (&check, (const char *const[]){ "sizes=20,16", "normalise_residuals=false", "restarts=10", NULL });
  unexplained = column (&check, "codebook", "unexplained");
  /* What is left of one cluster of n rows is 1 - 1/n of the noise. */
  ck_assert_double_eq_tol (VALUE (unexplained, 0), SPREAD * SPREAD / (1 + SPREAD * SPREAD), 5e-4);
  curve = check.record->curves->pdata[1];
  ck_assert_str_eq (curve->series, "objective_1");
  for (guint i = 1; i < curve->values->len; i++)
    ck_assert_double_le (VALUE (curve->values, i), VALUE (curve->values, i - 1) * (1 + 1e-6));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (the_other_policies)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (PrSids) kept = NULL, moved = NULL;
  int changed = 0;

  write_embeddings (dir, 2);
  run_stage (&check, (const char *const[]){ "sizes=20,64", "restarts=10", "collisions=keep", NULL });
  kept = load_sids (dir);
  ck_assert_int_eq (kept->levels, 2);
  ck_assert_double_gt (stage_check_metric (&check, "collision_rate"), 0);
  run_stage (&check, (const char *const[]){ "sizes=20,64", "restarts=10", "collisions=reassign", NULL });
  moved = load_sids (dir);
  ck_assert_double_eq (stage_check_metric (&check, "collision_rate"), 0);
  for (int i = 0; i < N_ITEMS; i++)
    {
      ck_assert_int_eq (pr_sids_item (kept, i)[0], pr_sids_item (moved, i)[0]);
      changed += pr_sids_item (kept, i)[1] != pr_sids_item (moved, i)[1];
    }
  ck_assert_double_eq (stage_check_metric (&check, "moved_items"), changed);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (random_codes_are_uniform)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_auto (StageCheck) check = { .dir = dir };
  g_autoptr (PrSids) sids = NULL, other = NULL;
  double chi = 0;
  int counts[16] = { 0 };

  write_embeddings (dir, 0);
  run_stage (&check, (const char *const[]){ "method=random", "sizes=16,128", "collisions=reassign", NULL });
  sids = load_sids (dir);
  for (int i = 0; i < N_ITEMS; i++)
    counts[pr_sids_item (sids, i)[0]]++;
  for (int c = 0; c < 16; c++)
    chi += pow (counts[c] - N_ITEMS / 16.0, 2) / (N_ITEMS / 16.0);
  ck_assert_double_lt (chi, 37.7); /* 15 degrees of freedom: one in a thousand */
  ck_assert_double_eq (stage_check_metric (&check, "collision_rate"), 0);
  check.seed = 1;
  run_stage (&check, (const char *const[]){ "method=random", "sizes=16,128", "collisions=reassign", NULL });
  other = load_sids (dir);
  ck_assert_mem_ne (sids->codes, other->codes, sizeof (gint32) * N_ITEMS * 2);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (threads_change_no_byte_of_the_output)
{
  g_autofree char *dir = pr_check_tmpdir (), *file = g_build_filename (dir, "out", "sids", "sids.safetensors", NULL);
  g_autofree char *one = NULL, *three = NULL;
  g_auto (StageCheck) check = { .dir = dir };
  gsize n, m;

  write_embeddings (dir, 2);
  run_stage (&check, (const char *const[]){ "sizes=20,64,7", "collisions=reassign", NULL });
  one = pr_file_read (file, G_MAXSSIZE, &n, NULL);
  pr_threads_set (3);
  run_stage (&check, (const char *const[]){ "sizes=20,64,7", "collisions=reassign", NULL });
  three = pr_file_read (file, G_MAXSSIZE, &m, NULL);
  ck_assert_uint_eq (n, m);
  ck_assert_mem_eq (one, three, n);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (bad_input_is_refused)
{
  g_autofree char *dir = pr_check_tmpdir (), *folder = g_build_filename (dir, "embeddings", NULL);
  g_auto (StageCheck) check = { .stage = pr_plugin.stages[0], .dir = dir, .in = embeddings_only };
  g_autoptr (PrMatrix) m = pr_matrix_new (4, 3, NULL);
  g_autoptr (GError) error = NULL;

  check.set = (const char *const[]){ "sizes=2,2,2,2,2,2,2,2", NULL };
  g_mkdir (folder, 0700);
  ck_assert (pr_embeddings_save (m, folder, &error));
  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "1 to 7");
  g_clear_error (&error);
  check.cancel = 1;
  check.set = NULL;
  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, PR_ERROR_CANCELLED, "sid-quantizer");
  g_clear_error (&error);
  check.cancel = 0;
  m->data[7] = NAN;
  if (pr_embeddings_save (m, folder, NULL))
    {
      ck_assert (!stage_check_run (&check, &error));
      ck_assert_ptr_nonnull (strstr (error->message, "finite"));
      g_clear_error (&error);
    }
  pr_check_rmdir (folder);
  ck_assert (!stage_check_run (&check, &error));
  ck_assert_ptr_nonnull (strstr (error->message, "embeddings"));
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sid-quantizer");
  TCase *kmeans = tcase_create ("kmeans"), *collisions = tcase_create ("collisions");
  TCase *stage = tcase_create ("stage");

  tcase_add_test (kmeans, separated_clusters_are_found);
  tcase_add_test (kmeans, objective_never_increases);
  tcase_add_test (kmeans, codes_are_of_the_nearest_centroid);
  tcase_add_test (kmeans, more_codes_than_items);
  tcase_add_test (kmeans, duplicates_share_a_code);
  tcase_add_test (kmeans, zero_rows_are_harmless);
  tcase_add_test (kmeans, threads_change_no_bit);
  tcase_add_test (kmeans, a_tick_can_stop_the_fit);
  tcase_add_test (collisions, collisions_are_counted);
  tcase_add_test (collisions, digit_numbers_colliding_items);
  tcase_add_test (collisions, digit_of_unique_tuples_is_one_code);
  tcase_add_test (collisions, reassign_moves_to_the_nearest_free_code);
  tcase_add_test (collisions, reassign_never_takes_the_code_of_a_unique_item);
  tcase_add_test (collisions, reassign_leaves_what_does_not_fit);
  tcase_add_test (stage, the_stage_reports_its_codebooks);
  tcase_add_test (stage, codes_that_nobody_has_are_counted);
  tcase_add_test (stage, without_normalisation_lengths_count);
  tcase_add_test (stage, the_other_policies);
  tcase_add_test (stage, random_codes_are_uniform);
  tcase_add_test (stage, threads_change_no_byte_of_the_output);
  tcase_add_test (stage, bad_input_is_refused);
  suite_add_tcase (suite, kmeans);
  suite_add_tcase (suite, collisions);
  suite_add_tcase (suite, stage);
  return pr_check_main (suite);
}
