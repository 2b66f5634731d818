/* check-attention-maps.c - probe-attention's maps of single users, and what it refuses to look at. */
#include "attention-world.h"
#include "pipeline.h"

START_TEST (maps_of_single_users)
{
  static const char *const all[] = { "maps=heads", "cases=1", "users=2", NULL };
  static const char *const none[] = { "cases=0", NULL };
  static const char *const mean[] = { "maps=mean", "cases=9", NULL };
  static const gint64 rows[] = { 1 + 2 + 8, 0, 1 };
  const char *const *const sets[] = { all, none, mean };
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_auto (StageCheck) check = look (dir, sets[_i]);
  double sum = 0, keys = 0, users = _i == 0 ? 1 : 3;

  if (_i == 1)
    {
      for (guint i = 0; i < check.record->columns->len; i++)
        ck_assert_str_ne (((PrRecordColumn *)g_ptr_array_index (check.record->columns, i))->table, "attention_cases");
      drop_world (dir);
      return;
    }
  const GArray *weights = record_column (check.record, "attention_cases", "weight"),
               *who = record_column (check.record, "attention_cases", "user");
  const GArray *classes = record_column (check.record, "attention_cases", "class"),
               *items = record_column (check.record, "attention_cases", "item");

  for (guint i = 0; i < weights->len; i++)
    {
      int class = (int)g_array_index (classes, double, i);

      sum += g_array_index (weights, double, i);
      /* User 4 has nothing relevant to look at; users 2 and 3 are nobody's. */
      ck_assert (g_array_index (who, double, i) < 2 || g_array_index (who, double, i) == 5);
      ck_assert (class >= 0 && class < KEYS_N_PARTS);
      if (class == KEYS_RELEVANT)
        ck_assert_str_eq (categories[(int)g_array_index (items, double, i)], "Tents");
    }
  for (int u = 0; u < EXPECTED; u++)
    for (int query = 0; query < QUERIES && expected_users[u] != 4; query++)
      keys += seen (u, query, KEYS_N_CLASSES);
  ck_assert_double_eq_tol (sum, users * QUERIES * (double)rows[_i], 1e-3);
  if (_i == 2)
    ck_assert_double_eq (weights->len, keys);
  drop_world (dir);
}
END_TEST

static void
fails (char *dir, PrError code, const char *part)
{
  g_auto (StageCheck) check = { .stage = pr_plugin.stages[0], .dir = dir, .in = world_inputs };
  g_autoptr (GError) error = NULL;

  ck_assert (!stage_check_run (&check, &error));
  ck_assert_pr_error (error, code, part);
  drop_world (dir);
}

START_TEST (what_cannot_be_looked_at_is_refused)
{
  char *dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  g_autoptr (PrSids) sids = make_sids (dir, ITEMS);

  make_lm (dir, sids, NULL, 64);
  fails (dir, PR_ERROR_MANIFEST, "no protocol.json");
  fails (make_world (PR_THINKING_NONE, 0, 64), PR_ERROR_MANIFEST, "not trained to pause");
  fails (make_world (PR_THINKING_PAUSE, 0, 64), PR_ERROR_MANIFEST, "k = 0");
  fails (make_world (PR_THINKING_PAUSE, PAUSES, 24), PR_ERROR_DATA, "tokens, the model takes 24");
  dir = make_world (PR_THINKING_PAUSE, PAUSES, 64);
  pr_sids_free (make_sids (dir, ITEMS - 1));
  fails (dir, PR_ERROR_DATA, "5 semantic ids for 6 items");
}
END_TEST

/* Said before anything runs. */
START_TEST (plans_are_refused)
{
  static const char *const plugins[] = {
    "synthetic-world", "item-embedder",  "sid-quantizer", "lm-pretrain",     "sid-grounding",
    "next-item-sft",   "pause-pretrain", "pause-sft",     "probe-attention", NULL
  };
  static const struct
  {
    const char *pipeline, *part;
  } cases[] = {
    { "synthetic-world; item-embedder; sid-quantizer; lm-pretrain; probe-attention", "no semantic ids" },
    { "synthetic-world; item-embedder; sid-quantizer; lm-pretrain; sid-grounding; probe-attention", "not fine-tuned" },
    { "synthetic-world; item-embedder; sid-quantizer; lm-pretrain; sid-grounding; next-item-sft; probe-attention",
      "thinks in mode 'none'" },
    { "synthetic-world; item-embedder; sid-quantizer; lm-pretrain; sid-grounding; next-item-sft; pause-pretrain; "
      "pause-sft; probe-attention",
      NULL },
  };
  g_autofree char *text =
      g_strdup_printf ("[experiment]\nname = t\nseeds = 1\n[stage pause-pretrain]\nin.lm = sid-grounding.lm\n"
                       "[stage pause-sft]\nin.lm = next-item-sft.lm\n[arm a]\npipeline = %s\n",
                       cases[_i].pipeline);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrRunPlan) plan = NULL;
  Pipeline p;

  /* Stages that are not in the pipeline may not be configured. */
  if (cases[_i].part != NULL)
    {
      g_free (text);
      text = g_strdup_printf ("[experiment]\nname = t\nseeds = 1\n[arm a]\npipeline = %s\n", cases[_i].pipeline);
    }
  ck_assert_msg (pipeline_init (&p, text, plugins, &error), "%s", error ? error->message : "");
  plan = pr_run_plan_new (p.experiment->runs->pdata[0], NULL, NULL, &error);
  if (cases[_i].part == NULL)
    ck_assert_no_error (error);
  else
    ck_assert_pr_error (error, PR_ERROR_MANIFEST, cases[_i].part);
  pipeline_clear (&p);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("attention-maps");
  TCase *tcase = tcase_create ("attention-maps");

  suite_add_tcase (suite, tcase);
  tcase_set_timeout (tcase, 60);
  tcase_add_loop_test (tcase, maps_of_single_users, 0, 3);
  tcase_add_test (tcase, what_cannot_be_looked_at_is_refused);
  tcase_add_loop_test (tcase, plans_are_refused, 0, 4);
  return pr_check_main (suite);
}
