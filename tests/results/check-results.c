#include "config.h"

#include "results-check.h"

#include "results/seal.h"

#include <pauserec/io.h>
#include <pauserec/rng.h>
#include <signal.h>
#include <sys/resource.h>

static const float some_hits[] = { 1, 0, NAN, 1 };

static void
expect_column (PrH5 *h5, const char *path, const char *column, gsize n, const double *expected)
{
  GError *error = NULL;
  gint64 found;
  g_autofree double *values = pr_h5_read_column (h5, path, column, PR_H5_F64, &found, &error);

  ck_assert_no_error (error);
  ck_assert_int_eq (found, n);
  for (gsize i = 0; i < n; i++)
    ck_assert_msg (values[i] == expected[i] || (isnan (values[i]) && isnan (expected[i])), "%s/%s[%d] is %g", path,
                   column, (int)i, values[i]);
}

START_TEST (a_run_is_read_back_as_written)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = made_run_write (dir, "pause", 3, some_hits, 4), *digest = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PrH5) h5 = NULL;
  g_autofree float *hits = NULL;
  g_autofree char *arm = NULL, *manifest = NULL, *provenance = NULL;
  g_auto (GStrv) stages = NULL;
  gint64 n;

  ck_assert (pr_results_verify_run (path, "0123456789abcdef", &digest, &error));
  ck_assert_uint_eq (strlen (digest), 64);
  h5 = pr_seal_open (path, "run", &error);
  ck_assert_no_error (error);
  expect_column (h5, "/metrics", "value", 3, (double[]){ 0.75, 2.0 / 3, 0.5 });
  expect_column (h5, "/metrics", "seed", 3, (double[]){ 3, 3, 3 });
  expect_column (h5, "/cost", "wall_seconds", 2, (double[]){ 2, 1 });
  expect_column (h5, "/cost", "peak_rss_bytes", 2, (double[]){ 4096, 0 });
  expect_column (h5, "/cost", "train_tokens", 2, (double[]){ 1200, 0 });
  expect_column (h5, "/cost", "infer_users", 2, (double[]){ 0, 100 });
  expect_column (h5, "/curves/lm_base/loss", "step", 3, (double[]){ 0, 1, 2 });
  expect_column (h5, "/curves/lm_base/loss", "value", 3, (double[]){ 4, 3, 2 });
  expect_column (h5, "/tables/lm_base/codebook", "used", 2, (double[]){ 250, NAN });
  stages = pr_h5_read_column (h5, "/metrics", "stage", PR_H5_TEXT, &n, &error);
  ck_assert_str_eq (stages[0], "lm-base");
  ck_assert_str_eq (stages[2], "metrics");
  hits = pr_h5_read_array (h5, "/per_user/hit_10", PR_H5_F32, 1, &n, &error);
  ck_assert_int_eq (n, 4);
  ck_assert_float_eq (hits[3], 1);
  ck_assert (isnan (hits[2]));
  arm = pr_h5_get_text (h5, "/", "arm", &error);
  ck_assert_str_eq (arm, "pause");
  manifest = pr_h5_read_text (h5, "/manifest", &error);
  ck_assert_str_eq (manifest, "[experiment]\nname = tiny\n");
  provenance = pr_h5_read_text (h5, "/provenance", &error);
  ck_assert_ptr_nonnull (strstr (provenance, "pauserec"));
  ck_assert (!pr_h5_exists (h5, "/ranking"));
  ck_assert (!pr_h5_exists (h5, "/no/such/thing"));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (equal_runs_have_equal_bytes)
{
  g_autofree char *a_dir = pr_check_tmpdir (), *b_dir = pr_check_tmpdir ();
  g_autofree char *a = made_run_write (a_dir, "x", 1, some_hits, 4), *b = made_run_write (b_dir, "x", 1, some_hits, 4);
  g_autofree char *a_bytes = NULL, *b_bytes = NULL;
  gsize a_length, b_length;

  a_bytes = pr_file_read (a, G_MAXSSIZE, &a_length, NULL);
  b_bytes = pr_file_read (b, G_MAXSSIZE, &b_length, NULL);
  ck_assert_uint_eq (a_length, b_length);
  ck_assert_mem_eq (a_bytes, b_bytes, a_length);
  pr_check_rmdir (a_dir);
  pr_check_rmdir (b_dir);
}
END_TEST

static char *
digest_of (MadeRun *made, const char *dir)
{
  g_autofree char *path = g_build_filename (dir, "run.h5", NULL);
  g_autoptr (GError) error = NULL;
  char *digest = NULL;

  ck_assert (pr_results_write_run (&made->run, path, &error));
  ck_assert (pr_results_verify_run (path, NULL, &digest, &error));
  return digest;
}

START_TEST (the_digest_is_about_results_alone)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autofree char *first = NULL, *slower = NULL, *other = NULL, *counted = NULL, *curve = NULL;
  MadeRun made;

  made_run_init (&made, "x", 1, some_hits, 4);
  first = digest_of (&made, dir);
  made.train->wall_seconds = 99;
  made.train->cpu_seconds = 99;
  made.train->peak_rss = 1;
  made.metrics->costs[PR_COST_INFER_SECONDS] = 99;
  made.stages[0].key = "cc";
  made.run.run_key = "other";
  json_object_set_new (made.provenance, "program", json_string ("other"));
  slower = digest_of (&made, dir);
  ck_assert_str_eq (first, slower);
  made.metrics->costs[PR_COST_INFER_USERS] = 99;
  counted = digest_of (&made, dir);
  ck_assert_str_ne (first, counted);
  made.metrics->costs[PR_COST_INFER_USERS] = 100;
  pr_record_users (made.metrics, "hit_10", (float[]){ 1, 1, NAN, 0 }, 4); /* the mean stays */
  other = digest_of (&made, dir);
  ck_assert_str_ne (first, other);
  pr_record_users (made.metrics, "hit_10", some_hits, 4);
  pr_record_curve (made.train, "loss", 3, 1);
  curve = digest_of (&made, dir);
  ck_assert_str_ne (first, curve);
  made_run_clear (&made);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (the_later_of_two_stages_has_the_name)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "r.h5", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrH5) h5 = NULL;
  g_autofree float *last = NULL, *earlier = NULL;
  MadeRun made;
  gint64 n;

  made_run_init (&made, "x", 1, some_hits, 4);
  pr_record_users (made.train, "hit_10", (float[]){ 9, 9 }, 2);
  ck_assert (pr_results_write_run (&made.run, path, &error));
  h5 = pr_seal_open (path, "run", &error);
  last = pr_h5_read_array (h5, "/per_user/hit_10", PR_H5_F32, 1, &n, &error);
  ck_assert_int_eq (n, 4);
  earlier = pr_h5_read_array (h5, "/per_user/hit_10__lm_base", PR_H5_F32, 1, &n, &error);
  ck_assert_int_eq (n, 2);
  ck_assert_float_eq (earlier[0], 9);
  made_run_clear (&made);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (stages_whose_names_collide_stay_apart)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "r.h5", NULL), *name = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PrH5) h5 = NULL;
  MadeRun made;

  made_run_init (&made, "x", 1, some_hits, 4);
  made.stages[1].stage = "lm_base";
  pr_record_curve (made.metrics, "loss", 0, 7);
  ck_assert (pr_results_write_run (&made.run, path, &error));
  h5 = pr_seal_open (path, "run", &error);
  expect_column (h5, "/curves/lm_base_2/loss", "value", 1, (double[]){ 7 });
  name = pr_h5_get_text (h5, "/curves/lm_base", "stage", &error);
  ck_assert_str_eq (name, "lm-base");
  made_run_clear (&made);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (columns_of_unequal_length_are_refused)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "r.h5", NULL);
  g_autoptr (GError) error = NULL;
  MadeRun made;

  made_run_init (&made, "x", 1, some_hits, 4);
  pr_record_column (made.train, "codebook", "used", 3);
  ck_assert (!pr_results_write_run (&made.run, path, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, "codebook");
  ck_assert (!g_file_test (path, G_FILE_TEST_EXISTS));
  made_run_clear (&made);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_ranking_is_kept)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "r.h5", NULL), *split = NULL;
  g_autofree char *ranking_dir = g_build_filename (dir, "ranking", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrRanking) ranking = pr_ranking_new (4, 2, PR_SPLIT_TEST);
  g_autoptr (PrH5) h5 = NULL;
  g_autofree gint32 *items = NULL;
  gint64 dims[2];
  MadeRun made;

  ranking->items[0] = 17;
  ranking->scores[0] = 0.5f;
  ck_assert_int_eq (g_mkdir (ranking_dir, 0777), 0);
  ck_assert (pr_ranking_save (ranking, ranking_dir, &error));
  made_run_init (&made, "x", 1, some_hits, 4);
  made.run.ranking_dir = ranking_dir;
  ck_assert (pr_results_write_run (&made.run, path, &error));
  h5 = pr_seal_open (path, "run", &error);
  items = pr_h5_read_array (h5, "/ranking/items", PR_H5_I32, 2, dims, &error);
  ck_assert_int_eq (dims[0], 4);
  ck_assert_int_eq (dims[1], 2);
  ck_assert_int_eq (items[0], 17);
  ck_assert_int_eq (items[1], -1);
  split = pr_h5_get_text (h5, "/ranking", "split", &error);
  ck_assert_str_eq (split, "test");
  made_run_clear (&made);
  pr_check_rmdir (dir);
}
END_TEST

/* Damage ------------------------------------------------------------------------------------------------------ */

START_TEST (an_absent_file_is_no_error)
{
  GError *error = NULL;

  ck_assert (!pr_results_verify_run ("/nonexistent/run.h5", NULL, NULL, &error));
  ck_assert_no_error (error);
}
END_TEST

START_TEST (the_run_of_another_key_is_refused)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = made_run_write (dir, "x", 1, some_hits, 4);
  g_autoptr (GError) error = NULL;

  ck_assert (!pr_results_verify_run (path, "feed", NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "another run");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (every_truncation_and_flipped_bit_is_noticed)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = made_run_write (dir, "x", 1, some_hits, 4), *bytes = NULL;
  PrRng rng = pr_rng_new (5, "damage");
  gsize length;

  bytes = pr_file_read (path, G_MAXSSIZE, &length, NULL);
  for (guint64 i = 0; i < 60; i++)
    {
      /* The first bytes and then places anywhere; padding behind the seal's text says nothing. */
      gsize at = i < 20 ? (gsize)i * 4 : 512 + pr_rng_below (rng, 0, i, length - 512);
      g_autoptr (GError) error = NULL;

      bytes[at] ^= (char)(1 << (i % 8));
      ck_assert (g_file_set_contents (path, bytes, (gssize)length, NULL));
      ck_assert (!pr_results_verify_run (path, NULL, NULL, &error));
      ck_assert_pr_error (error, PR_ERROR_DATA, path);
      bytes[at] ^= (char)(1 << (i % 8));
      g_clear_error (&error);
      ck_assert (g_file_set_contents (path, bytes, (gssize)(length * i / 60), NULL));
      ck_assert (!pr_results_verify_run (path, NULL, NULL, &error));
      ck_assert_pr_error (error, PR_ERROR_DATA, path);
    }
  ck_assert (g_file_set_contents (path, bytes, (gssize)length, NULL));
  ck_assert (pr_results_verify_run (path, NULL, NULL, NULL));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_full_disk_leaves_the_old_file)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = made_run_write (dir, "x", 1, some_hits, 4);
  g_autofree char *before = NULL, *after = NULL;
  struct rlimit limit, before_limit;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) list = NULL;
  gsize length, again;
  MadeRun made;

  ck_assert_int_eq (getrlimit (RLIMIT_FSIZE, &before_limit), 0);
  limit = before_limit;
  limit.rlim_cur = 3000;
  before = pr_file_read (path, G_MAXSSIZE, &length, NULL);
  ck_assert_uint_gt (length, limit.rlim_cur);
  made_run_init (&made, "y", 2, some_hits, 4);
  signal (SIGXFSZ, SIG_IGN);
  ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &limit), 0);
  ck_assert (!pr_results_write_run (&made.run, path, &error));
  ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &before_limit), 0);
  ck_assert_pr_error (error, PR_ERROR_IO, path);
  after = pr_file_read (path, G_MAXSSIZE, &again, NULL);
  ck_assert_uint_eq (again, length);
  ck_assert_mem_eq (before, after, length);
  list = g_dir_open (dir, 0, NULL);
  ck_assert_ptr_nonnull (g_dir_read_name (list));
  ck_assert_ptr_null (g_dir_read_name (list)); /* no temporary file stays */
  made_run_clear (&made);
  pr_check_rmdir (dir);
}
END_TEST

/* Merge ------------------------------------------------------------------------------------------------------- */

START_TEST (merging_keeps_everything)
{
  g_autofree char *dir = pr_check_tmpdir (), *out = g_build_filename (dir, "results.h5", NULL);
  g_autofree char *a = made_run_write (dir, "base", 1, some_hits, 4);
  g_autofree char *b = made_run_write (dir, "pause", 1, (float[]){ 0, 1, 1 }, 3);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrH5) h5 = NULL;
  g_autofree float *hits = NULL;
  g_auto (GStrv) arms = NULL, files = NULL;
  gint64 n, dims[2];

  ck_assert (pr_results_merge ((const char *const[]){ a, b }, 2, "tiny", "hit_10", "base", out, &error));
  h5 = pr_seal_open (out, "experiment", &error);
  ck_assert_no_error (error);
  expect_column (h5, "/metrics", "value", 6, (double[]){ 0.75, 2.0 / 3, 0.5, 0.75, 2.0 / 3, 0.5 });
  expect_column (h5, "/cost", "train_tokens", 4, (double[]){ 1200, 0, 1200, 0 });
  expect_column (h5, "/runs", "n_users", 2, (double[]){ 4, 3 });
  arms = pr_h5_read_column (h5, "/runs", "arm", PR_H5_TEXT, &n, &error);
  ck_assert_str_eq (arms[0], "base");
  ck_assert_str_eq (arms[1], "pause");
  files = pr_h5_read_column (h5, "/runs", "file", PR_H5_TEXT, &n, &error);
  ck_assert_str_eq (files[1], "pause-1.h5");
  hits = pr_h5_read_array (h5, "/per_user/hit_10", PR_H5_F32, 2, dims, &error);
  ck_assert_int_eq (dims[0], 2);
  ck_assert_int_eq (dims[1], 4);
  ck_assert_float_eq (hits[4 + 1], 1);
  ck_assert (isnan (hits[4 + 3]));
  expect_column (h5, "/runs_detail/r1/curves/lm_base/loss", "value", 3, (double[]){ 4, 3, 2 });
  ck_assert (pr_h5_exists (h5, "/runs_detail/r0/provenance"));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (merging_refuses_what_is_no_run)
{
  g_autofree char *dir = pr_check_tmpdir (), *out = g_build_filename (dir, "results.h5", NULL);
  g_autofree char *a = made_run_write (dir, "base", 1, some_hits, 4), *text = g_build_filename (dir, "text", NULL);
  g_autoptr (GError) error = NULL;

  ck_assert (!pr_results_merge (NULL, 0, "tiny", NULL, NULL, out, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "no finished runs");
  g_clear_error (&error);
  ck_assert (!pr_results_merge ((const char *const[]){ a, "/nonexistent/b.h5" }, 2, "tiny", NULL, NULL, out, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "/nonexistent/b.h5");
  g_clear_error (&error);
  ck_assert (g_file_set_contents (text, "hello", -1, NULL));
  ck_assert (!pr_results_merge ((const char *const[]){ a, text }, 2, "tiny", NULL, NULL, out, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "no seal");
  g_clear_error (&error);
  ck_assert (pr_results_merge ((const char *const[]){ a }, 1, "tiny", NULL, NULL, out, &error));
  ck_assert (!pr_results_verify_run (out, NULL, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "one experiment");
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("results");
  TCase *run = tcase_create ("run"), *damage = tcase_create ("damage"), *merge = tcase_create ("merge");

  tcase_add_test (run, a_run_is_read_back_as_written);
  tcase_add_test (run, equal_runs_have_equal_bytes);
  tcase_add_test (run, the_digest_is_about_results_alone);
  tcase_add_test (run, the_later_of_two_stages_has_the_name);
  tcase_add_test (run, stages_whose_names_collide_stay_apart);
  tcase_add_test (run, columns_of_unequal_length_are_refused);
  tcase_add_test (run, a_ranking_is_kept);
  tcase_add_test (damage, an_absent_file_is_no_error);
  tcase_add_test (damage, the_run_of_another_key_is_refused);
  tcase_add_test (damage, every_truncation_and_flipped_bit_is_noticed);
  tcase_add_test (damage, a_full_disk_leaves_the_old_file);
  tcase_add_test (merge, merging_keeps_everything);
  tcase_add_test (merge, merging_refuses_what_is_no_run);
  suite_add_tcase (suite, run);
  suite_add_tcase (suite, damage);
  suite_add_tcase (suite, merge);
  return pr_check_main (suite);
}
