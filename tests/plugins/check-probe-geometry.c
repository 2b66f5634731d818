/* check-probe-geometry.c - the stage on models whose rows are set by hand, so that every measure is known. */
#include "pipeline.h"
#include "tiny-stage.h"

#include "lm/layout.h"

#include <pauserec/rng.h>
#include <pauserec/threads.h>
#include <pauserec/tokengroups.h>

#include <math.h>

#define WIDTH 16

static void
probe_ok (const char *settings, StageResult *result)
{
  g_autofree char *all = g_strconcat ("text_tokens=36", settings[0] != '\0' ? " " : "", settings, NULL);

  tiny_run ("probe-geometry", all, NULL, NULL, NULL, result);
}

static double
metric (const StageResult *result, const char *group, const char *measure)
{
  g_autofree char *name = g_strconcat (group, "_", measure, NULL);

  return harness_metric (result, name);
}

/* Layers that add nothing: the last hidden state is the row of the token, at length sqrt (WIDTH). */
static void
silence_layers (PrLm *lm)
{
  for (gsize i = 0; i < lm->layout->n_tensors; i++)
    {
      const PrLmTensor *tensor = &lm->layout->tensors[i];

      if (strstr (tensor->name, "o_proj") != NULL || strstr (tensor->name, "down_proj") != NULL)
        memset (lm->weights + tensor->offset, 0, (gsize)(tensor->rows * tensor->columns) * sizeof (float));
    }
}

/* Text is (1, 0, ...).  A SID is 2 in one other dimension, and 1 or -1 in a third: <a_0> and <b_0>, <a_2> and <b_1>. */
static void
save_apart (void)
{
  g_autoptr (PrLm) lm = tiny_load (tiny_lm_dir);

  silence_layers (lm);
  for (gint32 t = 0; t < pr_lm_config (lm)->vocab; t++)
    {
      float *row = pr_lm_embedding_row (lm, t);

      memset (row, 0, WIDTH * sizeof (float));
      if (t < END_OF_TEXT)
        row[0] = 1;
      else
        {
          row[4] = 2;
          row[5] = t == A0 || t == B0 ? 1 : -1;
        }
    }
  ck_assert (pr_lm_save (lm, tiny_lm_dir, NULL));
}

START_TEST (words_and_ids_of_two_worlds)
{
  g_auto (StageResult) result = { 0 };

  save_apart ();
  probe_ok ("", &result);
  /* Means (1, 0, 0) and (0, 2, 0); only SIDs vary, by 1. */
  ck_assert_double_eq_tol (metric (&result, "embedding", "centroid_distance"), sqrt (5 / 0.5), 1e-6);
  ck_assert_double_eq_tol (metric (&result, "embedding", "norm_text"), 1, 1e-6);
  ck_assert_double_eq_tol (metric (&result, "embedding", "norm_sid"), sqrt (5), 1e-6);
  /* Of six pairs two are equal, the others have (4 - 1) / 5. */
  ck_assert_double_eq_tol (metric (&result, "embedding", "cosine_sid"), (2 + 4 * 0.6) / 6, 1e-6);
  ck_assert_double_eq_tol (metric (&result, "embedding", "rank_sid"), 1, 1e-6);
  ck_assert_double_nan (metric (&result, "embedding", "rank_text"));
  ck_assert_double_eq (metric (&result, "embedding", "vectors_text"), 21);
  ck_assert_double_eq (metric (&result, "embedding", "vectors_sid"), 4);
  ck_assert_double_eq_tol (metric (&result, "hidden", "norm_text"), 4, 1e-3);
  ck_assert_double_eq_tol (metric (&result, "hidden", "norm_sid"), 4, 1e-3);
  for (int i = 0; i < 2; i++)
    {
      const char *group = i == 0 ? "embedding" : "hidden";

      ck_assert_double_eq_tol (metric (&result, group, "cosine_between"), 0, 1e-6);
      ck_assert_double_eq_tol (metric (&result, group, "cosine_text"), 1, 1e-6);
      ck_assert_double_eq (metric (&result, group, "probe_accuracy"), 1);
      ck_assert_double_eq (metric (&result, group, "mixing"), 0);
    }
}
END_TEST

/* No word is told from a SID, in the embedding and after it. */
START_TEST (words_and_ids_all_alike)
{
  g_autoptr (PrLm) lm = tiny_load (tiny_lm_dir);
  g_auto (StageResult) result = { 0 };

  silence_layers (lm);
  for (gint32 t = 0; t < pr_lm_config (lm)->vocab; t++)
    for (int j = 0; j < WIDTH; j++)
      pr_lm_embedding_row (lm, t)[j] = 0.25f;
  ck_assert (pr_lm_save (lm, tiny_lm_dir, NULL));
  probe_ok ("", &result);
  for (int i = 0; i < 2; i++)
    {
      const char *group = i == 0 ? "embedding" : "hidden";

      ck_assert_double_eq_tol (metric (&result, group, "cosine_between"), 1, 1e-6);
      ck_assert_double_eq (metric (&result, group, "probe_accuracy"), 0.5);
      ck_assert_double_nan (metric (&result, group, "centroid_distance"));
    }
  ck_assert_double_eq_tol (metric (&result, "hidden", "mixing"), 1, 0.1);
}
END_TEST

START_TEST (what_the_data_do_not_use_does_not_count)
{
  g_autoptr (PrLm) lm = tiny_load (tiny_lm_dir);
  g_auto (StageResult) before = { 0 }, after = { 0 }, all = { 0 };
  static const gint32 unused[] = { 'z' - '!', END_OF_TEXT, THINK, END_THINK, A1 }; /* bytes begin with '!' */

  probe_ok ("", &before);
  for (gsize i = 0; i < G_N_ELEMENTS (unused); i++)
    for (int j = 0; j < WIDTH; j++)
      pr_lm_embedding_row (lm, unused[i])[j] = 100;
  ck_assert (pr_lm_save (lm, tiny_lm_dir, NULL));
  probe_ok ("", &after);
  for (guint i = 0; i < before.record->metrics->len; i++)
    {
      const PrRecordMetric *a = before.record->metrics->pdata[i], *b = after.record->metrics->pdata[i];

      if (g_str_has_prefix (a->name, "embedding_"))
        ck_assert_double_eq (a->value, b->value);
    }
  probe_ok ("min_count=0", &all);
  ck_assert_double_eq (metric (&all, "embedding", "vectors_text"), 256);
  ck_assert_double_eq (metric (&all, "embedding", "vectors_sid"), 5);
  ck_assert_double_gt (metric (&all, "embedding", "norm_text"), 1.4); /* one row of 256 has length 400 */
}
END_TEST

/* Prompts: "U:" and up to three items, of which the six users have begun six orders: 2 and 17 states.  Newest items: 0
 * has details of 26 bytes, 1 a title of 4, 2 no words; "Item with the " is read once, and every sentence has 2 tokens
 * of a SID. "Details of SID: ...": 12 + 26; "Item with the details ...:" 22 + 26; "Title of SID: ...": 10 + 4; "title
 * ...:" 6 + 4. */
START_TEST (states_that_are_the_same_count_once)
{
  g_auto (StageResult) result = { 0 }, two = { 0 }, few = { 0 };

  probe_ok ("", &result);
  ck_assert_double_eq (metric (&result, "hidden", "vectors_text"), 2 + 12 + 26 + 22 + 26 + 10 + 4 + 6 + 4);
  ck_assert_double_eq (metric (&result, "hidden", "vectors_sid"), 17 + 4 * 2);
  probe_ok ("users=2", &two);
  ck_assert_double_lt (metric (&two, "hidden", "vectors_sid"), 17);
  probe_ok ("vectors=20", &few);
  ck_assert_double_eq (metric (&few, "hidden", "vectors_text"), 20);
  ck_assert_double_eq (metric (&few, "hidden", "vectors_sid"), 20);
  ck_assert_double_gt (result.record->costs[PR_COST_INFER_TOKENS], 112 + 25 - 1);
  ck_assert_double_gt (result.record->costs[PR_COST_FLOPS], 0);
}
END_TEST

static gboolean
is_positive (double token)
{
  return token == A0 || token == B0;
}

/* SIDs of one sign lie at one place, those of the other sign elsewhere: a point belongs to its token. */
static void
assert_places (const GArray *x, const GArray *y, const GArray *tokens)
{
  guint n_apart = 0;

  for (guint i = 3; i < 6; i++)
    for (guint j = 3; j < i; j++)
      {
        double dx = g_array_index (x, double, i) - g_array_index (x, double, j),
               dy = g_array_index (y, double, i) - g_array_index (y, double, j);
        gboolean same =
            is_positive (g_array_index (tokens, double, i)) == is_positive (g_array_index (tokens, double, j));

        ck_assert_msg ((hypot (dx, dy) < 1e-4) == same, "%g", hypot (dx, dy));
        n_apart += !same;
      }
  ck_assert_uint_eq (n_apart, 2);
}

/* Both kinds in one plane: text at one place, SIDs of two signs at two others. */
START_TEST (the_projection_shows_what_was_made)
{
  g_auto (StageResult) result = { 0 };

  save_apart ();
  probe_ok ("points=3", &result);
  for (int i = 0; i < 2; i++)
    {
      const char *table = i == 0 ? "embedding_projection" : "hidden_projection";
      const GArray *x = record_column (result.record, table, "x"), *y = record_column (result.record, table, "y"),
                   *kinds = record_column (result.record, table, "kind"),
                   *tokens = record_column (result.record, table, "token");

      ck_assert_uint_eq (x->len, 6);
      ck_assert_uint_eq (y->len, 6);
      assert_places (x, y, tokens);
      for (guint row = 0; row < 6; row++)
        {
          double kind = g_array_index (kinds, double, row), token = g_array_index (tokens, double, row);

          if (row < 3)
            {
              ck_assert_double_eq (kind, 0);
              ck_assert_double_lt (token, END_OF_TEXT);
              ck_assert_double_eq_tol (g_array_index (x, double, row), g_array_index (x, double, 0), 1e-5);
            }
          else
            {
              ck_assert_double_eq (kind, token < B0 ? 1 : 2);
              ck_assert_double_ge (token, A0);
              ck_assert_double_gt (fabs (g_array_index (x, double, row) - g_array_index (x, double, 0)), 1);
            }
        }
    }
  /* Three different places lie in a plane. */
  ck_assert_double_eq_tol (harness_metric (&result, "embedding_projection_share"), 1, 1e-6);
}
END_TEST

START_TEST (threads_do_not_change_bits)
{
  g_auto (StageResult) one = { 0 }, three = { 0 };

  probe_ok ("", &one);
  pr_threads_set (3);
  probe_ok ("", &three);
  pr_threads_set (1);
  ck_assert_uint_eq (one.record->metrics->len, three.record->metrics->len);
  for (guint i = 0; i < one.record->metrics->len; i++)
    ck_assert_mem_eq (&((const PrRecordMetric *)one.record->metrics->pdata[i])->value,
                      &((const PrRecordMetric *)three.record->metrics->pdata[i])->value, sizeof (double));
  for (guint i = 0; i < one.record->columns->len; i++)
    ck_assert_mem_eq (((const PrRecordColumn *)one.record->columns->pdata[i])->values->data,
                      ((const PrRecordColumn *)three.record->columns->pdata[i])->values->data,
                      ((const PrRecordColumn *)one.record->columns->pdata[i])->values->len * sizeof (double));
}
END_TEST

/* Tags and pauses follow the history: how a model thinks does not change what is read. */
START_TEST (thinking_is_left_out)
{
  g_auto (StageResult) plain = { 0 }, pauses = { 0 };

  probe_ok ("", &plain);
  tiny_save_model (PR_THINKING_PAUSE, TRUE);
  probe_ok ("", &pauses);
  ck_assert_double_eq (harness_metric (&plain, "hidden_norm_text"), harness_metric (&pauses, "hidden_norm_text"));
  ck_assert_double_eq (plain.record->costs[PR_COST_INFER_TOKENS], pauses.record->costs[PR_COST_INFER_TOKENS]);
}
END_TEST

START_TEST (it_refuses)
{
  g_autoptr (PrLm) plain = tiny_lm (64, FALSE), tiny = tiny_lm (40, TRUE);
  g_autofree char *folder = tiny_folder ("other"), *small = tiny_folder ("small");
  static const gint64 long_one[] = { 20 };

  ck_assert (pr_lm_save (plain, folder, NULL));
  tiny_fails ("probe-geometry", "", folder, NULL, NULL, PR_ERROR_DATA, "lacks the SID token '<a_0>'");
  tiny_fails ("probe-geometry", "text_tokens=100", NULL, NULL, NULL, PR_ERROR_MANIFEST, "lower text_tokens");
  tiny_fails ("probe-geometry", "text_tokens=36 min_count=1000", NULL, NULL, NULL, PR_ERROR_DATA, "lower min_count");
  /* Nobody has asked this one: the usual prompt, 16 bytes, and 18 purchases of 2 tokens. */
  tiny_dataset_write (tiny_data_dir, long_one, 1);
  ck_assert (pr_lm_save (tiny, small, NULL));
  tiny_fails ("probe-geometry", "text_tokens=8", small, NULL, NULL, PR_ERROR_MANIFEST, "lower history");
  {
    g_auto (StageResult) result = { 0 };

    tiny_run ("probe-geometry", "text_tokens=8 history=5", small, NULL, NULL, &result);
  }
}
END_TEST

/* The plan of a pipeline: nothing has run yet. */
static gboolean
plan_of (const char *stages, GError **error)
{
  static const char *const plugins[] = {
    "synthetic-world", "item-embedder", "sid-quantizer", "lm-pretrain", "sid-grounding", "probe-geometry", NULL
  };
  g_autofree char *text =
      g_strdup_printf ("[experiment]\nname = t\n[stage world]\nuses = synthetic-world\n[stage base]\n"
                       "uses = lm-pretrain\n[arm a]\npipeline = world; item-embedder; sid-quantizer; "
                       "base; %s\n",
                       stages);
  g_autoptr (PrRunPlan) plan = NULL;
  Pipeline p;

  if (pipeline_init (&p, text, plugins, error))
    plan = pr_run_plan_new (p.experiment->runs->pdata[0], NULL, NULL, error);
  pipeline_clear (&p);
  return plan != NULL;
}

START_TEST (a_model_without_ids_is_refused_before_anything_runs)
{
  GError *error = NULL;

  ck_assert_msg (plan_of ("sid-grounding; probe-geometry", &error), "%s", error ? error->message : "");
  ck_assert (!plan_of ("probe-geometry", &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "the model of stage 'base' has no semantic ids");
  g_error_free (error);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("probe-geometry");
  TCase *tcase = tcase_create ("probe-geometry");

  tcase_set_timeout (tcase, 120);
  tcase_add_checked_fixture (tcase, tiny_setup, tiny_teardown);
  tcase_add_test (tcase, words_and_ids_of_two_worlds);
  tcase_add_test (tcase, words_and_ids_all_alike);
  tcase_add_test (tcase, what_the_data_do_not_use_does_not_count);
  tcase_add_test (tcase, states_that_are_the_same_count_once);
  tcase_add_test (tcase, the_projection_shows_what_was_made);
  tcase_add_test (tcase, threads_do_not_change_bits);
  tcase_add_test (tcase, thinking_is_left_out);
  tcase_add_test (tcase, it_refuses);
  tcase_add_test (tcase, a_model_without_ids_is_refused_before_anything_runs);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
