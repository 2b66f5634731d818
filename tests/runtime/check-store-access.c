/* Stores that cannot be read, written or are none. */
#include "config.h"

#include "store-check.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST (a_full_disk_leaves_nothing_visible)
{
  g_autoptr (PrStore) store = must_open ();
  PrBuild *build = must_build (store);
  struct rlimit limit = { 100, 100 }; /* entry.json is larger */
  g_autoptr (GError) error = NULL;

  fill (build);
  signal (SIGXFSZ, SIG_IGN);
  ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &limit), 0);
  ck_assert_ptr_null (pr_store_commit (store, build, &fake.stage, identity, dims, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "entry.json");
  ck_assert (!exists ("tmp", KEY_A));
  ck_assert (!exists ("objects/aa", KEY_A));
}
END_TEST

START_TEST (other_folders_are_not_taken_for_a_store)
{
  g_autoptr (GError) error = NULL;

  put (root, "thesis.tex", "x");
  ck_assert_ptr_null (pr_store_open (root, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "is no store");
  g_clear_error (&error);
  pr_check_rmdir (root);
  put (root, "store.json", "{\"schema\": \"pauserec-store/99\"}");
  ck_assert_ptr_null (pr_store_open (root, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "another version");
  g_clear_error (&error);
  pr_check_rmdir (root);
  ck_assert_ptr_null (pr_store_open_readonly (root, &error));
  ck_assert_no_error (error);
  ck_assert (!g_file_test (root, G_FILE_TEST_EXISTS));
}
END_TEST

static void
chmod_all (const char *base, int mode)
{
  GDir *d = g_dir_open (base, 0, NULL);
  const char *name;

  while (d != NULL && (name = g_dir_read_name (d)) != NULL)
    {
      g_autofree char *path = path_in (base, name);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        chmod_all (path, mode);
      else
        g_chmod (path, mode & 0666);
    }
  if (d != NULL)
    g_dir_close (d);
  g_chmod (base, mode);
}

START_TEST (a_read_only_store_serves_what_it_has_and_says_what_it_cannot)
{
  g_autoptr (PrStore) store = NULL;
  g_autoptr (PrEntry) entry = NULL;
  PrEntry *none = NULL;
  g_autoptr (GError) error = NULL;

  make_entry ();
  g_chmod (dir, 0755);
  chmod_all (root, 0555);
  if (geteuid () == 0 && seteuid (65534) != 0)
    pr_check_skip ("cannot become an ordinary user");
  store = pr_store_open (root, &error);
  ck_assert_no_error (error);
  ck_assert_ptr_null (pr_store_acquire (store, KEY_A, &watch, &entry, &error));
  ck_assert_no_error (error);
  ck_assert_ptr_nonnull (entry);
  ck_assert_ptr_null (pr_store_acquire (store, "bb00000000000000000000000000000000000000000000000000000000000000",
                                        &watch, &none, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "is that folder writable?");
  ck_assert_ptr_null (none);
  if (geteuid () != getuid ())
    ck_assert_int_eq (seteuid (getuid ()), 0);
  chmod_all (root, 0777);
}
END_TEST

START_TEST (an_unreadable_output_is_an_error_and_not_a_reason_to_work_again)
{
  g_autoptr (PrStore) store = NULL;
  PrEntry *none = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (root, "objects", "aa", KEY_A, "out", "a.txt", NULL);

  make_entry ();
  g_chmod (dir, 0755);
  chmod_all (root, 0777);
  g_chmod (path, 0);
  if (geteuid () == 0 && seteuid (65534) != 0)
    pr_check_skip ("cannot become an ordinary user");
  store = pr_store_open (root, &error);
  ck_assert_no_error (error);
  ck_assert_ptr_null (pr_store_acquire (store, KEY_A, &watch, &none, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, path);
  ck_assert_ptr_null (none);
  if (geteuid () != getuid ())
    ck_assert_int_eq (seteuid (getuid ()), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("store-access");
  TCase *tc = tcase_create ("store-access");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, a_full_disk_leaves_nothing_visible);
  tcase_add_test (tc, other_folders_are_not_taken_for_a_store);
  tcase_add_test (tc, a_read_only_store_serves_what_it_has_and_says_what_it_cannot);
  tcase_add_test (tc, an_unreadable_output_is_an_error_and_not_a_reason_to_work_again);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
