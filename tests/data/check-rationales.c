/* Rationales: their order, what a file keeps of them, and all that a file may not hold. */
#include "data-check.h"

#include <pauserec/rationales.h>

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char *dir;
static PrDataset *dataset;

static void
setup (void)
{
  static const char *const none[] = { NULL };
  const PrItem items[] = { { "a", "A", "", "", none }, { "b", "B", "", "", none } };
  const gint32 bought[] = { 0, 1, 0, 1, 1 };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("two");
  GError *error = NULL;

  dir = pr_check_tmpdir ();
  for (gsize i = 0; i < G_N_ELEMENTS (items); i++)
    pr_dataset_builder_add_item (builder, &items[i]);
  pr_dataset_builder_add_user (builder, "zoe", bought, 5);
  pr_dataset_builder_add_user (builder, "ann", bought, 3);
  ck_assert (pr_dataset_builder_write (builder, dir, NULL));
  dataset = pr_dataset_load (dir, &error);
  ck_assert_no_error (error);
}

static void
teardown (void)
{
  g_clear_pointer (&dataset, pr_dataset_free);
  pr_check_rmdir (dir);
  g_clear_pointer (&dir, g_free);
}

static PrRationale
rationale (gint32 user, gint32 position, const char *text)
{
  return (PrRationale){ .user = user, .position = position, .text = text, .teacher = "template", .prompt = HASH };
}

static void
add (PrRationales *rationales, gint32 user, gint32 position, const char *text)
{
  const PrRationale one = rationale (user, position, text);

  pr_rationales_add (rationales, &one);
}

START_TEST (they_stand_by_user_and_position)
{
  g_autoptr (PrRationales) rationales = pr_rationales_new ();
  static const gint32 users[] = { 1, 0, 0, 1, 0 }, positions[] = { 1, 3, 1, 2, 2 };
  static const char *const texts[] = { "1 1", "0 3", "0 1", "1 2", "0 2" }, *const order[] = { "0 1", "0 2", "0 3",
                                                                                               "1 1", "1 2" };

  for (guint i = 0; i < 5; i++)
    add (rationales, users[i], positions[i], texts[i]);
  ck_assert_uint_eq (pr_rationales_n (rationales), 5);
  for (guint i = 0; i < 5; i++)
    {
      ck_assert_str_eq (pr_rationales_at (rationales, i)->text, order[i]);
      ck_assert_str_eq (pr_rationales_find (rationales, users[i], positions[i])->text, texts[i]);
    }
  ck_assert_ptr_null (pr_rationales_find (rationales, 0, 0));
  ck_assert_ptr_null (pr_rationales_find (rationales, 0, 4));
  ck_assert_ptr_null (pr_rationales_find (rationales, 2, 1));
  add (rationales, 0, 2, "another");
  ck_assert_uint_eq (pr_rationales_n (rationales), 5);
  ck_assert_str_eq (pr_rationales_at (rationales, 1)->text, "another");
}
END_TEST

START_TEST (strings_are_copied)
{
  g_autoptr (PrRationales) rationales = pr_rationales_new ();
  char text[] = "text", teacher[] = "lm", prompt[] = HASH, corruption[] = "empty";
  const PrRationale one = { .text = text, .teacher = teacher, .prompt = prompt, .corruption = corruption };

  pr_rationales_add (rationales, &one);
  text[0] = teacher[0] = prompt[0] = corruption[0] = '?';
  ck_assert_str_eq (pr_rationales_at (rationales, 0)->text, "text");
  ck_assert_str_eq (pr_rationales_at (rationales, 0)->teacher, "lm");
  ck_assert_str_eq (pr_rationales_at (rationales, 0)->prompt, HASH);
  ck_assert_str_eq (pr_rationales_at (rationales, 0)->corruption, "empty");
}
END_TEST

START_TEST (a_file_keeps_everything)
{
  g_autoptr (PrRationales) rationales = pr_rationales_new (), again = NULL;
  GError *error = NULL;
  PrRationale one = rationale (0, 2, "Würde \"so\" <a_1>.");
  const PrRationale *back;

  one.sampled = TRUE;
  one.sampling = (PrSampling){ .temperature = 0.7, .top_p = 0.9, .top_k = 40, .max_tokens = 64 };
  one.seed = G_MAXUINT64 - 5;
  one.corruption = "shuffle-words";
  one.teacher = "lm";
  pr_rationales_add (rationales, &one);
  add (rationales, 1, 0, "");
  ck_assert_msg (pr_rationales_save (rationales, dataset, dir, &error), "%s", error ? error->message : "");
  again = pr_rationales_load (dir, dataset, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (pr_rationales_n (again), 2);
  back = pr_rationales_at (again, 0);
  ck_assert_int_eq (back->user, 0);
  ck_assert_int_eq (back->position, 2);
  ck_assert_str_eq (back->text, one.text);
  ck_assert_str_eq (back->teacher, "lm");
  ck_assert_str_eq (back->prompt, HASH);
  ck_assert_str_eq (back->corruption, "shuffle-words");
  ck_assert (back->sampled);
  ck_assert (back->sampling.temperature == 0.7 && back->sampling.top_p == 0.9);
  ck_assert_int_eq (back->sampling.top_k, 40);
  ck_assert_int_eq (back->sampling.max_tokens, 64);
  ck_assert_uint_eq (back->seed, G_MAXUINT64 - 5);
  back = pr_rationales_at (again, 1);
  ck_assert_str_eq (back->text, "");
  ck_assert (!back->sampled);
  ck_assert_ptr_null (back->corruption);
}
END_TEST

START_TEST (no_rationales_are_a_sound_file)
{
  g_autoptr (PrRationales) rationales = pr_rationales_new (), again = NULL;

  ck_assert (pr_rationales_save (rationales, dataset, dir, NULL));
  again = pr_rationales_load (dir, dataset, NULL);
  ck_assert_ptr_nonnull (again);
  ck_assert_uint_eq (pr_rationales_n (again), 0);
}
END_TEST

/* What could not be read back is not written. */
START_TEST (unsound_rationales_are_not_saved)
{
  g_autofree char *path = g_build_filename (dir, "rationales.jsonl", NULL);
  g_autofree char *longest = g_strnfill (64 * 1024 + 1, 'a');
  const PrRationale bad[] = {
    rationale (2, 0, "no such user"),
    rationale (-1, 0, "no such user"),
    rationale (1, 3, "no such position"),
    rationale (1, -1, "no such position"),
    rationale (0, 0, "two\nlines"),
    rationale (0, 0, "\xff"),
    rationale (0, 0, longest),
    { .text = "", .teacher = "Not a name", .prompt = HASH },
    { .text = "", .teacher = "lm", .prompt = "abc" },
    { .text = "", .teacher = "lm", .prompt = HASH, .corruption = "" },
    { .text = "", .teacher = "lm", .prompt = HASH, .sampled = TRUE, .sampling = { .top_p = 2, .max_tokens = 1 } },
  };
  GError *error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (PrRationales) rationales = pr_rationales_new ();

      pr_rationales_add (rationales, &bad[i]);
      ck_assert (!pr_rationales_save (rationales, dataset, dir, &error));
      data_expect (&error, PR_ERROR_DATA, "rationales.jsonl: the rationale of user ");
      ck_assert (!g_file_test (path, G_FILE_TEST_EXISTS));
    }
}
END_TEST

/* A line as it should be, in parts that the table below exchanges. */
#define REST "\"teacher\":\"file\",\"prompt\":\"" HASH "\",\"sampling\":null,\"seed\":1,\"corruption\":null}"
#define LINE(user, position, item)                                                                                     \
  "{\"user\":\"" user "\",\"position\":" position ",\"item\":\"" item "\",\"text\":\"t\"," REST
#define WITH(text, teacher, prompt, sampling, seed, corruption)                                                        \
  "{\"user\":\"zoe\",\"position\":0,\"item\":\"a\",\"text\":" text ",\"teacher\":" teacher ",\"prompt\":" prompt       \
  ",\"sampling\":" sampling ",\"seed\":" seed ",\"corruption\":" corruption "}"
#define H "\"" HASH "\""
#define SAMPLING(t, k, p, m) "{\"temperature\":" t ",\"top_k\":" k ",\"top_p\":" p ",\"max_tokens\":" m "}"

static const struct
{
  const char *text, *part; /* PART NULL: sound */
} files[] = {
  { LINE ("zoe", "0", "a") "\n" LINE ("zoe", "1", "b") "\n" LINE ("ann", "0", "a"), NULL },
  { WITH ("\"\"", "\"lm\"", H, SAMPLING ("0", "0", "1", "1"), "-1", "\"empty\""), NULL },
  { LINE ("zoe", "0", "a") "\n" LINE ("bob", "0", "a"), ":2: the data set has no user 'bob'" },
  { LINE ("zoe", "1", "a"), ":1: user 'zoe' has item 'b' at position 1, not 'a'" },
  { LINE ("zoe", "1", "nothing"), "not 'nothing'" },
  { LINE ("ann", "3", "b"), ":1: user 'ann' has nothing at position 3" },
  { LINE ("zoe", "-1", "a"), "\"position\" must be" },
  { LINE ("zoe", "0.0", "a"), "\"position\" must be" },
  { LINE ("zoe", "2147483648", "a"), "\"position\" must be" },
  { LINE ("zoe", "99999999999999999999", "a"), "not valid JSON" },
  { LINE ("zoe", "0", "a") "\n" LINE ("zoe", "0", "a"),
    ":2: the rationale of user 'zoe', position 0 stands here a second" },
  { LINE ("zoe", "0", "a") "\n" LINE ("ann", "0", "a") "\n" LINE ("zoe", "0", "a"),
    ":3: the rationale of user 'zoe', position 0 stands here a second" },
  { LINE ("ann", "0", "a") "\n" LINE ("zoe", "0", "a"), ":2: the rationale of user 'zoe', position 0 stands behind" },
  { LINE ("zoe", "0", "a") "\n\n", ":2: column" },
  { "{\"user\":\"zoe\",\"user\":\"zoe\",\"position\":0,\"item\":\"a\",\"text\":\"t\"," REST, "duplicate" },
  { "[]", "a rationale needs exactly" },
  { "{}", "a rationale needs exactly" },
  { "null", "a rationale needs exactly" },
  { "{\"user\":\"zoe\"", ":1: column" },
  { "{\"extra\":1,\"user\":\"zoe\",\"position\":0,\"item\":\"a\",\"text\":\"t\"," REST, "a rationale needs exactly" },
  { "{\"usr\":\"zoe\",\"position\":0,\"item\":\"a\",\"text\":\"t\"," REST, "must be strings" },
  { "{\"user\":7,\"position\":0,\"item\":\"a\",\"text\":\"t\"," REST, "must be strings" },
  { "{\"user\":\"zoe\",\"position\":0,\"item\":null,\"text\":\"t\"," REST, "must be strings" },
  { "{\"user\":\"zoe\",\"position\":0,\"item\":\"a\",\"text\":[]," REST, "must be strings" },
  { WITH ("\"a\\nb\"", "\"lm\"", H, "null", "1", "null"), "\"text\" has line breaks" },
  { WITH ("\"a\\u0007\"", "\"lm\"", H, "null", "1", "null"), "\"text\" has line breaks or control" },
  { WITH ("\"a\\u0000b\"", "\"lm\"", H, "null", "1", "null"), ":1: column" },
  { WITH ("\"a\"", "\"\"", H, "null", "1", "null"), "\"teacher\"" },
  { WITH ("\"a\"", "\"L M\"", H, "null", "1", "null"), "\"teacher\"" },
  { WITH ("\"a\"", "\"lm\"", "\"abc\"", "null", "1", "null"), "\"prompt\"" },
  { WITH ("\"a\"", "\"lm\"", "\"" HASH "0\"", "null", "1", "null"), "\"prompt\"" },
  { WITH ("\"a\"", "\"lm\"", "1", "null", "1", "null"), "must be strings" },
  { WITH ("\"a\"", "\"lm\"", H, "null", "1.5", "null"), "\"seed\"" },
  { WITH ("\"a\"", "\"lm\"", H, "null", "\"1\"", "null"), "\"seed\"" },
  { WITH ("\"a\"", "\"lm\"", H, "null", "1", "\"\""), "\"corruption\"" },
  { WITH ("\"a\"", "\"lm\"", H, "null", "1", "false"), "\"corruption\"" },
  { WITH ("\"a\"", "\"lm\"", H, "{}", "1", "null"), "\"sampling\" must be" },
  { WITH ("\"a\"", "\"lm\"", H, "[]", "1", "null"), "\"sampling\" must be" },
  { WITH ("\"a\"", "\"lm\"", H, SAMPLING ("\"0\"", "0", "1", "1"), "1", "null"), "\"sampling\" must be" },
  { WITH ("\"a\"", "\"lm\"", H, SAMPLING ("0", "0.5", "1", "1"), "1", "null"), "\"sampling\" must be" },
  { WITH ("\"a\"", "\"lm\"", H, SAMPLING ("-1", "0", "1", "1"), "1", "null"), "\"temperature\"" },
  { WITH ("\"a\"", "\"lm\"", H, SAMPLING ("0", "-1", "1", "1"), "1", "null"), "\"top_k\"" },
  { WITH ("\"a\"", "\"lm\"", H, SAMPLING ("0", "0", "0", "1"), "1", "null"), "\"top_p\"" },
  { WITH ("\"a\"", "\"lm\"", H, SAMPLING ("0", "0", "1.1", "1"), "1", "null"), "\"top_p\"" },
  { WITH ("\"a\"", "\"lm\"", H, SAMPLING ("0", "0", "1", "0"), "1", "null"), "\"max_tokens\"" },
  { WITH ("\"\xff\"", "\"lm\"", H, "null", "1", "null"), ":1: not UTF-8" },
};

START_TEST (a_file_is_what_it_claims)
{
  g_autoptr (PrRationales) rationales = NULL;
  GError *error = NULL;

  data_put (dir, "rationales.jsonl", files[_i].text, -1);
  rationales = pr_rationales_load (dir, dataset, &error);
  if (files[_i].part == NULL)
    {
      ck_assert_no_error (error);
      return;
    }
  ck_assert_ptr_null (rationales);
  ck_assert_ptr_nonnull (strstr (error->message, "rationales.jsonl:"));
  data_expect (&error, PR_ERROR_DATA, files[_i].part);
}
END_TEST

START_TEST (a_text_is_bounded)
{
  g_autofree char *text = g_strnfill (64 * 1024 + 1, 'a');
  g_autofree char *line = g_strdup_printf (WITH ("\"%s\"", "\"lm\"", H, "null", "1", "null"), text);
  g_autoptr (PrRationales) rationales = NULL;
  GError *error = NULL;

  data_put (dir, "rationales.jsonl", line, -1);
  ck_assert_ptr_null (pr_rationales_load (dir, dataset, &error));
  data_expect (&error, PR_ERROR_DATA, ":1: \"text\" has more than 64 KiB");
  text[64 * 1024] = '\0';
  g_free (line);
  line = g_strdup_printf (WITH ("\"%s\"", "\"lm\"", H, "null", "1", "null"), text);
  data_put (dir, "rationales.jsonl", line, -1);
  rationales = pr_rationales_load (dir, dataset, &error);
  ck_assert_no_error (error);
}
END_TEST

START_TEST (a_missing_file_is_said_to_be_missing)
{
  GError *error = NULL;

  ck_assert_ptr_null (pr_rationales_load ("/nonexistent", dataset, &error));
  data_expect (&error, PR_ERROR_IO, "/nonexistent/rationales.jsonl");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("rationales");
  TCase *tc = tcase_create ("rationales");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, they_stand_by_user_and_position);
  tcase_add_test (tc, strings_are_copied);
  tcase_add_test (tc, a_file_keeps_everything);
  tcase_add_test (tc, no_rationales_are_a_sound_file);
  tcase_add_test (tc, unsound_rationales_are_not_saved);
  tcase_add_loop_test (tc, a_file_is_what_it_claims, 0, G_N_ELEMENTS (files));
  tcase_add_test (tc, a_text_is_bounded);
  tcase_add_test (tc, a_missing_file_is_said_to_be_missing);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
