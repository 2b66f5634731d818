#include "config.h"

#include "results-check.h"

#include "results/large-file.h"
#include "results/seal.h"
#include "runtime/lock.h"

#include <pauserec/io.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>

static const float some_hits[] = { 1, 0, NAN, 1 };

/* The names in DIR that begin with a dot: temporary files. */
static guint
count_hidden (const char *dir)
{
  g_autoptr (GDir) list = g_dir_open (dir, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (list)) != NULL)
    n += name[0] == '.';
  return n;
}

START_TEST (the_same_runs_give_the_same_bytes)
{
  g_autofree char *dir = pr_check_tmpdir (), *one = g_build_filename (dir, "1.h5", NULL),
                  *two = g_build_filename (dir, "2.h5", NULL);
  g_autofree char *a = made_run_write (dir, "base", 1, some_hits, 4),
                  *b = made_run_write (dir, "pause", 1, some_hits, 3);
  g_autofree char *first = NULL, *second = NULL;
  g_autoptr (GError) error = NULL;
  gsize n, m;

  ck_assert (pr_results_merge ((const char *const[]){ a, b }, 2, "tiny", NULL, NULL, one, &error));
  ck_assert (pr_results_merge ((const char *const[]){ a, b }, 2, "tiny", NULL, NULL, two, &error));
  first = pr_file_read (one, G_MAXSSIZE, &n, &error);
  second = pr_file_read (two, G_MAXSSIZE, &m, &error);
  ck_assert_uint_eq (n, m);
  ck_assert_mem_eq (first, second, n);
  ck_assert_uint_eq (count_hidden (dir), 0);
  pr_check_rmdir (dir);
}
END_TEST

/* Names of other lengths, other metrics, other numbers of users, and stages that say nothing. */
START_TEST (runs_that_differ_are_padded)
{
  g_autofree char *dir = pr_check_tmpdir (), *out = g_build_filename (dir, "results.h5", NULL);
  g_autofree char *a = made_run_write (dir, "a", 1, some_hits, 4), *b = g_build_filename (dir, "b.h5", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrH5) h5 = NULL;
  g_autofree float *hits = NULL, *mrr = NULL;
  g_auto (GStrv) stages = NULL, arms = NULL, curves = NULL;
  gint64 n, dims[2];
  MadeRun made;

  made_run_init (&made, "an-arm-of-a-much-longer-name", 1, some_hits, 2);
  pr_record_free (made.train);
  made.train = pr_record_new ();
  pr_record_users (made.train, "mrr", (float[]){ 9, 8, 7, 6, 5 }, 5);
  made.stages[0] = (PrStageResult){ "a-stage-of-a-longer-name", "aa", made.train };
  ck_assert (pr_results_write_run (&made.run, b, &error));
  made_run_clear (&made);
  ck_assert (pr_results_merge ((const char *const[]){ a, b }, 2, "tiny", NULL, NULL, out, &error));
  h5 = pr_seal_open (out, "experiment", &error);
  ck_assert_no_error (error);
  arms = pr_h5_read_column (h5, "/cost", "arm", PR_H5_TEXT, &n, &error);
  ck_assert_int_eq (n, 4);
  ck_assert_str_eq (arms[0], "a");
  ck_assert_str_eq (arms[3], "an-arm-of-a-much-longer-name");
  stages = pr_h5_read_column (h5, "/cost", "stage", PR_H5_TEXT, &n, &error);
  ck_assert_str_eq (stages[1], "metrics");
  ck_assert_str_eq (stages[2], "a-stage-of-a-longer-name");
  hits = pr_h5_read_array (h5, "/per_user/hit_10", PR_H5_F32, 2, dims, &error);
  ck_assert_int_eq (dims[0], 2);
  ck_assert_int_eq (dims[1], 5);
  ck_assert_float_eq (hits[3], 1);
  ck_assert (isnan (hits[4]) && isnan (hits[5 + 2]));
  ck_assert_float_eq (hits[5 + 0], 1);
  mrr = pr_h5_read_array (h5, "/per_user/mrr", PR_H5_F32, 2, dims, &error);
  for (int i = 0; i < 5; i++)
    ck_assert (isnan (mrr[i]));
  ck_assert_float_eq (mrr[5 + 4], 5);
  curves = pr_h5_list (h5, "/runs_detail/r1", &error);
  ck_assert_uint_eq (g_strv_length (curves), 1); /* provenance alone */
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (runs_are_open_one_after_the_other)
{
  enum
  {
    N = 60
  };
  g_autofree char *dir = pr_check_tmpdir (), *out = g_build_filename (dir, "results.h5", NULL);
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  struct rlimit limit, before;

  for (guint64 i = 0; i < N; i++)
    g_ptr_array_add (paths, made_run_write (dir, "x", i, some_hits, 4));
  ck_assert_int_eq (getrlimit (RLIMIT_NOFILE, &before), 0);
  limit = before;
  limit.rlim_cur = 30;
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &limit), 0);
  pr_results_merge ((const char *const *)paths->pdata, N, "tiny", NULL, NULL, out, &error);
  ck_assert_int_eq (setrlimit (RLIMIT_NOFILE, &before), 0);
  ck_assert_no_error (error);
  pr_check_rmdir (dir);
}
END_TEST

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* Pages of this process, all that it may touch. */
static gsize
address_space (void)
{
  g_autofree char *text = NULL;
  unsigned long pages = 0;

  ck_assert (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  ck_assert_int_eq (sscanf (text, "%lu", &pages), 1);
  return pages * (gsize)sysconf (_SC_PAGESIZE);
}

/* 120 MB of users with 48 MB to spare. */
START_TEST (memory_does_not_grow_with_the_runs)
{
  enum
  {
    N = 30,
    USERS = 1000000
  };
  g_autofree char *dir = pr_check_tmpdir (), *out = g_build_filename (dir, "results.h5", NULL);
  g_autofree float *hits = g_new0 (float, USERS);
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  struct rlimit limit, before;

  if (SANITIZED || !g_file_test ("/proc/self/statm", G_FILE_TEST_EXISTS))
    {
      pr_check_rmdir (dir);
      pr_check_skip ("memory cannot be limited under a sanitizer or without /proc");
    }
  for (guint64 i = 0; i < N; i++)
    g_ptr_array_add (paths, made_run_write (dir, "x", i, hits, USERS));
  ck_assert_int_eq (getrlimit (RLIMIT_AS, &before), 0);
  limit = before;
  limit.rlim_cur = address_space () + 48 * 1024 * 1024;
  ck_assert_int_eq (setrlimit (RLIMIT_AS, &limit), 0);
  pr_results_merge ((const char *const *)paths->pdata, N, "tiny", NULL, NULL, out, &error);
  ck_assert_int_eq (setrlimit (RLIMIT_AS, &before), 0);
  ck_assert_no_error (error);
  pr_check_rmdir (dir);
}
END_TEST

/* Only there under the leak sanitizer.  HDF5 loses memory when it cannot write, which is not ours to mend. */
extern void __lsan_disable (void) __attribute__ ((weak));

static void
look_for_no_leaks (void)
{
  if (__lsan_disable != NULL)
    __lsan_disable ();
}

/* Wherever the disk is full: an IO error, the old file, nothing left behind. */
START_TEST (a_full_disk_leaves_the_old_results)
{
  g_autofree char *dir = pr_check_tmpdir (), *out = g_build_filename (dir, "results.h5", NULL);
  g_autofree char *a = made_run_write (dir, "base", 1, some_hits, 4),
                  *b = made_run_write (dir, "pause", 1, some_hits, 3);
  g_autofree char *before = NULL;
  g_autoptr (GError) error = NULL;
  struct rlimit limit, old;
  gsize length, full;

  ck_assert (pr_results_merge ((const char *const[]){ a, b }, 2, "tiny", NULL, NULL, out, &error));
  g_free (pr_file_read (out, G_MAXSSIZE, &full, NULL));
  ck_assert (pr_results_merge ((const char *const[]){ a }, 1, "tiny", NULL, NULL, out, &error));
  before = pr_file_read (out, G_MAXSSIZE, &length, NULL);
  ck_assert_int_eq (getrlimit (RLIMIT_FSIZE, &old), 0);
  signal (SIGXFSZ, SIG_IGN);
  for (gsize room = 0; room < full; room += full / 23)
    {
      g_autofree char *after = NULL;
      gboolean merged;
      gsize again;

      limit = old;
      limit.rlim_cur = room;
      setrlimit (RLIMIT_FSIZE, &limit); /* no assertion in between: they write to files too */
      merged = pr_results_merge ((const char *const[]){ a, b }, 2, "tiny", NULL, NULL, out, &error);
      setrlimit (RLIMIT_FSIZE, &old);
      ck_assert_msg (!merged, "merged with room for %d of %d bytes", (int)room, (int)full);
      ck_assert_msg (g_error_matches (error, PR_ERROR, PR_ERROR_IO), "%d bytes: %s", (int)room, error->message);
      g_clear_error (&error);
      after = pr_file_read (out, G_MAXSSIZE, &again, NULL);
      ck_assert_uint_eq (again, length);
      ck_assert_mem_eq (before, after, length);
      ck_assert_uint_eq (count_hidden (dir), 0);
    }
  ck_assert (pr_results_merge ((const char *const[]){ a, b }, 2, "tiny", NULL, NULL, out, &error));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (what_killed_writers_left_is_removed)
{
  g_autofree char *dir = pr_check_tmpdir (), *out = g_build_filename (dir, "results.h5", NULL);
  g_autofree char *dead = g_build_filename (dir, ".results.h5.part-abcdef", NULL);
  g_autofree char *alive = g_build_filename (dir, ".results.h5.part-ghijkl", NULL);
  g_autofree char *other = g_build_filename (dir, ".cost.csv.part-abcdef", NULL);
  g_autofree char *a = made_run_write (dir, "base", 1, some_hits, 4);
  g_autoptr (GError) error = NULL;
  int lock;

  ck_assert (g_file_set_contents (dead, "torn", -1, NULL));
  ck_assert (g_file_set_contents (other, "torn", -1, NULL));
  lock = pr_lock_try (alive, &error);
  ck_assert_int_ge (lock, 0);
  ck_assert (pr_results_merge ((const char *const[]){ a }, 1, "tiny", NULL, NULL, out, &error));
  ck_assert (!g_file_test (dead, G_FILE_TEST_EXISTS));
  ck_assert (g_file_test (alive, G_FILE_TEST_EXISTS));
  ck_assert (g_file_test (other, G_FILE_TEST_EXISTS));
  pr_lock_release (lock);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_large_file_is_whole_or_not_there)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "x.csv", NULL), *text = NULL;
  g_autoptr (GError) error = NULL;
  PrLargeFile *file = pr_large_file_new (path, &error);

  ck_assert_no_error (error);
  ck_assert (pr_large_file_write (file, "hel", 3, &error));
  ck_assert (!g_file_test (path, G_FILE_TEST_EXISTS));
  pr_large_file_free (file);
  ck_assert_uint_eq (count_hidden (dir), 0);
  file = pr_large_file_new (path, &error);
  ck_assert (pr_large_file_write (file, "hel", 3, &error) && pr_large_file_write (file, "lo", 2, &error));
  ck_assert (pr_large_file_commit (file, &error));
  pr_large_file_free (file);
  text = pr_file_read (path, 100, NULL, &error);
  ck_assert_str_eq (text, "hello");
  ck_assert_uint_eq (count_hidden (dir), 0);

  /* Somebody else writes into it behind our back. */
  file = pr_large_file_new (path, &error);
  ck_assert (pr_large_file_write (file, "bye", 3, &error));
  ck_assert (g_file_set_contents (pr_large_file_temporary (file), "by!", 3, NULL));
  ck_assert (!pr_large_file_commit (file, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "does not read back");
  pr_large_file_free (file);
  g_free (text);
  text = pr_file_read (path, 100, NULL, NULL);
  ck_assert_str_eq (text, "hello");
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("merge");
  TCase *tc = tcase_create ("merge"), *faults = tcase_create ("faults");

  tcase_add_test (tc, the_same_runs_give_the_same_bytes);
  tcase_add_test (tc, runs_that_differ_are_padded);
  tcase_add_test (tc, runs_are_open_one_after_the_other);
  tcase_add_test (tc, memory_does_not_grow_with_the_runs);
  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (faults, look_for_no_leaks, NULL);
  tcase_add_test (faults, a_full_disk_leaves_the_old_results);
  tcase_add_test (faults, what_killed_writers_left_is_removed);
  tcase_add_test (faults, a_large_file_is_whole_or_not_there);
  suite_add_tcase (suite, tc);
  suite_add_tcase (suite, faults);
  return pr_check_main (suite);
}
