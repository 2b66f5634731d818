#include "config.h"

#include "pr-check.h"

#include "data/file.h"

#include <gio/gio.h>
#include <pauserec/io.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char *dir;

static void
setup (void)
{
  dir = pr_check_tmpdir ();
}

static void
teardown (void)
{
  pr_check_rmdir (dir);
  g_free (dir);
}

/* A file of the test's folder with these bytes, written by the plainest means; free the name. */
static char *
put (const char *name, const void *data, gsize length)
{
  char *path = g_build_filename (dir, name, NULL);

  ck_assert (g_file_set_contents (path, data, (gssize)length, NULL));
  return path;
}

static GBytes *
gzip (const void *data, gsize length)
{
  GConverter *packer = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP, 6));
  gsize room = length + 1000, used, made;
  char *out = g_malloc (room);

  ck_assert_int_eq (g_converter_convert (packer, data, length, out, room, G_CONVERTER_INPUT_AT_END, &used, &made, NULL),
                    G_CONVERTER_FINISHED);
  g_object_unref (packer);
  return g_bytes_new_take (out, made);
}

/* Lines joined by '|', or NULL with an error. */
static char *
join (const char *path, GError **error)
{
  g_autoptr (PrLines) lines = pr_lines_open (path, error);
  GString *all = g_string_new ("");
  GError *fault = NULL;
  const char *line;
  gsize length;

  while (lines != NULL && (line = pr_lines_next (lines, &length, &fault)) != NULL)
    {
      ck_assert_uint_eq (length, strlen (line));
      g_string_append_printf (all, "%s%s", pr_lines_number (lines) > 1 ? "|" : "", line);
    }
  if (lines != NULL && fault == NULL)
    return g_string_free (all, FALSE);
  if (fault != NULL)
    g_propagate_error (error, fault);
  g_string_free (all, TRUE);
  return NULL;
}

static void
check_join (const void *data, gsize length, const char *wanted)
{
  g_autofree char *path = put ("text", data, length);
  g_autoptr (GError) error = NULL;
  g_autofree char *found = join (path, &error);

  ck_assert_no_error (error);
  ck_assert_str_eq (found, wanted);
}

START_TEST (lines_of_plain_text)
{
  check_join ("a\nb\n", 4, "a|b");
  check_join ("a\nb", 3, "a|b");
  check_join ("a\r\n\r\nb\r", 7, "a||b");
  check_join ("\xef\xbb\xbf"
              "a\n",
              5, "a");
  check_join ("\xef\xbb\xbf", 3, "");
  check_join ("", 0, "");
  check_join ("\n", 1, "");
  check_join ("x", 1, "x");
  check_join ("\x1f", 1, "\x1f");
  check_join ("gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
}
END_TEST

START_TEST (lines_of_gzip)
{
  g_autoptr (GBytes) one = gzip ("a\nb", 3);
  g_autoptr (GBytes) nothing = gzip ("", 0);
  g_autoptr (GByteArray) two = g_byte_array_new ();
  gsize length;
  const guint8 *data = g_bytes_get_data (one, &length);

  check_join (data, length, "a|b");
  g_byte_array_append (two, data, (guint)length);
  g_byte_array_append (two, data, (guint)length);
  check_join (two->data, two->len, "a|ba|b"); /* members follow each other seamlessly */
  data = g_bytes_get_data (nothing, &length);
  check_join (data, length, "");
}
END_TEST

static void
check_fault (const void *data, gsize length, PrError code, const char *part)
{
  g_autofree char *path = put ("text", data, length);
  g_autoptr (GError) error = NULL;
  g_autofree char *found = join (path, &error);

  ck_assert_ptr_null (found);
  ck_assert_pr_error (error, code, part);
  ck_assert_ptr_nonnull (strstr (error->message, path));
}

START_TEST (bad_text_names_its_line)
{
  check_fault ("a\nb\xff\n", 5, PR_ERROR_DATA, ":2: not UTF-8 at byte 2");
  check_fault ("a\nb\nc\0d\n", 9, PR_ERROR_DATA, ":3: NUL byte");
  check_fault ("\xff\xfe"
               "a\0",
               4, PR_ERROR_DATA, ":1: NUL byte");
}
END_TEST

START_TEST (lines_may_be_iso_8859_1)
{
  g_autofree char *path = put ("text", "caf\xc3\xa9\ncaf\xe9\r\nb\ncaf\xe9\n", 19);
  g_autoptr (GError) error = NULL;
  g_autoptr (PrLines) lines = pr_lines_open (path, &error);
  gsize length;

  pr_lines_set_latin1 (lines, TRUE);
  ck_assert_str_eq (pr_lines_next (lines, &length, &error), "café"); /* UTF-8 comes first */
  ck_assert_str_eq (pr_lines_next (lines, &length, &error), "café");
  ck_assert_uint_eq (length, 5);
  ck_assert_str_eq (pr_lines_next (lines, &length, &error), "b");
  pr_lines_set_latin1 (lines, FALSE);
  ck_assert_ptr_null (pr_lines_next (lines, &length, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, ":4: not UTF-8 at byte 4");
}
END_TEST

START_TEST (longest_line_passes_and_one_more_byte_does_not)
{
  g_autofree char *text = g_malloc (PR_LINE_MAX + 4);

  memset (text, 'x', PR_LINE_MAX + 4);
  text[0] = '\n';
  text[1 + PR_LINE_MAX] = '\n';
  {
    g_autofree char *path = put ("text", text, PR_LINE_MAX + 4);
    g_autoptr (GError) error = NULL;
    g_autofree char *found = join (path, &error);

    ck_assert_no_error (error);
    ck_assert_uint_eq (strlen (found), 1 + PR_LINE_MAX + 1 + 2);
  }
  text[1 + PR_LINE_MAX] = 'x';
  check_fault (text, PR_LINE_MAX + 2, PR_ERROR_DATA, ":2: line longer than");
}
END_TEST

START_TEST (damaged_gzip_is_refused)
{
  g_autofree char *text = g_strnfill (100000, 'a');
  g_autoptr (GBytes) packed = NULL;
  g_autoptr (GByteArray) copy = g_byte_array_new ();
  const guint8 *data;
  gsize length;

  for (int i = 0; i < 100000; i++)
    text[i] = (char)(i % 100 == 99 ? '\n' : 'a' + (i * 7919 / 13) % 26);
  packed = gzip (text, 100000);
  data = g_bytes_get_data (packed, &length);
  check_fault (data, length / 2, PR_ERROR_DATA, "end too early");
  check_fault (data, length - 1, PR_ERROR_DATA, "end too early");
  check_fault (data, 2, PR_ERROR_DATA, "end too early");
  g_byte_array_append (copy, data, (guint)length);
  g_byte_array_append (copy, (const guint8 *)"junk", 4);
  check_fault (copy->data, copy->len, PR_ERROR_DATA, "garbage");
  check_fault (copy->data, length + 1, PR_ERROR_DATA, "garbage");
  g_byte_array_set_size (copy, (guint)length);
  copy->data[length - 6] ^= 0x55; /* in the checksum */
  check_fault (copy->data, copy->len, PR_ERROR_DATA, "corrupt");
  memset (copy->data + 10, 0xff, 20);
  check_fault (copy->data, copy->len, PR_ERROR_DATA, "corrupt");
}
END_TEST

START_TEST (missing_file_and_folder_are_io_errors)
{
  g_autofree char *path = g_build_filename (dir, "none", NULL);
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pr_lines_open (path, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "none");
  g_clear_error (&error);
  ck_assert_ptr_null (pr_lines_open (dir, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, dir);
}
END_TEST

START_TEST (many_lines_arrive_whole)
{
  g_autoptr (GString) text = g_string_new ("");
  g_autoptr (GBytes) packed = NULL;
  g_autoptr (GError) error = NULL;

  for (int i = 0; i < 200000; i++)
    g_string_append_printf (text, "user%d\titem%d\t%d\n", i, i * 7, i);
  packed = gzip (text->str, text->len);
  for (int gz = 0; gz < 2; gz++)
    {
      g_autofree char *path =
          gz ? put ("t", g_bytes_get_data (packed, NULL), g_bytes_get_size (packed)) : put ("t", text->str, text->len);
      g_autoptr (PrLines) lines = pr_lines_open (path, &error);
      const char *line, *at = text->str;
      gsize length;

      while ((line = pr_lines_next (lines, &length, &error)) != NULL)
        {
          ck_assert_int_eq (memcmp (at, line, length), 0);
          at += length + 1;
        }
      ck_assert_no_error (error);
      ck_assert_uint_eq (pr_lines_number (lines), 200000);
      ck_assert (at == text->str + text->len);
    }
}
END_TEST

START_TEST (json_is_strict)
{
  const char *bad[] = { "{\"a\":1,\"a\":2}", "{\"a\":", "", "[1,]", "{} x", "\"\\u0000\"", "\"\xff\"", "1e999" };
  g_autoptr (GError) error = NULL;
  json_t *value;

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      ck_assert_ptr_null (pr_json_parse (bad[i], strlen (bad[i]), "f.jsonl:7", &error));
      ck_assert_pr_error (error, PR_ERROR_DATA, "f.jsonl:7: column");
      g_clear_error (&error);
    }
  ck_assert_ptr_null (pr_json_parse ("{\n\"a\" 1}", 8, "f", &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "f: line 2, column");
  g_clear_error (&error);
  value = pr_json_parse ("{\"a\":1}x", 7, "f", &error);
  ck_assert_no_error (error);
  ck_assert_int_eq (json_integer_value (json_object_get (value, "a")), 1);
  json_decref (value);
}
END_TEST

START_TEST (json_comes_back_sorted)
{
  g_autofree char *path = g_build_filename (dir, "x.json", NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  json_t *value = json_pack ("{s:i, s:f}", "b", 1, "a", 0.1), *back;

  ck_assert (pr_json_save (value, path, &error));
  text = pr_file_read (path, 1000, NULL, &error);
  ck_assert_str_eq (text, "{\n  \"a\": 0.10000000000000001,\n  \"b\": 1\n}\n");
  back = pr_json_load (path, &error);
  ck_assert_no_error (error);
  ck_assert (json_equal (value, back));
  json_decref (value);
  json_decref (back);
}
END_TEST

START_TEST (files_are_read_up_to_a_bound)
{
  g_autofree char *big = g_strnfill (200000, 'z');
  g_autofree char *path = put ("f", big, 200000);
  g_autoptr (GError) error = NULL;
  g_autofree char *data = NULL;
  gsize length;

  data = pr_file_read (path, 200000, &length, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (length, 200000);
  ck_assert_str_eq (data, big);
  ck_assert_ptr_null (pr_file_read (path, 199999, &length, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "larger than the 199999 bytes");
  g_clear_error (&error);
  for (gsize n = 65535; n <= 65537; n++)
    {
      g_autofree char *edge = put ("g", big, n), *back = pr_file_read (edge, n, &length, &error);

      ck_assert_no_error (error);
      ck_assert_uint_eq (length, n);
      ck_assert_uint_eq (strlen (back), n);
    }
  ck_assert_ptr_null (pr_file_read (dir, 10, NULL, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, dir);
}
END_TEST

static guint
entries (void)
{
  GDir *d = g_dir_open (dir, 0, NULL);
  guint n = 0;

  while (g_dir_read_name (d) != NULL)
    n++;
  g_dir_close (d);
  return n;
}

START_TEST (a_write_replaces_whole_or_not_at_all)
{
  g_autofree char *path = put ("f", "old", 3);
  g_autofree char *big = g_strnfill (100000, 'z');
  g_autofree char *back = NULL;
  g_autoptr (GError) error = NULL;
  struct rlimit limit = { 50000, 50000 };
  struct stat info;

  umask (022);
  ck_assert (pr_file_write (path, "new", 3, &error));
  ck_assert_int_eq (stat (path, &info), 0);
  ck_assert_uint_eq (info.st_mode & 0777, 0644);
  ck_assert_uint_eq (entries (), 1);
  signal (SIGXFSZ, SIG_IGN);
  ck_assert_int_eq (setrlimit (RLIMIT_FSIZE, &limit), 0);
  ck_assert (!pr_file_write (path, big, 100000, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "cannot write");
  ck_assert_ptr_nonnull (strstr (error->message, path));
  g_clear_error (&error);
  back = pr_file_read (path, 10, NULL, &error);
  ck_assert_str_eq (back, "new");
  ck_assert_uint_eq (entries (), 1);
}
END_TEST

START_TEST (what_a_killed_write_left_can_be_removed)
{
  g_autofree char *path = put ("f", "whole", 5), *left = put (".f.a1B2c3", "ha", 2), *other = put (".g.a1B2c3", "x", 1);
  g_autofree char *longer = put (".f.a1B2c3d", "x", 1);

  pr_file_remove_left (path);
  ck_assert (!g_file_test (left, G_FILE_TEST_EXISTS));
  ck_assert (g_file_test (path, G_FILE_TEST_EXISTS));
  ck_assert (g_file_test (other, G_FILE_TEST_EXISTS));
  ck_assert (g_file_test (longer, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST (a_write_into_nowhere_fails)
{
  g_autofree char *path = g_build_filename (dir, "none", "f", NULL);
  g_autofree char *folder = g_build_filename (dir, "folder", NULL);
  g_autoptr (GError) error = NULL;

  ck_assert (!pr_file_write (path, "x", 1, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "none");
  g_clear_error (&error);
  g_mkdir (folder, 0777);
  ck_assert (!pr_file_write (folder, "x", 1, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, folder);
  ck_assert_uint_eq (entries (), 1);
  g_clear_error (&error);
  ck_assert (!pr_file_write ("/dev/null/x", "x", 1, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "/dev/null");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("io");
  TCase *tc = tcase_create ("io");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, lines_of_plain_text);
  tcase_add_test (tc, lines_of_gzip);
  tcase_add_test (tc, bad_text_names_its_line);
  tcase_add_test (tc, lines_may_be_iso_8859_1);
  tcase_add_test (tc, longest_line_passes_and_one_more_byte_does_not);
  tcase_add_test (tc, damaged_gzip_is_refused);
  tcase_add_test (tc, missing_file_and_folder_are_io_errors);
  tcase_add_test (tc, many_lines_arrive_whole);
  tcase_add_test (tc, json_is_strict);
  tcase_add_test (tc, json_comes_back_sorted);
  tcase_add_test (tc, files_are_read_up_to_a_bound);
  tcase_add_test (tc, a_write_replaces_whole_or_not_at_all);
  tcase_add_test (tc, what_a_killed_write_left_can_be_removed);
  tcase_add_test (tc, a_write_into_nowhere_fails);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
