/* check-verbalization-answers.c - what is asked in which words, and what counts as which answer. */
#include "tiny-world.h"

#include "plugins/probe-verbalization/questions.h"

static char *dir;
static PrDataset *dataset;
static PrLm *lm;

static const char *const ives[] = { "Bath", "St. Ives", NULL }, *const yugi[] = { "Games", "Yu-Gi-Oh!", NULL },
                         *const other[] = { "Games", "St. Ives", NULL }, *const none[] = { NULL },
                         *const blank[] = { " ", NULL };
static const PrItem items[] = {
  { "0", "Soap", "Nord", "A soap. It is soft.", ives },
  { "1", "Cards", "", "", yugi },
  { "2", "More cards!", "", "They are more.", yugi },
  { "3", "Mask", "Ostra", "", other },
  { "4", "", "Nord", "", ives },
  { "5", "Mat", "", "Soft mat", none },
  { "6", "Nothing", "", "", blank },
};

static void
setup (void)
{
  static const gint32 bought[] = { 0, 1, 2, 3 };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("answers");

  dir = pr_check_tmpdir ();
  for (gsize i = 0; i < G_N_ELEMENTS (items); i++)
    pr_dataset_builder_add_item (builder, &items[i]);
  pr_dataset_builder_add_user (builder, "u", bought, 4);
  ck_assert (pr_dataset_builder_write (builder, dir, NULL));
  dataset = pr_dataset_load (dir, NULL);
  ck_assert_ptr_nonnull (dataset);
  lm = tiny_lm (128, FALSE);
}

static void
teardown (void)
{
  pr_dataset_free (dataset);
  pr_lm_free (lm);
  pr_check_rmdir (dir);
  g_free (dir);
}

static Answers *
answers (VerbalKind kind, gboolean leaf, gint64 text_tokens)
{
  return answers_new (kind, leaf, dataset, pr_lm_tokenizer (lm), END_OF_TEXT, text_tokens);
}

static void
assert_said (const Answers *a, const char *said, gboolean stopped, const char *name, const char *part)
{
  g_autofree char *found = NULL;
  gint32 number = answers_find (a, said, stopped, &found);

  ck_assert_msg (name != NULL ? number >= 0 : number < 0, "'%s' is number %d", said, number);
  if (name != NULL)
    ck_assert_str_eq (a->names->pdata[number], name);
  ck_assert_str_eq (found, part);
}

START_TEST (folding)
{
  g_autofree char *text = answers_fold (" \t Out  >\n Tents  "), *empty = answers_fold (" \n");
  gint32 n;

  ck_assert_str_eq (text, "Out > Tents");
  ck_assert_str_eq (empty, "");
  ck_assert_int_eq (answers_levels ("A > B > C", "A > B", &n), 2);
  ck_assert_int_eq (n, 3);
  ck_assert_int_eq (answers_levels ("A > B", "B > A > B", &n), 0);
  ck_assert_int_eq (answers_levels ("A", "A > B", &n), 1);
}
END_TEST

START_TEST (answers_of_a_catalogue)
{
  g_autoptr (Answers) paths = answers (VERBAL_SID_CATEGORY, FALSE, 64),
                      leaves = answers (VERBAL_SID_CATEGORY, TRUE, 64);
  g_autoptr (Answers) titled = answers (VERBAL_TITLE_CATEGORY, FALSE, 64), named = answers (VERBAL_SID_BRAND, TRUE, 64);

  ck_assert_int_eq (paths->n_texts, 3);
  ck_assert_int_eq (paths->n_names, 3);
  ck_assert_uint_eq (paths->offsets->len, 3 + 1);
  ck_assert_int_eq (paths->of_item[5], -1);
  ck_assert_int_eq (paths->of_item[6], -1);
  ck_assert_int_eq (paths->of_item[4], paths->of_item[0]);
  ck_assert_int_eq (g_array_index (paths->tokens, gint32, paths->tokens->len - 1), END_OF_TEXT);

  ck_assert_int_eq (leaves->n_texts, 3);
  ck_assert_int_eq (leaves->n_names, 2);
  ck_assert_str_eq (leaves->names->pdata[0], "St. Ives");
  ck_assert_int_eq (g_array_index (leaves->counts, gint32, 0), 3);
  ck_assert_int_eq (leaves->first[1], 2);
  ck_assert_int_eq (leaves->frequent[0], 0);

  /* Nobody asks about a title that is not there; each text with both ends, but for "!", which is one. */
  ck_assert_int_eq (titled->of_item[4], -1);
  ck_assert_uint_eq (titled->offsets->len, 2 * 3 + 1);
  ck_assert_int_eq (g_array_index (titled->tokens, gint32, titled->tokens->len - 1),
                    g_array_index (titled->tokens, gint32, g_array_index (titled->offsets, gint32, 4) - 1));
  ck_assert_int_eq (named->n_names, 2);
}
END_TEST

START_TEST (cut_as_grounding_cuts)
{
  g_autoptr (Answers) short_ones = answers (VERBAL_SID_CATEGORY, FALSE, 6);

  /* " Bath " and " Games": what is left of both games is the same answer, in two texts. */
  ck_assert_int_eq (short_ones->n_texts, 3);
  ck_assert_int_eq (short_ones->n_names, 2);
  ck_assert_int_eq (short_ones->longest, 7);
  assert_said (short_ones, "Games", TRUE, "Games", "Games");
}
END_TEST

START_TEST (what_was_said)
{
  g_autoptr (Answers) paths = answers (VERBAL_SID_CATEGORY, FALSE, 64),
                      leaves = answers (VERBAL_SID_CATEGORY, TRUE, 64);
  g_autoptr (Answers) titled = answers (VERBAL_TITLE_CATEGORY, FALSE, 64);

  assert_said (paths, "Bath > St. Ives", TRUE, "Bath > St. Ives", "Bath > St. Ives");
  assert_said (paths, "Bath > St. Ives", FALSE, NULL, "Bath > St. Ives");
  assert_said (paths, "Bath > St. Ives.", TRUE, NULL, "Bath > St. Ives.");
  assert_said (paths, "", TRUE, NULL, "");
  assert_said (leaves, "Moon > St. Ives", TRUE, "St. Ives", "Moon > St. Ives");
  assert_said (leaves, "Games", TRUE, NULL, "Games");

  assert_said (titled, "Bath > St. Ives. A soap. It", FALSE, "Bath > St. Ives", "Bath > St. Ives");
  assert_said (titled, "Bath > St. Ives", TRUE, "Bath > St. Ives", "Bath > St. Ives");
  assert_said (titled, "Bath > St. Ives", FALSE, NULL, "Bath > St");
  assert_said (titled, "Bath > St. Ives.net", TRUE, NULL, "Bath > St");
  assert_said (titled, "Games > Yu-Gi-Oh! They are", FALSE, "Games > Yu-Gi-Oh!", "Games > Yu-Gi-Oh!");
  assert_said (titled, "Games > Yu-Gi-Oh!", TRUE, "Games > Yu-Gi-Oh!", "Games > Yu-Gi-Oh!");
  assert_said (titled, "Games > Chess. A board. Two", FALSE, NULL, "Games > Chess");
  assert_said (titled, "Games > Chess", TRUE, NULL, "Games > Chess");
}
END_TEST

static char *
prompt (const Questions *q, gsize i)
{
  gint32 from = g_array_index (q->offsets, gint32, i), to = g_array_index (q->offsets, gint32, i + 1);

  return pr_tokenizer_decode (pr_lm_tokenizer (lm), &g_array_index (q->tokens, gint32, from), (gsize)(to - from),
                              FALSE);
}

/* The title and the brand, and not a word of what is asked for. */
START_TEST (questions_about_titles)
{
  static const char *const wanted[] = { "Soap by Nord.", "Cards.", "More cards!", "Mask by Ostra." };
  g_autoptr (Answers) titled = answers (VERBAL_TITLE_CATEGORY, FALSE, 64);
  g_auto (Questions) q = { 0 };
  g_auto (Questions) two = { 0 };
  g_auto (Questions) cramped = { 0 };
  g_autoptr (PrLm) small = tiny_lm (titled->longest + 7, FALSE);

  questions_init (&q, titled, dataset, lm, NULL, 0, 1);
  ck_assert_uint_eq (q.n, 4);
  for (gsize i = 0; i < q.n; i++)
    {
      g_autofree char *text = prompt (&q, i);
      gint32 item = g_array_index (q.items, gint32, i);

      ck_assert_int_lt (item, 4);
      ck_assert_str_eq (text, wanted[item]);
      ck_assert_int_eq (g_array_index (q.stops, guint8, i), item % 2 == 0);
    }
  questions_init (&two, titled, dataset, lm, NULL, 2, 1);
  ck_assert_uint_eq (two.n, 2);
  ck_assert_mem_eq (two.items->data, q.items->data, 2 * sizeof (gint32));
  /* "Cards." is the only one that fits. */
  questions_init (&cramped, titled, dataset, small, NULL, 0, 1);
  ck_assert_uint_eq (cramped.n, 1);
  ck_assert_int_eq (g_array_index (cramped.items, gint32, 0), 1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("verbalization-answers");
  TCase *tcase = tcase_create ("answers");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, folding);
  tcase_add_test (tcase, answers_of_a_catalogue);
  tcase_add_test (tcase, cut_as_grounding_cuts);
  tcase_add_test (tcase, what_was_said);
  tcase_add_test (tcase, questions_about_titles);
  suite_add_tcase (suite, tcase);
  return pr_check_main (suite);
}
