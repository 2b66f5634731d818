/* rationale-distillation with templates: which purchases, which sentence, and every way to spoil it. */
#include "config.h"

#include "rationale-fixture.h"
#include "runtime/plan.h"

#define SENTENCE "The user is likely to buy items in "

START_TEST (targets_are_the_purchases_that_were_asked_for)
{
  static const struct
  {
    const char *name;
    int from, to; /* positions counted from the end: -3 is the third last */
  } cases[] = { { "last", -3, -3 }, { "all-prefixes", -99, -3 }, { "valid", -2, -2 }, { "test", -1, -1 } };

  for (gsize c = 0; c < G_N_ELEMENTS (cases); c++)
    {
      g_autofree char *settings = g_strconcat ("targets=", cases[c].name, NULL);
      g_auto (StageResult) result = { 0 };
      g_autoptr (PrRationales) rationales = distil_well (settings, NULL, &result);
      gsize n = 0;

      for (gint32 u = 0; u < SHOP_USERS; u++)
        for (gint32 t = 0, length = 3 + u % 5; t < length; t++)
          {
            gboolean wanted = t >= 1 && t - length >= cases[c].from && t - length <= cases[c].to;
            const PrRationale *found = pr_rationales_find (rationales, u, t);

            ck_assert (wanted == (found != NULL));
            n += wanted;
          }
      ck_assert_uint_eq (pr_rationales_n (rationales), n);
      ck_assert_double_eq (harness_metric (&result, "rationales"), (double)n);
      ck_assert_double_eq (harness_metric (&result, "missing_share"), 0);
    }
}
END_TEST

START_TEST (the_default_is_the_sentence_of_onerec_think)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrRationales) rationales = distil_well ("targets=all-prefixes", NULL, &result);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, SENTENCE "{target_categories}", -1);
  double empty = 0, n = (double)pr_rationales_n (rationales);

  for (gsize i = 0; i < pr_rationales_n (rationales); i++)
    {
      const PrRationale *one = pr_rationales_at (rationales, i);
      const char *const *path = pr_dataset_item (dataset, target_of (one))->categories;
      g_autofree char *expected =
          path[0] == NULL ? g_strdup ("") : g_strdup_printf (SENTENCE "%s > %s", path[0], path[1]);

      ck_assert_str_eq (one->text, expected);
      ck_assert_str_eq (one->teacher, "template");
      ck_assert_str_eq (one->prompt, hash);
      ck_assert_uint_eq (one->seed, 7);
      ck_assert (!one->sampled);
      ck_assert_ptr_null (one->corruption);
      empty += path[0] == NULL;
    }
  ck_assert_double_gt (empty, 0);
  ck_assert_double_eq_tol (harness_metric (&result, "empty_share"), empty / n, 1e-12);
  ck_assert_double_eq_tol (harness_metric (&result, "category_named_share"), 1 - empty / n, 1e-12);
  ck_assert_double_eq_tol (harness_metric (&result, "words_mean"), 11 * (1 - empty / n), 1e-12);
  ck_assert_double_eq (harness_metric (&result, "title_leak_share"), 0);
  ck_assert_double_eq (harness_metric (&result, "sid_leak_share"), 0);
  ck_assert_double_eq (harness_metric (&result, "corrupted_share"), 0);
}
END_TEST

/* A file of three templates of purpose "why"; to free. */
static char *
templates_of_three (void)
{
  char *path = g_build_filename (shop, "templates.txt", NULL);

  ck_assert (g_file_set_contents (path,
                                  "[other]\nx\n[why]\none {target_category}\ntwo {target_category}\n"
                                  "three <a_1> {target_title} {last_brand}\n",
                                  -1, NULL));
  return path;
}

START_TEST (templates_take_turns_or_are_drawn)
{
  static const char *const starts[] = { "one", "two", "three" };
  g_autofree char *path = templates_of_three ();
  g_autofree char *cycle = g_strdup_printf ("targets=test purpose=why choice=cycle templates=%s", path);
  g_autofree char *random = g_strdup_printf ("targets=test purpose=why choice=random templates=%s", path);
  g_auto (StageResult) cycled = { 0 }, drawn = { 0 };
  g_autoptr (PrRationales) a = distil_well (cycle, NULL, &cycled), b = distil_well (random, NULL, &drawn);
  gsize seen[3] = { 0 }, leaks = 0;

  for (gsize i = 0; i < pr_rationales_n (a); i++)
    {
      const PrRationale *one = pr_rationales_at (a, i), *other = pr_rationales_at (b, i);

      if (one->text[0] != '\0')
        ck_assert (g_str_has_prefix (one->text, starts[i % 3]));
      leaks += i % 3 == 2;
      for (int s = 0; s < 3; s++)
        seen[s] += g_str_has_prefix (other->text, starts[s]);
    }
  for (int s = 0; s < 3; s++)
    ck_assert_uint_gt (seen[s], 4);
  /* The third sentence gives the target away, in two ways. */
  ck_assert_double_eq_tol (harness_metric (&cycled, "title_leak_share"), (double)leaks / SHOP_USERS, 1e-12);
  ck_assert_double_eq_tol (harness_metric (&cycled, "sid_leak_share"), (double)leaks / SHOP_USERS, 1e-12);
}
END_TEST

START_TEST (long_rationales_are_cut)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrRationales) rationales = distil_well ("targets=test max_words=4", NULL, &result);

  for (gsize i = 0; i < pr_rationales_n (rationales); i++)
    if (pr_rationales_at (rationales, i)->text[0] != '\0')
      ck_assert_str_eq (pr_rationales_at (rationales, i)->text, "The user is likely");
  ck_assert_double_gt (harness_metric (&result, "cut_share"), 0.5);
  ck_assert_double_eq_tol (harness_metric (&result, "cut_share"), 1 - harness_metric (&result, "empty_share"), 1e-12);
}
END_TEST

/* Corruption ---------------------------------------------------------------- */

static guint
n_words (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  return g_strv_length (words);
}

static int
compare_words (const void *a, const void *b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

static char *
sorted (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);

  qsort (words, g_strv_length (words), sizeof *words, compare_words);
  return g_strjoinv (" ", words);
}

/* What must be true of one that was spoilt, given the sentence it was. */
static void
check_spoilt (const char *corruption, const PrRationale *one, const char *before)
{
  g_autofree char *words = sorted (one->text), *words_before = sorted (before);
  const char *category = category_of (one);

  if (strcmp (corruption, "empty") == 0)
    ck_assert_str_eq (one->text, "");
  else if (strcmp (corruption, "wrong-category") == 0)
    {
      ck_assert (g_str_has_prefix (one->text, SENTENCE));
      ck_assert (category[0] == '\0' || strstr (one->text, category) == NULL);
    }
  else if (strcmp (corruption, "other-user") == 0)
    ck_assert (strcmp (one->text, before) != 0 && (one->text[0] == '\0' || g_str_has_prefix (one->text, SENTENCE)));
  else if (before[0] == '\0')
    ck_assert_str_eq (one->text, "");
  else if (strcmp (corruption, "paraphrase") == 0)
    {
      ck_assert (!g_str_has_prefix (one->text, SENTENCE));
      ck_assert_ptr_nonnull (strstr (one->text, category));
    }
  else if (strcmp (corruption, "shuffle-words") == 0)
    {
      ck_assert_str_ne (one->text, before);
      ck_assert_str_eq (words, words_before);
    }
  else
    ck_assert_uint_eq (n_words (one->text), n_words (before) - 3); /* 30 % of 11 words */
}

static const char *const corruptions[] = { "paraphrase",     "shuffle-words", "drop-words",
                                           "wrong-category", "other-user",    "empty" };

START_TEST (a_stated_share_is_spoilt)
{
  g_autofree char *half = g_strdup_printf ("targets=all-prefixes share=0.5 corruption=%s", corruptions[_i]);
  g_autofree char *quarter = g_strdup_printf ("targets=all-prefixes share=0.25 corruption=%s", corruptions[_i]);
  g_autofree char *all = g_strdup_printf ("targets=all-prefixes corruption=%s", corruptions[_i]);
  g_autofree char *nothing = g_strdup_printf ("targets=all-prefixes share=0 corruption=%s", corruptions[_i]);
  const char *const settings[] = { "targets=all-prefixes", nothing, quarter, half, all };
  const double shares[] = { 0, 0, 0.25, 0.5, 1 };
  StageResult results[5] = { { 0 } };
  PrRationales *rationales[5];

  for (int s = 0; s < 5; s++)
    rationales[s] = distil_well (settings[s], NULL, &results[s]);
  for (int s = 1; s < 5; s++)
    {
      gsize n = pr_rationales_n (rationales[0]), spoilt = 0;

      ck_assert_uint_eq (pr_rationales_n (rationales[s]), n);
      for (gsize i = 0; i < n; i++)
        {
          const PrRationale *one = pr_rationales_at (rationales[s], i), *less = pr_rationales_at (rationales[s - 1], i),
                            *clean = pr_rationales_at (rationales[0], i);

          spoilt += one->corruption != NULL;
          ck_assert_str_eq (one->prompt, clean->prompt);
          if (one->corruption == NULL)
            ck_assert_str_eq (one->text, clean->text);
          else
            {
              ck_assert_str_eq (one->corruption, corruptions[_i]);
              check_spoilt (corruptions[_i], one, clean->text);
            }
          /* What a smaller share spoils a larger one spoils too, in the same way. */
          if (less->corruption != NULL)
            ck_assert (one->corruption != NULL && strcmp (one->text, less->text) == 0);
        }
      ck_assert_uint_eq (spoilt, (gsize)(shares[s] * (double)n + 0.5));
      ck_assert_double_eq_tol (harness_metric (&results[s], "corrupted_share"), (double)spoilt / (double)n, 1e-12);
    }
  for (int s = 0; s < 5; s++)
    {
      pr_rationales_free (rationales[s]);
      stage_result_clear (&results[s]);
    }
}
END_TEST

START_TEST (words_can_all_be_dropped)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrRationales) rationales = distil_well ("corruption=drop-words strength=1", NULL, &result);

  ck_assert_double_eq (harness_metric (&result, "empty_share"), 1);
  ck_assert_uint_gt (pr_rationales_n (rationales), 0);
}
END_TEST

/* Faults --------------------------------------------------------------------- */

static void
expect_failure (const char *settings, PrError code, const char *part)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;

  ck_assert (!distil (settings, NULL, &result, &error));
  ck_assert_pr_error (error, code, part);
}

START_TEST (what_cannot_be_done_is_said)
{
  g_autofree char *path = g_build_filename (shop, "bad.txt", NULL);
  g_autofree char *bad = g_strdup_printf ("templates=%s", path);
  g_autofree char *single = g_strdup_printf ("corruption=paraphrase purpose=single templates=%s", path);

  expect_failure ("teacher=file", PR_ERROR_MANIFEST, "teacher = file needs `file`");
  expect_failure ("purpose=none", PR_ERROR_MANIFEST, "purpose = none: there are built-in templates for");
  expect_failure ("prompt={target_titel}", PR_ERROR_MANIFEST, "prompt: '{target_titel}' is no blank");
  expect_failure ("opening={last_titel}", PR_ERROR_MANIFEST, "opening: '{last_titel}' is no blank");
  expect_failure ("teacher=lm temperature=0.001", PR_ERROR_MANIFEST, "temperature = 0.001");
  ck_assert (g_file_set_contents (path, "a\n{target_titel}\n", -1, NULL));
  expect_failure (bad, PR_ERROR_MANIFEST, "bad.txt:2: '{target_titel}' is no blank");
  ck_assert (g_file_set_contents (path, "[single]\n{target_category}\n", -1, NULL));
  expect_failure (single, PR_ERROR_MANIFEST, "the purpose 'single' has a single template");
}
END_TEST

/* A data set of one category, or of none, in the place of the shop. */
static void
write_monotone (const char *const *path)
{
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("monotone");
  const PrItem item = { "a", "A", "", "", path };
  const gint32 bought[4] = { 0 };

  pr_dataset_builder_add_item (builder, &item);
  pr_dataset_builder_add_user (builder, "u", bought, 4);
  pr_dataset_builder_add_user (builder, "v", bought, 4);
  ck_assert (pr_dataset_builder_write (builder, shop, NULL));
}

START_TEST (one_category_cannot_be_mistaken)
{
  const char *const path[] = { "Out", "Tents", NULL }, *const none[] = { NULL };

  write_monotone (path);
  expect_failure ("corruption=wrong-category", PR_ERROR_DATA, "have no two categories");
  expect_failure ("corruption=other-user", PR_ERROR_DATA, "no two users have targets of different categories");
  write_monotone (none);
  expect_failure ("corruption=wrong-category", PR_ERROR_DATA, "have no two categories");
  expect_failure ("corruption=other-user", PR_ERROR_DATA, "no two users have targets of different categories");
}
END_TEST

START_TEST (nobody_has_a_target)
{
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("short");
  const char *const none[] = { NULL };
  const PrItem item = { "a", "A", "", "", none };
  const gint32 bought[3] = { 0 };

  pr_dataset_builder_add_item (builder, &item);
  pr_dataset_builder_add_user (builder, "u", bought, 3);
  ck_assert (pr_dataset_builder_write (builder, shop, NULL));
  expect_failure ("", PR_ERROR_DATA, "teacher = template has no rationale for any of the 0 targets of targets = last");
}
END_TEST

/* plan() with the optional inputs unconnected. */
static void
expect_no_plan (int teacher, const char *part)
{
  static const char *const teachers[] = { "template", "lm", "world", "file" };
  const PrStageEntry *entry = harness_stage (registry, "rationale-distillation");
  const PrParamValue value = { "teacher", teachers[teacher], "test", "test", "/" };
  g_autoptr (GPtrArray) complaints = g_ptr_array_new_with_free_func (g_free);
  const PrSlotSpec anything = { PR_SLOT_OUT, "anything", "anything/1", "Anything.", FALSE };
  PrNode upstream = { .name = (char *)"upstream", .entry = entry }, node = { .name = (char *)"why", .entry = entry };
  PrRunSpec run = { .arm = (char *)"arm", .nodes = g_ptr_array_new () };
  PrEdge edges[5] = { { 0 } };
  PrParams params = { 0 };
  g_autoptr (PrRunPlan) plan = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert (pr_params_fill (entry->stage, &value, 1, "test", NULL, complaints, &params));
  for (gsize i = 0; i < 5; i++)
    edges[i].slot = &entry->stage->slots[i];
  edges[0].from = &upstream;
  edges[0].from_slot = &anything;
  node.params = params.params;
  node.edges = edges;
  node.n_edges = 5;
  g_ptr_array_add (run.nodes, &node);
  plan = pr_run_plan_new (&run, NULL, NULL, &error);
  if (part == NULL)
    ck_assert_no_error (error);
  else
    ck_assert_pr_error (error, PR_ERROR_MANIFEST, part);
  g_ptr_array_unref (run.nodes);
  pr_params_clear (entry->stage, &params);
}

START_TEST (teachers_need_their_inputs)
{
  expect_no_plan (0, NULL);
  expect_no_plan (1, "teacher = lm needs the input `lm`");
  expect_no_plan (2, "teacher = world needs the input `chains`");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("rationale-distillation");
  TCase *tc = tcase_create ("rationale-distillation");

  tcase_set_timeout (tc, 120);
  tcase_add_checked_fixture (tc, shop_setup, shop_teardown);
  tcase_add_test (tc, targets_are_the_purchases_that_were_asked_for);
  tcase_add_test (tc, the_default_is_the_sentence_of_onerec_think);
  tcase_add_test (tc, templates_take_turns_or_are_drawn);
  tcase_add_test (tc, long_rationales_are_cut);
  tcase_add_loop_test (tc, a_stated_share_is_spoilt, 0, G_N_ELEMENTS (corruptions));
  tcase_add_test (tc, words_can_all_be_dropped);
  tcase_add_test (tc, what_cannot_be_done_is_said);
  tcase_add_test (tc, one_category_cannot_be_mistaken);
  tcase_add_test (tc, nobody_has_a_target);
  tcase_add_test (tc, teachers_need_their_inputs);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
