#include "plugins-for-tests.h"
#include "runtime/complaints.h"
#include "runtime/params.h"

#include <math.h>

/* The struct of stage `source` of the plugin `sound`. */
typedef struct
{
  bool flag;
  int64_t n;
  double x;
  const char *text;
  int colour;
  PrInts sizes;
  const char *file;
  const char *const *files;
} Params;

static PrRegistry *registry;
static const PrStage *source, *needy;

static void
setup (void)
{
  registry = test_registry ("sound", NULL);
  source = pr_registry_find (registry, "source")->stage;
  needy = pr_registry_find (registry, "needy")->stage;
}

static void
teardown (void)
{
  g_clear_pointer (&registry, pr_registry_free);
}

/* Fill with one value; the complaint, to free, or NULL. */
static char *
fill_one (const char *key, const char *text, PrParams *ret)
{
  const PrParamValue value = { key, text, "manifest:3", "x.manifest:3", "/base" };
  g_autoptr (GPtrArray) complaints = pr_complaints_new ();

  if (pr_params_fill (source, &value, 1, "x.manifest:1", NULL, complaints, ret))
    {
      ck_assert_uint_eq (complaints->len, 0);
      return NULL;
    }
  ck_assert_uint_eq (complaints->len, 1);
  return g_strdup (complaints->pdata[0]);
}

static const char *
resolved (const PrParams *params, const char *key, const char *field)
{
  return json_string_value (json_object_get (json_object_get (params->resolved, key), field));
}

START_TEST (defaults)
{
  g_autoptr (GPtrArray) complaints = pr_complaints_new ();
  PrParams params;
  const Params *p;

  ck_assert (pr_params_fill (source, NULL, 0, "x", NULL, complaints, &params));
  p = params.params;
  ck_assert (p->flag);
  ck_assert_int_eq (p->n, 7);
  ck_assert_double_eq (p->x, 0.1);
  ck_assert_str_eq (p->text, " a\nb");
  ck_assert_int_eq (p->colour, 1);
  ck_assert_int_eq (p->sizes.n, 2);
  ck_assert_int_eq (p->sizes.v[1], 256);
  ck_assert_str_eq (p->file, "");
  ck_assert_ptr_null (p->files[0]);
  ck_assert_str_eq (resolved (&params, "x", "value"), "0.1");
  ck_assert_str_eq (resolved (&params, "text", "value"), "\\sa\\nb");
  ck_assert_str_eq (resolved (&params, "n", "origin"), "default");
  ck_assert_uint_eq (json_object_size (params.resolved), source->n_params);
  ck_assert_uint_eq (json_object_size (params.identity), source->n_params);
  pr_params_clear (source, &params);
}
END_TEST

/* What is taken, and its canonical text: values that are equal have equal texts, so they share cache keys. */
static const struct
{
  const char *key, *text, *canonical;
} taken[] = {
  { "flag", "false", "false" },
  { "flag", "true", "true" },
  { "n", "0", "0" },
  { "n", "1000", "1000" },
  { "n", "007", "7" },
  { "x", "1e-1", "0.1" },
  { "x", "-1.000", "-1" },
  { "x", "0.30000000000000004", "0.30000000000000004" },
  { "x", "-0", "0" },
  { "text", "", "" },
  { "text", "a b", "a b" },
  { "text", "\\s\\\\\\n\\t\\;", "\\s\\\\\\n\\t;" },
  { "text", "\xc3\xa9 # ;", "\xc3\xa9 # ;" },
  { "colour", "blue", "blue" },
  { "sizes", "", "" },
  { "sizes", " 1 ,2, 512", "1,2,512" },
  { "file", "", "" },
  { "file", "a/../b.txt", "/base/b.txt" },
  { "file", "/abs/b.txt", "/abs/b.txt" },
  { "files", "a.txt , b.txt", "/base/a.txt,/base/b.txt" },
};

START_TEST (values_that_are_taken)
{
  PrParams params;
  g_autofree char *complaint = fill_one (taken[_i].key, taken[_i].text, &params);

  ck_assert_pstr_eq (complaint, NULL);
  ck_assert_str_eq (resolved (&params, taken[_i].key, "value"), taken[_i].canonical);
  ck_assert_str_eq (resolved (&params, taken[_i].key, "origin"), "manifest:3");
  pr_params_clear (source, &params);
}
END_TEST

static const struct
{
  const char *key, *text, *part;
} refused[] = {
  { "flag", "yes", "want true or false" },
  { "flag", "True", "want true or false" },
  { "flag", "", "want true or false" },
  { "n", "-1", "n = -1: want a whole number, 0 to 1000" },
  { "n", "1001", "0 to 1000" },
  { "n", "1.5", "want a whole number" },
  { "n", "1e2", "want a whole number" },
  { "n", "", "want a whole number" },
  { "n", "99999999999999999999999", "want a whole number" },
  { "n", "1;2", "want a whole number" },
  { "x", "1.01", "want a number, -1 to 1" },
  { "x", "-1.01", "want a number, -1 to 1" },
  { "x", "nan", "want a number" },
  { "x", "inf", "want a number" },
  { "x", "0x1p-1", "want a number" },
  { "x", "0,5", "want a number" },
  { "x", "", "want a number" },
  { "text", "a\\", "are escapes" },
  { "text", "\\x41", "are escapes" },
  { "colour", "bleu", "one of red, green, blue; did you mean 'blue'?" },
  { "colour", "", "one of red, green, blue" },
  { "sizes", "1,2,", "whole numbers with commas between, each 1 to 512" },
  { "sizes", "0", "each 1 to 512" },
  { "sizes", "513", "each 1 to 512" },
  { "sizes", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "up to 16" },
  { "files", "a,,b", "files with commas between" },
  { "sises", "1", "stage 'source' has no parameter 'sises'; did you mean 'sizes'?" },
};

START_TEST (values_that_are_refused)
{
  PrParams params;
  g_autofree char *complaint = fill_one (refused[_i].key, refused[_i].text, &params);

  ck_assert_ptr_nonnull (complaint);
  ck_assert_msg (strstr (complaint, refused[_i].part) != NULL, "'%s' lacks '%s'", complaint, refused[_i].part);
  ck_assert_msg (g_str_has_prefix (complaint, "x.manifest:3: "), "%s", complaint);
}
END_TEST

START_TEST (the_last_value_wins_and_every_fault_is_told)
{
  const PrParamValue good[] = { { "n", "1", "manifest:1", "m:1", "/" }, { "n", "2", "arm a:9", "m:9", "/" } };
  const PrParamValue bad[] = { { "n", "x", "manifest:1", "m:1", "/" },
                               { "n", "2", "arm a:9", "m:9", "/" },
                               { "q", "2", "-", "m:7", "/" } };
  g_autoptr (GPtrArray) complaints = pr_complaints_new ();
  PrParams params = { 0 };

  ck_assert (pr_params_fill (source, good, 2, "m:1", NULL, complaints, &params));
  ck_assert_int_eq (((const Params *)params.params)->n, 2);
  ck_assert_str_eq (resolved (&params, "n", "origin"), "arm a:9");
  pr_params_clear (source, &params);
  ck_assert (!pr_params_fill (source, bad, 3, "m:1", NULL, complaints, &params));
  ck_assert_uint_eq (complaints->len, 2);
  ck_assert_ptr_null (params.params);
}
END_TEST

START_TEST (files_count_by_content)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autofree char *a = test_file (dir, "a.txt", "abc"), *b = test_file (dir, "b.txt", "abc");
  const PrParamValue values[] = { { "file", "a.txt", "-", "m:1", dir }, { "files", "b.txt,a.txt", "-", "m:2", dir } };
  g_autoptr (GPtrArray) complaints = pr_complaints_new ();
  g_autoptr (GHashTable) digests = pr_params_digests_new ();
  const char *abc = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  g_autofree char *twice = g_strconcat (abc, ",", abc, NULL);
  PrParams params;

  ck_assert (pr_params_fill (source, values, 2, "m:1", digests, complaints, &params));
  ck_assert_str_eq (json_string_value (json_object_get (params.identity, "file")), abc);
  ck_assert_str_eq (json_string_value (json_object_get (params.identity, "files")), twice);
  ck_assert_str_eq (resolved (&params, "file", "value"), a);
  ck_assert_str_eq (((const Params *)params.params)->files[0], b);
  ck_assert_uint_eq (g_hash_table_size (digests), 2);
  pr_params_clear (source, &params);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (files_must_be_there_if_they_win)
{
  g_autofree char *dir = pr_check_tmpdir (), *a = test_file (dir, "a.txt", "abc");
  const PrParamValue overridden[] = { { "file", "gone", "-", "m:1", dir }, { "file", "a.txt", "-", "--set", dir } };
  const PrParamValue gone[] = { { "file", "gone", "-", "m:1", dir }, { "files", "a.txt,.", "-", "m:2", dir } };
  g_autoptr (GPtrArray) complaints = pr_complaints_new ();
  g_autoptr (GHashTable) digests = pr_params_digests_new ();
  PrParams params;

  ck_assert (pr_params_fill (source, overridden, 2, "m:1", digests, complaints, &params));
  pr_params_clear (source, &params);
  ck_assert (!pr_params_fill (source, gone, 2, "m:1", digests, complaints, &params));
  ck_assert_uint_eq (complaints->len, 2);
  ck_assert (g_str_has_prefix (complaints->pdata[0], "m:1: file: file '"));
  ck_assert_ptr_nonnull (strstr (complaints->pdata[0], "/gone': No such file"));
  ck_assert_ptr_nonnull (strstr (complaints->pdata[1], "is not a file"));
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (required_values_and_those_out_of_the_key)
{
  g_autofree char *dir = pr_check_tmpdir (), *a = test_file (dir, "a.txt", "abc");
  const PrParamValue given[] = { { "file", "a.txt", "-", "m:1", dir }, { "print.every", "3", "-", "m:2", dir } };
  const PrParamValue empty = { "file", "", "-", "m:1", dir };
  g_autoptr (GPtrArray) complaints = pr_complaints_new ();
  g_autoptr (GHashTable) digests = pr_params_digests_new ();
  PrParams params;

  ck_assert (pr_params_fill (needy, given, 2, "m:5", digests, complaints, &params));
  ck_assert_uint_eq (json_object_size (params.identity), 1);
  ck_assert_uint_eq (json_object_size (params.resolved), 2);
  pr_params_clear (needy, &params);
  ck_assert (!pr_params_fill (needy, NULL, 0, "m:5", digests, complaints, &params));
  ck_assert (!pr_params_fill (needy, &empty, 1, "m:6", digests, complaints, &params));
  ck_assert_uint_eq (complaints->len, 2);
  ck_assert_str_eq (complaints->pdata[0], "m:5: stage 'needy' needs a value for 'file': A file that must be given.");
  ck_assert (g_str_has_prefix (complaints->pdata[1], "m:6: "));
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("params");
  TCase *tc = tcase_create ("params");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, defaults);
  tcase_add_loop_test (tc, values_that_are_taken, 0, G_N_ELEMENTS (taken));
  tcase_add_loop_test (tc, values_that_are_refused, 0, G_N_ELEMENTS (refused));
  tcase_add_test (tc, the_last_value_wins_and_every_fault_is_told);
  tcase_add_test (tc, files_count_by_content);
  tcase_add_test (tc, files_must_be_there_if_they_win);
  tcase_add_test (tc, required_values_and_those_out_of_the_key);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
