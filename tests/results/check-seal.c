#include "config.h"

#include "results-check.h"

#include "results/seal.h"

#include <pauserec/io.h>
#include <sys/stat.h>

static const float some_hits[] = { 1, 0, NAN, 1 };

static void
put (const char *path, const char *bytes, gsize length)
{
  ck_assert (g_file_set_contents (path, bytes, (gssize)length, NULL));
}

/* A results.h5 of two runs in DIR. */
static char *
make_merged (const char *dir)
{
  g_autofree char *a = made_run_write (dir, "base", 1, some_hits, 4),
                  *b = made_run_write (dir, "pause", 1, some_hits, 4);
  char *out = g_build_filename (dir, "results.h5", NULL);
  GError *error = NULL;

  pr_results_merge ((const char *const[]){ a, b }, 2, "tiny", "hit_10", "base", out, &error);
  ck_assert_no_error (error);
  return out;
}

START_TEST (a_glance_tells_kind_key_and_length)
{
  g_autofree char *dir = pr_check_tmpdir (), *merged = make_merged (dir),
                  *run = g_build_filename (dir, "base-1.h5", NULL);
  g_autoptr (GError) error = NULL;
  PrSealInfo info;
  struct stat st;

  ck_assert (pr_seal_peek (run, &info, &error));
  ck_assert_int_eq (stat (run, &st), 0);
  ck_assert_uint_eq (info.bytes, (guint64)st.st_size);
  ck_assert_str_eq (info.kind, "run");
  ck_assert_str_eq (info.run_key, "0123456789abcdef");
  ck_assert_uint_eq (strlen (info.sha256), 64);
  ck_assert (pr_seal_peek (merged, &info, &error));
  ck_assert_str_eq (info.kind, "experiment");
  ck_assert_str_eq (info.run_key, "");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_glance_finds_the_run_that_is_meant)
{
  g_autofree char *dir = pr_check_tmpdir (), *merged = make_merged (dir),
                  *run = g_build_filename (dir, "base-1.h5", NULL);
  g_autoptr (GError) error = NULL;

  ck_assert (pr_results_peek_run (run, "0123456789abcdef", &error));
  ck_assert (pr_results_peek_run (run, NULL, &error));
  ck_assert_no_error (error);
  ck_assert (!pr_results_peek_run ("/nonexistent/run.h5", NULL, &error));
  ck_assert_no_error (error);
  ck_assert (!pr_results_peek_run (run, "feed", &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "another run");
  g_clear_error (&error);
  ck_assert (!pr_results_peek_run (merged, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "one experiment");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_glance_finds_every_other_length)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = made_run_write (dir, "x", 1, some_hits, 4), *bytes = NULL;
  gsize length;

  bytes = pr_file_read (path, G_MAXSSIZE, &length, NULL);
  bytes = g_realloc (bytes, length + 1);
  bytes[length] = 0;
  for (gsize n = 0; n <= length + 1; n += n < 600 ? 1 : n + 1 == length || n == length ? 1 : MIN (97, length - 1 - n))
    {
      g_autoptr (GError) error = NULL;

      put (path, bytes, n);
      ck_assert_msg (pr_results_peek_run (path, NULL, &error) == (n == length), "%d of %d bytes", (int)n, (int)length);
      if (n != length)
        ck_assert_pr_error (error, PR_ERROR_DATA, path);
    }
  pr_check_rmdir (dir);
}
END_TEST

/* A glance finds them only where the seal no longer reads as one; a full look finds them all. */
START_TEST (every_byte_of_the_seal_counts)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = made_run_write (dir, "x", 1, some_hits, 4), *bytes = NULL;
  gsize length;

  bytes = pr_file_read (path, G_MAXSSIZE, &length, NULL);
  for (gsize at = 0; at < PR_SEAL_BLOCK; at++)
    {
      g_autoptr (GError) error = NULL;

      bytes[at] ^= 1;
      put (path, bytes, length);
      ck_assert_msg (!pr_results_verify_run (path, NULL, NULL, &error), "byte %d", (int)at);
      ck_assert_pr_error (error, PR_ERROR_DATA, path);
      bytes[at] ^= 1;
    }
  bytes[PR_SEAL_BLOCK - 1] = ' ';
  put (path, bytes, length);
  ck_assert (!pr_results_peek_run (path, NULL, NULL));
  bytes[PR_SEAL_BLOCK - 1] = 0;
  bytes[length - 1] ^= 1;
  put (path, bytes, length);
  ck_assert (pr_results_peek_run (path, NULL, NULL));
  ck_assert (!pr_results_verify_run (path, NULL, NULL, NULL));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_byte_changed_anywhere_in_merged_results_is_found)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_merged (dir), *bytes = NULL;
  gsize length;

  bytes = pr_file_read (path, G_MAXSSIZE, &length, NULL);
  for (gsize at = 0; at < length; at += at < PR_SEAL_BLOCK ? 7 : 211)
    {
      g_autoptr (GError) error = NULL;

      bytes[at] ^= 0x20;
      put (path, bytes, length);
      ck_assert_msg (pr_seal_open (path, "experiment", &error) == NULL, "byte %d", (int)at);
      ck_assert_pr_error (error, PR_ERROR_DATA, path);
      bytes[at] ^= 0x20;
    }
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (other_versions_are_named)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = made_run_write (dir, "x", 1, some_hits, 4), *bytes = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  bytes = pr_file_read (path, G_MAXSSIZE, &length, NULL);
  bytes[strlen ("pauserec-results/")] = '1';
  put (path, bytes, length);
  ck_assert (!pr_results_peek_run (path, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "pauserec-results/1");
  ck_assert_ptr_nonnull (strstr (error->message, PR_RESULTS_SCHEMA));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (what_is_no_results_file_is_told)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "x.h5", NULL), *image = NULL;
  g_autofree char *fifo = g_build_filename (dir, "fifo", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrH5) h5 = pr_h5_new (0, &error);
  PrSealInfo info;
  gsize length;

  ck_assert (pr_h5_write_text (h5, "/manifest", "x", &error));
  image = pr_h5_image (h5, &length, &error);
  put (path, image, length);
  ck_assert (!pr_seal_peek (path, &info, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "no seal");
  g_clear_error (&error);
  put (path, "", 0);
  ck_assert (!pr_seal_peek (path, &info, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "no seal");
  g_clear_error (&error);
  ck_assert (!pr_seal_peek (dir, &info, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, dir);
  g_clear_error (&error);
  ck_assert_int_eq (mkfifo (fifo, 0600), 0);
  ck_assert (!pr_seal_peek (fifo, &info, &error)); /* and does not wait for a writer */
  ck_assert_pr_error (error, PR_ERROR_IO, fifo);
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("seal");
  TCase *tc = tcase_create ("seal");

  tcase_add_test (tc, a_glance_tells_kind_key_and_length);
  tcase_add_test (tc, a_glance_finds_the_run_that_is_meant);
  tcase_add_test (tc, a_glance_finds_every_other_length);
  tcase_add_test (tc, every_byte_of_the_seal_counts);
  tcase_add_test (tc, a_byte_changed_anywhere_in_merged_results_is_found);
  tcase_add_test (tc, other_versions_are_named);
  tcase_add_test (tc, what_is_no_results_file_is_told);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
