/* Texts as words: cut, search, other words. */
#include "pr-check.h"

#include <pauserec/wording.h>

START_TEST (texts_become_one_line)
{
  g_autofree char *text = pr_words_fold (" \n a\t\tb\x01 c\n"), *empty = pr_words_fold (" \n ");

  ck_assert_str_eq (text, "a b c");
  ck_assert_str_eq (empty, "");
  ck_assert_uint_eq (pr_words_count (text), 3);
  ck_assert_uint_eq (pr_words_count (""), 0);
}
END_TEST

START_TEST (texts_are_cut_at_the_end_of_a_word)
{
  char text[] = "one two three", same[] = "one two", sentences[] = "It is 3.5 wide. Why? So. More.";

  ck_assert (pr_words_cut (text, 2));
  ck_assert_str_eq (text, "one two");
  ck_assert (!pr_words_cut (same, 2));
  ck_assert_str_eq (same, "one two");
  pr_words_cut_sentences (sentences, 2);
  ck_assert_str_eq (sentences, "It is 3.5 wide. Why?");
  pr_words_cut_sentences (sentences, 2);
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
  const char *found = pr_words_find (finds[_i].text, finds[_i].phrase, &length);

  ck_assert_int_eq (found == NULL ? -1 : (int)(found - finds[_i].text), finds[_i].at);
  ck_assert_int_eq ((int)length, finds[_i].length);
}
END_TEST

START_TEST (names_and_their_articles_change_together)
{
  g_autofree char *one = pr_words_rename ("A tent, a Tent and extent. The tent", "tent", "easel"),
                  *two = pr_words_rename ("An easel: an easel", "easel", "tent"),
                  *none = pr_words_rename ("extent", "tent", "x"), *alone = pr_words_rename ("tent", "tent", "easel"),
                  *word = pr_words_rename ("banana tent", "tent", "easel");

  ck_assert_str_eq (one, "An easel, an easel and extent. The easel");
  ck_assert_str_eq (two, "A tent: a tent");
  ck_assert_ptr_null (none);
  ck_assert_str_eq (alone, "easel");
  ck_assert_str_eq (word, "banana easel");
}
END_TEST

START_TEST (a_paraphrase_says_it_in_other_words)
{
  g_autofree char *chain = pr_words_paraphrase (
                      "After buying a tent, most people look for a rake. You need a rake because you "
                      "bought a tent. You like Norvik."),
                  *same = pr_words_paraphrase ("Nothing known, abecause."), *empty = pr_words_paraphrase ("");

  ck_assert_str_eq (chain, "Once they own a tent, many people search for a rake. You want a rake since you got a tent. "
                           "You prefer Norvik.");
  ck_assert_str_eq (same, "Nothing known, abecause.");
  ck_assert_str_eq (empty, "");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("wording");
  TCase *tc = tcase_create ("wording");

  tcase_add_test (tc, texts_become_one_line);
  tcase_add_test (tc, texts_are_cut_at_the_end_of_a_word);
  tcase_add_loop_test (tc, phrases_are_found_as_whole_words, 0, G_N_ELEMENTS (finds));
  tcase_add_test (tc, names_and_their_articles_change_together);
  tcase_add_test (tc, a_paraphrase_says_it_in_other_words);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
