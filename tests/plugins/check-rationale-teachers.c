/* rationale-distillation: the teachers that do not fill templates - a model, the world, a file. */
#include "config.h"

#include "rationale-fixture.h"
#include "tiny-world.h"

#include <gio/gio.h>
#include <pauserec/matrix.h>
#include <pauserec/threads.h>

/* Files ----------------------------------------------------------------------- */

/* The stage on a file of TEXT (LENGTH -1: a string). */
static gboolean
distil_file (const char *settings, const void *text, gssize length, StageResult *ret_result, GError **error)
{
  g_autofree char *path = g_build_filename (shop, "why.jsonl", NULL);
  g_autofree char *all = g_strdup_printf ("teacher=file file=%s%s%s", path, settings[0] ? " " : "", settings);

  ck_assert (g_file_set_contents (path, text, length, NULL));
  return distil (all, NULL, ret_result, error);
}

/* User 1 has the purchases i5, i12, i6, i0 and hence the target i12; user 4 i7, i1, i8, i2, i9, i3, i10. */
static const char sound[] = "{\"user\": \"u4\", \"rationale\": \"Because\\n of  <a_1>.\", \"item\": \"i9\"}\n"
                            "{\"user\": \"u1\", \"rationale\": \"\"}\n"
                            "{\"user\": \"u0\", \"rationale\": \"has no target\"}\n"
                            "{\"user\": \"u2\", \"rationale\": \"on another\", \"item\": \"i4\"}\n";

static void
check_file_rationales (StageResult *result)
{
  g_autoptr (PrRationales) rationales = distilled (result);
  g_autofree char *hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, sound, -1);

  ck_assert_uint_eq (pr_rationales_n (rationales), 2);
  ck_assert_str_eq (pr_rationales_find (rationales, 4, 4)->text, "Because of <a_1>.");
  ck_assert_str_eq (pr_rationales_find (rationales, 1, 1)->text, "");
  ck_assert_str_eq (pr_rationales_find (rationales, 4, 4)->teacher, "file");
  ck_assert_str_eq (pr_rationales_find (rationales, 4, 4)->prompt, hash);
  ck_assert (!pr_rationales_find (rationales, 4, 4)->sampled);
  ck_assert_double_eq (harness_metric (result, "unused"), 2);
  ck_assert_double_eq_tol (harness_metric (result, "missing_share"), 30. / 32, 1e-12);
  ck_assert_double_eq (harness_metric (result, "sid_leak_share"), 0.5);
  ck_assert_double_eq (harness_metric (result, "empty_share"), 0.5);
}

START_TEST (a_file_gives_what_it_has)
{
  g_auto (StageResult) plain = { 0 }, zipped = { 0 };
  g_autoptr (GConverter) gzip = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 9));
  char packed[1024];
  gsize read, written;
  GError *error = NULL;

  ck_assert_msg (distil_file ("", sound, -1, &plain, &error), "%s", error ? error->message : "");
  check_file_rationales (&plain);
  g_converter_convert (gzip, sound, strlen (sound), packed, sizeof packed, G_CONVERTER_INPUT_AT_END, &read, &written,
                       &error);
  ck_assert_no_error (error);
  ck_assert (distil_file ("", packed, (gssize)written, &zipped, &error));
  check_file_rationales (&zipped);
}
END_TEST

static const struct
{
  const char *settings, *text, *part;
} file_faults[] = {
  { "", "{\"user\": \"u1\", \"rationale\": \"a\"}\n{\"user\": \"nobody\", \"rationale\": \"a\"}\n",
    "why.jsonl:2: the data set has no user 'nobody'" },
  { "", "{\"user\": \"u1\", \"rationale\": \"a\", \"item\": \"i99\"}", "why.jsonl:1: the data set has no item 'i99'" },
  { "", "{\"user\": \"u1\", \"rationale\": \"a\", \"item\": \"i1\"}", "user 'u1' did not buy item 'i1'" },
  { "", "{\"user\": \"u1\", \"rationale\": \"a\"}\n{\"user\": \"u1\", \"rationale\": \"a\"}\n",
    "why.jsonl:2: a second rationale for the same purchase of user 'u1'" },
  { "targets=all-prefixes", "{\"user\": \"u4\", \"rationale\": \"a\"}", "user 'u4' has several targets" },
  { "", "{\"user\": \"u1\"}", "why.jsonl:1: {\"user\"" },
  { "", "{\"user\": \"u1\", \"rationale\": null}", "belongs here" },
  { "", "{\"user\": 1, \"rationale\": \"a\"}", "belongs here" },
  { "", "{\"user\": \"u1\", \"rationale\": \"a\", \"item\": 5}", "belongs here" },
  { "", "{\"user\": \"u1\", \"rationale\": \"a\", \"itm\": \"i1\"}", "belongs here" },
  { "", "[\"u1\", \"a\"]", "belongs here" },
  { "", "{\"user\": \"u1\", \"rationale\": \"a\", \"rationale\": \"b\"}", "duplicate" },
  { "", "{\"user\": \"u1\", ", "why.jsonl:1: column" },
  { "", "\n", "why.jsonl:1: column" },
  { "", "\xff\n", "why.jsonl:1: not UTF-8" },
  { "", "\x1f\x8b garbage", "gzip file is damaged" },
  { "", "", "teacher = file has no rationale for any of the 32 targets" },
  { "", "{\"user\": \"u0\", \"rationale\": \"a\"}", "teacher = file has no rationale for any" },
};

START_TEST (faults_of_a_file_name_the_line)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;

  ck_assert (!distil_file (file_faults[_i].settings, file_faults[_i].text, -1, &result, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, file_faults[_i].part);
}
END_TEST

START_TEST (an_endless_rationale_is_refused)
{
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree char *much = g_strnfill (64 * 1024 + 1, 'a');
  g_autofree char *line = g_strdup_printf ("{\"user\": \"u1\", \"rationale\": \"%s\"}", much);

  ck_assert (!distil_file ("", line, -1, &result, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "why.jsonl:1: the rationale has more than 64 KiB");
}
END_TEST

/* Texts of a file name categories in their own words. */
START_TEST (texts_are_spoilt_in_their_own_words)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (StageResult) wrong = { 0 }, said = { 0 };
  g_autoptr (PrRationales) mistaken = NULL, paraphrased = NULL;
  GError *error = NULL;

  for (int u = 0; u < SHOP_USERS; u++)
    g_string_append_printf (text, "{\"user\": \"u%d\", \"rationale\": \"%s\"}\n", u,
                            u % 2 ? "You need a tent, an easel or a rake." : "Nothing is named here.");
  ck_assert (distil_file ("corruption=wrong-category", text->str, -1, &wrong, &error));
  mistaken = distilled (&wrong);
  for (gsize i = 0; i < pr_rationales_n (mistaken); i++)
    {
      const PrRationale *one = pr_rationales_at (mistaken, i);
      const char *category = category_of (one);

      if (category[0] != '\0')
        ck_assert_ptr_null (strstr (one->text, category));
      if (category[0] != '\0' && one->user % 2)
        ck_assert (g_str_has_prefix (one->text, "You need a"));
      else
        ck_assert (g_str_has_prefix (one->text, "The user is likely to buy items in "));
    }
  ck_assert_double_eq (harness_metric (&wrong, "category_named_share"), 0);
  ck_assert (distil_file ("corruption=paraphrase", text->str, -1, &said, &error));
  paraphrased = distilled (&said);
  for (gsize i = 0; i < pr_rationales_n (paraphrased); i++)
    if (pr_rationales_at (paraphrased, i)->user % 2)
      ck_assert_str_eq (pr_rationales_at (paraphrased, i)->text, "You want a tent, an easel or a rake.");
  ck_assert_double_eq (harness_metric (&said, "unchanged_share"), 0.5);
}
END_TEST

/* Two words have two orders only, and three like ones have one. */
START_TEST (shuffled_words_are_never_as_they_were)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrRationales) rationales = NULL;
  GError *error = NULL;

  for (int u = 0; u < SHOP_USERS; u++)
    g_string_append_printf (text, "{\"user\": \"u%d\", \"rationale\": \"%s\"}\n", u, u % 2 ? "one two" : "so so so");
  ck_assert (distil_file ("corruption=shuffle-words", text->str, -1, &result, &error));
  rationales = distilled (&result);
  for (gsize i = 0; i < pr_rationales_n (rationales); i++)
    ck_assert_str_eq (pr_rationales_at (rationales, i)->text,
                      pr_rationales_at (rationales, i)->user % 2 ? "two one" : "so so so");
  ck_assert_double_eq (harness_metric (&result, "unchanged_share"), 0.5);
}
END_TEST

/* The world ---------------------------------------------------------------------- */

START_TEST (the_world_knows_why)
{
  static const char *const nothing[] = { NULL };
  g_auto (StageResult) world = { 0 }, result = { 0 };
  g_autoptr (PrRationales) chains = NULL, rationales = NULL;
  g_autoptr (PrDataset) people = NULL;
  g_autofree char *data = NULL, *why = NULL, *out = NULL;
  GError *error = NULL;

  ck_assert_msg (
      harness_run (registry, "synthetic-world", "n_users=50 documents_per_rule=1", nothing, 1, &world, &error), "%s",
      error ? error->message : "");
  data = harness_output (&world, "dataset");
  why = harness_output (&world, "chains");
  people = pr_dataset_load (data, &error);
  chains = pr_rationales_load (why, people, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (pr_rationales_n (chains), (gsize)(pr_dataset_n_interactions (people) - 50));
  ck_assert (harness_run (registry, "rationale-distillation", "teacher=world targets=valid",
                          (const char *[]){ "dataset", data, "chains", why, NULL }, 1, &result, &error));
  out = harness_output (&result, "rationales");
  rationales = pr_rationales_load (out, people, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (pr_rationales_n (rationales), 50);
  for (gsize i = 0; i < 50; i++)
    {
      const PrRationale *one = pr_rationales_at (rationales, i),
                        *chain = pr_rationales_find (chains, one->user, one->position);

      ck_assert_str_eq (one->text, chain->text);
      ck_assert_str_eq (one->prompt, chain->prompt);
      ck_assert_str_eq (one->teacher, "world");
      ck_assert_uint_eq (one->seed, chain->seed);
    }
  ck_assert_double_eq (harness_metric (&result, "category_named_share"), 1);
  ck_assert_double_eq (harness_metric (&result, "missing_share"), 0);
}
END_TEST

START_TEST (rationales_of_others_are_no_chains)
{
  g_auto (StageResult) first = { 0 }, second = { 0 };
  g_autoptr (PrRationales) rationales = distil_well ("", NULL, &first);
  g_autofree char *dir = harness_output (&first, "rationales");
  g_autoptr (GError) error = NULL;

  ck_assert (!distil ("teacher=world", (const char *[]){ "chains", dir, NULL }, &second, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "in.chains = world.chains");
}
END_TEST

/* A model ------------------------------------------------------------------------ */

static char *
save_lm (gboolean with_sids)
{
  g_autoptr (PrLm) lm = tiny_lm (256, with_sids);
  char *dir = g_build_filename (shop, "lm", NULL);

  ck_assert (pr_lm_save (lm, dir, NULL));
  return dir;
}

static const char sampled[] =
    "teacher=lm temperature=1 max_tokens=20 opening= prompt=I:__{history_title};__{target_title}";

START_TEST (a_model_writes_the_same_with_any_number_of_threads)
{
  g_autofree char *lm = save_lm (FALSE), *hash = NULL;
  const char *const inputs[] = { "lm", lm, NULL };
  g_auto (StageResult) one = { 0 }, three = { 0 };
  g_autoptr (PrRationales) a = NULL, b = NULL;
  gsize different = 0;

  pr_threads_set (1);
  a = distil_well (sampled, inputs, &one);
  pr_threads_set (3);
  b = distil_well (sampled, inputs, &three);
  pr_threads_set (1);
  ck_assert_uint_eq (pr_rationales_n (a), 32);
  ck_assert_uint_eq (pr_rationales_n (b), 32);
  for (gsize i = 0; i < 32; i++)
    {
      ck_assert_str_eq (pr_rationales_at (a, i)->text, pr_rationales_at (b, i)->text);
      different += i > 0 && strcmp (pr_rationales_at (a, i)->text, pr_rationales_at (a, i - 1)->text) != 0;
    }
  ck_assert_uint_gt (different, 20);
  /* User 1: bought i5, target i12. */
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "I: Model 5; Model 12", -1);
  ck_assert_str_eq (pr_rationales_at (a, 0)->prompt, hash);
  ck_assert_str_eq (pr_rationales_at (a, 0)->teacher, "lm");
  ck_assert (pr_rationales_at (a, 0)->sampled);
  ck_assert_double_eq (pr_rationales_at (a, 0)->sampling.temperature, 1);
  ck_assert_int_eq (pr_rationales_at (a, 0)->sampling.max_tokens, 20);
  ck_assert_double_gt (one.record->costs[PR_COST_GENERATED_TOKENS], 32);
  ck_assert_double_gt (one.record->costs[PR_COST_FLOPS], 1000);
}
END_TEST

/* What is written for a purchase does not depend on which others are asked for. */
START_TEST (a_draw_belongs_to_its_purchase)
{
  g_autofree char *lm = save_lm (FALSE);
  g_autofree char *all = g_strconcat (sampled, " targets=all-prefixes", NULL);
  const char *const inputs[] = { "lm", lm, NULL };
  g_auto (StageResult) one = { 0 }, many = { 0 };
  g_autoptr (PrRationales) a = distil_well (sampled, inputs, &one), b = distil_well (all, inputs, &many);

  ck_assert_uint_gt (pr_rationales_n (b), pr_rationales_n (a));
  for (gsize i = 0; i < pr_rationales_n (a); i++)
    {
      const PrRationale *last = pr_rationales_at (a, i);

      ck_assert_str_eq (last->text, pr_rationales_find (b, last->user, last->position)->text);
    }
}
END_TEST

START_TEST (semantic_ids_in_a_text_are_counted)
{
  g_autofree char *lm = save_lm (TRUE);
  g_autoptr (PrSids) sids = tiny_sids ();
  const char *const inputs[] = { "lm", lm, "sids", shop, NULL };
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrRationales) rationales = NULL;
  double leaks = 0;

  ck_assert (pr_sids_save (sids, "keep", shop, NULL));
  /* Long enough for some special tokens too, which end a text. */
  rationales = distil_well ("teacher=lm temperature=1 max_tokens=200 sentences=0 opening= prompt={target_title}",
                            inputs, &result);
  for (gsize i = 0; i < pr_rationales_n (rationales); i++)
    {
      const char *text = pr_rationales_at (rationales, i)->text;

      leaks += strstr (text, "<a_0>") || strstr (text, "<a_1>") || strstr (text, "<a_2>") || strstr (text, "<b_0>")
               || strstr (text, "<b_1>");
      ck_assert_ptr_null (strstr (text, "<think>"));
      ck_assert_ptr_null (strstr (text, "</think>"));
      ck_assert_ptr_null (strstr (text, "<|"));
    }
  ck_assert_double_gt (leaks, 3);
  ck_assert_double_eq_tol (harness_metric (&result, "sid_leak_share"), leaks / 32, 1e-12);
}
END_TEST

/* The history is pruned by similarity, and further where the model has no room. */
START_TEST (a_prompt_shows_what_is_similar_and_fits)
{
  g_autofree char *lm = save_lm (FALSE), *near = NULL, *none = NULL, *vectors = g_build_filename (shop, "e", NULL);
  g_autoptr (PrMatrix) embeddings = pr_matrix_new (13, 2, NULL);
  const char *const inputs[] = { "lm", lm, "embeddings", vectors, NULL };
  g_auto (StageResult) pruned = { 0 }, tight = { 0 }, failed = { 0 };
  g_autoptr (PrRationales) a = NULL, b = NULL;
  g_autoptr (GError) error = NULL;

  /* User 4 bought i7, i1, i8, i2 before its target i9: only i1 and i9 point the same way. */
  for (int i = 0; i < 13; i++)
    embeddings->data[2 * i + (i == 1 || i == 9)] = 1;
  g_mkdir (vectors, 0700);
  ck_assert (pr_embeddings_save (embeddings, vectors, NULL));
  a = distil_well ("teacher=lm max_tokens=2 prune=1 opening= prompt={history_title}|{target_title}", inputs, &pruned);
  near = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "Model 1|Model 9", -1);
  ck_assert_str_eq (pr_rationales_find (a, 4, 4)->prompt, near);
  /* 256 positions without 240: room for 16 bytes. */
  b = distil_well ("teacher=lm max_tokens=240 opening= prompt={history_title}|{target_title}", inputs, &tight);
  ck_assert_str_eq (pr_rationales_find (b, 4, 4)->prompt, near);
  ck_assert (
      !distil ("teacher=lm max_tokens=250 opening= prompt={target_title}{target_title}", inputs, &failed, &error));
  ck_assert_pr_error (error, PR_ERROR_MANIFEST, "user 'u1': the prompt has 16 tokens even without a history");
}
END_TEST

START_TEST (a_rationale_begins_as_it_is_told_to)
{
  g_autofree char *lm = save_lm (FALSE), *hash = NULL;
  const char *const inputs[] = { "lm", lm, NULL };
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrRationales) rationales =
      distil_well ("teacher=lm temperature=1 max_tokens=9 prompt=Why? opening=For__{last_title}", inputs, &result);
  gsize longer = 0;

  for (gsize i = 0; i < pr_rationales_n (rationales); i++)
    {
      const PrRationale *one = pr_rationales_at (rationales, i);
      g_autofree char *begin = NULL;
      gint64 n;
      const gint32 *items = pr_dataset_sequence (dataset, one->user, &n);

      begin = g_strdup_printf ("For Model %d", items[one->position - 1]);
      ck_assert (g_str_has_prefix (one->text, begin));
      longer += strlen (one->text) > strlen (begin);
    }
  ck_assert_uint_gt (longer, 25);
  /* User 1 bought i5. */
  hash = g_compute_checksum_for_string (G_CHECKSUM_SHA256, "Why? For Model 5", -1);
  ck_assert_str_eq (pr_rationales_at (rationales, 0)->prompt, hash);
}
END_TEST

/* Items that lack the words of the prompt: nothing is asked, nothing is thought. */
START_TEST (nothing_is_asked_without_words)
{
  g_autofree char *lm = save_lm (FALSE);
  const char *const inputs[] = { "lm", lm, NULL };
  g_auto (StageResult) result = { 0 };
  g_autoptr (PrRationales) rationales =
      distil_well ("teacher=lm max_tokens=8 opening= prompt={target_category}:", inputs, &result);
  gsize empty = 0;

  for (gsize i = 0; i < pr_rationales_n (rationales); i++)
    if (category_of (pr_rationales_at (rationales, i))[0] == '\0')
      {
        ck_assert_str_eq (pr_rationales_at (rationales, i)->text, "");
        empty++;
      }
  ck_assert_uint_gt (empty, 0);
  ck_assert_double_gt (result.record->costs[PR_COST_GENERATED_TOKENS], 0);
  ck_assert_double_le (result.record->costs[PR_COST_GENERATED_TOKENS], 8 * (double)(32 - empty));
  /* A teacher's answers are a price of training: nobody is recommended anything. */
  ck_assert_double_eq (result.record->costs[PR_COST_INFER_USERS], 0);
}
END_TEST

START_TEST (embeddings_of_other_items_are_refused)
{
  g_autofree char *lm = save_lm (FALSE);
  g_autoptr (PrMatrix) embeddings = pr_matrix_new (12, 2, NULL);
  const char *const inputs[] = { "lm", lm, "embeddings", shop, NULL };
  g_auto (StageResult) result = { 0 };
  g_autoptr (GError) error = NULL;

  ck_assert (pr_embeddings_save (embeddings, shop, NULL));
  ck_assert (!distil ("teacher=lm", inputs, &result, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "there are 12 embeddings for 13 items");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("rationale-teachers");
  TCase *tc = tcase_create ("rationale-teachers");

  tcase_set_timeout (tc, 120);
  tcase_add_checked_fixture (tc, shop_setup, shop_teardown);
  tcase_add_test (tc, a_file_gives_what_it_has);
  tcase_add_loop_test (tc, faults_of_a_file_name_the_line, 0, G_N_ELEMENTS (file_faults));
  tcase_add_test (tc, an_endless_rationale_is_refused);
  tcase_add_test (tc, texts_are_spoilt_in_their_own_words);
  tcase_add_test (tc, shuffled_words_are_never_as_they_were);
  tcase_add_test (tc, the_world_knows_why);
  tcase_add_test (tc, rationales_of_others_are_no_chains);
  tcase_add_test (tc, a_model_writes_the_same_with_any_number_of_threads);
  tcase_add_test (tc, a_draw_belongs_to_its_purchase);
  tcase_add_test (tc, semantic_ids_in_a_text_are_counted);
  tcase_add_test (tc, a_prompt_shows_what_is_similar_and_fits);
  tcase_add_test (tc, a_rationale_begins_as_it_is_told_to);
  tcase_add_test (tc, nothing_is_asked_without_words);
  tcase_add_test (tc, embeddings_of_other_items_are_refused);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
