/* Damaged downloads, thousands of them, the same ones every time: one error that names the file, or items and purchases
 * that a data set can hold. */
#include "config.h"

#include "../../plugins/dataset-amazon/source.h"
#include "../../plugins/dataset-movielens/records.h"
#include "../data/data-check.h"
#include "data/purchases-private.h"
#include "fuzz-files.h"

static void
check_text (const char *text)
{
  ck_assert_ptr_nonnull (text);
  ck_assert (g_utf8_validate (text, -1, NULL));
}

static gboolean
check_purchases (const PrCatalogue *catalogue, PrPurchases *purchases, GError **error)
{
  g_autofree guint8 *users = g_new (guint8, purchases->users->len + 1);
  g_autofree guint8 *kept = g_new (guint8, (gsize)pr_catalogue_n_items (catalogue));
  PrDropped dropped;

  if (!pr_purchases_sort (purchases, error))
    return FALSE;
  for (gint64 i = 0; i < pr_catalogue_n_items (catalogue); i++)
    {
      const PrItem *item = pr_catalogue_item (catalogue, i);

      check_text (item->title);
      check_text (item->brand);
      check_text (item->description);
      ck_assert (pr_id_ok (item->id));
      for (guint c = 0; item->categories[c] != NULL; c++)
        {
          check_text (item->categories[c]);
          ck_assert_str_ne (item->categories[c], "");
        }
    }
  for (guint i = 0; i < purchases->rows->len; i++)
    {
      const PrPurchaseRow *row = &g_array_index (purchases->rows, PrPurchaseRow, i);

      ck_assert (pr_id_ok (purchases->users->pdata[row->user]));
      ck_assert_int_lt (row->item, pr_catalogue_n_items (catalogue));
      ck_assert (i == 0 || row[-1].user < row->user || (row[-1].user == row->user && row[-1].time <= row->time));
    }
  pr_purchases_filter (purchases, 2, 2, users, kept, &dropped);
  return TRUE;
}

static gboolean
read_amazon (const char *dir, GError **error)
{
  g_autofree char *reviews_path = g_build_filename (dir, "reviews.json", NULL);
  g_autofree char *metadata_path = g_build_filename (dir, "meta.json", NULL);
  const AmazonParams params = { .reviews = reviews_path,
                                .metadata = metadata_path,
                                .category = "",
                                .drop_root = true,
                                .path = PATH_LONGEST,
                                .purchases = { .min_rating = 2, .unknown_items = PR_UNKNOWN_ITEMS_DROP } };
  guint editions = editions_of (EDITION_AUTO);
  MetadataCounts counts = { 0 };
  gint64 outside;
  g_autoptr (Reviews) reviews = reviews_read (&params, &editions, NULL, error);
  g_autoptr (PrCatalogue) catalogue =
      reviews != NULL ? metadata_read (&params, reviews, &editions, NULL, &counts, error) : NULL;
  g_autoptr (PrPurchases) purchases =
      catalogue != NULL ? reviews_purchases (&params, reviews, catalogue, &outside, error) : NULL;

  return purchases != NULL && check_purchases (catalogue, purchases, error);
}

START_TEST (amazon_2014)
{
  g_autofree char *dir = pr_check_tmpdir ();

  data_put (
      dir, "reviews.json",
      "{\"reviewerID\": \"U1\", \"asin\": \"B01\", \"helpful\": [3, 4], \"overall\": 5.0, \"unixReviewTime\": 7}\n"
      "{\"reviewerID\": \"U2\", \"asin\": \"B02\", \"helpful\": [0, 0], \"overall\": 3.0, \"unixReviewTime\": 8}\n",
      -1);
  data_put (dir, "meta.json",
            "{'asin': 'B01', 'title': u'L\\u2019Or\\xe9al', 'categories': [['Beauty', 'Hair &amp; Skin'], ['x']]}\n"
            "{'asin': 'B02', 'description': \"It's <b>caf\\xc3\\xa9</b>\", 'price': 1.5, 'brand': None}\n",
            -1);
  fuzz (dir, "reviews.json", read_amazon);
  fuzz (dir, "meta.json", read_amazon);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (amazon_2023)
{
  g_autofree char *dir = pr_check_tmpdir ();

  data_put (dir, "reviews.json",
            "{\"rating\": 5.0, \"parent_asin\": \"B01\", \"user_id\": \"U1\", \"timestamp\": 1588687728923}\n"
            "{\"rating\": 2.0, \"parent_asin\": \"B02\", \"user_id\": \"U1\", \"timestamp\": 1588687728924}\n",
            -1);
  data_put (dir, "meta.json",
            "{\"main_category\": \"All Beauty\", \"title\": \"Oil\", \"description\": [\"a\", \"b\"], \"store\": null, "
            "\"categories\": [\"x\", \"y\"], \"parent_asin\": \"B01\"}\n{\"parent_asin\": \"B02\"}\n",
            -1);
  fuzz (dir, "reviews.json", read_amazon);
  fuzz (dir, "meta.json", read_amazon);
  pr_check_rmdir (dir);
}
END_TEST

static gboolean
read_movies (const char *dir, GError **error)
{
  static const char *const columns[] = { "movieId", "title", "genres", NULL };
  g_autofree char *path = g_build_filename (dir, "movies", NULL);
  g_autoptr (Records) records = records_open (path, columns, 1, error);
  GError *failure = NULL;
  const char *const *fields;

  if (records == NULL)
    return FALSE;
  while ((fields = records_next (records, &failure)) != NULL)
    for (guint i = 0; i < 3; i++)
      check_text (fields[i]);
  if (failure == NULL)
    return TRUE;
  g_propagate_error (error, failure);
  return FALSE;
}

START_TEST (movielens)
{
  g_autofree char *dir = pr_check_tmpdir ();

  data_put (dir, "movies", "1::A (1995)::X|Y\n2::Mis\xe9rables::Z\n3::B :: C::(no genres listed)\n", -1);
  fuzz (dir, "movies", read_movies);
  data_put (dir, "movies", "title,movieId,genres\n\"A, B (1995)\",1,X|Y\n\"\"\"C\"\"\nD\",2,\"\"\né,3,Z\n", -1);
  fuzz (dir, "movies", read_movies);
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("fuzz-downloads");
  TCase *tc = tcase_create ("fuzz-downloads");

  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, amazon_2014);
  tcase_add_test (tc, amazon_2023);
  tcase_add_test (tc, movielens);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
