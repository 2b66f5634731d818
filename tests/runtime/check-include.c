/* Manifests that consist of several files. */
#include "plugins-for-tests.h"
#include "runtime/experiment.h"

static PrRegistry *registry;
static char *dir;

static void
setup (void)
{
  registry = test_registry ("sound", NULL);
  dir = pr_check_tmpdir ();
  ck_assert_int_eq (g_chdir ("/"), 0);
}

static void
teardown (void)
{
  g_clear_pointer (&registry, pr_registry_free);
  pr_check_rmdir (dir);
  g_clear_pointer (&dir, g_free);
}

/* DIR/NAME holds TEXT; folders on the way are made. */
static void
put (const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (dir, name, NULL), *folder = g_path_get_dirname (path);

  ck_assert_int_eq (g_mkdir_with_parents (folder, 0755), 0);
  ck_assert (g_file_set_contents (path, text, -1, NULL));
}

static PrExperiment *
load (const char *text, const char *const *set, GError **error)
{
  g_autofree char *path = test_file (dir, "x.manifest", text);
  const PrExperimentOptions options = { .set = set };

  return pr_experiment_load (path, registry, &options, error);
}

/* What field WHAT says of parameter KEY of node NAME in run R. */
static const char *
of (const PrExperiment *experiment, guint r, const char *name, const char *key, const char *what)
{
  const PrRunSpec *run = experiment->runs->pdata[r];

  for (guint i = 0; i < run->nodes->len; i++)
    {
      const PrNode *node = run->nodes->pdata[i];

      if (strcmp (node->name, name) == 0)
        return json_string_value (json_object_get (json_object_get (node->resolved, key), what));
    }
  ck_abort_msg ("no node '%s'", name);
  return NULL;
}

START_TEST (stages_and_arms_of_other_files)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PrExperiment) e = NULL;

  put ("parts/data.stages",
       "[stage data]\nuses = source\nn = 5\nx = 0.5\nfile = words.txt\n[stage unused]\nuses = source\n");
  put ("parts/words.txt", "words");
  put ("main.arms", "[arm a]\npipeline = data; train\n\n[arm b]\npipeline = data\ndata.n = 6; 7\n");
  e = load ("[experiment]\nname = two\ninclude = parts/data.stages; main.arms\n"
            "[stage data]\nn = 9\n[arm c]\npipeline = data\n",
            NULL, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (e->arms->len, 4);
  ck_assert_str_eq (e->arms->pdata[0], "a");
  ck_assert_str_eq (e->arms->pdata[1], "b[data.n=6]");
  ck_assert_str_eq (e->arms->pdata[3], "c");
  /* The manifest's own word counts; what it does not say is the included file's, paths from where that stands. */
  ck_assert_str_eq (of (e, 0, "data", "n", "value"), "9");
  ck_assert_str_eq (of (e, 0, "data", "n", "origin"), "manifest:5");
  ck_assert_str_eq (of (e, 0, "data", "x", "value"), "0.5");
  ck_assert_str_eq (of (e, 0, "data", "x", "origin"), "data.stages:4");
  ck_assert_ptr_nonnull (strstr (of (e, 0, "data", "file", "value"), "/parts/words.txt"));
  ck_assert_str_eq (of (e, 1, "data", "n", "origin"), "arm b:main.arms:6");
  /* The whole text is kept and its digest taken. */
  ck_assert_ptr_nonnull (strstr (e->text, "name = two"));
  ck_assert_ptr_nonnull (strstr (e->text, "# include data.stages\n[stage data]\n"));
  ck_assert_ptr_nonnull (strstr (e->text, "# include main.arms\n[arm a]\n"));
}
END_TEST

START_TEST (set_wins_over_all)
{
  const char *const set[] = { "data.n=11", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (PrExperiment) e = NULL;

  put ("all", "[stage data]\nuses = source\nn = 5\n[arm a]\npipeline = data\n");
  e = load ("[experiment]\ninclude = all\n[stage data]\nn = 9\n", set, &error);
  ck_assert_no_error (error);
  ck_assert_str_eq (of (e, 0, "data", "n", "value"), "11");
}
END_TEST

/* A fault, and what must be said of it. */
static const struct
{
  const char *text, *part;
} faulty[] = {
  { "[experiment]\ninclude = gone\n[arm a]\npipeline = source\n", "x.manifest:2: include: no manifest '" },
  { "[experiment]\ninclude = .\n[arm a]\npipeline = source\n", "x.manifest:2: include: '" },
  { "[experiment]\ninclude =\n[arm a]\npipeline = source\n", "x.manifest:2: include: name 1 to 64 files" },
  { "[experiment]\ninclude = one; one\n", "x.manifest:2: 'one' is read already" },
  { "[experiment]\ninclude = x.manifest\n[arm a]\npipeline = source\n", "x.manifest:2: 'x.manifest' is read already" },
  { "[experiment]\ninclude = one; same\n", "same:3: 'n' of this group was given already, " },
  { "[experiment]\ninclude = whole\n", "whole:1: an included file has stages and arms; [experiment] belongs into " },
  { "[experiment]\ninclude = bad\n[arm a]\npipeline = source\n", "bad:2: stage 'source' has no parameter 'm'" },
  { "[experiment]\ninclude = bad\n[arm a]\npipeline = sourc\n", "x.manifest:4: there is neither a [stage sourc]" },
  { "[experiment]\ninclude = junk\n[arm a]\npipeline = source\n", "junk:1: 'nothing' is no [group]" },
  /* Nothing can be included in a ring. */
  { "[experiment]\ninclude = ring\n[arm a]\npipeline = source\n", "ring:1: an included file has stages and arms" },
};

START_TEST (faults_name_the_file)
{
  g_autoptr (GError) error = NULL;

  put ("one", "[stage data]\nuses = source\nn = 5\n[arm a]\npipeline = data\n");
  put ("same", "[stage data]\nx = 0.25\nn = 5\n");
  put ("whole", "[experiment]\nname = w\n[arm a]\npipeline = source\n");
  put ("bad", "[stage source]\nm = 1\n");
  put ("junk", "nothing\n");
  put ("ring", "[experiment]\ninclude = ring\n");
  ck_assert_ptr_null (load (faulty[_i].text, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, faulty[_i].part);
}
END_TEST

START_TEST (what_is_included_cannot_be_set)
{
  const char *const set[] = { "experiment.include=one", NULL };
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (load ("[arm a]\npipeline = source\n", set, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "--set experiment.include=one: what a manifest includes is part of it");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("include");
  TCase *tc = tcase_create ("include");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, stages_and_arms_of_other_files);
  tcase_add_test (tc, set_wins_over_all);
  tcase_add_loop_test (tc, faults_name_the_file, 0, G_N_ELEMENTS (faulty));
  tcase_add_test (tc, what_is_included_cannot_be_set);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
