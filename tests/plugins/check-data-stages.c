/* The stages that make data sets, and the simplest that reads one, called as the runtime calls them. */
#include "config.h"

#include "../data/data-check.h"
#include "pipeline.h"

#include <math.h>
#include <pauserec/ranking.h>
#include <pauserec/textio.h>

static const char *const plugins[] = { "dataset-files", "synthetic-world", "popularity", NULL };

static void
start (Pipeline *p, const char *text)
{
  GError *error = NULL;

  pipeline_init (p, text, plugins, &error);
  ck_assert_no_error (error);
}

static void
start_and_run (Pipeline *p, const char *text)
{
  GError *error = NULL;

  start (p, text);
  pipeline_run (p, &error);
  ck_assert_no_error (error);
}

#define WORLD "[stage world]\nuses = synthetic-world\nn_items = 60\nn_categories = 6\nn_users = 200\noracle_k = 7\n"
#define POPULAR "[stage popularity]\nk = 5\n[arm a]\npipeline = world; popularity\n"

static double
hits (const PrDataset *dataset, const PrRanking *ranking, gint64 k)
{
  double n = 0;

  for (gint64 u = 0; u < ranking->n_users; u++)
    for (gint64 r = 0; r < k; r++)
      n += ranking->items[u * ranking->k + r] == pr_dataset_target (dataset, u, ranking->split);
  return n / (double)ranking->n_users;
}

START_TEST (the_world_is_a_data_set_a_corpus_and_an_oracle)
{
  Pipeline p;
  GError *error = NULL;
  g_autofree char *data = NULL, *text = NULL, *oracle = NULL;
  g_autoptr (PrDataset) dataset = NULL;
  g_autoptr (PrRanking) ranking = NULL;
  g_autoptr (GPtrArray) documents = g_ptr_array_new_with_free_func (g_free);
  double expected, n_text_only = 0;

  start_and_run (&p, WORLD POPULAR);
  data = pipeline_output (&p, "world", "dataset");
  text = pipeline_output (&p, "world", "text");
  oracle = pipeline_output (&p, "world", "oracle");
  dataset = pr_dataset_load (data, &error);
  ck_assert_no_error (error);
  ck_assert_int_eq (pr_dataset_n_items (dataset), 60);
  ck_assert_int_eq (pr_dataset_n_users (dataset), 200);
  ck_assert (pr_text_load (text, documents, &error));
  ck_assert_uint_eq (documents->len, 6 * 40 + 60 * 2);
  ranking = pr_ranking_load (oracle, 60, &error);
  ck_assert_no_error (error);
  ck_assert_int_eq (ranking->k, 7);
  ck_assert_int_eq (ranking->split, PR_SPLIT_TEST);
  /* 200 users: four standard errors. */
  expected = pipeline_metric (&p, 0, "oracle_hit_5");
  ck_assert_double_eq_tol (hits (dataset, ranking, 5), expected, 4 * sqrt (expected * (1 - expected) / 200));
  ck_assert_double_ge (pipeline_metric (&p, 0, "oracle_hit_10"), expected);
  ck_assert_double_gt (pipeline_metric (&p, 0, "oracle_ndcg_5_text_only"),
                       pipeline_metric (&p, 0, "blind_hit_5_text_only"));
  ck_assert_double_eq_tol (pipeline_metric (&p, 0, "oracle_hit_10_data_rule"),
                           pipeline_metric (&p, 0, "blind_hit_10_data_rule"), 1e-12);
  ck_assert_str_eq (pr_dataset_group_name (dataset, 0), "text_only");
  ck_assert_str_eq (pr_dataset_group_name (dataset, 1), "data_rule");
  for (gint64 u = 0; u < 200; u++)
    {
      ck_assert_int_eq (pr_dataset_group (dataset, 0)[u] + pr_dataset_group (dataset, 1)[u], 1);
      n_text_only += pr_dataset_group (dataset, 0)[u];
    }
  ck_assert_double_eq (n_text_only, pipeline_metric (&p, 0, "text_only_users"));
  pipeline_clear (&p);
}
END_TEST

START_TEST (popularity_counts_the_training_part_only)
{
  Pipeline p;
  GError *error = NULL;
  g_autofree char *data = NULL, *out = NULL;
  g_autoptr (PrDataset) dataset = NULL;
  g_autoptr (PrRanking) ranking = NULL;
  gint64 count[60] = { 0 }, n;

  start_and_run (&p, WORLD POPULAR);
  data = pipeline_output (&p, "world", "dataset");
  out = pipeline_output (&p, "popularity", "ranking");
  dataset = pr_dataset_load (data, &error);
  ranking = pr_ranking_load (out, 60, &error);
  ck_assert_no_error (error);
  for (gint64 u = 0; u < 200; u++)
    {
      const gint32 *items = pr_dataset_sequence (dataset, u, &n);

      for (gint64 i = 0; i < n - 2; i++)
        count[items[i]]++;
    }
  for (gint64 u = 0; u < 200; u++)
    for (gint64 r = 0; r < 5; r++)
      {
        gint32 item = ranking->items[u * 5 + r];

        ck_assert (ranking->scores[u * 5 + r] == (float)count[item]);
      }
  /* Nothing better was left out. */
  for (gint32 other = 0; other < 60; other++)
    {
      gint32 last = ranking->items[4], listed = 0;

      for (int r = 0; r < 5; r++)
        listed |= ranking->items[r] == other;
      ck_assert (listed || count[other] < count[last] || (count[other] == count[last] && other > last));
    }
  pipeline_clear (&p);
}
END_TEST

START_TEST (popularity_can_leave_out_what_was_seen)
{
  Pipeline p;
  GError *error = NULL;
  g_autofree char *data = NULL, *out = NULL;
  g_autoptr (PrDataset) dataset = NULL;
  g_autoptr (PrRanking) ranking = NULL;
  gint64 n;

  start_and_run (&p, WORLD "[stage popularity]\nk = 60\nexclude_seen = true\nsplit = valid\n[arm a]\n"
                           "pipeline = world; popularity\n");
  data = pipeline_output (&p, "world", "dataset");
  out = pipeline_output (&p, "popularity", "ranking");
  dataset = pr_dataset_load (data, &error);
  ranking = pr_ranking_load (out, 60, &error);
  ck_assert_no_error (error);
  ck_assert_int_eq (ranking->split, PR_SPLIT_VALID);
  for (gint64 u = 0; u < 200; u++)
    {
      const gint32 *seen = pr_dataset_history (dataset, u, PR_SPLIT_VALID, &n);

      for (gint64 r = 0; r < 60; r++)
        for (gint64 i = 0; i < n; i++)
          ck_assert_int_ne (ranking->items[u * 60 + r], seen[i]);
      /* What was seen leaves a gap at the end of the list. */
      ck_assert_int_eq (ranking->items[u * 60 + 59], -1);
    }
  pipeline_clear (&p);
}
END_TEST

static char *
digest_file (const char *dir, const char *name)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  g_autofree char *bytes = NULL;
  gsize n;

  ck_assert (g_file_get_contents (path, &bytes, &n, NULL));
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)bytes, n);
}

START_TEST (the_world_has_the_same_bytes_for_every_seed_of_a_run)
{
  const char *const files[][2] = { { "dataset", "items.jsonl" },  { "dataset", "users.txt" },
                                   { "dataset", "dataset.json" }, { "dataset", "sequences.safetensors" },
                                   { "text", "text.jsonl" },      { "oracle", "ranking.safetensors" } };
  Pipeline a, b;

  start_and_run (&a, WORLD POPULAR);
  start_and_run (&b, "[experiment]\nseeds = 9\n" WORLD POPULAR);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *one = pipeline_output (&a, "world", files[i][0]),
                      *two = pipeline_output (&b, "world", files[i][0]);
      g_autofree char *x = digest_file (one, files[i][1]), *y = digest_file (two, files[i][1]);

      ck_assert_str_eq (x, y);
    }
  pipeline_clear (&a);
  pipeline_clear (&b);
}
END_TEST

START_TEST (an_impossible_world_is_refused_by_the_manifest)
{
  Pipeline p;
  GError *error = NULL;

  ck_assert (!pipeline_init (&p, WORLD "min_length = 12\n" POPULAR, plugins, &error));
  data_expect (&error, PR_ERROR_MANIFEST, "min_length is above max_length");
  pipeline_clear (&p);
}
END_TEST

/* Run dataset-files on ITEMS and EVENTS with the parameters EXTRA. */
static gboolean
run_files (Pipeline *p, const char *extra, const char *items, const char *events, GError **error)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autofree char *a = data_file (dir, "items.jsonl", items, -1), *b = data_file (dir, "events.tsv", events, -1);
  g_autofree char *text = g_strdup_printf ("[stage data]\nuses = dataset-files\nitems = %s\ninteractions = %s\n%s\n"
                                           "[arm a]\npipeline = data\n",
                                           a, b, extra);
  gboolean ok;

  start (p, text);
  ok = pipeline_run (p, error);
  pr_check_rmdir (dir);
  return ok;
}

#define ITEMS                                                                                                          \
  "{\"item\":\"a\",\"title\":\"A\",\"brand\":\"B\",\"categories\":[\"r\",\"y\"]}\n"                                    \
  "{\"item\":\"x\",\"brand\":\"X\",\"categories\":[\"z\"]}\n"                                                          \
  "{\"item\":\"b\",\"brand\":\"B\",\"categories\":[\"r\"]}\n"
#define EVENTS "user\titem\ttimestamp\nv\tb\t5\nv\ta\t5\nu\ta\t1\nu\tb\t2\nw\tx\t1\nu\tb\t3\nv\ta\t9\n"

START_TEST (files_become_a_data_set)
{
  Pipeline p;
  GError *error = NULL;
  g_autofree char *data = NULL, *json = NULL;
  g_autoptr (PrDataset) dataset = NULL;
  const gint32 *items;
  gint64 n;

  run_files (&p, "k_core = 2\nname = tiny", ITEMS, EVENTS, &error);
  ck_assert_no_error (error);
  data = pipeline_output (&p, "data", "dataset");
  dataset = pr_dataset_load (data, &error);
  ck_assert_no_error (error);
  ck_assert_str_eq (pr_dataset_name (dataset), "tiny");
  ck_assert_str_eq (pr_dataset_user_id (dataset, 0), "v");
  ck_assert_str_eq (pr_dataset_item (dataset, 1)->id, "b");
  items = pr_dataset_sequence (dataset, 0, &n);
  ck_assert_int_eq (n, 3);
  ck_assert (items[0] == 1 && items[1] == 0 && items[2] == 0);
  ck_assert_double_eq (pipeline_metric (&p, 0, "users"), 2);
  ck_assert_double_eq (pipeline_metric (&p, 0, "items"), 2);
  ck_assert_double_eq (pipeline_metric (&p, 0, "interactions"), 6);
  ck_assert_double_eq (pipeline_metric (&p, 0, "density"), 6.0 / 4);
  ck_assert_double_eq (pipeline_metric (&p, 0, "length_min"), 3);
  ck_assert_double_eq (pipeline_metric (&p, 0, "dropped_users"), 1);
  ck_assert_double_eq (pipeline_metric (&p, 0, "dropped_items"), 1);
  ck_assert_double_eq (pipeline_metric (&p, 0, "dropped_interactions"), 1);
  ck_assert_double_eq (pipeline_metric (&p, 0, "items_without_title"), 1);
  ck_assert_double_eq (pipeline_metric (&p, 0, "equal_times"), 1);
  ck_assert_double_eq (pipeline_metric (&p, 0, "repeats"), 2);
  ck_assert_int_eq (pr_dims_get (p.dims->pdata[0], "dataset", "n_items"), 2);
  /* Leaves and brands of what is left. */
  ck_assert_int_eq (pr_dims_get (p.dims->pdata[0], "dataset", "n_categories"), 2);
  ck_assert_int_eq (pr_dims_get (p.dims->pdata[0], "dataset", "n_brands"), 1);
  json = g_build_filename (data, "dataset.json", NULL);
  g_free (data);
  ck_assert (g_file_get_contents (json, &data, NULL, NULL));
  ck_assert_ptr_nonnull (strstr (data, "\"tie_rule\": \"file\""));
  pipeline_clear (&p);
}
END_TEST

START_TEST (a_filter_that_leaves_nothing_is_an_error)
{
  Pipeline p;
  GError *error = NULL;

  ck_assert (!run_files (&p, "k_core = 5", ITEMS, EVENTS, &error));
  data_expect (&error, PR_ERROR_DATA, "nothing is left: k_core = 5");
  pipeline_clear (&p);
}
END_TEST

START_TEST (a_fault_of_a_file_names_stage_file_and_line)
{
  Pipeline p;
  GError *error = NULL;

  ck_assert (!run_files (&p, "k_core = 0", ITEMS, EVENTS "u\tnowhere\t4\n", &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "stage 'data'");
  data_expect (&error, PR_ERROR_DATA, "events.tsv:9: item 'nowhere' is not in");
  pipeline_clear (&p);
}
END_TEST

START_TEST (beauty_as_the_user_runs_it)
{
  g_autofree char *items = pr_check_shared ("amazon_beauty_2014/items.jsonl");
  g_autofree char *interactions = pr_check_shared ("amazon_beauty_2014/interactions.tsv.gz");
  g_autofree char *text = NULL;
  Pipeline p;

  if (items == NULL || interactions == NULL)
    pr_check_skip ("amazon_beauty_2014 is not there");
  text = g_strdup_printf ("[stage data]\nuses = dataset-files\nitems = %s\ninteractions = %s\n[arm a]\n"
                          "pipeline = data; popularity\n",
                          items, interactions);
  start_and_run (&p, text);
  ck_assert_double_eq (pipeline_metric (&p, 0, "users"), 22363);
  ck_assert_double_eq (pipeline_metric (&p, 0, "items"), 12101);
  ck_assert_double_eq (pipeline_metric (&p, 0, "interactions"), 198502);
  ck_assert_double_eq (pipeline_metric (&p, 0, "length_max"), 204);
  ck_assert_double_eq (pipeline_metric (&p, 0, "items_without_title"), 7);
  ck_assert_double_eq (pipeline_metric (&p, 0, "dropped_interactions"), 0);
  pipeline_clear (&p);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("data-stages");
  TCase *tc = tcase_create ("data-stages");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, the_world_is_a_data_set_a_corpus_and_an_oracle);
  tcase_add_test (tc, popularity_counts_the_training_part_only);
  tcase_add_test (tc, popularity_can_leave_out_what_was_seen);
  tcase_add_test (tc, the_world_has_the_same_bytes_for_every_seed_of_a_run);
  tcase_add_test (tc, an_impossible_world_is_refused_by_the_manifest);
  tcase_add_test (tc, files_become_a_data_set);
  tcase_add_test (tc, a_filter_that_leaves_nothing_is_an_error);
  tcase_add_test (tc, a_fault_of_a_file_names_stage_file_and_line);
  tcase_add_test (tc, beauty_as_the_user_runs_it);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
