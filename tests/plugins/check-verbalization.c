/* check-verbalization.c - the stage on models of which it is known what they know and what they say.
 *
 * Twelve items of four categories and three brands.  Categories are equally long, so that a model which knows nothing
 * finds them equally likely.
 */
#include "pipeline.h"
#include "stage-harness.h"

#include <pauserec/dataset.h>
#include <pauserec/lm.h>
#include <pauserec/sids.h>
#include <pauserec/threads.h>

#include <math.h>

#define ITEMS 12
#define WIDTH 32
#define JUNK 7 /* a byte that no text has */

static const char *const categories[4][3] = {
  { "Out", "Tents", NULL }, { "Out", "Plaid", NULL }, { "Inn", "Lamps", NULL }, { "Inn", "Plaid", NULL }
};
static const char *const brands[] = { "Nord", "Ostra", "Sund" };
static const char *const titles[ITEMS] = { "Ada",  "Bell", "Coil", "Drum", "Edge", "Fern",
                                           "Gate", "Hill", "Isle", "Jade", "Kite", "Lime" };

static PrRegistry *registry;
static char *dir, *data_dir, *sids_dir, *fresh_dir, *taught_dir;

static char *
folder (const char *name)
{
  char *path = g_build_filename (dir, name, NULL);

  g_mkdir (path, 0700);
  return path;
}

static void
save_data (void)
{
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("known");
  const gint32 bought[] = { 0, 1, 2, 3 }, sizes[] = { ITEMS, 1 };
  g_autoptr (PrSids) sids = pr_sids_new (ITEMS, 2, sizes);

  for (int i = 0; i < ITEMS; i++)
    {
      /* Every third item has a description, so that both ends of a category occur. */
      const PrItem item = { titles[i], titles[i], brands[i % 3], i % 3 == 0 ? "It is good." : "",
                            categories[i * 7 % 4] };

      pr_dataset_builder_add_item (builder, &item);
      sids->codes[2 * i] = i;
    }
  pr_dataset_builder_add_user (builder, "u", bought, 4);
  pr_dataset_builder_note (builder, "tie_rule", "none");
  ck_assert (pr_dataset_builder_write (builder, data_dir, NULL));
  ck_assert (pr_sids_save (sids, "keep", sids_dir, NULL));
}

static PrLm *
fresh_lm (double init_sd)
{
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();
  GError *error = NULL;
  const PrLmConfig config = { .family = PR_LM_QWEN3,
                              .vocab = 261,
                              .hidden = WIDTH,
                              .layers = 2,
                              .heads = 2,
                              .kv_heads = 2,
                              .head_dim = 16,
                              .ffn = 64,
                              .max_positions = 96,
                              .rope_theta = 10000,
                              .rms_eps = 1e-6,
                              .init_sd = init_sd };
  PrLm *lm = pr_lm_new (&config, pr_tokenizer_train (documents, 261, NULL), 1, &error);

  ck_assert_no_error (error);
  return lm;
}

static PrLm *
load (const char *path)
{
  GError *error = NULL;
  PrLm *lm = pr_lm_load (path, &error);

  ck_assert_no_error (error);
  return lm;
}

/* A model that has learnt by heart everything that is asked, by the stage that teaches it in experiments. */
static void
teach (void)
{
  const char *const inputs[] = { "lm", fresh_dir, "dataset", data_dir, "sids", sids_dir, NULL };
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *made = NULL;
  g_autoptr (PrLm) lm = NULL;
  gboolean ok = harness_run (registry, "sid-grounding",
                             "brand=true descriptions=5 plain_share=1 epochs=120 lr=6e-3 batch_size=12 loss=answer "
                             "text_tokens=40 schedule=cosine",
                             inputs, 1, &result, &error);

  ck_assert_no_error (error);
  ck_assert (ok);
  made = harness_output (&result, "lm");
  lm = load (made);
  ck_assert (pr_lm_save (lm, taught_dir, NULL));
}

static void
setup (void)
{
  g_autoptr (PrLm) lm = fresh_lm (0.05);

  registry = pr_registry_new ();
  dir = pr_check_tmpdir ();
  data_dir = folder ("data");
  sids_dir = folder ("sids");
  fresh_dir = folder ("fresh");
  taught_dir = folder ("taught");
  save_data ();
  ck_assert (pr_lm_save (lm, fresh_dir, NULL));
  teach ();
}

static void
teardown (void)
{
  pr_registry_free (registry);
  pr_check_rmdir (dir);
  g_free (dir);
  g_free (data_dir);
  g_free (sids_dir);
  g_free (fresh_dir);
  g_free (taught_dir);
}

static gboolean
try (const char *lm, const char *settings, const char *sids, guint64 seed, StageResult *result, GError **error)
{
  const char *const inputs[] = { "lm", lm, "dataset", data_dir, "sids", sids, NULL };

  return harness_run (registry, "probe-verbalization", settings, inputs, seed, result, error);
}

static void
probe (const char *lm, const char *settings, StageResult *result)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = try (lm, settings, sids_dir, 1, result, &error);

  ck_assert_no_error (error);
  ck_assert (ok);
}

static double
metric (const StageResult *result, const char *what, const char *kind)
{
  g_autofree char *name = g_strdup_printf ("%s_%s", what, kind);

  return harness_metric (result, name);
}

static double
cell (const StageResult *result, const char *name, guint row)
{
  return g_array_index (record_column (result->record, "questions", name), double, row);
}

static const char *const kinds[] = { "sid_category", "sid_brand", "title_category" };

static void
assert_metrics (const StageResult *result, const char *kind, double free, double scored, double malformed)
{
  ck_assert_double_eq (metric (result, "accuracy_free", kind), free);
  ck_assert_double_eq (metric (result, "accuracy_scored", kind), scored);
  ck_assert_double_eq (metric (result, "gap", kind), scored - free);
  ck_assert_double_eq (metric (result, "malformed", kind), malformed);
}

/* Knows it and says it. */
START_TEST (learnt_by_heart)
{
  g_auto (StageResult) result = { 0 };

  probe (taught_dir, "", &result);
  for (int kind = 0; kind < 3; kind++)
    {
      assert_metrics (&result, kinds[kind], 1, 1, 0);
      ck_assert_double_eq (metric (&result, "questions", kinds[kind]), ITEMS);
      ck_assert_double_eq (metric (&result, "answers", kinds[kind]), kind == 1 ? 3 : 4);
      ck_assert_double_eq (metric (&result, "mrr", kinds[kind]), 1);
      ck_assert_double_eq_tol (metric (&result, "chance", kinds[kind]), kind == 1 ? 1. / 3 : 1. / 4, 1e-9);
      ck_assert_double_eq_tol (metric (&result, "uniform", kinds[kind]), kind == 1 ? 1. / 3 : 1. / 4, 1e-9);
    }
  ck_assert_double_eq (metric (&result, "prefix", "sid_category"), 1);
  ck_assert_double_eq (metric (&result, "levels", "title_category"), 1);
  ck_assert_uint_eq (record_column (result.record, "questions", "item")->len, 3 * ITEMS);
  for (guint row = 0; row < 3 * ITEMS; row++)
    {
      ck_assert_double_eq (cell (&result, "kind", row), row / ITEMS);
      ck_assert_double_eq (cell (&result, "item", row), cell (&result, "item", row % ITEMS));
      ck_assert_double_eq (cell (&result, "said", row), cell (&result, "truth", row));
      ck_assert (cell (&result, "score", row) > -1 && cell (&result, "score", row) <= 0);
    }
}
END_TEST

/* A token that was never seen gets a row along the hidden states after "Category of SID:", as long as it takes to stand
 * above what the model has learnt to say there. */
static void
gag (PrLm *lm, const char *const *questions, gsize n)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree float *hidden = NULL, *logits = NULL;
  float mean[WIDTH] = { 0 }, *row = pr_lm_embedding_row (lm, JUNK);
  gint32 offsets[ITEMS + 1] = { 0 }, vocab = pr_lm_config (lm)->vocab;
  double factor = 0;

  for (gsize q = 0; q < n; q++)
    {
      pr_tokenizer_encode (pr_lm_tokenizer (lm), questions[q], -1, tokens);
      offsets[q + 1] = (gint32)tokens->len;
    }
  hidden = g_new (float, tokens->len *WIDTH);
  logits = g_new (float, tokens->len *(gsize)vocab);
  ck_assert (pr_lm_hidden (lm, (gint32 *)(gpointer)tokens->data, offsets, n, hidden, NULL));
  ck_assert (pr_lm_logits (lm, (gint32 *)(gpointer)tokens->data, offsets, n, logits, NULL));
  for (gsize q = 0; q < n; q++)
    for (int d = 0; d < WIDTH; d++)
      mean[d] += hidden[(offsets[q + 1] - 1) * WIDTH + d] / (float)n;
  for (gsize q = 0; q < n; q++)
    {
      const float *h = hidden + (offsets[q + 1] - 1) * WIDTH, *l = logits + (offsets[q + 1] - 1) * vocab;
      double along = 0, most = (double)l[0];

      for (int d = 0; d < WIDTH; d++)
        along += (double)h[d] * (double)mean[d];
      for (gint32 v = 1; v < vocab; v++)
        most = MAX (most, (double)l[v]);
      ck_assert (along > 0);
      factor = MAX (factor, (most + 0.5) / along);
    }
  for (int d = 0; d < WIDTH; d++)
    row[d] = (float)factor * mean[d];
}

/* Knows it and does not say it: the first token is wrong, and nothing else has changed. */
START_TEST (known_but_not_said)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrLm) lm = load (taught_dir);
  g_autofree char *gagged = folder ("gagged");
  g_autoptr (GPtrArray) questions = g_ptr_array_new_with_free_func (g_free);

  for (int i = 0; i < ITEMS; i++)
    g_ptr_array_add (questions, g_strdup_printf ("Category of <a_%d><b_0>:", i));
  gag (lm, (const char *const *)questions->pdata, questions->len);
  ck_assert (pr_lm_save (lm, gagged, NULL));
  probe (gagged, "sid_brand=false title_category=false", &result);
  assert_metrics (&result, "sid_category", 0, 1, 1);
  ck_assert_double_eq (metric (&result, "prefix", "sid_category"), 0);
  ck_assert_double_eq (metric (&result, "mrr", "sid_category"), 1);
}
END_TEST

/* All logits are 0: nothing is likelier than anything else, and what is equal to the truth counts against it. */
START_TEST (knows_nothing)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrLm) lm = load (taught_dir);
  g_autofree char *blank = folder ("blank");

  for (gint32 t = 0; t < pr_lm_config (lm)->vocab; t++)
    memset (pr_lm_embedding_row (lm, t), 0, WIDTH * sizeof (float));
  ck_assert (pr_lm_save (lm, blank, NULL));
  probe (blank, "sid_brand=false", &result);
  for (int kind = 0; kind < 3; kind += 2)
    {
      assert_metrics (&result, kinds[kind], 0, 0, 1);
      ck_assert_double_eq (metric (&result, "mrr", kinds[kind]), 0.25);
    }
  /* " Out > Tents" and <|endoftext|>. */
  ck_assert_double_eq_tol (cell (&result, "score", 0), -13 * log (pr_lm_config (lm)->vocab), 1e-4);
  stage_result_clear (&result);
  probe (blank, "sid_brand=false normalise=tokens", &result);
  ck_assert_double_eq_tol (cell (&result, "score", 0), -log (pr_lm_config (lm)->vocab), 1e-4);
}
END_TEST

/* An untrained model is at chance; it has no SIDs either. */
START_TEST (untrained_without_sids)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;

  ck_assert (try (fresh_dir, "sid_category=false sid_brand=false", NULL, 1, &result, &error));
  ck_assert_double_eq (metric (&result, "accuracy_free", "title_category"), 0);
  ck_assert_double_le (metric (&result, "accuracy_scored", "title_category"), 0.5);
  ck_assert_double_ge (metric (&result, "mrr", "title_category"), 0.25);
  ck_assert_double_le (metric (&result, "mrr", "title_category"), 0.75);
  stage_result_clear (&result);
  ck_assert (!try (fresh_dir, "", sids_dir, 1, &result, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "<a_0>");
}
END_TEST

/* The last level alone: "Out > Plaid" and "Inn > Plaid" are one answer. */
START_TEST (last_levels)
{
  g_auto (StageResult) result = { 0 };

  probe (taught_dir, "category=leaf sid_brand=false", &result);
  assert_metrics (&result, "sid_category", 1, 1, 0);
  assert_metrics (&result, "title_category", 1, 1, 0);
  ck_assert_double_eq (metric (&result, "answers", "sid_category"), 3);
  ck_assert_double_eq (metric (&result, "chance", "sid_category"), 0.5);
}
END_TEST

START_TEST (candidates_are_bounded)
{
  g_auto (StageResult) frequent = { 0 };
  g_auto (StageResult) drawn = { 0 };

  probe (taught_dir, "candidates=2", &frequent);
  ck_assert_double_eq (metric (&frequent, "uniform", "sid_category"), 0.5);
  ck_assert_double_eq (metric (&frequent, "accuracy_scored", "sid_category"), 1);
  probe (taught_dir, "candidates=2 others=drawn", &drawn);
  ck_assert_double_eq (metric (&drawn, "uniform", "sid_brand"), 0.5);
  ck_assert_double_eq (metric (&drawn, "accuracy_scored", "sid_brand"), 1);
  stage_result_clear (&drawn);
  probe (taught_dir, "candidates=1", &drawn);
  ck_assert_double_eq (metric (&drawn, "uniform", "title_category"), 1);
}
END_TEST

/* Items are drawn by the seed, the same for every kind. */
START_TEST (questions_are_drawn)
{
  g_auto (StageResult) one = { 0 };
  g_auto (StageResult) other = { 0 };
  g_autoptr (GError) error = NULL;
  int same = 0;

  ck_assert (try (taught_dir, "questions=6", sids_dir, 1, &one, &error));
  ck_assert (try (taught_dir, "questions=6", sids_dir, 2, &other, &error));
  ck_assert_uint_eq (record_column (one.record, "questions", "item")->len, 18);
  for (guint row = 0; row < 18; row++)
    {
      ck_assert_double_eq (cell (&one, "item", row), cell (&one, "item", row % 6));
      same += cell (&one, "item", row) == cell (&other, "item", row);
    }
  ck_assert_int_lt (same, 18);
}
END_TEST

START_TEST (same_for_any_thread_count)
{
  g_auto (StageResult) one = { 0 };
  g_auto (StageResult) three = { 0 };

  probe (taught_dir, "rows_at_once=20", &one);
  pr_threads_set (3);
  probe (taught_dir, "rows_at_once=20", &three);
  ck_assert_mem_eq (one.record->costs, three.record->costs, sizeof one.record->costs);
  ck_assert_mem_eq (record_column (one.record, "questions", "score")->data,
                    record_column (three.record, "questions", "score")->data, 3 * ITEMS * sizeof (double));
  ck_assert_double_gt (one.record->costs[PR_COST_FLOPS], 0);
  ck_assert_double_eq (one.record->costs[PR_COST_INFER_USERS], 0);
}
END_TEST

/* What cannot work is refused before anything runs. */

typedef struct
{
  const char *dim; /* of a data set: has none of these */
} Lacks;

static gboolean
have (const PrNode *node, PrDims *dims, gpointer user_data)
{
  const Lacks *lacks = user_data;

  if (strcmp (node->name, "data") != 0)
    return FALSE;
  for (int i = 0; i < 4; i++)
    {
      static const char *const names[] = { "n_items", "n_users", "n_categories", "n_brands" };

      pr_dims_set (dims, "dataset", names[i], g_strcmp0 (names[i], lacks->dim) == 0 ? 0 : 100);
    }
  return TRUE;
}

static void
plans (const char *settings, const char *pipeline, const char *dim, const char *part)
{
  static const char *const plugins[] = {
    "dataset-files", "item-embedder", "sid-quantizer", "lm-pretrain", "sid-grounding", "probe-verbalization", NULL
  };
  g_autofree char *file = g_build_filename (dir, "empty", NULL);
  g_autofree char *text = g_strdup_printf ("[stage data]\nuses = dataset-files\nitems = %s\ninteractions = %s\n"
                                           "[stage probe]\nuses = probe-verbalization\n%s\n"
                                           "[arm a]\npipeline = %s\n",
                                           file, file, settings, pipeline);
  Lacks lacks = { dim };
  Pipeline p;
  g_autoptr (GError) error = NULL;
  g_autoptr (PrRunPlan) plan = NULL;

  ck_assert (g_file_set_contents (file, "", 0, NULL));
  if (pipeline_init (&p, text, plugins, &error))
    plan = pr_run_plan_new (p.experiment->runs->pdata[0], have, &lacks, &error);
  if (part != NULL)
    ck_assert_pr_error (error, PR_ERROR_MANIFEST, part);
  else
    {
      ck_assert_no_error (error);
      ck_assert_double_gt (plan->flops, 0);
      ck_assert_uint_gt (plan->memory, 0);
    }
  pipeline_clear (&p);
}

#define WHOLE "data; item-embedder; sid-quantizer; lm-pretrain; sid-grounding; probe"

START_TEST (refused_before_anything_runs)
{
  plans ("", WHOLE, NULL, NULL);
  plans ("", WHOLE, "n_categories", "no item of the data set of stage 'data' has a category");
  plans ("", WHOLE, "n_brands", "no item of the data set of stage 'data' has a brand");
  plans ("sid_brand = false", WHOLE, "n_brands", NULL);
  plans ("sid_category = false\ntitle_category = false", WHOLE, "n_categories", NULL);
  plans ("", "data; lm-pretrain; probe", NULL, "no semantic ids");
  plans ("sid_category = false\nsid_brand = false", "data; lm-pretrain; probe", NULL, NULL);
  plans ("sid_category = false\nsid_brand = false\ntitle_category = false", WHOLE, NULL, "nothing is asked");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("verbalization");
  TCase *known = tcase_create ("known");

  tcase_set_timeout (known, 120);
  tcase_add_unchecked_fixture (known, setup, teardown);
  tcase_add_test (known, learnt_by_heart);
  tcase_add_test (known, known_but_not_said);
  tcase_add_test (known, knows_nothing);
  tcase_add_test (known, untrained_without_sids);
  tcase_add_test (known, last_levels);
  tcase_add_test (known, candidates_are_bounded);
  tcase_add_test (known, questions_are_drawn);
  tcase_add_test (known, same_for_any_thread_count);
  tcase_add_test (known, refused_before_anything_runs);
  suite_add_tcase (suite, known);
  return pr_check_main (suite);
}
