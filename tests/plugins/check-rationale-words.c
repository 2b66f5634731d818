/* The parts of rationale distillation that know nothing of stages: words, other words, similar purchases. */
#include "config.h"

#include "tiny-world.h"
#include "../../plugins/rationale-distillation/respell.h"
#include "../../plugins/rationale-distillation/similar.h"
#include "../../plugins/rationale-distillation/words.h"

START_TEST (texts_become_one_line)
{
  g_autofree char *text = words_fold (" \n a\t\tb\x01 c\n"), *empty = words_fold (" \n ");

  ck_assert_str_eq (text, "a b c");
  ck_assert_str_eq (empty, "");
  ck_assert_uint_eq (words_count (text), 3);
  ck_assert_uint_eq (words_count (""), 0);
}
END_TEST

START_TEST (texts_are_cut_at_the_end_of_a_word)
{
  char text[] = "one two three", same[] = "one two", sentences[] = "It is 3.5 wide. Why? So. More.";

  ck_assert (words_cut (text, 2));
  ck_assert_str_eq (text, "one two");
  ck_assert (!words_cut (same, 2));
  ck_assert_str_eq (same, "one two");
  words_cut_sentences (sentences, 2);
  ck_assert_str_eq (sentences, "It is 3.5 wide. Why?");
  words_cut_sentences (sentences, 2);
  ck_assert_str_eq (sentences, "It is 3.5 wide. Why?");
}
END_TEST

static const struct
{
  const char *text, *phrase;
  int at, length;
} finds[] = {
  { "a tent", "tent", 2, 4 },
  { "a TENT, b", "Tent", 2, 4 },
  { "tents", "tent", -1, 0 },
  { "content tent", "tent", 8, 4 },
  { "x", "", -1, 0 },
  { "", "tent", -1, 0 },
  { "ten", "tent", -1, 0 },
  { "A sleeping bag.", "sleeping bag", 2, 12 },
  { "der ÄRMEL", "ärmel", 4, 6 },
  { "C++, and C", "c++", 0, 3 },
  { "Äx x", "x", 4, 1 },
};

START_TEST (phrases_are_found_as_whole_words)
{
  gsize length = 0;
  const char *found = words_find (finds[_i].text, finds[_i].phrase, &length);

  ck_assert_int_eq (found == NULL ? -1 : (int)(found - finds[_i].text), finds[_i].at);
  ck_assert_int_eq ((int)length, finds[_i].length);
}
END_TEST

START_TEST (names_and_their_articles_change_together)
{
  g_autofree char *one = rename_all ("A tent, a Tent and extent. The tent", "tent", "easel"),
                  *two = rename_all ("An easel: an easel", "easel", "tent"), *none = rename_all ("extent", "tent", "x"),
                  *alone = rename_all ("tent", "tent", "easel"), *word = rename_all ("banana tent", "tent", "easel");

  ck_assert_str_eq (one, "An easel, an easel and extent. The easel");
  ck_assert_str_eq (two, "A tent: a tent");
  ck_assert_ptr_null (none);
  ck_assert_str_eq (alone, "easel");
  ck_assert_str_eq (word, "banana easel");
}
END_TEST

START_TEST (a_paraphrase_says_it_in_other_words)
{
  g_autofree char *chain = paraphrase ("After buying a tent, most people look for a rake. You need a rake because you "
                                       "bought a tent. You like Norvik."),
                  *same = paraphrase ("Nothing known, abecause."), *empty = paraphrase ("");

  ck_assert_str_eq (chain, "Once they own a tent, many people search for a rake. You want a rake since you got a tent. "
                           "You prefer Norvik.");
  ck_assert_str_eq (same, "Nothing known, abecause.");
  ck_assert_str_eq (empty, "");
}
END_TEST

/* Items 0 .. 4: a/b/c, a/b/d, a/x, none, a/b/c. */
static PrDataset *
catalogue (const char *dir)
{
  static const char *const paths[5][4] = {
    { "a", "b", "c" }, { "a", "b", "d" }, { "a", "x" }, { NULL }, { "a", "b", "c" }
  };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("similar");
  const gint32 bought = 0;

  for (int i = 0; i < 5; i++)
    {
      const char id[] = { (char)('0' + i), '\0' };
      const PrItem item = { id, "", "", "", paths[i] };

      pr_dataset_builder_add_item (builder, &item);
    }
  pr_dataset_builder_add_user (builder, "u", &bought, 1);
  ck_assert (pr_dataset_builder_write (builder, dir, NULL));
  return pr_dataset_load (dir, NULL);
}

START_TEST (the_most_similar_purchases_stay_in_their_order)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autoptr (PrDataset) dataset = catalogue (dir);
  g_autoptr (PrMatrix) embeddings = pr_matrix_new (5, 2, NULL);
  const gint32 history[] = { 1, 2, 3, 1, 0, 2 };
  const float rows[5][2] = { { 0, 1 }, { 0, 0 }, { 1, 1 }, { 5, 0 }, { 1, 0 } };
  gint32 items[6];

  memcpy (embeddings->data, rows, sizeof rows);
  /* By category: 0 shares all of 4's path, 1 two levels, 2 one, 3 none; every item once, at its newest place. */
  ck_assert_int_eq (similar_items (dataset, NULL, history, 6, 4, 2, items), 2);
  ck_assert_int_eq (items[0], 1);
  ck_assert_int_eq (items[1], 0);
  ck_assert_int_eq (similar_items (dataset, NULL, history, 6, 4, 9, items), 4);
  ck_assert_int_eq (items[0], 3);
  ck_assert_int_eq (items[3], 2);
  /* By cosine with (1, 0): 3 has 1, 2 has 0.7, 0 and the zero vector 1 have 0: the newer of them. */
  ck_assert_int_eq (similar_items (dataset, embeddings, history, 6, 4, 3, items), 3);
  ck_assert_int_eq (items[0], 3);
  ck_assert_int_eq (items[1], 0);
  ck_assert_int_eq (items[2], 2);
  ck_assert_int_eq (similar_items (dataset, embeddings, history, 6, 4, 0, items), 0);
  ck_assert_int_eq (similar_items (dataset, embeddings, NULL, 0, 4, 3, items), 0);
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("rationale-words");
  TCase *tc = tcase_create ("rationale-words");

  tcase_add_test (tc, texts_become_one_line);
  tcase_add_test (tc, texts_are_cut_at_the_end_of_a_word);
  tcase_add_loop_test (tc, phrases_are_found_as_whole_words, 0, G_N_ELEMENTS (finds));
  tcase_add_test (tc, names_and_their_articles_change_together);
  tcase_add_test (tc, a_paraphrase_says_it_in_other_words);
  tcase_add_test (tc, the_most_similar_purchases_stay_in_their_order);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
