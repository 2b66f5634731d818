/* check-sid-quantizer.c - the stage as the runtime runs it, on embeddings that are clusters; method rqvae has a test of
 * its own. */
#include "clusters.h"
#include "quantizer-stage.h"

#include <pauserec/io.h>
#include <pauserec/matrix.h>
#include <pauserec/threads.h>

#include <math.h>

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

/* Of every level all codes and all items are accounted for, the codes that nobody has in a row of their own. */
static void
check_usage (const StageCheck *check, const double *sizes, const GArray *used)
{
  const GArray *level = record_column (check->record, "usage", "level"),
               *items = record_column (check->record, "usage", "items");
  const GArray *codes = record_column (check->record, "usage", "codes");

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
  unexplained = record_column (check.record, "codebook", "unexplained");
  used = record_column (check.record, "codebook", "used");
  perplexity = record_column (check.record, "codebook", "perplexity");
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
  items = record_column (check.record, "buckets", "items");
  tuples = record_column (check.record, "buckets", "tuples");
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
  used = record_column (check.record, "codebook", "used");
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
  unexplained = record_column (check.record, "codebook", "unexplained");
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
  TCase *tcase = tcase_create ("sid-quantizer");

  tcase_add_test (tcase, the_stage_reports_its_codebooks);
  tcase_add_test (tcase, codes_that_nobody_has_are_counted);
  tcase_add_test (tcase, without_normalisation_lengths_count);
  tcase_add_test (tcase, the_other_policies);
  tcase_add_test (tcase, random_codes_are_uniform);
  tcase_add_test (tcase, threads_change_no_byte_of_the_output);
  tcase_add_test (tcase, bad_input_is_refused);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
