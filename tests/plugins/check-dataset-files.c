#include "config.h"

#include "../../plugins/dataset-files/source.h"
#include "../data/data-check.h"
#include "data/purchases-private.h"

#include <pauserec/io.h>

/* Two files in a folder of their own. */
typedef struct
{
  char *dir, *items, *interactions;
  SourceParams params;
} Files;

static const SourceParams defaults = {
  .user_column = "user",
  .item_column = "item",
  .time_column = "",
  .rating_column = "rating",
  .purchases = { .name = "test", .min_sequence = 1, .tie_seed = 1 },
};

static Files
files (const char *items, const char *interactions)
{
  Files f = { .dir = pr_check_tmpdir (), .params = defaults };

  f.params.items = f.items = data_file (f.dir, "items.jsonl", items, -1);
  f.params.interactions = f.interactions = data_file (f.dir, "events.tsv", interactions, -1);
  return f;
}

static void
files_clear (Files *f)
{
  pr_check_rmdir (f->dir);
  g_free (f->dir);
  g_free (f->items);
  g_free (f->interactions);
}

#define ABC "{\"item\": \"a\"}\n{\"item\": \"b\"}\n{\"item\": \"c\"}\n"
#define HEAD "user\titem\ttimestamp\n"

/* "u:ab v:c": the purchases of every user in order. */
static char *
sequences (const SourceParams *params, GError **error)
{
  g_autoptr (PrCatalogue) catalogue = items_read (params, error);
  g_autoptr (PrPurchases) purchases = catalogue ? interactions_read (params, catalogue, error) : NULL;
  g_autoptr (GString) text = g_string_new (NULL);

  if (purchases == NULL || !pr_purchases_sort (purchases, error))
    return NULL;
  for (guint i = 0; i < purchases->rows->len; i++)
    {
      const PrPurchaseRow *row = &g_array_index (purchases->rows, PrPurchaseRow, i);

      if (i == 0 || row[-1].user != row->user)
        g_string_append_printf (text, "%s%s:", i ? " " : "", (const char *)purchases->users->pdata[row->user]);
      g_string_append (text, pr_catalogue_item (catalogue, row->item)->id);
    }
  return g_strdup (text->str);
}

static void
expect (const char *interactions, SourceParams with, const char *expected)
{
  Files f = files (ABC, interactions);
  GError *error = NULL;
  g_autofree char *got = NULL;

  with.items = f.items;
  with.interactions = f.interactions;
  got = sequences (&with, &error);
  ck_assert_no_error (error);
  ck_assert_str_eq (got, expected);
  files_clear (&f);
}

START_TEST (purchases_are_put_in_time_order)
{
  expect (HEAD "v\tb\t7\nu\tc\t9\nu\ta\t3\nv\ta\t6\n", defaults, "v:ab u:ac");
  expect ("item\textra\torder\tuser\nb\tx\t1\tu\na\t\t0\tu\n", defaults, "u:ab");
}
END_TEST

START_TEST (equal_times_follow_the_tie_rule)
{
  SourceParams p = defaults;
  const char *rows = HEAD "u\tc\t5\nu\ta\t5\nu\tb\t5\nu\ta\t4\n";
  gboolean moved = FALSE;

  expect (rows, p, "u:acab");
  p.purchases.ties = PR_TIES_ITEM;
  expect (rows, p, "u:aabc");
  p.purchases.ties = PR_TIES_SHUFFLE;
  for (p.purchases.tie_seed = 0; p.purchases.tie_seed < 10; p.purchases.tie_seed++)
    {
      Files f = files (ABC, rows);
      g_autofree char *one = NULL, *two = NULL;

      p.items = f.items;
      p.interactions = f.interactions;
      one = sequences (&p, NULL);
      two = sequences (&p, NULL);
      ck_assert_str_eq (one, two);
      ck_assert (g_str_has_prefix (one, "u:a"));
      moved |= strcmp (one, "u:acab") != 0;
      files_clear (&f);
    }
  ck_assert (moved);
}
END_TEST

START_TEST (repeats_are_kept_or_dropped)
{
  SourceParams p = defaults;
  const char *rows = HEAD "u\ta\t1\nu\ta\t1\nu\tb\t2\nu\ta\t3\nv\ta\t3\n";

  expect (rows, p, "u:aaba v:a");
  p.purchases.repeats = PR_REPEATS_DROP_SAME_TIME;
  expect (rows, p, "u:aba v:a");
  p.purchases.repeats = PR_REPEATS_DROP_ALL;
  expect (rows, p, "u:ab v:a");
}
END_TEST

START_TEST (ratings_and_columns_by_name)
{
  SourceParams p = defaults;

  p.purchases.min_rating = 3.5;
  expect ("user\titem\ttimestamp\trating\nu\ta\t1\t3.5\nu\tb\t2\t3.0\nu\tc\t3\t5\n", p, "u:ac");
  p = defaults;
  p.user_column = "uid";
  p.item_column = "asin";
  p.time_column = "t";
  expect ("uid\tasin\tt\ttimestamp\torder\nu\ta\t2\t1\t1\nu\tb\t1\t2\t1\n", p, "u:ba");
  p = defaults;
  p.purchases.unknown_items = PR_UNKNOWN_ITEMS_DROP;
  expect (HEAD "u\tx\t1\nu\ta\t2\n", p, "u:a");
}
END_TEST

static void
expect_row_error (const char *interactions, const char *part)
{
  Files f = files (ABC, interactions);
  GError *error = NULL;

  ck_assert_ptr_null (sequences (&f.params, &error));
  data_expect (&error, PR_ERROR_DATA, part);
  files_clear (&f);
}

START_TEST (bad_interactions_are_refused)
{
  g_autofree char *wide = g_strnfill (5 * 1024 * 1024, 'x');
  g_autofree char *huge = g_strconcat (HEAD "u\ta\t1\nu\tb\t", wide, "\n", NULL);
  g_autofree char *tabs = g_strnfill (100000, '\t');

  expect_row_error ("", "events.tsv: the file is empty");
  expect_row_error (HEAD, "events.tsv: no purchases");
  expect_row_error ("user\titem\n", "events.tsv:1: the header has no column 'timestamp' (it has: user, item)");
  expect_row_error ("u\ta\t1\n", "events.tsv:1: the header has no column 'user'");
  expect_row_error ("user\titem\torder\ttimestamp\n", "events.tsv:1: the header has both");
  expect_row_error ("user\titem\tuser\torder\n", "events.tsv:1: the header names column 'user' twice");
  expect_row_error (tabs, "events.tsv:1: more than 256 columns");
  expect_row_error (HEAD "u\ta\t1\nu\tb\n", "events.tsv:3: 2 fields, but the header has 3");
  expect_row_error (HEAD "u\ta\t1\t2\n", "events.tsv:2: 4 fields, but the header has 3");
  expect_row_error (HEAD "u\ta\t1\n\nu\ta\t1\n", "events.tsv:3: 0 fields");
  expect_row_error (HEAD "u\ta\tx\n", "events.tsv:2: 'x' is no timestamp");
  expect_row_error (HEAD "u\ta\t\n", "events.tsv:2: '' is no timestamp");
  expect_row_error (HEAD "u\ta\t-1\n", "events.tsv:2: '-1' is no timestamp");
  expect_row_error (HEAD "u\ta\t1.5\n", "events.tsv:2: '1.5' is no timestamp");
  expect_row_error (HEAD "u\ta\t99999999999999999999\n", "events.tsv:2: '99999999999999999999' is no timestamp");
  expect_row_error (HEAD "u\tx\t1\n", "events.tsv:2: item 'x' is not in");
  expect_row_error (HEAD "\ta\t1\n", "events.tsv:2: the user id is empty");
  expect_row_error (HEAD "u\ta\t1\nu\xff\ta\t1\n", "events.tsv:3");
  expect_row_error ("user\titem\torder\nu\ta\t0\nv\ta\t0\nu\tb\t0\n",
                    "events.tsv:4: user 'u' has order index 0 on line 2 already");
  expect_row_error (huge, "events.tsv:3");
}
END_TEST

START_TEST (bad_ratings_are_refused)
{
  const char *const bad[] = { "", "x", "nan", "inf", "1e999", "0x5", "4 " };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autofree char *rows = g_strdup_printf ("user\titem\torder\trating\nu\ta\t0\t%s\n", bad[i]);
      Files f = files (ABC, rows);
      GError *error = NULL;

      f.params.purchases.min_rating = 1;
      ck_assert_ptr_null (sequences (&f.params, &error));
      data_expect (&error, PR_ERROR_DATA, "events.tsv:2");
      files_clear (&f);
    }
}
END_TEST

static void
expect_item_error (const char *items, const char *part)
{
  Files f = files (items, HEAD);
  GError *error = NULL;

  ck_assert_ptr_null (items_read (&f.params, &error));
  data_expect (&error, PR_ERROR_DATA, part);
  files_clear (&f);
}

START_TEST (bad_items_are_refused)
{
  g_autofree char *wide = g_strnfill (5 * 1024 * 1024, 'x');
  g_autofree char *huge = g_strconcat ("{\"item\": \"", wide, "\"}\n", NULL);

  expect_item_error ("", "items.jsonl: the file is empty");
  expect_item_error (ABC "{\"item\": \"a\"}\n", "items.jsonl:4: item 'a' stands here a second time");
  expect_item_error ("{\"item\": \"a\"}\n{\"title\": \"b\"}\n", "items.jsonl:2: the item has no id");
  expect_item_error ("{\"item\": \"\"}\n", "items.jsonl:1: the item has no id");
  expect_item_error ("{\"item\": 7}\n", "items.jsonl:1: the item has no id");
  expect_item_error ("{\"item\": \"a\\tb\"}\n", "items.jsonl:1: the item has no id");
  expect_item_error ("{\"item\": \"a\", \"title\": 7}\n", "items.jsonl:1: \"title\" of item 'a'");
  expect_item_error ("{\"item\": \"a\", \"description\": [7]}\n", "items.jsonl:1: \"description\" of item 'a'");
  expect_item_error ("{\"item\": \"a\", \"categories\": [[\"x\"]]}\n", "items.jsonl:1: \"categories\" of item 'a'");
  expect_item_error ("{\"item\": \"a\", \"categories\": {}}\n", "items.jsonl:1: \"categories\" of item 'a'");
  expect_item_error ("{\"item\": \"a\"}\n[]\n", "items.jsonl:2: a JSON object");
  expect_item_error ("{\"item\": \"a\"}\n{\"item\n", "items.jsonl:2");
  expect_item_error ("{\"item\": \"a\", \"item\": \"b\"}\n", "items.jsonl:1");
  expect_item_error ("{\"item\": \"a\"}\n\n", "items.jsonl:2");
  expect_item_error ("{\"item\": \"caf\xe9\"}\n", "items.jsonl:1");
  expect_item_error (huge, "items.jsonl:1");
}
END_TEST

START_TEST (item_fields_are_read)
{
  Files f = files ("{\"item\": \"a\", \"title\": \" T \", \"categories\": \"x\", \"price\": 3}\n"
                   "{\"item\": \"b\", \"brand\": null, \"categories\": [\"x\", \" \", \"y\"], "
                   "\"description\": [\"one two\", \"thrée four\"]}\n",
                   HEAD);
  GError *error = NULL;
  g_autoptr (PrCatalogue) catalogue = NULL;
  const PrItem *items;

  f.params.purchases.max_text = 12;
  catalogue = items_read (&f.params, &error);
  ck_assert_no_error (error);
  items = pr_catalogue_item (catalogue, 0);
  ck_assert_str_eq (items[0].title, "T");
  ck_assert_str_eq (items[0].brand, "");
  ck_assert_str_eq (items[0].categories[0], "x");
  ck_assert_ptr_null (items[0].categories[1]);
  ck_assert_str_eq (items[1].brand, "");
  ck_assert_str_eq (items[1].categories[1], "y");
  ck_assert_ptr_null (items[1].categories[2]);
  /* 12 characters are "one two thré": cut behind the last whole word. */
  ck_assert_str_eq (items[1].description, "one two");
  files_clear (&f);
}
END_TEST

/* Dropping u leaves b with one purchase, dropping b leaves v with one: everything falls, step by step. */
START_TEST (the_core_is_filtered_until_stable)
{
  Files f = files (ABC, HEAD "u\ta\t1\nv\tb\t1\nv\tc\t2\nw\tc\t1\nw\tc\t2\nu\tb\t2\nx\ta\t1\n");
  g_autoptr (PrCatalogue) catalogue = items_read (&f.params, NULL);
  const struct
  {
    gint64 user_min, item_min;
    const char *users, *items;
    gint64 rows;
  } cases[] = {
    { 1, 0, "\1\1\1\1", "\1\1\1", 7 }, { 2, 0, "\1\1\1\0", "\1\1\1", 6 }, { 2, 2, "\0\0\1\0", "\0\0\1", 2 },
    { 2, 3, "\0\0\0\0", "\0\0\0", 0 }, { 3, 1, "\0\0\0\0", "\0\0\0", 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PrPurchases) purchases = interactions_read (&f.params, catalogue, NULL);
      guint8 users[4], items[3];
      PrDropped dropped;

      ck_assert (pr_purchases_sort (purchases, NULL));
      pr_purchases_filter (purchases, cases[i].user_min, cases[i].item_min, users, items, &dropped);
      ck_assert_msg (memcmp (users, cases[i].users, 4) == 0 && memcmp (items, cases[i].items, 3) == 0, "case %u", i);
      ck_assert_int_eq (purchases->rows->len, cases[i].rows);
      ck_assert_int_eq (dropped.rows, 7 - cases[i].rows);
      ck_assert_int_eq (dropped.users, 4 - (users[0] + users[1] + users[2] + users[3]));
    }
  files_clear (&f);
}
END_TEST

START_TEST (gzip_files_and_torn_ones)
{
  const char *rows = HEAD "u\ta\t1\nu\tb\t2\n";
  Files f = files (ABC, rows);
  GError *error = NULL;
  gsize n = data_gzip (f.dir, "events.tsv", rows, 0);
  g_autofree char *got = sequences (&f.params, &error);

  ck_assert_no_error (error);
  ck_assert_str_eq (got, "u:ab");
  for (gsize cut = 3; cut < n; cut++)
    {
      data_gzip (f.dir, "events.tsv", rows, cut);
      ck_assert_ptr_null (sequences (&f.params, &error));
      data_expect (&error, PR_ERROR_DATA, "events.tsv");
    }
  g_unlink (f.interactions);
  ck_assert_ptr_null (sequences (&f.params, &error));
  data_expect (&error, PR_ERROR_IO, "events.tsv");
  files_clear (&f);
}
END_TEST

/* Real data against published counts. */
static void
expect_counts (const char *items, const char *interactions, gint64 core, gint64 n_users, gint64 n_items, gint64 n_rows)
{
  SourceParams p = defaults;
  GError *error = NULL;
  g_autoptr (PrCatalogue) catalogue = NULL;
  g_autoptr (PrPurchases) purchases = NULL;
  g_autofree guint8 *users = NULL, *kept = NULL;
  PrDropped dropped;

  p.items = items;
  p.interactions = interactions;
  catalogue = items_read (&p, &error);
  ck_assert_no_error (error);
  purchases = interactions_read (&p, catalogue, &error);
  ck_assert_no_error (error);
  ck_assert (pr_purchases_sort (purchases, &error));
  users = g_new (guint8, purchases->users->len);
  kept = g_new (guint8, (gsize)pr_catalogue_n_items (catalogue));
  pr_purchases_filter (purchases, core, core, users, kept, &dropped);
  ck_assert_int_eq (purchases->users->len - dropped.users, n_users);
  ck_assert_int_eq (pr_catalogue_n_items (catalogue) - dropped.items, n_items);
  ck_assert_int_eq (purchases->rows->len, n_rows);
}

START_TEST (beauty_has_its_published_size)
{
  g_autofree char *items = pr_check_shared ("amazon_beauty_2014/items.jsonl");
  g_autofree char *interactions = pr_check_shared ("amazon_beauty_2014/interactions.tsv.gz");

  if (items == NULL || interactions == NULL)
    pr_check_skip ("amazon_beauty_2014 is not there");
  expect_counts (items, interactions, 5, 22363, 12101, 198502);
}
END_TEST

START_TEST (scientific_has_its_published_size)
{
  g_autofree char *items = pr_check_shared ("amazon_scientific_2018/items.jsonl.gz");
  g_autofree char *interactions = pr_check_shared ("amazon_scientific_2018/interactions.tsv.gz");

  if (items == NULL || interactions == NULL)
    pr_check_skip ("amazon_scientific_2018 is not there");
  expect_counts (items, interactions, 5, 8442, 4385, 59427);
}
END_TEST

START_TEST (movielens_has_its_published_size)
{
  g_autofree char *items = pr_check_shared ("movielens_latest_small_2016/items.jsonl");
  g_autofree char *interactions = pr_check_shared ("movielens_latest_small_2016/interactions.tsv.gz");

  if (items == NULL || interactions == NULL)
    pr_check_skip ("movielens_latest_small_2016 is not there");
  expect_counts (items, interactions, 0, 671, 9125, 100004);
  expect_counts (items, interactions, 1, 671, 9066, 100004);
  expect_counts (items, interactions, 5, 671, 3496, 90072);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("dataset-files");
  TCase *tc = tcase_create ("dataset-files");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, purchases_are_put_in_time_order);
  tcase_add_test (tc, equal_times_follow_the_tie_rule);
  tcase_add_test (tc, repeats_are_kept_or_dropped);
  tcase_add_test (tc, ratings_and_columns_by_name);
  tcase_add_test (tc, bad_interactions_are_refused);
  tcase_add_test (tc, bad_ratings_are_refused);
  tcase_add_test (tc, bad_items_are_refused);
  tcase_add_test (tc, item_fields_are_read);
  tcase_add_test (tc, the_core_is_filtered_until_stable);
  tcase_add_test (tc, gzip_files_and_torn_ones);
  tcase_add_test (tc, beauty_has_its_published_size);
  tcase_add_test (tc, scientific_has_its_published_size);
  tcase_add_test (tc, movielens_has_its_published_size);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
