/* dataset-amazon on small files of the shapes that the collections' pages offer. */
#include "config.h"

#include "shop.h"

#include <pauserec/ranking.h>

static const char *const plugins[] = { "dataset-amazon", "popularity", "rank-metrics", NULL };

#define R14(user, item, rating, time)                                                                                  \
  "{\"reviewerID\": \"" user "\", \"asin\": \"" item "\", \"reviewerName\": \"J. \\\"x\\\"\", \"helpful\": [3, 4], "   \
  "\"reviewText\": \"Oily,\\nand creamy.\", \"overall\": " rating ", \"summary\": \"No\", \"unixReviewTime\": " time   \
  ", \"reviewTime\": \"01 30, 2014\"}\n"
#define R18(user, item, rating, time)                                                                                  \
  "{\"overall\": " rating ", \"verified\": true, \"reviewTime\": \"09 1, 2016\", \"reviewerID\": \"" user              \
  "\", \"asin\": \"" item "\", \"style\": {\"Size:\": \" 180\"}, \"reviewText\": \"Good\", \"unixReviewTime\": " time  \
  "}\n"
#define R23(user, item, rating, time)                                                                                  \
  "{\"rating\": " rating ", \"title\": \"Nice\", \"text\": \"Good\", \"images\": [], \"asin\": \"X" item               \
  "\", \"parent_asin\": \"" item "\", \"user_id\": \"" user "\", \"timestamp\": " time                                 \
  ", \"helpful_vote\": 0, \"verified_purchase\": true}\n"

#define REVIEWS(R, day)                                                                                                \
  R ("U1", "B01", "5.0", day "1")                                                                                      \
  R ("U2", "B01", "4.0", day "1")                                                                                      \
  R ("U2", "B02", "2.0", day "3") R ("U1", "B02", "5.0", day "2") R ("U1", "B03", "1.0", day "3")                      \
      R ("U2", "B03", "5.0", day "2")

/* As Python 2 wrote them: bytes, characters, both quotes, long numbers, keys that are not always there. */
#define M14                                                                                                            \
  "{'asin': 'B99', 'title': 'Never reviewed', 'categories': [['Beauty', 'Makeup']]}\n"                                 \
  "{'asin': 'B03', 'description': \"It's 5\\\" long.<br />Caf\\xc3\\xa9\", 'title': 'Brush &amp; Comb', "              \
  "'imUrl': 'http://x', 'price': 12.5, 'salesRank': {'Beauty': 402875L}, 'related': {'also_bought': ['B01']}, "        \
  "'brand': u'L\\u2019Or\\xe9al', 'categories': [['Health', 'Hair'], ['Beauty', 'Tools &amp; Accessories', "           \
  "'Brushes']]}\n"                                                                                                     \
  "{'asin': 'B01', 'categories': [['Beauty', 'Makeup', 'Lips', 'Lipstick'], ['Beauty', 'Gifts']], 'brand': None}\n"    \
  "{'asin': 'B02', 'title': 'Soap', 'categories': [['Beauty']]}\n"
#define M18                                                                                                            \
  "{\"category\": [\"Industrial\", \"Tape &amp; Glue\"], \"tech1\": \"\", \"description\": [\"One\", \"\", "           \
  "\"<b>two</b>\"], \"title\": \"Tape\", \"also_buy\": [], \"brand\": \"3M\", \"rank\": [\">#1\"], \"details\": {}, "  \
  "\"main_cat\": \"Tools\", \"price\": \"$2\", \"asin\": \"B01\"}\n"                                                   \
  "{\"category\": [], \"description\": [], \"title\": \"<span>\\n var aPageStart = (new Date()).getTime();\", "        \
  "\"brand\": \"\", \"rank\": \"1 in Beauty\", \"main_cat\": \"All Beauty\", \"asin\": \"B02\"}\n"                     \
  "{\"category\": [\"Industrial\", \"Other\"], \"title\": \"Tape again\", \"main_cat\": \"x\", \"asin\": \"B01\"}\n"   \
  "{\"title\": \"No category\", \"asin\": \"B03\"}\n"
#define M23                                                                                                            \
  "{\"main_category\": \"All Beauty\", \"title\": \"Oil\", \"average_rating\": 4.8, \"features\": [], "                \
  "\"description\": [\"d\"], \"price\": null, \"images\": [{\"large\": null}], \"store\": \"Howard\", "                \
  "\"categories\": "                                                                                                   \
  "[], \"details\": {\"UPC\": \"1\"}, \"parent_asin\": \"B01\", \"bought_together\": null}\n"                          \
  "{\"main_category\": null, \"title\": \"Wax\", \"description\": [], \"store\": null, \"categories\": [\"Home\", "    \
  "\"Care\"], \"parent_asin\": \"B02\"}\n"                                                                             \
  "{\"main_category\": \"Home\", \"title\": null, \"categories\": [\"Home\"], \"parent_asin\": \"B03\"}\n"

/* Run the stage on files that stand in shop->dir. */
static gboolean
shop_go (Shop *shop, const char *extra, const char *arm, GError **error)
{
  g_autofree char *text =
      g_strdup_printf ("[stage data]\nuses = dataset-amazon\nreviews = %s/reviews.json.gz\nmetadata = "
                       "%s/meta.json.gz\nk_core = 0\n%s\n[arm a]\npipeline = %s\n",
                       shop->dir, shop->dir, extra, arm);

  ck_assert_msg (pipeline_init (&shop->p, text, plugins, error), "%s", *error ? (*error)->message : "");
  return pipeline_run (&shop->p, error);
}

static gboolean
shop_run (Shop *shop, const char *extra, const char *reviews, const char *metadata, GError **error)
{
  shop->dir = pr_check_tmpdir ();
  data_put (shop->dir, "reviews.json.gz", reviews, -1);
  data_gzip (shop->dir, "meta.json.gz", metadata, 0);
  return shop_go (shop, extra, "data", error);
}

static void
expect (const char *extra, const char *reviews, const char *metadata, const char *described, Shop *ret_shop)
{
  GError *error = NULL;
  Shop shop;
  g_autofree char *got = NULL;

  shop_run (&shop, extra, reviews, metadata, &error);
  ck_assert_no_error (error);
  got = shop_describe (&shop, TRUE);
  ck_assert_str_eq (got, described);
  if (ret_shop != NULL)
    *ret_shop = shop;
  else
    shop_clear (&shop);
}

#define DAYS "1391040000"
#define SEQUENCES "U1:B01,B02,B03\nU2:B01,B03,B02\n"

START_TEST (the_collection_of_2014)
{
  Shop shop;

  expect ("", REVIEWS (R14, DAYS), M14,
          "B03|Brush & Comb|L’Oréal|Hair|It's 5\" long. Café\n"
          "B01|||Makeup>Lips>Lipstick|\n"
          "B02|Soap|||\n" SEQUENCES,
          &shop);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "edition"), 2014);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "users"), 2);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "items"), 3);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "interactions"), 6);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "items_without_title"), 1);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "duplicate_items"), 0);
  ck_assert_int_eq (pr_dims_get (shop.p.dims->pdata[0], "dataset", "n_categories"), 2);
  ck_assert_int_eq (pr_dims_get (shop.p.dims->pdata[0], "dataset", "n_brands"), 1);
  shop_clear (&shop);
}
END_TEST

START_TEST (the_collection_of_2018)
{
  Shop shop;

  /* Lists become text; the first line about an item counts; a page's program is no title. */
  expect ("drop_root = false", REVIEWS (R18, DAYS), M18,
          "B01|Tape|3M|Industrial>Tape & Glue|One two\n"
          "B02|||All Beauty|\n"
          "B03|No category|||\n" SEQUENCES,
          &shop);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "edition"), 2018);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "duplicate_items"), 1);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "junk_titles"), 1);
  shop_clear (&shop);
}
END_TEST

START_TEST (the_collection_of_2023)
{
  Shop shop;

  expect ("", REVIEWS (R23, "158868772892"), M23,
          "B01|Oil|Howard||d\n"
          "B02|Wax||Care|\n"
          "B03||||\n" SEQUENCES,
          &shop);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "edition"), 2023);
  shop_clear (&shop);
}
END_TEST

START_TEST (a_category_may_be_chosen_and_a_path)
{
  Shop shop;

  expect ("path = longest", REVIEWS (R14, DAYS), M14,
          "B03|Brush & Comb|L’Oréal|Tools & Accessories>Brushes|It's 5\" long. Café\n"
          "B01|||Makeup>Lips>Lipstick|\nB02|Soap|||\n" SEQUENCES,
          NULL);
  /* Of the paths that have the category: the one under Health is not B03's. */
  expect ("category = Beauty", REVIEWS (R14, DAYS), M14,
          "B03|Brush & Comb|L’Oréal|Tools & Accessories>Brushes|It's 5\" long. Café\n"
          "B01|||Makeup>Lips>Lipstick|\nB02|Soap|||\n" SEQUENCES,
          NULL);
  expect ("category = Makeup\nmin_sequence = 1", REVIEWS (R14, DAYS), M14,
          "B01|||Makeup>Lips>Lipstick|\nU1:B01\nU2:B01\n", &shop);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "other_categories"), 4);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "unknown_items"), 0);
  shop_clear (&shop);
  expect ("category = Tools & Accessories\nmin_sequence = 1", REVIEWS (R14, DAYS), M14,
          "B03|Brush & Comb|L’Oréal|Tools & Accessories>Brushes|It's 5\" long. Café\nU1:B03\nU2:B03\n", NULL);
}
END_TEST

START_TEST (ratings_unknown_items_and_repeats)
{
  const char *metadata = "{'asin': 'B01'}\n{'asin': 'B03'}\n";
  GError *error = NULL;
  Shop shop;

  expect ("min_rating = 3\nmin_sequence = 1", REVIEWS (R14, DAYS), M14,
          "B03|Brush & Comb|L’Oréal|Hair|It's 5\" long. Café\nB01|||Makeup>Lips>Lipstick|\nB02|Soap|||\n"
          "U1:B01,B02\nU2:B01,B03\n",
          &shop);
  ck_assert_double_eq (pipeline_metric (&shop.p, 0, "below_min_rating"), 2);
  shop_clear (&shop);
  ck_assert (!shop_run (&shop, "", REVIEWS (R14, DAYS), metadata, &error));
  data_expect (&error, PR_ERROR_DATA, "reviews.json.gz:3: item 'B02' is not in ");
  shop_clear (&shop);
  expect ("unknown_items = drop\nmin_sequence = 1", REVIEWS (R14, DAYS), metadata,
          "B01||||\nB03||||\nU1:B01,B03\nU2:B01,B03\n", NULL);
  expect ("min_sequence = 1\nrepeats = drop-same-time",
          R14 ("U1", "B01", "5", "7") R14 ("U1", "B01", "5", "7") R14 ("U1", "B01", "5", "9"), "{'asin': 'B01'}\n",
          "B01||||\nU1:B01,B01\n", NULL);
}
END_TEST

/* Reviews of an item stand together, so the order of the file is that of items: it leaks. */
START_TEST (equal_days_are_shuffled_unless_asked_otherwise)
{
  const char *reviews = R14 ("U1", "B01", "5", "7") R14 ("U1", "B02", "5", "7") R14 ("U1", "B03", "5", "7")
      R14 ("U1", "B04", "5", "7") R14 ("U1", "B05", "5", "7") R14 ("U1", "B06", "5", "7");
  const char *metadata = "{'asin': 'B06'}\n{'asin': 'B05'}\n{'asin': 'B04'}\n{'asin': 'B03'}\n{'asin': "
                         "'B02'}\n{'asin': 'B01'}\n";
  const char *const rules[] = { "ties = file", "ties = item", "", "tie_seed = 2" };
  char *got[4] = { NULL };

  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      GError *error = NULL;
      Shop shop;

      shop_run (&shop, rules[i], reviews, metadata, &error);
      ck_assert_no_error (error);
      got[i] = shop_describe (&shop, TRUE);
      ck_assert_double_eq (pipeline_metric (&shop.p, 0, "equal_times"), 5);
      shop_clear (&shop);
    }
  ck_assert_ptr_nonnull (strstr (got[0], "U1:B01,B02,B03,B04,B05,B06\n"));
  ck_assert_ptr_nonnull (strstr (got[1], "U1:B06,B05,B04,B03,B02,B01\n"));
  ck_assert_str_ne (got[2], got[0]);
  ck_assert_str_ne (got[2], got[1]);
  ck_assert_str_ne (got[2], got[3]);
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    g_free (got[i]);
}
END_TEST

static void
refuse (const char *extra, const char *reviews, const char *metadata, const char *part)
{
  GError *error = NULL;
  Shop shop;

  ck_assert_msg (!shop_run (&shop, extra, reviews, metadata, &error), "taken, instead of: %s", part);
  ck_assert_pr_error (error, PR_ERROR_DATA, shop.dir);
  data_expect (&error, PR_ERROR_DATA, part);
  shop_clear (&shop);
}

#define GOOD R14 ("U1", "B01", "5", "1")

START_TEST (bad_reviews_are_refused)
{
  refuse ("", "", M14, "reviews.json.gz: the file is empty");
  refuse ("", "\n", M14, "reviews.json.gz:1: column");
  refuse ("", GOOD "[]\n", M14, "reviews.json.gz:2: the keys are of no edition's reviews");
  refuse ("", GOOD "7\n", M14, "reviews.json.gz:2: the keys are of no edition's reviews");
  refuse ("", GOOD "{\"reviewerID\": \"U1\n", M14, "reviews.json.gz:2: column");
  refuse ("", "{\"reviewerID\": \"U1\", \"reviewerID\": \"U2\"}\n", M14, "reviews.json.gz:1: column");
  refuse ("", "{\"asin\": \"B01\", \"unixReviewTime\": 1}\n", M14, "reviews.json.gz:1: the keys are of no edition's");
  refuse ("", "{\"reviewerID\": \"\", \"asin\": \"B01\"}\n", M14, "reviews.json.gz:1: \"reviewerID\" must be a string");
  refuse ("", "{\"reviewerID\": \"a\\tb\", \"asin\": \"B01\"}\n", M14, "reviews.json.gz:1: \"reviewerID\" must be a");
  refuse ("", "{\"reviewerID\": \"U1\", \"unixReviewTime\": 1}\n", M14, "reviews.json.gz:1: \"asin\" must be a string");
  refuse ("", "{\"reviewerID\": \"U1\", \"asin\": 7}\n", M14, "reviews.json.gz:1: \"asin\" must be a string");
  refuse ("", "{\"reviewerID\": \"U1\", \"asin\": \"B01\"}\n", M14, "reviews.json.gz:1: \"unixReviewTime\" must be");
  refuse ("", GOOD R14 ("U1", "B01", "5", "-1"), M14, "reviews.json.gz:2: \"unixReviewTime\" must be a whole number");
  refuse ("", GOOD R14 ("U1", "B01", "5", "1.5"), M14, "reviews.json.gz:2: \"unixReviewTime\" must be a whole number");
  refuse ("", GOOD R14 ("U1", "B01", "5", "\"1\""), M14, "reviews.json.gz:2: \"unixReviewTime\" must be a whole");
  refuse ("", GOOD R14 ("U1", "B01", "5", "9223372036854775807"), M14, "reviews.json.gz:2: \"unixReviewTime\" must be");
  refuse ("", GOOD R14 ("U1", "B01", "5", "99999999999999999999"), M14, "reviews.json.gz:2: column");
  refuse ("", R23 ("U1", "B01", "5", "-5"), M23, "reviews.json.gz:1: \"timestamp\" must be a whole number");
  refuse ("min_rating = 1", GOOD R14 ("U1", "B01", "null", "1"), M14,
          "reviews.json.gz:2: \"overall\" must be a number");
  refuse ("", GOOD "{\"reviewerID\": \"U\xe9\"}\n", M14, "reviews.json.gz:2: not UTF-8");
}
END_TEST

START_TEST (bad_metadata_are_refused)
{
  g_autofree char *open = g_strnfill (100000, '['), *bomb = g_strconcat ("{'asin': ", open, "\n", NULL);
  g_autofree char *wide = g_strnfill (5 << 20, 'x'), *huge = g_strconcat ("{'asin': '", wide, "'}\n", NULL);
  g_autofree char *json = g_strconcat ("{\"asin\": ", open, "\n", NULL);

  refuse ("", GOOD, "", "meta.json.gz: the file is empty");
  refuse ("", GOOD, "{'asin': 'B01'}\n{'asin': 'B02', }\n", "meta.json.gz:2: column 17: not a Python literal");
  refuse ("", GOOD, "{'asin': 'B01'}\n\n", "meta.json.gz:2: column");
  refuse ("", GOOD, "{'asin': 'B01', 'asin': 'B02'}\n", "meta.json.gz:1: column");
  refuse ("", GOOD, bomb, "meta.json.gz:1: column 41: not a Python literal: too deep");
  refuse ("", GOOD, json, "meta.json.gz:1: column");
  refuse ("", GOOD, huge, "meta.json.gz:1: line longer than");
  refuse ("", GOOD, "{'title': 'x'}\n", "meta.json.gz:1: the keys are of no edition's metadata");
  refuse ("", GOOD, "{'asin': 7}\n", "meta.json.gz:1: \"asin\" must be a string");
  refuse ("", GOOD, "{'asin': ''}\n", "meta.json.gz:1: \"asin\" must be a string");
  refuse ("", GOOD, "{'asin': 'B01', 'title': 7}\n", "meta.json.gz:1: \"title\" of item 'B01' is not text");
  refuse ("", GOOD, "{'asin': 'B01', 'brand': ['x', 7]}\n", "meta.json.gz:1: \"brand\" of item 'B01' is not text");
  refuse ("", GOOD, "{'asin': 'B01', 'description': {}}\n", "meta.json.gz:1: \"description\" of item 'B01' is not");
  refuse ("", GOOD, "{'asin': 'B01', 'categories': 'x'}\n", "meta.json.gz:1: \"categories\" of item 'B01' is not");
  refuse ("", GOOD, "{'asin': 'B01', 'categories': [['x'], 'y']}\n", "meta.json.gz:1: \"categories\" of item 'B01'");
  refuse ("", GOOD, "{'asin': 'B01', 'categories': [[['x']]]}\n", "meta.json.gz:1: \"categories\" of item 'B01'");
  refuse ("", R23 ("U1", "B01", "5", "1"), "{\"parent_asin\": \"B01\", \"main_category\": 7}\n",
          "meta.json.gz:1: \"main_category\" of item 'B01'");
  refuse ("", GOOD, "{'asin': 'B77'}\n", "meta.json.gz: no item that was reviewed in ");
  refuse ("category = beauty", GOOD, M14, " is there in category beauty; take both files");
}
END_TEST

START_TEST (editions_are_not_mixed)
{
  refuse (
      "", REVIEWS (R14, "1"), M18,
      "meta.json.gz:1: the keys are those of edition 2018, but by the lines before, or the parameter edition, it is "
      "2014");
  refuse ("", REVIEWS (R14, "1"), M23, "meta.json.gz:1: the keys are those of edition 2023, but by");
  refuse ("", REVIEWS (R23, "1"), M14, "meta.json.gz:1: the keys are those of edition 2014, but by");
  refuse ("", REVIEWS (R18, "1"), M14, "or the parameter edition, it is 2018");
  /* No key tells, but only 2014 is written by Python. */
  refuse ("", REVIEWS (R18, "1"), "{'asin': 'B01'}\n", "meta.json.gz:1: the keys are those of edition 2014, but by");
  refuse ("", GOOD R18 ("U1", "B01", "5", "1"), M14, "reviews.json.gz:2: the keys are those of edition 2018");
  refuse ("", GOOD R23 ("U1", "B01", "5", "1"), M14, "reviews.json.gz:2: the keys are those of edition 2023");
  refuse ("edition = 2023", GOOD, M14, "reviews.json.gz:1: the keys are those of edition 2014, but by");
  refuse ("", "{\"reviewerID\": \"U\", \"helpful\": [0, 0], \"verified\": true}\n", M14, "of no edition's reviews");
}
END_TEST

START_TEST (a_torn_file_is_refused)
{
  Shop shop = { .dir = pr_check_tmpdir () };
  GError *error = NULL;
  gsize n = data_gzip (shop.dir, "reviews.json.gz", REVIEWS (R14, "1"), 0);

  data_put (shop.dir, "meta.json.gz", M14, -1);
  ck_assert (shop_go (&shop, "", "data", &error));
  pipeline_clear (&shop.p);
  data_gzip (shop.dir, "reviews.json.gz", REVIEWS (R14, "1"), n - 5);
  ck_assert (!shop_go (&shop, "", "data", &error));
  data_expect (&error, PR_ERROR_DATA, "reviews.json.gz:7: the compressed data end too early");
  shop_clear (&shop);
}
END_TEST

START_TEST (a_pipeline_from_download_to_metrics)
{
  Shop shop = { .dir = pr_check_tmpdir () };
  GError *error = NULL;

  data_gzip (shop.dir, "reviews.json.gz", REVIEWS (R14, DAYS), 0);
  data_gzip (shop.dir, "meta.json.gz", M14, 0);
  shop_go (&shop, "[stage popularity]\nk = 3\n[stage rank-metrics]\nks = 1,3", "data; popularity; rank-metrics",
           &error);
  ck_assert_no_error (error);
  /* Of each user the first purchase is for training: B01, twice. The targets B03 and B02 follow, in the catalogue's
   * order B03, B02. */
  ck_assert_double_eq (pipeline_metric (&shop.p, 2, "hit_1"), 0);
  ck_assert_double_eq (pipeline_metric (&shop.p, 2, "hit_3"), 1);
  shop_clear (&shop);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("dataset-amazon");
  TCase *tc = tcase_create ("dataset-amazon");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, the_collection_of_2014);
  tcase_add_test (tc, the_collection_of_2018);
  tcase_add_test (tc, the_collection_of_2023);
  tcase_add_test (tc, a_category_may_be_chosen_and_a_path);
  tcase_add_test (tc, ratings_unknown_items_and_repeats);
  tcase_add_test (tc, equal_days_are_shuffled_unless_asked_otherwise);
  tcase_add_test (tc, bad_reviews_are_refused);
  tcase_add_test (tc, bad_metadata_are_refused);
  tcase_add_test (tc, editions_are_not_mixed);
  tcase_add_test (tc, a_torn_file_is_refused);
  tcase_add_test (tc, a_pipeline_from_download_to_metrics);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
