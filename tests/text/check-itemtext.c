/* check-itemtext.c - grounding sequences: words, tokens and loss masks, and which of them an epoch shows. */
#include "tiny-world.h"

#include <pauserec/itemtext.h>

static char *dir;
static PrDataset *dataset;
static PrSids *sids;
static PrLm *lm;
static PrExample example;

static const gint64 lengths[] = { 4, 6 };

static void
setup (void)
{
  GError *error = NULL;

  dir = pr_check_tmpdir ();
  tiny_dataset_write (dir, lengths, G_N_ELEMENTS (lengths));
  dataset = pr_dataset_load (dir, &error);
  ck_assert_no_error (error);
  sids = tiny_sids ();
  lm = tiny_lm (128, TRUE);
  example.tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  example.loss = g_array_new (FALSE, FALSE, sizeof (float));
}

static void
teardown (void)
{
  pr_dataset_free (dataset);
  pr_sids_free (sids);
  pr_lm_free (lm);
  g_array_unref (example.tokens);
  g_array_unref (example.loss);
  pr_check_rmdir (dir);
  g_free (dir);
}

static PrGrounding *
make (PrGroundingParams params)
{
  GError *error = NULL;
  PrGrounding *grounding = pr_grounding_new (lm, dataset, sids, &params, 1, &error);

  ck_assert_no_error (error);
  return grounding;
}

static char *
decode (void)
{
  ck_assert_uint_eq (example.tokens->len, example.loss->len);
  return pr_tokenizer_decode (pr_lm_tokenizer (lm), (gint32 *)(void *)example.tokens->data, example.tokens->len, FALSE);
}

/* Tokens from the first one with loss on; -1 if a later one has none. */
static int
loss_from (void)
{
  guint first = 0;

  while (first < example.loss->len && g_array_index (example.loss, float, first) == 0)
    first++;
  for (guint i = first; i < example.loss->len; i++)
    if (g_array_index (example.loss, float, i) == 0)
      return -1;
  return (int)(example.loss->len - first);
}

START_TEST (descriptions)
{
  static const char *const wanted[2][PR_N_DESCRIPTIONS] = {
    { "Tent", "Tent by Nord. Out > Tents", "Out > Tents", NULL, "Nord" },
    { "Mat", NULL, NULL, NULL, NULL },
  };

  for (int item = 0; item < 2; item++)
    for (int d = 0; d < PR_N_DESCRIPTIONS; d++)
      {
        if (d == PR_DESCRIBE_FULL)
          continue;
        g_autoptr (GString) text = g_string_new ("");
        gboolean found = pr_item_describe (pr_dataset_item (dataset, item), (PrDescription)d, text);

        ck_assert_int_eq (found, wanted[item][d] != NULL);
        ck_assert_str_eq (text->str, wanted[item][d] != NULL ? wanted[item][d] : "");
      }
  g_autoptr (GString) full = g_string_new (""), none = g_string_new ("");

  ck_assert (pr_item_describe (pr_dataset_item (dataset, 1), PR_DESCRIBE_FULL, full));
  ck_assert_ptr_nonnull (strstr (full->str, "Soft mat"));
  for (int d = 0; d < PR_N_DESCRIPTIONS; d++)
    ck_assert (!pr_item_describe (pr_dataset_item (dataset, 2), (PrDescription)d, none));
}
END_TEST

START_TEST (both_directions)
{
  g_autoptr (PrGrounding) answer = make ((PrGroundingParams){ PR_GROUNDING_LOSS_ANSWER, 1, 64, 0, 0, FALSE });
  g_autofree char *to_text = NULL, *to_sid = NULL;

  pr_example_clear (&example);
  ck_assert (pr_grounding_sid_to_text (answer, 0, PR_DESCRIBE_DETAILS, &example));
  to_text = decode ();
  ck_assert_str_eq (to_text, "Details of <a_0><b_0>: Tent by Nord. Out > Tents<|endoftext|>");
  ck_assert_int_eq (loss_from (), (int)strlen (" Tent by Nord. Out > Tents") + 1);
  ck_assert_int_eq (g_array_index (example.tokens, gint32, 11), A0);
  ck_assert_int_eq (g_array_index (example.tokens, gint32, 12), B0);

  pr_example_clear (&example);
  ck_assert (pr_grounding_text_to_sid (answer, 1, PR_DESCRIBE_TITLE, &example));
  to_sid = decode ();
  ck_assert_str_eq (to_sid, "Item with the title Mat:<a_0><b_1>");
  ck_assert_int_eq (loss_from (), 2);

  pr_example_clear (&example);
  ck_assert (!pr_grounding_text_to_sid (answer, 1, PR_DESCRIBE_CATEGORY, &example));
  ck_assert (!pr_grounding_sid_to_text (answer, 2, PR_DESCRIBE_TITLE, &example));
  ck_assert_uint_eq (example.tokens->len, 0);
}
END_TEST

START_TEST (texts_are_cut_and_loss_can_be_everywhere)
{
  g_autoptr (PrGrounding) all = make ((PrGroundingParams){ PR_GROUNDING_LOSS_ALL, 1, 3, 0, 0, FALSE });
  g_autofree char *text = NULL;

  pr_example_clear (&example);
  ck_assert (pr_grounding_sid_to_text (all, 0, PR_DESCRIBE_FULL, &example));
  text = decode ();
  ck_assert_str_eq (text, "Description of <a_0><b_0>: Te<|endoftext|>");
  ck_assert_int_eq (loss_from (), (int)example.tokens->len);
  ck_assert_uint_ge (pr_grounding_longest (all), example.tokens->len);
}
END_TEST

static int
compare_texts (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

/* All texts of an epoch, sorted. */
static GPtrArray *
epoch_texts (PrGrounding *grounding, guint epoch)
{
  GPtrArray *texts = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < pr_grounding_n (grounding); i++)
    {
      ck_assert (pr_grounding_example (grounding, epoch, i, &example, NULL));
      ck_assert_uint_le (example.tokens->len, pr_grounding_longest (grounding));
      ck_assert_int_gt (loss_from (), 0);
      g_ptr_array_add (texts, decode ());
    }
  g_ptr_array_sort (texts, compare_texts);
  return texts;
}

START_TEST (all_descriptions_of_an_epoch)
{
  g_autoptr (PrGrounding) grounding = make ((PrGroundingParams){ PR_GROUNDING_LOSS_ALL, 4, 64, 0, 0, FALSE });
  g_autoptr (GPtrArray) first = epoch_texts (grounding, 0), second = epoch_texts (grounding, 1);

  /* Item 0 has four kinds, item 1 two (title, description), item 2 none; two directions each. */
  ck_assert_uint_eq (pr_grounding_n (grounding), 2 * (4 + 2));
  for (guint i = 0; i < first->len; i++)
    {
      ck_assert_str_eq (first->pdata[i], second->pdata[i]);
      if (i > 0)
        ck_assert_str_ne (first->pdata[i - 1], first->pdata[i]);
    }
}
END_TEST

START_TEST (kinds_take_turns)
{
  g_autoptr (PrGrounding) grounding = make ((PrGroundingParams){ PR_GROUNDING_LOSS_ALL, 1, 64, 0, 0, FALSE });
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  ck_assert_uint_eq (pr_grounding_n (grounding), 2 * 2);
  for (guint epoch = 0; epoch < 4; epoch++)
    {
      g_autoptr (GPtrArray) texts = epoch_texts (grounding, epoch);

      for (guint i = 0; i < texts->len; i++)
        g_hash_table_add (seen, g_strdup (texts->pdata[i]));
    }
  /* In four epochs each of item 0's kinds once, each of item 1's twice. */
  ck_assert_uint_eq (g_hash_table_size (seen), 2 * (4 + 2));
}
END_TEST

/* The brand comes when it is asked for; a probe can ask for it of any model. */
START_TEST (brands)
{
  g_autoptr (PrGrounding) off = make ((PrGroundingParams){ PR_GROUNDING_LOSS_ALL, 5, 64, 0, 0, FALSE });
  g_autoptr (PrGrounding) on = make ((PrGroundingParams){ PR_GROUNDING_LOSS_ALL, 5, 64, 0, 0, TRUE });
  g_autoptr (GPtrArray) texts = epoch_texts (on, 0);
  g_autofree char *question = NULL;
  int to_brand = 0, to_sid = 0;

  ck_assert_uint_eq (pr_grounding_n (off), 2 * (4 + 2));
  ck_assert_uint_eq (pr_grounding_n (on), 2 * (5 + 2));
  for (guint i = 0; i < texts->len; i++)
    {
      to_brand += strcmp (texts->pdata[i], "Brand of <a_0><b_0>: Nord<|endoftext|>") == 0;
      to_sid += strcmp (texts->pdata[i], "Item of the brand Nord:<a_0><b_0>") == 0;
    }
  ck_assert_int_eq (to_brand, 1);
  ck_assert_int_eq (to_sid, 1);
  pr_example_clear (&example);
  ck_assert (pr_grounding_sid_to_text (off, 0, PR_DESCRIBE_BRAND, &example));
  question = decode ();
  ck_assert_str_eq (question, "Brand of <a_0><b_0>: Nord<|endoftext|>");
  ck_assert (!pr_grounding_sid_to_text (off, 1, PR_DESCRIBE_BRAND, &example));
  ck_assert_int_eq (pr_grounding_estimate_n (&(PrGroundingParams){ .descriptions = 5 }, 10, 0), 2 * 4 * 10);
}
END_TEST

START_TEST (plain_texts_and_purchases)
{
  g_autoptr (PrGrounding) grounding = make ((PrGroundingParams){ PR_GROUNDING_LOSS_ANSWER, 1, 64, 1, 1, FALSE });
  g_autoptr (GPtrArray) texts = epoch_texts (grounding, 3);
  int bought = 0, plain = 0;

  ck_assert_uint_eq (pr_grounding_n (grounding), 2 * 2 + 2 + 2);
  for (guint i = 0; i < texts->len; i++)
    {
      const char *text = texts->pdata[i];

      /* User 0: items 0 1, then 2 0 held out; user 1: items 1 2 0 1, then 2 0 held out. */
      bought += strcmp (text, "The user bought: <a_0><b_0><a_0><b_1>") == 0;
      bought += strcmp (text, "The user bought: <a_0><b_1><a_2><b_1><a_0><b_0><a_0><b_1>") == 0;
      plain += strncmp (text, "Tent", 4) == 0 || strncmp (text, "Mat", 3) == 0;
    }
  ck_assert_int_eq (bought, 2);
  ck_assert_int_eq (plain, 2);
}
END_TEST

START_TEST (faults)
{
  const PrGroundingParams params = { PR_GROUNDING_LOSS_ALL, 1, 64, 0, 0, FALSE },
                          longer = { PR_GROUNDING_LOSS_ALL, 1, 128, 0, 0, FALSE };
  g_autoptr (GError) room = NULL, tokens = NULL, items = NULL, words = NULL;
  static const char *const none[] = { NULL };
  const PrItem wordless = { "x", "", "", "", none };
  const gint32 sizes[] = { 3, 2 };
  g_autoptr (PrSids) fewer = pr_sids_new (2, 2, sizes), three = tiny_sids ();
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("wordless");
  g_autoptr (PrLm) plain = tiny_lm (128, FALSE);
  g_autofree char *other = pr_check_tmpdir ();

  ck_assert_ptr_null (pr_grounding_new (lm, dataset, sids, &longer, 1, &room));
  ck_assert_pr_error (room, PR_ERROR_MANIFEST, "text_tokens");
  ck_assert_ptr_null (pr_grounding_new (plain, dataset, sids, &params, 1, &tokens));
  ck_assert_pr_error (tokens, PR_ERROR_DATA, "<a_0>");
  ck_assert_ptr_null (pr_grounding_new (lm, dataset, fewer, &params, 1, &items));
  ck_assert_pr_error (items, PR_ERROR_DATA, "2 semantic ids for 3 items");
  for (int i = 0; i < 3; i++)
    {
      g_autofree char *id = g_strdup_printf ("x%d", i);
      PrItem item = wordless;

      item.id = id;
      pr_dataset_builder_add_item (builder, &item);
    }
  pr_dataset_builder_add_user (builder, "u", (const gint32[]){ 0, 1, 2, 0 }, 4);
  ck_assert (pr_dataset_builder_write (builder, other, NULL));
  g_autoptr (PrDataset) silent = pr_dataset_load (other, NULL);

  ck_assert_ptr_nonnull (silent);
  ck_assert_ptr_null (pr_grounding_new (lm, silent, three, &params, 1, &words));
  ck_assert_pr_error (words, PR_ERROR_DATA, "wordless");
  pr_check_rmdir (other);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("itemtext");
  TCase *tcase = tcase_create ("itemtext");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, descriptions);
  tcase_add_test (tcase, both_directions);
  tcase_add_test (tcase, texts_are_cut_and_loss_can_be_everywhere);
  tcase_add_test (tcase, all_descriptions_of_an_epoch);
  tcase_add_test (tcase, kinds_take_turns);
  tcase_add_test (tcase, brands);
  tcase_add_test (tcase, plain_texts_and_purchases);
  tcase_add_test (tcase, faults);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
