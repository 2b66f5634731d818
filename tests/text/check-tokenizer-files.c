/* check-tokenizer-files.c - tokenizer.json from elsewhere: other layouts, torn and hostile files. */
#include "small-tokenizer.h"

#include <pauserec/io.h>

static char *dir;
static json_t *file;

static void
setup_file (void)
{
  g_autoptr (PrTokenizer) tokenizer = small_tokenizer ("abab abab", 264);

  dir = pr_check_tmpdir ();
  g_autofree char *path = g_build_filename (dir, "t.json", NULL);

  ck_assert (pr_tokenizer_save (tokenizer, path, NULL));
  file = pr_json_load (path, NULL);
  ck_assert_ptr_nonnull (file);
}

static void
teardown_file (void)
{
  json_decref (file);
  pr_check_rmdir (dir);
  g_free (dir);
}

static PrTokenizer *
load_file (GError **error)
{
  g_autofree char *path = g_build_filename (dir, "t.json", NULL);

  ck_assert (pr_json_save (file, path, NULL));
  return pr_tokenizer_load (path, error);
}

#define MODEL (json_object_get (file, "model"))
#define VOCAB (json_object_get (MODEL, "vocab"))
#define MERGES (json_object_get (MODEL, "merges"))
#define ADDED (json_object_get (file, "added_tokens"))

static void
assert_refused (const char *part)
{
  g_autoptr (GError) error = NULL;
  PrTokenizer *tokenizer = load_file (&error);

  ck_assert_ptr_null (tokenizer);
  ck_assert_pr_error (error, PR_ERROR_DATA, part);
  ck_assert_ptr_nonnull (strstr (error->message, "t.json"));
}

static void
break_model_type (void)
{
  json_object_set_new (MODEL, "type", json_string ("Unigram"));
}
static void
break_no_model (void)
{
  json_object_del (file, "model");
}
static void
break_vocab_kind (void)
{
  json_object_set_new (MODEL, "vocab", json_array ());
}
static void
break_merge_absent (void)
{
  json_array_append_new (MERGES, json_string ("a zz"));
}
static void
break_merge_shape (void)
{
  json_array_append_new (MERGES, json_string ("abc"));
}
static void
break_merge_triple (void)
{
  json_array_append_new (MERGES, json_pack ("[s,s,s]", "a", "b", "c"));
}
static void
break_merge_twice (void)
{
  json_array_append (MERGES, json_array_get (MERGES, 0));
}
static void
break_id_gap (void)
{
  json_object_set_new (VOCAB, "ab", json_integer (900));
}
static void
break_id_twice (void)
{
  json_object_set_new (VOCAB, "ab", json_integer (1));
}
static void
break_id_negative (void)
{
  json_object_set_new (VOCAB, "ab", json_integer (-1));
}
static void
break_id_huge (void)
{
  json_object_set_new (VOCAB, "ab", json_integer (G_MAXINT64));
}
static void
break_id_text (void)
{
  json_object_set_new (VOCAB, "ab", json_string ("1"));
}
static void
break_alphabet (void)
{
  json_int_t id = json_integer_value (json_object_get (VOCAB, "ab"));

  json_object_del (VOCAB, "ab");
  json_object_set_new (VOCAB, "a b", json_integer (id));
}
static void
break_byte (void)
{
  json_int_t id = json_integer_value (json_object_get (VOCAB, "!"));

  json_object_del (VOCAB, "!");
  json_object_set_new (VOCAB, "!!", json_integer (id));
}
static void
break_added_twice (void)
{
  json_array_append (ADDED, json_array_get (ADDED, 0));
}
static void
break_added_lstrip (void)
{
  json_object_set_new (json_array_get (ADDED, 0), "lstrip", json_true ());
}
static void
break_added_normalized (void)
{
  json_object_set_new (json_array_get (ADDED, 0), "normalized", json_true ());
}
static void
break_added_empty (void)
{
  json_object_set_new (json_array_get (ADDED, 0), "content", json_string (""));
}
static void
break_normalizer (void)
{
  json_object_set_new (file, "normalizer", json_pack ("{s:s}", "type", "Lowercase"));
}
static void
break_regex (void)
{
  json_object_set_new (file, "pre_tokenizer", json_pack ("{s:s}", "type", "Whitespace"));
}
static void
break_dropout (void)
{
  json_object_set_new (MODEL, "dropout", json_real (.1));
}
static void
break_decoder (void)
{
  json_object_set_new (file, "decoder", json_pack ("{s:s}", "type", "Metaspace"));
}

static const struct
{
  void (*break_it) (void);
  const char *part;
} faults[] = {
  { break_model_type, "Unigram" },
  { break_no_model, "model" },
  { break_vocab_kind, "vocab" },
  { break_merge_absent, "zz" },
  { break_merge_shape, "neither" },
  { break_merge_triple, "neither" },
  { break_merge_twice, "twice" },
  { break_id_gap, "gaps" },
  { break_id_twice, "same id 1" },
  { break_id_negative, "gaps" },
  { break_id_huge, "gaps" },
  { break_id_text, "number" },
  { break_alphabet, "alphabet" },
  { break_byte, "0x21" },
  { break_added_twice, "same id" },
  { break_added_lstrip, "lstrip" },
  { break_added_normalized, "normal" },
  { break_added_empty, "content" },
  { break_normalizer, "normalizer" },
  { break_regex, "pre_tokenizer" },
  { break_dropout, "dropout" },
  { break_decoder, "decoder" },
};

START_TEST (hostile_files)
{
  faults[_i].break_it ();
  assert_refused (faults[_i].part);
}
END_TEST

START_TEST (other_layouts)
{
  g_autoptr (PrTokenizer) strings = load_file (NULL), pairs = NULL;
  json_t *list = json_array (), *merge;
  GError *error = NULL;
  gsize i;

  json_array_foreach (MERGES, i, merge)
  {
    g_auto (GStrv) parts = g_strsplit (json_string_value (merge), " ", 2);

    json_array_append_new (list, json_pack ("[s,s]", parts[0], parts[1]));
  }
  json_object_set_new (MODEL, "merges", list);
  json_object_set_new (VOCAB, "<|endoftext|>", json_integer (pr_tokenizer_lookup (strings, "<|endoftext|>")));
  json_object_set_new (file, "post_processor", json_null ());
  pairs = load_file (&error);
  ck_assert_no_error (error);
  ck_assert_int_eq (pr_tokenizer_vocab_size (pairs), pr_tokenizer_vocab_size (strings));
  g_autoptr (GArray) a = g_array_new (FALSE, FALSE, 4), b = g_array_new (FALSE, FALSE, 4);

  pr_tokenizer_encode (strings, "abab <|endoftext|>ab", -1, a);
  pr_tokenizer_encode (pairs, "abab <|endoftext|>ab", -1, b);
  ck_assert_uint_eq (a->len, b->len);
  ck_assert_mem_eq (a->data, b->data, a->len * 4);
}
END_TEST

START_TEST (torn_files)
{
  g_autofree char *path = g_build_filename (dir, "t.json", NULL), *missing = g_build_filename (dir, "none.json", NULL),
                  *text = NULL;
  gsize n;
  g_autoptr (GError) torn = NULL, absent = NULL;

  text = pr_file_read (path, 1 << 20, &n, NULL);
  ck_assert (pr_file_write (path, text, n / 2, NULL));
  ck_assert_ptr_null (pr_tokenizer_load (path, &torn));
  ck_assert_pr_error (torn, PR_ERROR_DATA, "t.json");
  ck_assert_ptr_null (pr_tokenizer_load (missing, &absent));
  ck_assert_pr_error (absent, PR_ERROR_IO, "none.json");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("tokenizer-files");
  TCase *files = tcase_create ("files");

  tcase_add_checked_fixture (files, setup_file, teardown_file);
  tcase_add_loop_test (files, hostile_files, 0, G_N_ELEMENTS (faults));
  tcase_add_test (files, other_layouts);
  tcase_add_test (files, torn_files);
  suite_add_tcase (suite, files);
  return pr_check_main (suite);
}
