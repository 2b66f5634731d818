#include "config.h"

#include "results-check.h"

#include "results/comparison.h"

/* The Python that has h5py and pandas, or NULL. */
static const char *
find_python (void)
{
  static const char *const candidates[] = { "python3", "/usr/bin/python3" };

  for (gsize i = 0; i < G_N_ELEMENTS (candidates); i++)
    {
      const char *argv[] = { candidates[i], "-c", "import h5py, pandas", NULL };
      int status;

      if (g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL,
                        NULL, &status, NULL)
          && g_spawn_check_wait_status (status, NULL))
        return candidates[i];
    }
  return NULL;
}

/* TEXT (consumed) in a file of DIR; its path. */
static char *
put (const char *dir, const char *name, char *text)
{
  char *path = g_build_filename (dir, name, NULL);

  ck_assert (g_file_set_contents (path, text, -1, NULL));
  g_free (text);
  return path;
}

START_TEST (python_reads_what_was_written)
{
  const char *python = find_python (), *source = g_getenv ("PR_SOURCE_DIR");
  g_autofree char *dir = NULL, *merged = NULL, *a = NULL, *b = NULL, *c = NULL, *script = NULL, *out = NULL,
                  *err = NULL;
  g_autofree char *csv = NULL, *stages = NULL;
  g_autoptr (PrComparison) comparison = NULL;
  g_autoptr (GError) error = NULL;
  float hits[300];
  int status;

  if (python == NULL)
    pr_check_skip ("no python3 with h5py and pandas (Debian: python3-h5py python3-pandas)");
  if (source == NULL)
    pr_check_skip ("PR_SOURCE_DIR does not say where the sources are");
  dir = pr_check_tmpdir ();
  merged = g_build_filename (dir, "results.h5", NULL);
  script = g_build_filename (source, "tests", "results", "check_analysis.py", NULL);
  for (int i = 0; i < 300; i++)
    hits[i] = i > 0 ? i < 61 : NAN;
  a = made_run_write (dir, "base", 1, hits, 300);
  for (int i = 41; i < 61; i++)
    hits[i] = 0;
  b = made_run_write (dir, "base", 2, hits, 300);
  for (int i = 1; i < 101; i++)
    hits[i] = 1;
  c = made_run_write (dir, "pause", 1, hits, 300);
  ck_assert (pr_results_merge ((const char *const[]){ a, b, c }, 3, "tiny", "hit_10", "base", merged, &error));
  comparison = pr_comparison_new (merged, NULL, NULL, &error);
  ck_assert_no_error (error);
  csv = put (dir, "arms.csv", pr_comparison_csv (comparison));
  stages = put (dir, "stages.csv", pr_comparison_costs_csv (comparison));
  ck_assert (g_spawn_sync (NULL, (char *[]){ (char *)python, script, merged, c, csv, stages, NULL }, NULL,
                           G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error));
  ck_assert_msg (g_spawn_check_wait_status (status, NULL), "%s%s", out, err);
  g_print ("%s", out);
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("analysis");
  TCase *tc = tcase_create ("python");

  tcase_add_test (tc, python_reads_what_was_written);
  tcase_set_timeout (tc, 60);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
