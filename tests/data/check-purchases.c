/* What readers of purchases share, called as they call it; check-dataset-files has order, repeats and the core. */
#include "config.h"

#include "data-check.h"
#include "data/purchases-private.h"

#include <pauserec/io.h>

static const PrPurchaseParams params = { .name = "test", .min_sequence = 1, .min_rating = 2 };

START_TEST (a_catalogue_keeps_what_is_left_of_texts)
{
  g_autoptr (PrCatalogue) catalogue = pr_catalogue_new ("items", 12);
  const char *const names[] = { " x", " ", "y\n", NULL }, *const none[] = { NULL };
  GError *error = NULL;
  const PrItem *item;

  ck_assert (pr_catalogue_add (catalogue, 1, &(PrItem){ "a", " T ", "\t", "one two thrée four", names }, &error));
  ck_assert (pr_catalogue_add (catalogue, 2, &(PrItem){ "b", "", "B", "", none }, &error));
  ck_assert_int_eq (pr_catalogue_n_items (catalogue), 2);
  ck_assert_int_eq (pr_catalogue_find (catalogue, "b"), 1);
  ck_assert_int_eq (pr_catalogue_find (catalogue, "c"), -1);
  item = pr_catalogue_item (catalogue, 0);
  ck_assert_str_eq (item->title, "T");
  ck_assert_str_eq (item->brand, "");
  ck_assert_str_eq (item->description, "one two");
  ck_assert_str_eq (item->categories[0], "x");
  ck_assert_str_eq (item->categories[1], "y");
  ck_assert_ptr_null (item->categories[2]);
  ck_assert_ptr_null (pr_catalogue_item (catalogue, 1)->categories[0]);
  ck_assert (!pr_catalogue_add (catalogue, 3, &(PrItem){ "a", "", "", "", none }, &error));
  data_expect (&error, PR_ERROR_DATA, "items:3: item 'a' stands here a second time");
  ck_assert (!pr_catalogue_add (catalogue, 4, &(PrItem){ "", "", "", "", none }, &error));
  data_expect (&error, PR_ERROR_DATA, "items:4: the item's id is empty");
  ck_assert_int_eq (pr_catalogue_n_items (catalogue), 2);
}
END_TEST

static void
refuse (PrPurchases *purchases, PrPurchase purchase, const char *part)
{
  GError *error = NULL;

  ck_assert (!pr_purchases_add (purchases, &purchase, &error));
  data_expect (&error, PR_ERROR_DATA, part);
}

START_TEST (rows_are_taken_dropped_or_refused)
{
  g_autoptr (PrCatalogue) catalogue = pr_catalogue_new ("items", 0);
  g_autoptr (PrPurchases) purchases = pr_purchases_new (&params, catalogue, "rows", FALSE);
  const char *const none[] = { NULL };
  GError *error = NULL;

  ck_assert (pr_catalogue_add (catalogue, 1, &(PrItem){ "a", "", "", "", none }, &error));
  ck_assert (!pr_purchases_sort (purchases, &error));
  data_expect (&error, PR_ERROR_DATA, "rows: no purchases");
  refuse (purchases, (PrPurchase){ "", "a", 0, 5, 7 }, "rows:7: the user id is empty");
  refuse (purchases, (PrPurchase){ "u\n", "a", 0, 5, 8 }, "rows:8: the user id is empty or has control characters");
  refuse (purchases, (PrPurchase){ "u", "a", -1, 5, 9 }, "rows:9: -1 is no time");
  refuse (purchases, (PrPurchase){ "u", "a", PR_TIME_MAX + 1, 5, 9 }, "rows:9: 4611686018427387905 is no time");
  refuse (purchases, (PrPurchase){ "u", "b", 0, 1, 10 }, "rows:10: item 'b' is not in items");
  ck_assert (pr_purchases_add (purchases, &(PrPurchase){ "u", "a", PR_TIME_MAX, 2, 11 }, &error));
  ck_assert (pr_purchases_add (purchases, &(PrPurchase){ "v", "a", 0, 1.5, 12 }, &error));
  ck_assert_uint_eq (purchases->rows->len, 1);
  ck_assert_int_eq (purchases->below_rating, 1);
  ck_assert_uint_eq (purchases->users->len, 1);
}
END_TEST

START_TEST (texts_of_json_are_strings_or_lists)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GPtrArray) strings = g_ptr_array_new_with_free_func (g_free);
  json_t *object =
      json_loads ("{\"a\": \"x\", \"b\": [\"y\", \"z\"], \"c\": null, \"d\": 7, \"e\": [\"x\", 7]}", 0, NULL);

  ck_assert (pr_json_append_text (object, "a", text) && pr_json_append_text (object, "b", text));
  ck_assert (pr_json_append_text (object, "c", text) && pr_json_append_text (object, "none", text));
  ck_assert_str_eq (text->str, "xy z");
  ck_assert (!pr_json_append_text (object, "d", text) && !pr_json_append_text (object, "e", text));
  ck_assert_str_eq (text->str, "xy z");
  ck_assert (pr_json_append_strings (object, "b", strings) && pr_json_append_strings (object, "c", strings));
  ck_assert_uint_eq (strings->len, 2);
  ck_assert (!pr_json_append_strings (object, "d", strings));
  json_decref (object);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("purchases");
  TCase *tc = tcase_create ("purchases");

  tcase_add_test (tc, a_catalogue_keeps_what_is_left_of_texts);
  tcase_add_test (tc, rows_are_taken_dropped_or_refused);
  tcase_add_test (tc, texts_of_json_are_strings_or_lists);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
