/* dataset-movielens on small files of the two shapes that GroupLens offers. */
#include "config.h"

#include "shop.h"


static const char *const plugins[] = { "dataset-movielens", NULL };

#define MOVIES_DAT                                                                                                     \
  "1::Toy Story (1995)::Animation|Children's\n2::Mis\xe9rables, Les (1995)::Drama\n3::Alien :: Cut (1979)::Sci-Fi\n"   \
  "4::Nothing (2000)::(no genres listed)\n"
#define RATINGS_DAT "7::2::5::30\n7::1::4::20\n7::3::3::10\n9::1::5::5\n9::3::1::6\n9::2::4::7\n"
#define MOVIES_CSV                                                                                                     \
  "movieId,title,genres\n1,Toy Story (1995),Animation|Children's\n2,\"Misérables, Les (1995)\",Drama\r\n"             \
  "3,\"Alien \"\"Cut\"\"\nTwo (1979)\",Sci-Fi\n4,Nothing (2000),(no genres listed)\n"
#define RATINGS_CSV                                                                                                    \
  "userId,movieId,rating,timestamp\n7,2,5.0,30\n7,1,4.0,20\n7,3,3.5,10\n9,1,5.0,5\n9,3,0.5,6\n9,2,4.0,7\n"

static gboolean
shop_go (Shop *shop, const char *extra, GError **error)
{
  g_autofree char *text = g_strdup_printf ("[stage data]\nuses = dataset-movielens\nmovies = %s/movies\nratings = "
                                           "%s/ratings\nk_core = 0\n%s\n[arm a]\npipeline = data\n",
                                           shop->dir, shop->dir, extra);

  ck_assert_msg (pipeline_init (&shop->p, text, plugins, error), "%s", *error ? (*error)->message : "");
  return pipeline_run (&shop->p, error);
}

static gboolean
shop_run (Shop *shop, const char *extra, const char *movies, const char *ratings, GError **error)
{
  shop->dir = pr_check_tmpdir ();
  data_put (shop->dir, "movies", movies, -1);
  data_put (shop->dir, "ratings", ratings, -1);
  return shop_go (shop, extra, error);
}

static void
expect (const char *extra, const char *movies, const char *ratings, const char *described)
{
  GError *error = NULL;
  Shop shop;
  g_autofree char *got = NULL;

  shop_run (&shop, extra, movies, ratings, &error);
  ck_assert_no_error (error);
  got = shop_describe (&shop, FALSE);
  ck_assert_str_eq (got, described);
  shop_clear (&shop);
}

#define SEQUENCES "7:3,1,2\n9:1,3,2\n"

#define ALL_DAT                                                                                                        \
  "1|Toy Story (1995)|Animation>Children's\n2|Misérables, Les (1995)|Drama\n3|Alien :: Cut (1979)|Sci-Fi\n"           \
  "4|Nothing (2000)|\n"
#define ALL_CSV                                                                                                        \
  "1|Toy Story (1995)|Animation>Children's\n2|Misérables, Les (1995)|Drama\n"                                         \
  "3|Alien \"Cut\"\nTwo (1979)|Sci-Fi\n4|Nothing (2000)|\n"

START_TEST (dat_files)
{
  expect ("", MOVIES_DAT, RATINGS_DAT, ALL_DAT SEQUENCES);
  /* 10M is UTF-8, with halves. */
  expect ("genres = first", "2::Misérables::Drama|War\n1::A::B\n3::C::D|E\n",
          "7::2::5::30\n7::1::4.5::20\n7::3::3::10\n9::1::5::5\n9::3::1::6\n9::2::4::7",
          "2|Misérables|Drama\n1|A|B\n3|C|D\n" SEQUENCES);
}
END_TEST

START_TEST (csv_files)
{
  expect ("", MOVIES_CSV, RATINGS_CSV, ALL_CSV SEQUENCES);
  /* Columns by name; quotes around anything; other columns are passed over. */
  expect ("", "genres,\"movieId\",extra,title\nDrama,2,,\"\"\n,\"1\",\"\"\"\",A\n\"\",3,x,\"C,\"\n",
          "timestamp,x,rating,movieId,userId\n30,,5,2,7\n20,,4,1,7\n10,,3,3,7\n5,,5,1,9\n6,,1,3,9\n7,,4,2,9\n",
          "2||Drama\n1|A|\n3|C,|\n" SEQUENCES);
}
END_TEST

START_TEST (what_is_kept)
{
  expect ("min_rating = 4\nmin_sequence = 1", MOVIES_CSV, RATINGS_CSV, ALL_CSV "7:1,2\n9:1,2\n");
  expect ("max_users = 1", MOVIES_DAT, RATINGS_DAT, ALL_DAT "7:3,1,2\n");
  expect ("ties = file\nmax_users = 1", "5::A::\n6::B::\n4::C::\n", "1::6::3::1\n1::5::3::1\n1::4::3::1\n",
          "5|A|\n6|B|\n4|C|\n1:6,5,4\n");
  expect ("unknown_items = drop", "5::A::\n6::B::\n4::C::\n", "1::6::3::1\n1::5::3::2\n1::77::3::3\n1::4::3::4\n",
          "5|A|\n6|B|\n4|C|\n1:6,5,4\n");
}
END_TEST

static void
refuse (const char *movies, const char *ratings, const char *part)
{
  GError *error = NULL;
  Shop shop;

  ck_assert_msg (!shop_run (&shop, "", movies, ratings, &error), "taken, instead of: %s", part);
  ck_assert_pr_error (error, PR_ERROR_DATA, shop.dir);
  data_expect (&error, PR_ERROR_DATA, part);
  shop_clear (&shop);
}

#define HEAD_M "movieId,title,genres\n"
#define HEAD_R "userId,movieId,rating,timestamp\n"

START_TEST (bad_movies_are_refused)
{
  g_autofree char *wide = g_strnfill (3 << 20, 'x'),
                  *long_ = g_strconcat (HEAD_M "1,\"", wide, "\n", wide, "\"\n", NULL);

  refuse ("", RATINGS_DAT, "movies: the file is empty");
  refuse (HEAD_M, RATINGS_DAT, "movies: no movies");
  refuse ("movieId,title\n", RATINGS_DAT, "movies:1: the header names 'genres' nowhere");
  refuse ("1,A,B\n", RATINGS_DAT, "movies:1: the header names 'movieId' nowhere");
  refuse ("movieId,title,genres,title\n", RATINGS_DAT, "movies:1: the header names 'title' twice");
  refuse (HEAD_M "1,A\n", RATINGS_DAT, "movies:2: 2 fields, but the header has 3");
  refuse (HEAD_M "1,A,B,C\n", RATINGS_DAT, "movies:2: 4 fields, but the header has 3");
  refuse (HEAD_M "1,A,B\n\n", RATINGS_DAT, "movies:3: 1 fields, but the header has 3");
  refuse (HEAD_M "1,\"A\nB\",C\n2,\"A\nB,C\n", RATINGS_DAT, "movies:4: a quoted field begins here and is not closed");
  refuse (long_, RATINGS_DAT, "movies:2: a quoted field begins here and is not closed");
  refuse (HEAD_M "1,\"A\" B,C\n", RATINGS_DAT, "movies:2: something stands behind a quoted field");
  refuse (HEAD_M "1,A \"B\",C\n", RATINGS_DAT, "movies:2: a quote stands within a field");
  refuse (HEAD_M "1,Mis\xe9rables,Drama\n", RATINGS_DAT, "movies:2: not UTF-8");
  refuse (HEAD_M "1,A,B\n1,C,D\n", RATINGS_DAT, "movies:3: item '1' stands here a second time");
  refuse (HEAD_M "x,A,B\n", RATINGS_DAT, "movies:2: 'x' is no movieId");
  refuse (HEAD_M "-1,A,B\n", RATINGS_DAT, "movies:2: '-1' is no movieId");
  refuse ("1::A::B\n2::C\n", RATINGS_DAT, "movies:2: 2 fields separated by '::', but 3 are wanted");
  refuse ("1::A::B\n\n", RATINGS_DAT, "movies:2: 1 fields separated by '::'");
}
END_TEST

START_TEST (bad_ratings_are_refused)
{
  refuse (MOVIES_DAT, "", "ratings: the file is empty");
  refuse (MOVIES_DAT, HEAD_R, "ratings: no purchases");
  refuse (MOVIES_DAT, MOVIES_CSV, "ratings:1: the header names 'userId' nowhere");
  refuse (MOVIES_DAT, "1::2::3\n", "ratings:1: 3 fields separated by '::', but 4 are wanted");
  refuse (MOVIES_DAT, "1::2::3::4::5\n", "ratings:1: 5 fields separated by '::', but 4 are wanted");
  refuse (MOVIES_DAT, "1::2::3::4\n::2::3::4\n", "ratings:2: '' is no userId");
  refuse (MOVIES_DAT, "1::2::3::-4\n", "ratings:1: '-4' is no timestamp");
  refuse (MOVIES_DAT, "1::2::3::4.5\n", "ratings:1: '4.5' is no timestamp");
  refuse (MOVIES_DAT, "1::2::3::99999999999999999999\n", "ratings:1: '99999999999999999999' is no timestamp");
  refuse (MOVIES_DAT, "1::2::x::4\n", "ratings:1: 'x' is no rating");
  refuse (MOVIES_DAT, "1::2::::4\n", "ratings:1: '' is no rating");
  refuse (MOVIES_DAT, "1::2::nan::4\n", "ratings:1: 'nan' is no rating");
  refuse (MOVIES_DAT, "1::2::3::4\n1::77::3::4\n", "ratings:2: item '77' is not in ");
  refuse (MOVIES_DAT, HEAD_R "1,2,3\n", "ratings:2: 3 fields, but the header has 4");
}
END_TEST

START_TEST (a_torn_file_is_refused)
{
  Shop shop = { .dir = pr_check_tmpdir () };
  GError *error = NULL;
  gsize n = data_gzip (shop.dir, "ratings", RATINGS_CSV, 0);

  data_gzip (shop.dir, "movies", MOVIES_CSV, 0);
  ck_assert (shop_go (&shop, "", &error));
  pipeline_clear (&shop.p);
  data_gzip (shop.dir, "ratings", RATINGS_CSV, n - 5);
  ck_assert (!shop_go (&shop, "", &error));
  data_expect (&error, PR_ERROR_DATA, "ratings:8: the compressed data end too early");
  shop_clear (&shop);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("dataset-movielens");
  TCase *tc = tcase_create ("dataset-movielens");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, dat_files);
  tcase_add_test (tc, csv_files);
  tcase_add_test (tc, what_is_kept);
  tcase_add_test (tc, bad_movies_are_refused);
  tcase_add_test (tc, bad_ratings_are_refused);
  tcase_add_test (tc, a_torn_file_is_refused);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
