#include "plugins-for-tests.h"

#include <unistd.h>

static const struct
{
  const char *plugin, *part, *remedy;
} broken[] = {
  { "wrong-magic", "is not a plugin description", "PR_PLUGIN_INIT" },
  { "wrong-abi", "built for plugin ABI 999, this runtime speaks 3", "rebuild" },
  { "wrong-size", "description has size 12", "rebuild" },
  { "wrong-name", "calls itself 'someone-else'", "'wrong-name'" },
  { "no-symbol", "exports no 'pr_plugin'", "define" },
  { "unresolved-symbol", "pr_function_that_nobody_has", "link the plugin" },
  { "no-stages", "describes no stages", "list at least one" },
  { "null-fields", "run() is missing", "every stage has" },
  { "bad-default", "default 11 is outside its own range, 1 to 10", "'n'" },
  { "bad-offset", "lies outside the params struct", "sizeof (Params)" },
  { "bad-slot", "type 'thing' is not NAME/REVISION", "dataset/1" },
  { "duplicate-stage", "stage 'source' exists already", "rename" },
};

START_TEST (broken_plugins_are_refused)
{
  g_autoptr (PrRegistry) registry = test_registry ("sound", NULL);
  g_autofree char *path = test_plugin_path (broken[_i].plugin);
  g_autoptr (GError) error = NULL;
  gsize before = pr_registry_n (registry);

  ck_assert_int_eq (pr_registry_load (registry, path, &error), FALSE);
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, broken[_i].part);
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, broken[_i].remedy);
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, path);
  ck_assert_uint_eq (pr_registry_n (registry), before);
}
END_TEST

START_TEST (a_taken_stage_id_names_both_files)
{
  g_autoptr (PrRegistry) registry = test_registry ("sound", NULL);
  g_autofree char *path = test_plugin_path ("duplicate-stage"), *first = test_plugin_path ("sound");
  g_autoptr (GError) error = NULL;

  ck_assert (!pr_registry_load (registry, path, &error));
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, path);
  ck_assert_pr_error (error, PR_ERROR_PLUGIN, first);
}
END_TEST

START_TEST (stages_are_indexed_in_order)
{
  g_autoptr (PrRegistry) registry = test_registry ("sound", NULL);
  static const char *const ids[] = { "needy", "score", "source", "train", "twin" };
  g_autofree char *path = test_plugin_path ("sound");

  ck_assert_uint_eq (pr_registry_n (registry), G_N_ELEMENTS (ids));
  for (gsize i = 0; i < G_N_ELEMENTS (ids); i++)
    {
      const PrStageEntry *entry = pr_registry_at (registry, i);

      ck_assert_str_eq (entry->stage->id, ids[i]);
      ck_assert_ptr_eq (pr_registry_find (registry, ids[i]), entry);
      ck_assert_str_eq (entry->path, path);
      ck_assert_uint_eq (strlen (entry->digest), 64);
    }
  ck_assert_ptr_null (pr_registry_find (registry, "nobody"));
  ck_assert_ptr_null (pr_registry_at (registry, G_N_ELEMENTS (ids)));
}
END_TEST

START_TEST (the_same_file_twice_is_once)
{
  g_autoptr (PrRegistry) registry = test_registry ("sound", "sound", NULL);

  ck_assert_uint_eq (pr_registry_n (registry), 5);
}
END_TEST

START_TEST (files_that_are_no_library)
{
  g_autofree char *dir = pr_check_tmpdir (), *text = test_file (dir, "text.so", "hello\n");
  g_autofree char *missing = g_build_filename (dir, "missing.so", NULL);
  g_autoptr (PrRegistry) registry = pr_registry_new ();
  g_autoptr (GError) no_library = NULL, no_file = NULL, in_dir = NULL;

  ck_assert (!pr_registry_load (registry, text, &no_library));
  ck_assert_pr_error (no_library, PR_ERROR_PLUGIN, "text.so");
  ck_assert (!pr_registry_load (registry, missing, &no_file));
  ck_assert_pr_error (no_file, PR_ERROR_IO, "missing.so");
  ck_assert (!pr_registry_load_dir (registry, dir, &in_dir));
  ck_assert_pr_error (in_dir, PR_ERROR_PLUGIN, "text.so");
  pr_check_rmdir (dir);
}
END_TEST

/* What `make install` leaves: NAME.so beside NAME.la; and what libtool leaves in a build tree: NAME/.libs/NAME.so. */
START_TEST (folders_of_both_layouts)
{
  g_autofree char *dir = pr_check_tmpdir (), *built = g_build_filename (dir, "built", NULL);
  g_autofree char *libs = g_build_filename (built, "sound", ".libs", NULL),
                  *empty = g_build_filename (dir, "empty", NULL);
  g_autofree char *link = g_build_filename (libs, "sound.so", NULL), *flat = g_build_filename (dir, "sound.so", NULL);
  g_autofree char *sound = test_plugin_path ("sound"), *la = test_file (dir, "sound.la", "# libtool\n");
  g_autoptr (PrRegistry) in_build = pr_registry_new (), installed = pr_registry_new ();
  g_autoptr (GError) error = NULL;

  ck_assert_int_eq (g_mkdir_with_parents (libs, 0755), 0);
  ck_assert_int_eq (g_mkdir_with_parents (empty, 0755), 0);
  ck_assert_int_eq (symlink (sound, link), 0);
  ck_assert_int_eq (symlink (sound, flat), 0);
  pr_registry_load_dir (in_build, built, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (pr_registry_n (in_build), 5);
  pr_registry_load_dir (installed, dir, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (pr_registry_n (installed), 5);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_folder_that_is_not_there)
{
  g_autoptr (PrRegistry) registry = pr_registry_new ();
  g_autoptr (GError) error = NULL;

  ck_assert (!pr_registry_load_dir (registry, "/nonexistent/plugins", &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "/nonexistent/plugins");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("loader");
  TCase *tc = tcase_create ("loader");

  tcase_add_loop_test (tc, broken_plugins_are_refused, 0, G_N_ELEMENTS (broken));
  tcase_add_test (tc, a_taken_stage_id_names_both_files);
  tcase_add_test (tc, stages_are_indexed_in_order);
  tcase_add_test (tc, the_same_file_twice_is_once);
  tcase_add_test (tc, files_that_are_no_library);
  tcase_add_test (tc, folders_of_both_layouts);
  tcase_add_test (tc, a_folder_that_is_not_there);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
