/* pr-check.h - what every test file would otherwise repeat. */
#ifndef PR_CHECK_H
#define PR_CHECK_H

#include <pauserec/error.h>

#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#define ck_assert_no_error(error)                                                                \
  ck_assert_msg ((error) == NULL, "unexpected error: %s", (error) ? (error)->message : "")

#define ck_assert_pr_error(error, code_, part)                                                   \
  do                                                                                             \
    {                                                                                            \
      ck_assert_msg ((error) != NULL, "expected an error");                                      \
      ck_assert_msg (g_error_matches ((error), PR_ERROR, (code_)), "wrong code: %s",             \
                     (error)->message);                                                          \
      ck_assert_msg (strstr ((error)->message, (part)) != NULL, "'%s' lacks '%s'",               \
                     (error)->message, (part));                                                  \
    }                                                                                            \
  while (0)

/* Say aloud that a test could not run here; `quickstart check` counts these lines. */
#define pr_check_skip(reason)                                                                    \
  do                                                                                             \
    {                                                                                            \
      g_print ("SKIP: %s: %s\n", __func__, (reason));                                            \
      return;                                                                                    \
    }                                                                                            \
  while (0)

/* A fresh folder under $TMPDIR; the caller frees the name.  Remove with pr_check_rmdir(). */
static inline char *
pr_check_tmpdir (void)
{
  char *dir = g_dir_make_tmp ("pauserec-check-XXXXXX", NULL);

  ck_assert_ptr_nonnull (dir);
  return dir;
}

static inline void
pr_check_rmdir (const char *dir)
{
  GDir *d = g_dir_open (dir, 0, NULL);
  const char *name;

  while (d != NULL && (name = g_dir_read_name (d)) != NULL)
    {
      char *path = g_build_filename (dir, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK))
        pr_check_rmdir (path);
      else
        g_unlink (path);
      g_free (path);
    }
  if (d != NULL)
    g_dir_close (d);
  g_rmdir (dir);
}

/* A file of the real data sets beside the checkout (../shared/data), or NULL; the caller frees. */
static inline char *
pr_check_shared (const char *path)
{
  const char *shared = g_getenv ("PR_SHARED_DATA");
  const char *source = g_getenv ("PR_SOURCE_DIR");
  char *full = shared != NULL ? g_build_filename (shared, path, NULL)
                              : g_build_filename (source ? source : ".", "..", "shared", "data", path, NULL);

  if (g_file_test (full, G_FILE_TEST_EXISTS))
    return full;
  g_free (full);
  return NULL;
}

static inline int
pr_check_main (Suite *suite)
{
  SRunner *runner = srunner_create (suite);
  int failed;

  srunner_run_all (runner, CK_ENV);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
