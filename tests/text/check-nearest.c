#include "pr-check.h"
#include "text/nearest.h"

static const char *const names[] = { "epochs", "seed", "lr", "next-item-sft", "k" };

static const struct
{
  const char *word, *nearest;
} cases[] = {
  { "epoch", "epochs" },
  { "ecpohs", "epochs" },
  { "sede", "seed" },
  { "rl", "lr" },
  { "next-itm-sft", "next-item-sft" },
  { "nextitemsft", "next-item-sft" },
  { "temperature", NULL },
  { "x", NULL },
  { "", NULL },
  { "ssed", "seed" },
};

START_TEST (finds_what_was_meant)
{
  ck_assert_pstr_eq (pr_nearest (cases[_i].word, names, G_N_ELEMENTS (names)), cases[_i].nearest);
}
END_TEST

START_TEST (very_long_words_are_nobody)
{
  g_autofree char *word = g_strnfill (100000, 'e');

  ck_assert_ptr_null (pr_nearest (word, names, G_N_ELEMENTS (names)));
  ck_assert_ptr_null (pr_nearest ("epoch", NULL, 0));
}
END_TEST

START_TEST (hint_is_a_sentence_or_nothing)
{
  g_autofree char *some = pr_nearest_hint ("epoch", names, G_N_ELEMENTS (names));
  g_autofree char *none = pr_nearest_hint ("zzzzzz", names, G_N_ELEMENTS (names));

  ck_assert_str_eq (some, "; did you mean 'epochs'?");
  ck_assert_str_eq (none, "");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("nearest");
  TCase *tc = tcase_create ("nearest");

  tcase_add_loop_test (tc, finds_what_was_meant, 0, G_N_ELEMENTS (cases));
  tcase_add_test (tc, very_long_words_are_nobody);
  tcase_add_test (tc, hint_is_a_sentence_or_nothing);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
