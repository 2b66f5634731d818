/* check-tokenizer.c - byte-level BPE against Hugging Face's encodings, and its training. */
#include "small-tokenizer.h"

#include <pauserec/io.h>

static char *
golden_path (const char *name)
{
  const char *source = g_getenv ("PR_SOURCE_DIR");

  return g_build_filename (source ? source : ".", "tests", "golden", name, NULL);
}

static GPtrArray *
golden_corpus (void)
{
  g_autofree char *path = golden_path ("tokenizer-corpus.txt");
  g_autofree char *text = pr_file_read (path, 1 << 20, NULL, NULL);
  g_auto (GStrv) parts = NULL;
  GPtrArray *documents = g_ptr_array_new_with_free_func (g_free);

  ck_assert_ptr_nonnull (text);
  parts = g_strsplit (text, "\n\n", -1);
  for (gsize i = 0; parts[i] != NULL; i++)
    g_ptr_array_add (documents, g_strdup (parts[i]));
  return documents;
}

static void
assert_ids (const PrTokenizer *tokenizer, const char *text, const gint32 *ids, guint n)
{
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (gint32));

  pr_tokenizer_encode (tokenizer, text, -1, found);
  ck_assert_msg (found->len == n, "'%s': %u ids, wanted %u", text, found->len, n);
  for (guint i = 0; i < n; i++)
    ck_assert_msg (g_array_index (found, gint32, i) == ids[i], "'%s': id %u is %d, wanted %d", text, i,
                   g_array_index (found, gint32, i), ids[i]);
}

START_TEST (training_gives_the_golden_file)
{
  g_autoptr (GPtrArray) documents = golden_corpus ();
  g_autofree char *golden = golden_path ("tokenizer.json"), *dir = pr_check_tmpdir (), *found = NULL, *wanted = NULL;
  g_autofree char *path = g_build_filename (dir, "tokenizer.json", NULL);
  GError *error = NULL;
  g_autoptr (PrTokenizer) tokenizer = pr_tokenizer_train (documents, 600, &error);

  ck_assert_no_error (error);
  ck_assert_int_eq (pr_tokenizer_vocab_size (tokenizer), 600);
  ck_assert_int_eq (pr_tokenizer_lookup (tokenizer, "<|endoftext|>"), 595);
  ck_assert_int_eq (pr_tokenizer_lookup (tokenizer, "</think>"), 599);
  if (g_getenv ("PR_UPDATE_GOLDEN") != NULL)
    ck_assert (pr_tokenizer_save (tokenizer, golden, &error));
  ck_assert (pr_tokenizer_save (tokenizer, path, &error));
  found = pr_file_read (path, 1 << 20, NULL, NULL);
  wanted = pr_file_read (golden, 1 << 20, NULL, NULL);
  ck_assert_msg (strcmp (found, wanted) == 0, "tokenizer.json differs from the golden one");
  pr_check_rmdir (dir);
}
END_TEST

/* The golden tokenizer, with or without a normaliser, as a new file. */
static PrTokenizer *
load_golden (gboolean nfc)
{
  g_autofree char *golden = golden_path ("tokenizer.json"), *dir = pr_check_tmpdir ();
  g_autofree char *path = g_build_filename (dir, "tokenizer.json", NULL);
  GError *error = NULL;
  json_t *file = pr_json_load (golden, &error);

  ck_assert_no_error (error);
  if (nfc)
    json_object_set_new (file, "normalizer", json_pack ("{s:s}", "type", "NFC"));
  ck_assert (pr_json_save (file, path, &error));
  json_decref (file);
  PrTokenizer *tokenizer = pr_tokenizer_load (path, &error);

  ck_assert_no_error (error);
  pr_check_rmdir (dir);
  return tokenizer;
}

static void
check_against (const PrTokenizer *tokenizer, const json_t *rows)
{
  const json_t *row;
  gsize i;

  ck_assert_uint_gt (json_array_size (rows), 60);
  json_array_foreach (rows, i, row)
  {
    const json_t *wanted = json_object_get (row, "ids");
    g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

    for (gsize j = 0; j < json_array_size (wanted); j++)
      {
        gint32 id = (gint32)json_integer_value (json_array_get (wanted, j));

        g_array_append_val (ids, id);
      }
    assert_ids (tokenizer, json_string_value (json_object_get (row, "text")), (const gint32 *)(void *)ids->data,
                ids->len);
    g_autofree char *text = pr_tokenizer_decode (tokenizer, (const gint32 *)(void *)ids->data, ids->len, FALSE);

    ck_assert_str_eq (text, json_string_value (json_object_get (row, "decoded")));
  }
}

START_TEST (encodes_like_hugging_face)
{
  g_autofree char *path = golden_path ("tokenizer-encodings.json");
  GError *error = NULL;
  json_t *file = pr_json_load (path, &error);

  ck_assert_no_error (error);
  for (int nfc = 0; nfc < 2; nfc++)
    {
      const json_t *part = json_object_get (file, nfc ? "nfc" : "plain"), *added = json_object_get (part, "added");
      g_autoptr (PrTokenizer) tokenizer = load_golden (nfc);
      g_autoptr (GPtrArray) names = g_ptr_array_new ();

      for (gsize i = 0; i < json_array_size (added); i++)
        g_ptr_array_add (names, (gpointer)json_string_value (json_array_get (added, i)));
      g_ptr_array_add (names, NULL);
      ck_assert (pr_tokenizer_add (tokenizer, (const char *const *)names->pdata, &error));
      ck_assert_int_eq (pr_tokenizer_vocab_size (tokenizer), json_integer_value (json_object_get (part, "size")));
      check_against (tokenizer, json_object_get (part, "rows"));
      check_against (tokenizer, json_object_get (part, "rows")); /* again, from the cache */
    }
  json_decref (file);
}
END_TEST

START_TEST (merges_follow_counts_then_bytes)
{
  /* Pairs: "ab" x 4, "cd" x 4, "ef" x 3: the tie goes to "ab". */
  g_autoptr (PrTokenizer) tokenizer = small_tokenizer ("cd\ncd\ncd\nef\nef\ncd\nef\nab\nab\nab\nab", 256 + 5 + 3);

  assert_ids (tokenizer, "ab", (const gint32[]){ 256 }, 1);
  assert_ids (tokenizer, "\ncd", (const gint32[]){ 188 + 10, 257 }, 2);
  assert_ids (tokenizer, "ef", (const gint32[]){ 258 }, 1);
  assert_ids (tokenizer, "e", (const gint32[]){ 'e' - '!' }, 1);
  ck_assert_int_eq (pr_tokenizer_vocab_size (tokenizer), 264);
}
END_TEST

START_TEST (training_stops_when_no_pair_repeats)
{
  g_autoptr (PrTokenizer) once = small_tokenizer ("the quick brown fox", 5000),
                          runs = small_tokenizer ("aaaaaaa aaaaaaa", 5000), none = small_tokenizer ("", 300);

  ck_assert_int_eq (pr_tokenizer_vocab_size (once), 261);
  ck_assert_int_eq (pr_tokenizer_vocab_size (none), 261);
  ck_assert_int_lt (pr_tokenizer_vocab_size (runs), 261 + 8);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));

  pr_tokenizer_encode (runs, "aaaaaaa aaaaaaa", -1, ids);
  ck_assert_uint_le (ids->len, 4);
  g_autofree char *text = pr_tokenizer_decode (runs, (gint32 *)(void *)ids->data, ids->len, FALSE);

  ck_assert_str_eq (text, "aaaaaaa aaaaaaa");
}
END_TEST

START_TEST (training_refuses_bad_input)
{
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();
  g_autoptr (GError) small = NULL, bytes = NULL;

  g_ptr_array_add (documents, (gpointer) "fine");
  ck_assert_ptr_null (pr_tokenizer_train (documents, 260, &small));
  ck_assert_pr_error (small, PR_ERROR_MANIFEST, "at least 261");
  g_ptr_array_add (documents, (gpointer) "torn \xc3");
  ck_assert_ptr_null (pr_tokenizer_train (documents, 300, &bytes));
  ck_assert_pr_error (bytes, PR_ERROR_DATA, "document 2");
}
END_TEST

START_TEST (any_bytes_are_encoded)
{
  g_autoptr (PrTokenizer) tokenizer = small_tokenizer ("abc", 261);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree char *huge = g_malloc (3000001), *text = NULL, *torn = NULL;

  memset (huge, ' ', 3000000);
  memset (huge + 1000000, 'x', 1000000);
  huge[3000000] = '\0';
  pr_tokenizer_encode (tokenizer, huge, -1, ids);
  ck_assert_uint_eq (ids->len, 3000000);
  text = pr_tokenizer_decode (tokenizer, (gint32 *)(void *)ids->data, ids->len, FALSE);
  ck_assert_str_eq (text, huge);

  g_array_set_size (ids, 0);
  pr_tokenizer_encode (tokenizer,
                       "a\xff\xfe"
                       "b\0c",
                       6, ids);
  torn = pr_tokenizer_decode (tokenizer, (gint32 *)(void *)ids->data, ids->len, FALSE);
  ck_assert_str_eq (torn, "a\xef\xbf\xbd\xef\xbf\xbd"
                          "b\xef\xbf\xbd"
                          "c");
  const gint32 half[] = { -1, 1 << 30, 188 + 67 };
  g_autofree char *replaced = pr_tokenizer_decode (tokenizer, half, 3, FALSE);

  ck_assert_str_eq (replaced, "\xef\xbf\xbd");
}
END_TEST

START_TEST (added_tokens)
{
  g_autoptr (PrTokenizer) tokenizer = small_tokenizer ("abc", 261);
  g_autoptr (GError) error = NULL, twice = NULL, empty = NULL;
  const gint32 b = 'b' - '!';

  ck_assert (pr_tokenizer_add (tokenizer, (const char *const[]){ "<x>", "<x><y>", NULL }, &error));
  ck_assert_int_eq (pr_tokenizer_lookup (tokenizer, "<x>"), 261);
  ck_assert_int_eq (pr_tokenizer_lookup (tokenizer, "<x><y>"), 262);
  ck_assert_int_eq (pr_tokenizer_lookup (tokenizer, "<x><"), -1);
  ck_assert_int_eq (pr_tokenizer_lookup (tokenizer, ""), -1);
  ck_assert_int_eq (pr_tokenizer_lookup (tokenizer, "a"), -1);
  assert_ids (tokenizer, "<x>b<x><y><x>", (const gint32[]){ 261, b, 262, 261 }, 4);
  ck_assert (!pr_tokenizer_add (tokenizer, (const char *const[]){ "<new>", "<x>", NULL }, &twice));
  ck_assert_pr_error (twice, PR_ERROR_DATA, "<x>");
  ck_assert_int_eq (pr_tokenizer_vocab_size (tokenizer), 263); /* all or nothing */
  ck_assert (!pr_tokenizer_add (tokenizer, (const char *const[]){ "", NULL }, &empty));
  ck_assert_pr_error (empty, PR_ERROR_DATA, "empty");
  const gint32 ids[] = { 261, b, 262 };
  g_autofree char *text = pr_tokenizer_decode (tokenizer, ids, 3, TRUE);

  ck_assert_str_eq (text, "b");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("tokenizer");
  TCase *plain = tcase_create ("plain");

  tcase_set_timeout (plain, 60);
  tcase_add_test (plain, training_gives_the_golden_file);
  tcase_add_test (plain, encodes_like_hugging_face);
  tcase_add_test (plain, merges_follow_counts_then_bytes);
  tcase_add_test (plain, training_stops_when_no_pair_repeats);
  tcase_add_test (plain, training_refuses_bad_input);
  tcase_add_test (plain, any_bytes_are_encoded);
  tcase_add_test (plain, added_tokens);
  suite_add_tcase (suite, plain);
  return pr_check_main (suite);
}
