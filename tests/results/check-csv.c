#include "config.h"

#include "results-check.h"

#include "results/csv-file.h"

#include <float.h>
#include <pauserec/io.h>
#include <pauserec/rng.h>

/* What FILL writes, read again. */
static char *
written (void (*fill) (PrCsvFile *csv))
{
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "x.csv", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrCsvFile) csv = pr_csv_file_new (path, &error);
  char *text;

  ck_assert_no_error (error);
  fill (csv);
  ck_assert (!g_file_test (path, G_FILE_TEST_EXISTS));
  ck_assert (pr_csv_file_commit (csv, &error));
  text = pr_file_read (path, G_MAXSSIZE - 1, NULL, &error);
  ck_assert_no_error (error);
  pr_check_rmdir (dir);
  return text;
}

static void
fill_texts (PrCsvFile *csv)
{
  const char *const texts[] = { "plain", "a,b", "say \"x\"", "two\nlines", "\r", "", " é ", "1" };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    pr_csv_file_text (csv, texts[i]);
  ck_assert (pr_csv_file_end_row (csv, NULL));
  pr_csv_file_empty (csv);
  pr_csv_file_integer (csv, -1);
  pr_csv_file_unsigned (csv, G_MAXUINT64);
  ck_assert (pr_csv_file_end_row (csv, NULL));
}

START_TEST (texts_are_quoted_where_they_must_be)
{
  g_autofree char *text = written (fill_texts);

  ck_assert_str_eq (text, "plain,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"\r\",, é ,1\n,-1,18446744073709551615\n");
}
END_TEST

static const double corners[] = { 0,
                                  1,
                                  -1,
                                  0.1,
                                  1.0 / 3,
                                  1e300,
                                  5e-324,
                                  DBL_MAX,
                                  -DBL_MIN,
                                  9007199254740991.0,
                                  9007199254740992.0,
                                  9007199254740994.0,
                                  1e22,
                                  123456789012345680.0,
                                  0.1f };

static void
fill_numbers (PrCsvFile *csv)
{
  PrRng rng = pr_rng_new (1, "csv");

  for (gsize i = 0; i < G_N_ELEMENTS (corners); i++)
    pr_csv_file_number (csv, corners[i]);
  for (guint64 i = 0; i < 20000; i++)
    pr_csv_file_number (csv, pr_rng_normal (rng, 0, i % 9000));
  ck_assert (pr_csv_file_end_row (csv, NULL));
}

START_TEST (numbers_come_back_to_the_bit)
{
  g_autofree char *text = written (fill_numbers);
  g_auto (GStrv) fields = g_strsplit (text, ",", -1);
  PrRng rng = pr_rng_new (1, "csv");

  ck_assert_uint_eq (g_strv_length (fields), G_N_ELEMENTS (corners) + 20000);
  for (gsize i = 0; i < G_N_ELEMENTS (corners) + 20000; i++)
    {
      double wanted =
          i < G_N_ELEMENTS (corners) ? corners[i] : pr_rng_normal (rng, 0, (i - G_N_ELEMENTS (corners)) % 9000);

      ck_assert_msg (!(g_ascii_strtod (fields[i], NULL) < wanted) && !(g_ascii_strtod (fields[i], NULL) > wanted),
                     "%s for %.17g", fields[i], wanted);
    }
  ck_assert_str_eq (fields[3], "0.1"); /* and no longer than they need be */
  ck_assert_str_eq (fields[0], "0");
}
END_TEST

static void
fill_odd (PrCsvFile *csv)
{
  pr_csv_file_number (csv, NAN);
  pr_csv_file_number (csv, INFINITY);
  pr_csv_file_number (csv, -INFINITY);
  pr_csv_file_number (csv, -0.0);
  ck_assert (pr_csv_file_end_row (csv, NULL));
}

START_TEST (odd_numbers_have_texts_of_their_own)
{
  g_autofree char *text = written (fill_odd);

  ck_assert_str_eq (text, ",inf,-inf,-0.0\n");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("csv");
  TCase *tc = tcase_create ("csv");

  tcase_add_test (tc, texts_are_quoted_where_they_must_be);
  tcase_add_test (tc, numbers_come_back_to_the_bit);
  tcase_add_test (tc, odd_numbers_have_texts_of_their_own);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
