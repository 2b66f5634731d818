/* Failures are found again as they were kept; whatever else lies in the folder is none. */
#include "config.h"

#include "pr-check.h"

#include "engines/failure.h"
#include "runtime/sha256.h"

#include <sys/stat.h>

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

static char *
key_of (const char *word)
{
  return pr_sha256_bytes (word, strlen (word));
}

static void
save (const char *key, const char *stage, const char *message, int code)
{
  const PrFailure failure = {
    .key = (char *)key, .stage = (char *)stage, .run = (char *)"pause, seed 1", .message = (char *)message, .code = code
  };
  g_autoptr (GError) error = NULL;

  pr_failure_save (&failure, dir, &error);
  ck_assert_no_error (error);
}

/* Write TEXT where the failure of KEY would stand. */
static void
plant (const char *key, const char *text, gssize length)
{
  g_autofree char *path = g_strdup_printf ("%s/failed/%s.json", dir, key);

  ck_assert (g_file_set_contents (path, text, length, NULL));
}

static guint
count (void)
{
  g_autoptr (GHashTable) all = pr_failures_load (dir);

  return g_hash_table_size (all);
}

START_TEST (what_was_kept_is_found)
{
  g_autofree char *a = key_of ("a"), *b = key_of ("b");
  g_autoptr (GHashTable) all = NULL;
  g_autoptr (PrFailure) found = NULL;
  g_autoptr (GError) error = NULL;
  const PrFailure *other;

  ck_assert_ptr_null (pr_failure_load (dir, a));
  ck_assert_uint_eq (count (), 0);
  ck_assert (pr_failure_remove (dir, a, &error));
  for (int code = PR_ERROR_MANIFEST; code <= PR_ERROR_CANCELLED; code++)
    {
      g_autoptr (PrFailure) again = NULL;

      save (a, "sft", "stumbled", code);
      again = pr_failure_load (dir, a);
      ck_assert_ptr_nonnull (again);
      ck_assert_int_eq (again->code, code);
      ck_assert_int_eq (pr_failure_of_machine (again), code == PR_ERROR_IO);
    }
  save (a, "sft", "diverged at step 3", PR_ERROR_NUMERIC);
  save (b, NULL, "a\nb\xff", PR_ERROR_IO);
  found = pr_failure_load (dir, a);
  ck_assert_str_eq (found->key, a);
  ck_assert_str_eq (found->stage, "sft");
  ck_assert_str_eq (found->run, "pause, seed 1");
  ck_assert_str_eq (found->message, "diverged at step 3");
  ck_assert_int_eq (found->code, PR_ERROR_NUMERIC);
  all = pr_failures_load (dir);
  ck_assert_uint_eq (g_hash_table_size (all), 2);
  other = g_hash_table_lookup (all, b);
  ck_assert_ptr_null (other->stage);
  ck_assert_str_eq (other->message, "a\nb\xef\xbf\xbd");
  ck_assert (pr_failure_remove (dir, a, &error));
  ck_assert_ptr_null (pr_failure_load (dir, a));
  ck_assert_uint_eq (count (), 1);
}
END_TEST

START_TEST (long_messages_are_cut_between_characters)
{
  g_autofree char *a = key_of ("a");
  g_autoptr (PrFailure) found = NULL;
  g_autoptr (GString) text = g_string_new ("x");

  for (int i = 0; i < 100000; i++)
    g_string_append (text, "\xc3\xa9");
  save (a, "sft", text->str, PR_ERROR_DATA);
  found = pr_failure_load (dir, a);
  ck_assert_ptr_nonnull (found);
  ck_assert (g_utf8_validate (found->message, -1, NULL));
  ck_assert_uint_eq (strlen (found->message), 16383);
}
END_TEST

START_TEST (what_cannot_be_read_is_none)
{
  g_autofree char *a = key_of ("a"), *b = key_of ("b"), *text = NULL, *path = NULL, *huge = NULL, *deep = NULL;
  g_autofree char *pipe = NULL;
  gsize length;

  save (a, "sft", "stumbled", PR_ERROR_DATA);
  path = g_strdup_printf ("%s/failed/%s.json", dir, a);
  ck_assert (g_file_get_contents (path, &text, &length, NULL));
  /* Another's name; every torn beginning; other types; no such code; too large; too deep; a folder; a pipe. */
  plant (b, text, (gssize)length);
  ck_assert_ptr_null (pr_failure_load (dir, b));
  for (gsize n = 0; n + 2 < length; n++)
    {
      plant (a, text, (gssize)n);
      ck_assert_ptr_null (pr_failure_load (dir, a));
    }
  plant (a, "[1, 2]", -1);
  ck_assert_ptr_null (pr_failure_load (dir, a));
  for (int what = 0; what < 4; what++)
    {
      const char *const message[] = { "\"m\"", "7", "\"m\"", "null" };
      g_autofree char *other = g_strdup_printf (
          "{\"schema\": \"%s\", \"key\": \"%s\", \"code\": \"%s\", \"message\": %s}",
          what == 2 ? "pauserec-failure/2" : "pauserec-failure/1", a, what == 0 ? "odd" : "data", message[what]);

      plant (a, other, -1);
      ck_assert_ptr_null (pr_failure_load (dir, a));
    }
  huge = g_strnfill (1 << 20, ' ');
  memcpy (huge + (1 << 20) - length, text, length);
  plant (a, huge, 1 << 20);
  ck_assert_ptr_null (pr_failure_load (dir, a));
  deep = g_strnfill (100000, '[');
  plant (a, deep, -1);
  ck_assert_ptr_null (pr_failure_load (dir, a));
  ck_assert_ptr_null (pr_failure_load (dir, "../escape"));
  ck_assert_int_eq (g_unlink (path), 0);
  ck_assert_int_eq (mkfifo (path, 0600), 0);
  ck_assert_ptr_null (pr_failure_load (dir, a));
  pipe = g_strdup_printf ("%s/failed/notes.json", dir);
  ck_assert (g_file_set_contents (pipe, text, -1, NULL));
  ck_assert_uint_eq (count (), 0);
}
END_TEST

START_TEST (a_failed_write_says_so)
{
  g_autofree char *a = key_of ("a"), *failed = g_build_filename (dir, "failed", NULL);
  PrFailure failure = { .key = a, .message = (char *)"m", .code = PR_ERROR_DATA };
  g_autoptr (GError) error = NULL;

  ck_assert (g_file_set_contents (failed, "", 0, NULL));
  ck_assert (!pr_failure_save (&failure, dir, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, failed);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("failure");
  TCase *tc = tcase_create ("failure");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, what_was_kept_is_found);
  tcase_add_test (tc, long_messages_are_cut_between_characters);
  tcase_add_test (tc, what_cannot_be_read_is_none);
  tcase_add_test (tc, a_failed_write_says_so);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
