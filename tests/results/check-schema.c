#include "config.h"

#include "results-check.h"

#include "results/schema.h"
#include "results/seal.h"

#include <pauserec/io.h>

static const float some_hits[] = { 1, 0, NAN, 1 };

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

/* What to break in a copy of a file: leave WITHOUT out, then EDIT it. */
typedef struct
{
  const char *without;
  void (*edit) (PrH5 *h5);
  const char *place, *complaint;
} Breakage;

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

static void
add_stranger (PrH5 *h5)
{
  ck_assert (pr_h5_write_text (h5, "/notes/mine", "x", NULL));
}
static void
add_attribute (PrH5 *h5)
{
  ck_assert (pr_h5_set_text (h5, "/", "author", "x", NULL));
}
static void
manifest_as_array (PrH5 *h5)
{
  gint64 n = 2;

  ck_assert (pr_h5_write_array (h5, "/manifest", PR_H5_F32, 1, &n, some_hits, NULL));
}
static void
users_as_double (PrH5 *h5)
{
  const double values[4] = { 0 };
  gint64 n = 4;

  ck_assert (pr_h5_write_array (h5, "/per_user/hit_10", PR_H5_F64, 1, &n, values, NULL));
}
static void
curve_as_array (PrH5 *h5)
{
  gint64 n = 4;

  ck_assert (pr_h5_write_array (h5, "/curves/lm_base/loss", PR_H5_F32, 1, &n, some_hits, NULL));
}
static void
curve_without_steps (PrH5 *h5)
{
  const double values[] = { 4, 3, 2 };

  ck_assert (
      pr_h5_write_table (h5, "/curves/lm_base/loss", (PrH5Column[]){ { "value", PR_H5_F64, values } }, 1, 3, NULL));
}
static void
curve_of_floats (PrH5 *h5)
{
  const guint64 steps[] = { 0, 1 };

  ck_assert (pr_h5_write_table (h5, "/curves/lm_base/loss",
                                (PrH5Column[]){ { "step", PR_H5_U64, steps }, { "value", PR_H5_F32, some_hits } }, 2, 2,
                                NULL));
}
static void
table_of_texts (PrH5 *h5)
{
  const char *texts[] = { "a" };

  ck_assert (
      pr_h5_write_table (h5, "/tables/lm_base/codebook", (PrH5Column[]){ { "level", PR_H5_TEXT, texts } }, 1, 1, NULL));
}
static void
write_metrics (PrH5 *h5, const char *arm, guint64 seed, gboolean more)
{
  const char *arms[] = { arm }, *stages[] = { "metrics" }, *names[] = { "hit_10" };
  double values[] = { 0.5 };

  ck_assert (pr_h5_write_table (h5, "/metrics",
                                (PrH5Column[]){ { "arm", PR_H5_TEXT, arms },
                                                { "seed", PR_H5_U64, &seed },
                                                { "stage", PR_H5_TEXT, stages },
                                                { "metric", PR_H5_TEXT, names },
                                                { "value", PR_H5_F64, values },
                                                { "more", PR_H5_F64, values } },
                                more ? 6 : 5, 1, NULL));
}
static void
metrics_with_more (PrH5 *h5)
{
  write_metrics (h5, "base", 1, TRUE);
}
static void
metrics_of_another_arm (PrH5 *h5)
{
  write_metrics (h5, "stranger", 1, FALSE);
}
static void
metrics_of_another_seed (PrH5 *h5)
{
  write_metrics (h5, "base", 2, FALSE);
}
static void
metrics_of_less (PrH5 *h5)
{
  write_metrics (h5, "base", 1, FALSE);
}
/* One row for each of ARMS. */
static void
write_cost (PrH5 *h5, const char *const *arms, gint64 n, double seconds)
{
  PrH5Column columns[7 + PR_N_COSTS];
  const char *texts[] = { "x", "x", "x" };
  guint64 seeds[] = { 1, 1, 1 }, bytes[] = { 0, 0, 0 };
  double zeros[] = { 0, 0, 0 }, walls[] = { seconds, seconds, seconds };

  columns[0] = (PrH5Column){ "arm", PR_H5_TEXT, arms };
  columns[1] = (PrH5Column){ "seed", PR_H5_U64, seeds };
  columns[2] = (PrH5Column){ "stage", PR_H5_TEXT, texts };
  columns[3] = (PrH5Column){ "key", PR_H5_TEXT, texts };
  columns[4] = (PrH5Column){ "wall_seconds", PR_H5_F64, walls };
  columns[5] = (PrH5Column){ "cpu_seconds", PR_H5_F64, zeros };
  columns[6] = (PrH5Column){ "peak_rss_bytes", PR_H5_U64, bytes };
  for (int c = 0; c < PR_N_COSTS; c++)
    columns[7 + c] = (PrH5Column){ pr_cost_names[c], PR_H5_F64, zeros };
  ck_assert (pr_h5_write_table (h5, "/cost", columns, G_N_ELEMENTS (columns), n, NULL));
}
static void
cost_of_one_run (PrH5 *h5)
{
  write_cost (h5, (const char *const[]){ "base" }, 1, 1);
}
static void
cost_out_of_order (PrH5 *h5)
{
  write_cost (h5, (const char *const[]){ "base", "pause", "base" }, 3, 1);
}
static void
cost_without_the_first (PrH5 *h5)
{
  write_cost (h5, (const char *const[]){ "pause" }, 1, 1);
}
static void
cost_of_nan (PrH5 *h5)
{
  write_cost (h5, (const char *const[]){ "base", "pause" }, 2, NAN);
}
static void
cost_below_zero (PrH5 *h5)
{
  write_cost (h5, (const char *const[]){ "base", "pause" }, 2, -1);
}
static void
users_of_three_runs (PrH5 *h5)
{
  const float values[12] = { 0 };
  gint64 dims[] = { 3, 4 };

  ck_assert (pr_h5_write_array (h5, "/per_user/hit_10", PR_H5_F32, 2, dims, values, NULL));
}
static void
users_of_one_dimension (PrH5 *h5)
{
  gint64 n = 4;

  ck_assert (pr_h5_write_array (h5, "/per_user/hit_10", PR_H5_F32, 1, &n, some_hits, NULL));
}
static void
scores_of_three_users (PrH5 *h5)
{
  const float values[6] = { 0 };
  gint64 dims[] = { 3, 2 };

  ck_assert (pr_h5_write_array (h5, "/runs_detail/r1/ranking/scores", PR_H5_F32, 2, dims, values, NULL));
}
static void
scores_of_nan (PrH5 *h5)
{
  const float values[8] = { 0, 0, NAN };
  gint64 dims[] = { 4, 2 };

  ck_assert (pr_h5_write_array (h5, "/runs_detail/r1/ranking/scores", PR_H5_F32, 2, dims, values, NULL));
}
static void
items_below (PrH5 *h5)
{
  const gint32 values[8] = { 0, 0, -2 };
  gint64 dims[] = { 4, 2 };

  ck_assert (pr_h5_write_array (h5, "/runs_detail/r0/ranking/items", PR_H5_I32, 2, dims, values, NULL));
}
static void
a_third_run (PrH5 *h5)
{
  ck_assert (pr_h5_write_text (h5, "/runs_detail/r2/provenance", "{}", NULL));
}
static void
a_run_of_a_name (PrH5 *h5)
{
  ck_assert (pr_h5_write_text (h5, "/runs_detail/base/provenance", "{}", NULL));
}
static void
provenance_of_words (PrH5 *h5)
{
  ck_assert (pr_h5_write_text (h5, "/runs_detail/r1/provenance", "none", NULL));
}
static void
another_digest (PrH5 *h5)
{
  ck_assert (pr_h5_set_text (h5, "/", "digest", "0123", NULL));
}
static void
a_seed_of_text (PrH5 *h5)
{
  ck_assert (pr_h5_set_text (h5, "/", "seed", "1", NULL));
}
static void
a_split_of_its_own (PrH5 *h5)
{
  ck_assert (pr_h5_set_text (h5, "/ranking", "split", "train", NULL));
}
static void
another_kind (PrH5 *h5)
{
  ck_assert (pr_h5_set_text (h5, "/", "kind", "sweep", NULL));
}

static const Breakage run_breakages[] = {
  { "/metrics", NULL, "/metrics", "is not there" },
  { "/cost", NULL, "/cost", "is not there" },
  { "/manifest", NULL, "/manifest", "is not there" },
  { "/provenance", NULL, "/provenance", "is not there" },
  { "/ranking/scores", NULL, "/ranking", "lacks items or scores" },
  { "/@experiment", NULL, "'/'", "no attribute 'experiment'" },
  { "/@arm", NULL, "'/'", "no attribute 'arm'" },
  { "/@digest", NULL, "'/'", "no attribute 'digest'" },
  { "/curves/lm_base@stage", NULL, "/curves/lm_base", "no attribute 'stage'" },
  { "/@seed", a_seed_of_text, "'/'", "attribute 'seed' that is no u64" },
  { "/@digest", another_digest, "'/'", "has the digest 0123" },
  { "/@kind", another_kind, "'/'", "neither run nor experiment" },
  { "/ranking@split", a_split_of_its_own, "/ranking", "neither test nor valid" },
  { NULL, add_stranger, "/notes", "nothing that the schema knows" },
  { NULL, add_attribute, "'/'", "attribute 'author' that the schema does not know" },
  { "/manifest", manifest_as_array, "/manifest", "is no text" },
  { "/per_user/hit_10", users_as_double, "/per_user/hit_10", "is no f32 [n_users]" },
  { "/per_user/hit_10", NULL, "'/'", "digest" },
  { "/curves/lm_base/loss", curve_as_array, "/curves/lm_base", "no attribute 'stage'" },
  { "/curves/lm_base/loss", curve_without_steps, "/curves/lm_base", "no attribute 'stage'" },
  { "/metrics", metrics_with_more, "/metrics", "column 'more' that the schema does not know" },
  { "/metrics", metrics_of_another_arm, "/metrics", "arm 'stranger'" },
  { "/metrics", metrics_of_another_seed, "/metrics", "seed 2" },
  { "/metrics", metrics_of_less, "'/'", "digest" },
};

static const Breakage merged_breakages[] = {
  { "/runs", NULL, "/runs", "is not there" },
  { "/metrics", NULL, "/metrics", "is not there" },
  { "/@metric", NULL, "'/'", "no attribute 'metric'" },
  { "/@baseline", NULL, "'/'", "no attribute 'baseline'" },
  { "/cost", cost_of_one_run, "/cost", "no row of arm 'pause'" },
  { "/cost", cost_out_of_order, "/cost", "row 2" },
  { "/cost", cost_without_the_first, "/cost", "arm 'pause'" },
  { "/cost", cost_of_nan, "/cost", "column 'wall_seconds', row 0" },
  { "/cost", cost_below_zero, "/cost", "has -1 in column 'wall_seconds'" },
  { "/metrics", metrics_of_another_arm, "/metrics", "arm 'stranger'" },
  { "/per_user/hit_10", users_of_three_runs, "/per_user/hit_10", "3 rows" },
  { "/per_user/hit_10", users_of_one_dimension, "/per_user/hit_10", "is no f32 [n_runs, most users]" },
  { "/runs_detail/r1/ranking/scores", scores_of_three_users, "/runs_detail/r1/ranking/scores", "shape of the items" },
  { "/runs_detail/r1/ranking/scores", scores_of_nan, "/runs_detail/r1/ranking/scores", "has NaN for user 1" },
  { "/runs_detail/r0/ranking/items", items_below, "/runs_detail/r0/ranking/items", "item -2 for user 1" },
  { "/runs_detail/r1/provenance", NULL, "/runs_detail/r1/provenance", "is not there" },
  { "/runs_detail/r1/provenance", provenance_of_words, "/runs_detail/r1/provenance", "no JSON object" },
  { "/runs_detail/r1", NULL, "/runs_detail/r1/provenance", "is not there" },
  { NULL, a_third_run, "/runs_detail", "3 entries" },
  { NULL, a_run_of_a_name, "/runs_detail/base", "nothing that the schema knows" },
  { NULL, add_stranger, "/notes", "nothing that the schema knows" },
};

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
