#include "config.h"

#include "data-check.h"

#include <pauserec/sids.h>
#include <pauserec/tensors.h>

static const gint32 sizes[2] = { 3, 2 };

static PrSids *
sound (void)
{
  PrSids *sids = pr_sids_new (3, 2, sizes);
  const gint32 codes[6] = { 0, 1, 2, 0, 2, 0 };

  memcpy (sids->codes, codes, sizeof codes);
  return sids;
}

START_TEST (what_is_saved_is_loaded)
{
  g_autofree char *dir = pr_check_tmpdir ();
  GError *error = NULL;
  g_autoptr (PrSids) sids = sound ();
  g_autoptr (PrSids) back = NULL;

  ck_assert (pr_sids_save (sids, "keep", dir, &error));
  back = pr_sids_load (dir, &error);
  ck_assert_no_error (error);
  ck_assert_int_eq (back->n_items, 3);
  ck_assert_int_eq (back->levels, 2);
  ck_assert_int_eq (back->sizes[0], 3);
  ck_assert_int_eq (pr_sids_item (back, 1)[0], 2);
  ck_assert_int_eq (memcmp (back->codes, sids->codes, 6 * sizeof (gint32)), 0);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (tokens_are_numbered_level_by_level)
{
  g_autoptr (PrSids) sids = sound ();
  g_auto (GStrv) names = pr_sids_token_names (sids);

  ck_assert_int_eq (pr_sids_n_tokens (sids), 5);
  ck_assert_uint_eq (g_strv_length (names), 5);
  ck_assert_str_eq (names[2], "<a_2>");
  ck_assert_str_eq (names[3], "<b_0>");
  ck_assert_str_eq (names[pr_sids_token_index (sids, 1, 1)], "<b_1>");
  ck_assert_int_eq (pr_sids_token_index (sids, 0, 2), 2);
}
END_TEST

static void
put (const char *dir, gint64 levels, const gint32 *level_sizes, gint64 rows, gint64 columns, const gint32 *codes)
{
  g_autofree char *path = g_build_filename (dir, "sids.safetensors", NULL);
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();

  pr_tensors_writer_add1 (writer, "sizes", PR_DTYPE_I32, levels, level_sizes);
  pr_tensors_writer_add2 (writer, "codes", PR_DTYPE_I32, rows, columns, codes);
  ck_assert (pr_tensors_writer_write (writer, path, NULL));
}

static void
expect_error (const char *dir, const char *part)
{
  GError *error = NULL;

  ck_assert_ptr_null (pr_sids_load (dir, &error));
  data_expect (&error, PR_ERROR_DATA, part);
}

START_TEST (unsound_sids_are_refused)
{
  g_autofree char *dir = pr_check_tmpdir ();
  GError *error = NULL;
  g_autoptr (PrSids) sids = sound ();
  const gint32 many[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, zero[9] = { 0 }, high[2] = { 1, 2 }, low[2] = { -1, 0 };
  const gint32 huge[2] = { G_MAXINT32, G_MAXINT32 }, none[2] = { 0, 2 };

  put (dir, 2, sizes, 1, 2, high);
  expect_error (dir, "item 0 has code 2 on level 1");
  put (dir, 2, sizes, 1, 2, low);
  expect_error (dir, "item 0 has code -1 on level 0");
  put (dir, 9, many, 1, 9, zero);
  expect_error (dir, "9 levels");
  put (dir, 2, huge, 1, 2, zero);
  expect_error (dir, "level 0 has 2147483647 codes");
  put (dir, 2, none, 1, 2, zero);
  expect_error (dir, "level 0 has 0 codes");
  put (dir, 2, sizes, 1, 3, zero);
  expect_error (dir, "codes");
  sids->codes[3] = 2;
  ck_assert (!pr_sids_save (sids, "keep", dir, &error));
  data_expect (&error, PR_ERROR_DATA, "item 1 has code 2 on level 1");
  pr_check_rmdir (dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sids");
  TCase *tc = tcase_create ("sids");

  tcase_add_test (tc, what_is_saved_is_loaded);
  tcase_add_test (tc, tokens_are_numbered_level_by_level);
  tcase_add_test (tc, unsound_sids_are_refused);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
