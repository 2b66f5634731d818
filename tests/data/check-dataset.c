#include "config.h"

#include "data-check.h"

#include <pauserec/dataset.h>
#include <pauserec/tensors.h>

static const char *const tools[] = { "Tools", "Hand Tools", NULL };
static const char *const none[] = { NULL };
static const PrItem items[] = {
  { "hammer", "Claw hammer", "Nailwell", "Drives\n nails. ", tools },
  { "saw", "Saw", "", "", none },
  { "tape", "Tape é", "Sticky", "", none },
};

/* Three items, four users of length 4, 3, 1 and 2, one group. */
static PrDatasetBuilder *
small (void)
{
  PrDatasetBuilder *builder = pr_dataset_builder_new ("small");
  const gint32 purchases[] = { 0, 1, 2, 1 };
  gsize group;

  for (guint i = 0; i < G_N_ELEMENTS (items); i++)
    ck_assert_int_eq (pr_dataset_builder_add_item (builder, &items[i]), i);
  ck_assert_int_eq (pr_dataset_builder_add_user (builder, "ann", purchases, 4), 0);
  pr_dataset_builder_add_user (builder, "bob", purchases + 1, 3);
  pr_dataset_builder_add_user (builder, "cid", purchases, 1);
  pr_dataset_builder_add_user (builder, "dee", purchases + 2, 2);
  group = pr_dataset_builder_add_group (builder, "text_only");
  pr_dataset_builder_set_group (builder, group, 1, TRUE);
  pr_dataset_builder_note (builder, "tie_rule", "file");
  return builder;
}

static char *
written (void)
{
  g_autoptr (PrDatasetBuilder) builder = small ();
  GError *error = NULL;
  char *dir = pr_check_tmpdir ();

  ck_assert (pr_dataset_builder_write (builder, dir, &error));
  ck_assert_no_error (error);
  return dir;
}

START_TEST (what_is_written_is_read)
{
  g_autofree char *dir = written ();
  GError *error = NULL;
  g_autoptr (PrDataset) dataset = pr_dataset_load (dir, &error);

  ck_assert_no_error (error);
  ck_assert_str_eq (pr_dataset_name (dataset), "small");
  ck_assert_int_eq (pr_dataset_n_users (dataset), 4);
  ck_assert_int_eq (pr_dataset_n_items (dataset), 3);
  ck_assert_int_eq (pr_dataset_n_interactions (dataset), 10);
  ck_assert_str_eq (pr_dataset_user_id (dataset, 3), "dee");
  ck_assert_str_eq (pr_dataset_item (dataset, 2)->title, "Tape é");
  ck_assert_str_eq (pr_dataset_item (dataset, 0)->categories[1], "Hand Tools");
  ck_assert_ptr_null (pr_dataset_item (dataset, 0)->categories[2]);
  ck_assert_ptr_null (pr_dataset_item (dataset, 1)->categories[0]);
  ck_assert_str_eq (pr_dataset_item (dataset, 1)->brand, "");
  ck_assert_uint_eq (pr_dataset_n_groups (dataset), 1);
  ck_assert_str_eq (pr_dataset_group_name (dataset, 0), "text_only");
  ck_assert_int_eq (memcmp (pr_dataset_group (dataset, 0), "\0\1\0\0", 4), 0);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (leave_one_out)
{
  g_autofree char *dir = written ();
  g_autoptr (PrDataset) dataset = pr_dataset_load (dir, NULL);
  /* ann 0 1 2 1; bob 1 2 1; cid 0; dee 2 1 */
  const gint32 targets[4][3] = { { 1, 2, 1 }, { -1, 2, 1 }, { -1, -1, -1 }, { -1, -1, 1 } };
  const gint64 histories[4][3] = { { 1, 2, 3 }, { 0, 1, 2 }, { 0, 0, 0 }, { 0, 0, 1 } };
  const gint64 train[4] = { 2, 1, 0, 0 };
  gint64 n;

  for (gint64 u = 0; u < 4; u++)
    {
      for (int split = PR_SPLIT_TRAIN; split <= PR_SPLIT_TEST; split++)
        {
          ck_assert_int_eq (pr_dataset_target (dataset, u, (PrSplit)split), targets[u][split]);
          ck_assert_ptr_eq (pr_dataset_history (dataset, u, (PrSplit)split, &n), pr_dataset_sequence (dataset, u, &n));
          pr_dataset_history (dataset, u, (PrSplit)split, &n);
          ck_assert_int_eq (n, histories[u][split]);
        }
      pr_dataset_train_sequence (dataset, u, &n);
      ck_assert_int_eq (n, train[u]);
    }
  pr_check_rmdir (dir);
}
END_TEST

static void
expect_text (const char *title, const char *brand, const char *const *categories, const char *description,
             const char *expected)
{
  g_autoptr (GString) text = g_string_new ("");
  const PrItem item = { "id", title, brand, description, categories };

  pr_item_append_text (&item, text);
  ck_assert_str_eq (text->str, expected);
}

START_TEST (item_text)
{
  expect_text ("Claw hammer", "Nailwell", tools, "Drives\n  nails. ",
               "Claw hammer by Nailwell. Tools > Hand Tools. Drives nails.");
  expect_text ("Saw", "", none, "", "Saw");
  expect_text ("Wow!", "", none, "Sharp", "Wow! Sharp");
  expect_text ("", "Acme Inc.", none, "Sharp", "Acme Inc. Sharp");
  expect_text ("", "", tools, "Sharp", "Tools > Hand Tools. Sharp");
  expect_text ("", "", tools, "", "Tools > Hand Tools");
  expect_text ("", "", none, "", "");
}
END_TEST

static void
expect_builder_error (PrDatasetBuilder *builder, const char *part)
{
  g_autofree char *dir = pr_check_tmpdir ();
  GError *error = NULL;

  ck_assert (!pr_dataset_builder_write (builder, dir, &error));
  data_expect (&error, PR_ERROR_DATA, part);
  /* Nothing may stand there that a later run takes for a data set. */
  ck_assert_int_eq (g_rmdir (dir), 0);
  pr_dataset_builder_free (builder);
}

START_TEST (the_builder_refuses_unsound_data)
{
  PrDatasetBuilder *builder = small ();
  const PrItem nameless = { "", "t", "", "", none }, latin = { "x", "caf\xe9", "", "", none };
  const gint32 outside = 3, negative = -1;

  pr_dataset_builder_add_item (builder, &items[1]);
  expect_builder_error (builder, "'saw' was added twice");
  builder = small ();
  pr_dataset_builder_add_item (builder, &nameless);
  expect_builder_error (builder, "no sound id");
  builder = small ();
  pr_dataset_builder_add_item (builder, &latin);
  expect_builder_error (builder, "UTF-8");
  builder = small ();
  pr_dataset_builder_add_user (builder, "ann", &outside, 0);
  expect_builder_error (builder, "user 'ann' was added twice");
  builder = small ();
  pr_dataset_builder_add_user (builder, "a\nb", &outside, 0);
  expect_builder_error (builder, "no sound id");
  builder = small ();
  pr_dataset_builder_add_user (builder, "eve", &outside, 1);
  expect_builder_error (builder, "bought item 3");
  builder = small ();
  pr_dataset_builder_add_user (builder, "eve", &negative, 1);
  expect_builder_error (builder, "bought item -1");
  builder = small ();
  pr_dataset_builder_add_group (builder, "Text-only");
  expect_builder_error (builder, "no group name");
  builder = small ();
  pr_dataset_builder_set_group (builder, 1, 0, TRUE);
  expect_builder_error (builder, "never added");
  expect_builder_error (pr_dataset_builder_new ("void"), "empty");
}
END_TEST

static void
expect_load_error (const char *dir, const char *part)
{
  GError *error = NULL;

  ck_assert_ptr_null (pr_dataset_load (dir, &error));
  data_expect (&error, PR_ERROR_DATA, part);
}

#define ITEM(id) "{\"id\":\"" id "\",\"title\":\"\",\"brand\":\"\",\"categories\":[],\"description\":\"\"}\n"
#define HEAD(items, users, rows, groups)                                                                               \
  "{\"format\": \"dataset/1\", \"name\": \"small\", \"n_items\": " items ", \"n_users\": " users                       \
  ", \"n_interactions\": " rows ", \"groups\": " groups "}"

START_TEST (damaged_text_files_are_refused)
{
  g_autofree char *dir = written ();

  data_put (dir, "items.jsonl", ITEM ("a") ITEM ("b") ITEM ("a"), -1);
  expect_load_error (dir, "items.jsonl:3: item 'a' stands here a second time");
  data_put (dir, "items.jsonl", ITEM ("a") ITEM ("b"), -1);
  expect_load_error (dir, "2 items, but");
  data_put (dir, "items.jsonl", ITEM ("a") ITEM ("b") ITEM ("c") ITEM ("d"), -1);
  expect_load_error (dir, "items.jsonl:4: more items");
  data_put (dir, "items.jsonl", ITEM ("a") "{\"id\": \"b\"}\n" ITEM ("c"), -1);
  expect_load_error (dir, "items.jsonl:2: an item needs");
  data_put (dir, "items.jsonl",
            ITEM ("a") "{\"id\":\"b\",\"title\":\"\",\"brand\":\"\",\"categories\":[],\"description\":\"\",\"x\":1}\n",
            -1);
  expect_load_error (dir, "items.jsonl:2: an item needs exactly");
  data_put (dir, "items.jsonl", ITEM ("a") "[]\n" ITEM ("c"), -1);
  expect_load_error (dir, "items.jsonl:2: an item needs");
  data_put (dir, "items.jsonl", ITEM ("a") "{\"id\n" ITEM ("c"), -1);
  expect_load_error (dir, "items.jsonl:2");
  data_put (dir, "items.jsonl", ITEM ("a") ITEM ("b") ITEM ("c"), -1);
  data_put (dir, "users.txt", "ann\nbob\nann\ndee\n", -1);
  expect_load_error (dir, "users.txt:3: user 'ann' stands here a second time");
  data_put (dir, "users.txt", "ann\n\ncid\ndee\n", -1);
  expect_load_error (dir, "users.txt:2: not a user id");
  data_put (dir, "users.txt", "ann\nbob\n", -1);
  expect_load_error (dir, "2 users, but");
  data_put (dir, "users.txt", "a\nb\nc\nd\ne\n", -1);
  expect_load_error (dir, "users.txt:5: more users");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (damaged_heads_are_refused)
{
  g_autofree char *dir = written ();

  data_put (dir, "dataset.json", HEAD ("0", "4", "10", "[\"text_only\"]"), -1);
  expect_load_error (dir, "\"n_items\" must be");
  data_put (dir, "dataset.json", HEAD ("3", "99999999999", "10", "[\"text_only\"]"), -1);
  expect_load_error (dir, "\"n_users\" must be");
  data_put (dir, "dataset.json", HEAD ("3", "4", "-1", "[\"text_only\"]"), -1);
  expect_load_error (dir, "\"n_interactions\" must be");
  data_put (dir, "dataset.json", HEAD ("3", "4", "11", "[\"text_only\"]"), -1);
  expect_load_error (dir, "items");
  data_put (dir, "dataset.json", HEAD ("3", "4", "10", "[\"a\", \"a\"]"), -1);
  expect_load_error (dir, "group 1");
  data_put (dir, "dataset.json", HEAD ("3", "4", "10", "[\"a\", \"b\"]"), -1);
  expect_load_error (dir, "groups");
  data_put (dir, "dataset.json", HEAD ("3", "4", "10", "7"), -1);
  expect_load_error (dir, "\"groups\" must be");
  data_put (dir, "dataset.json", "{\"format\": \"dataset/2\", \"name\": \"x\"}", -1);
  expect_load_error (dir, "not the head of a data set");
  data_put (dir, "dataset.json", "[]", -1);
  expect_load_error (dir, "not the head of a data set");
  data_put (dir, "dataset.json", "", -1);
  expect_load_error (dir, "dataset.json");
  pr_check_rmdir (dir);
}
END_TEST

static void
put_sequences (const char *dir, gint64 o1, gint64 o4, gint32 item, guint8 member)
{
  g_autofree char *path = g_build_filename (dir, "sequences.safetensors", NULL);
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();
  const gint64 offsets[5] = { 0, o1, 7, 8, o4 };
  const gint32 purchases[10] = { 0, 1, 2, item };
  const guint8 members[4] = { 0, 0, 0, member };

  pr_tensors_writer_add1 (writer, "offsets", PR_DTYPE_I64, 5, offsets);
  pr_tensors_writer_add1 (writer, "items", PR_DTYPE_I32, 10, purchases);
  pr_tensors_writer_add2 (writer, "groups", PR_DTYPE_U8, 1, 4, members);
  ck_assert (pr_tensors_writer_write (writer, path, NULL));
}

START_TEST (damaged_sequences_are_refused)
{
  g_autofree char *dir = written ();
  g_autoptr (PrDataset) dataset = NULL;

  put_sequences (dir, 4, 10, 2, 1);
  dataset = pr_dataset_load (dir, NULL);
  ck_assert_ptr_nonnull (dataset);
  put_sequences (dir, 9, 10, 2, 1);
  expect_load_error (dir, "offsets falls at user 1");
  put_sequences (dir, 4, 9, 2, 1);
  expect_load_error (dir, "offsets must run from 0 to 10");
  put_sequences (dir, 4, 10, 3, 1);
  expect_load_error (dir, "items holds 3 at 3");
  put_sequences (dir, 4, 10, -1, 1);
  expect_load_error (dir, "items holds -1 at 3");
  put_sequences (dir, 4, 10, 2, 2);
  expect_load_error (dir, "groups holds 2 at 3");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_missing_folder_is_an_io_error)
{
  GError *error = NULL;

  ck_assert_ptr_null (pr_dataset_load ("/nonexistent", &error));
  data_expect (&error, PR_ERROR_IO, "/nonexistent/dataset.json");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("dataset");
  TCase *tc = tcase_create ("dataset");

  tcase_add_test (tc, what_is_written_is_read);
  tcase_add_test (tc, leave_one_out);
  tcase_add_test (tc, item_text);
  tcase_add_test (tc, the_builder_refuses_unsound_data);
  tcase_add_test (tc, damaged_text_files_are_refused);
  tcase_add_test (tc, damaged_heads_are_refused);
  tcase_add_test (tc, damaged_sequences_are_refused);
  tcase_add_test (tc, a_missing_folder_is_an_io_error);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
