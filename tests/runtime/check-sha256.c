#include "config.h"

#include "pr-check.h"

#include "runtime/sha256.h"

START_TEST (known_digests)
{
  g_autofree char *abc = pr_sha256_bytes ("abc", 3), *nothing = pr_sha256_bytes (NULL, 0);

  ck_assert_str_eq (abc, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  ck_assert_str_eq (nothing, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  ck_assert (pr_sha256_ok (abc));
  ck_assert (!pr_sha256_ok (NULL));
  ck_assert (!pr_sha256_ok (abc + 1));
  abc[0] = 'B';
  ck_assert (!pr_sha256_ok (abc));
}
END_TEST

START_TEST (a_file_has_the_digest_of_its_bytes)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "f", NULL);
  g_autofree char *data = g_strnfill (3000000, 'q'), *whole = pr_sha256_bytes (data, 3000000), *read = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pr_sha256_file (path, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, path);
  g_clear_error (&error);
  ck_assert (g_file_set_contents (path, data, 3000000, NULL));
  read = pr_sha256_file (path, &error);
  ck_assert_no_error (error);
  ck_assert_str_eq (read, whole);
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sha256");
  TCase *tc = tcase_create ("sha256");

  tcase_add_test (tc, known_digests);
  tcase_add_test (tc, a_file_has_the_digest_of_its_bytes);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
