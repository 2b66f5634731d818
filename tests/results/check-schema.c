#include "config.h"

#include "results-check.h"
#include "schema-breaches.h"

#include "results/schema.h"
#include "results/seal.h"

#include <pauserec/io.h>

/* A run with something of everything, ranking included. */
static char *
make_run (const char *dir, const char *arm)
{
  g_autofree char *name = g_strdup_printf ("%s.h5", arm), *ranking_dir = g_strdup_printf ("%s/%s-ranking", dir, arm);
  g_autoptr (PrRanking) ranking = pr_ranking_new (4, 2, PR_SPLIT_TEST);
  char *path = g_build_filename (dir, name, NULL);
  GError *error = NULL;
  MadeRun made;

  for (int i = 0; i < 4; i++)
    {
      ranking->items[2 * i] = 7;
      ranking->scores[2 * i] = 0.5f;
    }
  ck_assert_int_eq (g_mkdir (ranking_dir, 0777), 0);
  ck_assert (pr_ranking_save (ranking, ranking_dir, &error));
  made_run_init (&made, arm, 1, some_hits, 4);
  made.run.ranking_dir = ranking_dir;
  pr_results_write_run (&made.run, path, &error);
  ck_assert_no_error (error);
  made_run_clear (&made);
  return path;
}

static char *
make_merged (const char *dir)
{
  g_autofree char *a = make_run (dir, "base"), *b = make_run (dir, "pause");
  char *out = g_build_filename (dir, "results.h5", NULL);
  GError *error = NULL;

  pr_results_merge ((const char *const[]){ a, b }, 2, "tiny", "hit_10", "base", out, &error);
  ck_assert_no_error (error);
  return out;
}

START_TEST (sound_files_are_sound)
{
  g_autofree char *dir = pr_check_tmpdir (), *merged = make_merged (dir),
                  *run = g_build_filename (dir, "base.h5", NULL);
  g_autoptr (GError) error = NULL;
  PrSchemaSummary summary;

  ck_assert_msg (pr_schema_verify (merged, &summary, &error), "%s", error ? error->message : "");
  ck_assert (summary.experiment);
  ck_assert_int_eq (summary.n_runs, 2);
  ck_assert_int_eq (summary.n_users, 4);
  ck_assert_uint_eq (summary.n_metrics, 1);
  ck_assert_msg (pr_schema_verify (run, &summary, &error), "%s", error ? error->message : "");
  ck_assert (!summary.experiment);
  ck_assert_int_eq (summary.n_runs, 1);
  pr_check_rmdir (dir);
}
END_TEST

static char *
join (const char *group, const char *name)
{
  return g_strconcat (group, group[1] != '\0' ? "/" : "", name, NULL);
}

static void
copy_attributes (PrH5 *from, PrH5 *to, const char *place, const char *without)
{
  g_auto (GStrv) names = pr_h5_attributes (from, place, NULL);

  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *text = NULL, *full = g_strdup_printf ("%s@%s", place, *name);
      guint64 number;

      if (g_strcmp0 (full, without) == 0)
        continue;
      if (pr_h5_attribute_type (from, place, *name) == PR_H5_U64)
        {
          ck_assert (pr_h5_get_number (from, place, *name, &number, NULL));
          ck_assert (pr_h5_set_number (to, place, *name, number, NULL));
          continue;
        }
      text = pr_h5_get_text (from, place, *name, NULL);
      ck_assert (pr_h5_set_text (to, place, *name, text, NULL));
    }
}

static void
copy_without (PrH5 *from, PrH5 *to, const char *group, const char *without)
{
  g_auto (GStrv) names = pr_h5_list (from, group, NULL);
  gboolean any = group[1] == '\0';

  for (char **name = names; *name != NULL; name++)
    {
      g_autofree char *place = join (group, *name);
      PrH5Shape shape;

      if (g_strcmp0 (place, without) == 0)
        continue;
      ck_assert (pr_h5_describe (from, place, &shape, NULL));
      if (shape.kind == PR_H5_GROUP)
        copy_without (from, to, place, without);
      else
        ck_assert (pr_h5_copy (from, place, to, place, NULL));
      any = TRUE;
    }
  if (any && pr_h5_exists (to, group))
    copy_attributes (from, to, group, without);
}

/* PATH, broken, is sealed again; what the checker says of it. */
static void
expect_fault (const char *path, const Breakage *b)
{
  g_autofree char *broken = g_strconcat (path, ".broken", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrH5) from = pr_h5_open (path, &error), to = pr_h5_new (PR_SEAL_BLOCK, &error);
  PrSchemaSummary summary;

  copy_without (from, to, "/", b->without);
  if (b->edit != NULL)
    b->edit (to);
  ck_assert_msg (pr_seal_write (to, broken, &error), "%s", error ? error->message : "");
  ck_assert_msg (!pr_schema_verify (broken, &summary, &error), "'%s' passed: %s", b->place, b->complaint);
  ck_assert_pr_error (error, PR_ERROR_DATA, broken);
  ck_assert_msg (strstr (error->message, b->place) != NULL, "'%s' names no %s", error->message, b->place);
  ck_assert_msg (strstr (error->message, b->complaint) != NULL, "'%s' lacks '%s'", error->message, b->complaint);
}

START_TEST (every_breach_in_a_run_is_named)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_run (dir, "base");

  for (gsize i = 0; i < G_N_ELEMENTS (run_breakages); i++)
    expect_fault (path, &run_breakages[i]);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (every_breach_in_merged_results_is_named)
{
  g_autofree char *dir = pr_check_tmpdir (), *path = make_merged (dir);

  for (gsize i = 0; i < G_N_ELEMENTS (merged_breakages); i++)
    expect_fault (path, &merged_breakages[i]);
  pr_check_rmdir (dir);
}
END_TEST

/* Curves and tables have an attribute that goes with the last of them, so another one is left beside what is broken. */
START_TEST (breaches_beside_sound_curves_are_named)
{
  static const Breakage breakages[] = {
    { "/curves/lm_base/loss", curve_as_array, "/curves/lm_base/loss", "is no table" },
    { "/curves/lm_base/loss", curve_without_steps, "/curves/lm_base/loss", "'value' where 'step' belongs" },
    { "/curves/lm_base/loss", curve_of_floats, "/curves/lm_base/loss", "column 'value' that is no f64" },
    { "/tables/lm_base/codebook", table_of_texts, "/tables/lm_base/codebook", "column 'level' that is no f64" },
  };
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "r.h5", NULL);
  g_autoptr (GError) error = NULL;
  MadeRun made;

  made_run_init (&made, "base", 1, some_hits, 4);
  pr_record_curve (made.train, "lr", 0, 1);
  pr_record_column (made.train, "other", "x", 1);
  ck_assert (pr_results_write_run (&made.run, path, &error));
  for (gsize i = 0; i < G_N_ELEMENTS (breakages); i++)
    expect_fault (path, &breakages[i]);
  made_run_clear (&made);
  pr_check_rmdir (dir);
}
END_TEST

/* A copy in which nothing is broken is sound: the faults above are those that they say. */
START_TEST (an_unbroken_copy_is_sound)
{
  g_autofree char *dir = pr_check_tmpdir (), *merged = make_merged (dir),
                  *copy = g_build_filename (dir, "copy.h5", NULL);
  g_autofree char *run = g_build_filename (dir, "base.h5", NULL);
  const char *const paths[] = { merged, run };
  g_autoptr (GError) error = NULL;
  PrSchemaSummary summary;

  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (PrH5) from = pr_h5_open (paths[i], &error), to = pr_h5_new (PR_SEAL_BLOCK, &error);

      copy_without (from, to, "/", NULL);
      ck_assert (pr_seal_write (to, copy, &error));
      ck_assert_msg (pr_schema_verify (copy, &summary, &error), "%s", error ? error->message : "");
    }
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (the_document_has_every_object_and_column)
{
  g_autofree char *text = pr_schema_document ();
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    ck_assert_msg (g_utf8_strlen (*line, -1) <= 120, "too wide: %s", *line);
  for (gsize i = 0; i < pr_schema_n_objects; i++)
    {
      ck_assert_ptr_nonnull (strstr (text, pr_schema_objects[i].path));
      for (gsize c = 0; c < pr_schema_objects[i].n_columns; c++)
        ck_assert_ptr_nonnull (strstr (text, pr_schema_objects[i].columns[c].name));
    }
  for (gsize i = 0; i < pr_schema_n_attributes; i++)
    ck_assert_ptr_nonnull (strstr (text, pr_schema_attributes[i].name));
  ck_assert_ptr_nonnull (strstr (text, PR_RESULTS_SCHEMA));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("schema");
  TCase *tc = tcase_create ("schema");

  tcase_add_test (tc, sound_files_are_sound);
  tcase_add_test (tc, an_unbroken_copy_is_sound);
  tcase_add_test (tc, every_breach_in_a_run_is_named);
  tcase_add_test (tc, every_breach_in_merged_results_is_named);
  tcase_add_test (tc, breaches_beside_sound_curves_are_named);
  tcase_add_test (tc, the_document_has_every_object_and_column);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
