#include "config.h"

#include "data-check.h"

#include <gio/gio.h>
#include <pauserec/textio.h>

static const char *const keys[] = { "title", "plot", NULL };

/* The documents of a file with CONTENT, joined by "|"; NULL on error. */
static char *
read_as (const char *name, const char *content, gssize length, const char *const *wanted, GError **error)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autofree char *path = data_file (dir, name, content, length);
  g_autoptr (GPtrArray) documents = g_ptr_array_new_with_free_func (g_free);
  gboolean ok = pr_text_read_file (path, wanted, documents, error);

  pr_check_rmdir (dir);
  if (!ok)
    {
      ck_assert_uint_eq (documents->len, 0);
      return NULL;
    }
  g_ptr_array_add (documents, NULL);
  return g_strjoinv ("|", (char **)documents->pdata);
}

static void
expect_text (const char *name, const char *content, const char *const *wanted, const char *expected)
{
  GError *error = NULL;
  g_autofree char *got = read_as (name, content, -1, wanted, &error);

  ck_assert_no_error (error);
  ck_assert_str_eq (got, expected);
}

START_TEST (jsonl_keys_are_joined)
{
  expect_text ("a.jsonl",
               "{\"plot\": \" A dog. \", \"title\": \"Rex\", \"year\": 3}\n{\"title\": \"Who?\", \"plot\": \"B\"}\n",
               keys, "Rex. A dog.|Who? B");
  expect_text ("a.jsonl", "{\"plot\": null, \"title\": \"Rex\"}\n{\"other\": 1}\n{\"title\": [\"a\", \"b\"]}", keys,
               "Rex|a, b");
  expect_text ("a.jsonl", "{\"text\": \"x\\ny\"}\n", NULL, "x\ny");
}
END_TEST

START_TEST (plain_text_is_split_at_blank_lines)
{
  expect_text ("a.txt", "\n\none\ntwo\n\n \t\nthree\n", NULL, "one\ntwo|three");
  expect_text ("a.txt", "one", keys, "one");
}
END_TEST

START_TEST (gzip_is_told_by_content)
{
  GError *error = NULL;
  g_autoptr (GConverter) gzip = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 9));
  const char *text = "{\"text\": \"packed\"}\n";
  char packed[256];
  gsize read, written;
  g_autofree char *got = NULL;

  ck_assert_int_eq (g_converter_convert (gzip, text, strlen (text), packed, sizeof packed, G_CONVERTER_INPUT_AT_END,
                                         &read, &written, &error),
                    G_CONVERTER_FINISHED);
  got = read_as ("a.jsonl.gz", packed, (gssize)written, NULL, &error);
  ck_assert_no_error (error);
  ck_assert_str_eq (got, "packed");
  ck_assert_ptr_null (read_as ("a.jsonl.gz", packed, (gssize)written - 6, NULL, &error));
  data_expect (&error, PR_ERROR_DATA, "a.jsonl.gz");
}
END_TEST

static void
expect_error (const char *name, const char *content, gssize length, const char *part)
{
  GError *error = NULL;

  ck_assert_ptr_null (read_as (name, content, length, keys, &error));
  data_expect (&error, PR_ERROR_DATA, part);
}

START_TEST (bad_text_is_refused)
{
  expect_error ("a.jsonl", "{\"title\": \"x\"}\n{\"title\": 7}\n", -1, "a.jsonl:2: \"title\" is not a string");
  expect_error ("a.jsonl", "{\"title\": [7]}\n", -1, "a.jsonl:1: \"title\" is not a string");
  expect_error ("a.jsonl", "{\"title\": \"x\"}\n7\n", -1, "a.jsonl:2");
  expect_error ("a.jsonl", "{\"title\": \"x\"}\n\n{\"title\": \"x\"}\n", -1, "a.jsonl:2");
  expect_error ("a.jsonl", "{\"title\": \"x\", \"title\": \"y\"}\n", -1, "a.jsonl:1");
  expect_error ("a.jsonl", "{\"name\": \"x\"}\n", -1, "any of the keys title, plot");
  expect_error ("a.jsonl", "{\"title\": \"caf\xe9\"}\n", -1, "a.jsonl:1");
  expect_error ("a.jsonl", "", 0, "a.jsonl");
  expect_error ("a.txt", "\n \n", -1, "no text");
  expect_error ("a.txt", "one\n\xff\n", -1, "a.txt:2");
}
END_TEST

START_TEST (documents_come_back)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();
  g_autoptr (GPtrArray) back = g_ptr_array_new_with_free_func (g_free);
  GError *error = NULL;

  g_ptr_array_add (documents, (gpointer) "one \"two\"\n\nthree é");
  g_ptr_array_add (documents, (gpointer) "");
  ck_assert (pr_text_save (documents, dir, &error));
  ck_assert (pr_text_load (dir, back, &error));
  ck_assert_no_error (error);
  ck_assert_uint_eq (back->len, 2);
  ck_assert_str_eq (back->pdata[0], documents->pdata[0]);
  ck_assert_str_eq (back->pdata[1], "");
  data_put (dir, "text.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\", \"more\": 1}\n", -1);
  ck_assert (!pr_text_load (dir, back, &error));
  data_expect (&error, PR_ERROR_DATA, "text.jsonl:2");
  ck_assert_uint_eq (back->len, 2);
  g_ptr_array_add (documents, (gpointer) "\xff");
  ck_assert (!pr_text_save (documents, dir, &error));
  data_expect (&error, PR_ERROR_DATA, "document 2");
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("textio");
  TCase *tc = tcase_create ("textio");

  tcase_add_test (tc, jsonl_keys_are_joined);
  tcase_add_test (tc, plain_text_is_split_at_blank_lines);
  tcase_add_test (tc, gzip_is_told_by_content);
  tcase_add_test (tc, bad_text_is_refused);
  tcase_add_test (tc, documents_come_back);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
