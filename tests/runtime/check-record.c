#include "config.h"

#include "pr-check.h"

#include "runtime/record.h"

#include <math.h>

static PrRecord *
make (void)
{
  PrRecord *record = pr_record_new ();
  const float users[] = { 1, NAN, 0.5f };

  pr_record_metric (record, "hit_10", 0.1);
  pr_record_metric (record, "oracle", NAN);
  pr_record_metric (record, "hit_10", 0.25);
  for (guint64 i = 0; i < 100; i++)
    pr_record_curve (record, "loss", i * 2, 1.0 / (double)(i + 1));
  pr_record_curve (record, "lr", 0, 0.5);
  pr_record_users (record, "hit_10", users, 3);
  pr_record_users (record, "empty", NULL, 0);
  pr_record_column (record, "buckets", "size", 1);
  pr_record_column (record, "buckets", "n", 10);
  pr_record_column (record, "buckets", "size", 2);
  pr_record_column (record, "buckets", "n", 3);
  record->costs[PR_COST_FLOPS] = 1.5e15;
  record->wall_seconds = 2.5;
  record->cpu_seconds = 4.75;
  record->peak_rss = (guint64)5 << 32;
  return record;
}

START_TEST (a_record_comes_back)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autoptr (PrRecord) record = make ();
  g_autoptr (PrRecord) back = NULL;
  g_autoptr (GError) error = NULL;
  const PrRecordCurve *loss;
  const PrRecordUsers *users;
  const PrRecordColumn *column;

  ck_assert (pr_record_save (record, dir, &error));
  back = pr_record_load (dir, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (back->metrics->len, 2);
  ck_assert_str_eq (((PrRecordMetric *)back->metrics->pdata[0])->name, "hit_10");
  ck_assert_double_eq (((PrRecordMetric *)back->metrics->pdata[0])->value, 0.25);
  ck_assert (isnan (((PrRecordMetric *)back->metrics->pdata[1])->value));
  ck_assert_uint_eq (back->curves->len, 2);
  loss = back->curves->pdata[0];
  ck_assert_str_eq (loss->series, "loss");
  ck_assert_uint_eq (loss->steps->len, 100);
  ck_assert_uint_eq (g_array_index (loss->steps, guint64, 99), 198);
  ck_assert_double_eq (g_array_index (loss->values, double, 99), 0.01);
  users = back->users->pdata[0];
  ck_assert_uint_eq (users->values->len, 3);
  ck_assert (isnan (g_array_index (users->values, float, 1)));
  ck_assert_float_eq (g_array_index (users->values, float, 2), 0.5f);
  ck_assert_uint_eq (((PrRecordUsers *)back->users->pdata[1])->values->len, 0);
  column = back->columns->pdata[1];
  ck_assert_str_eq (column->table, "buckets");
  ck_assert_str_eq (column->column, "n");
  ck_assert_double_eq (g_array_index (column->values, double, 1), 3);
  ck_assert_double_eq (back->costs[PR_COST_FLOPS], 1.5e15);
  ck_assert_double_eq (back->wall_seconds, 2.5);
  ck_assert_double_eq (back->cpu_seconds, 4.75);
  ck_assert_uint_eq (back->peak_rss, (guint64)5 << 32);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (a_damaged_record_is_refused)
{
  const char *const changes[][2] = {
    { "pauserec-record/1", "pauserec-record/9" },
    { "\"hit_10\"", "\"Hit@10\"" },
    { "\"loss\"", "\"loss2\"" },
    { "\"flops\"", "\"flips\"" },
    { "\"n\"", "\"m\"" },
    { "wall_seconds", "wall" },
  };
  g_autofree char *dir = pr_check_tmpdir (), *path = g_build_filename (dir, "record.json", NULL);
  g_autofree char *numbers = g_build_filename (dir, "record.safetensors", NULL), *text = NULL;
  g_autoptr (PrRecord) record = make ();
  g_autoptr (GError) error = NULL;

  ck_assert (pr_record_save (record, dir, &error));
  ck_assert (g_file_get_contents (path, &text, NULL, NULL));
  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_auto (GStrv) parts = g_strsplit (text, changes[i][0], 2);
      g_autofree char *changed = g_strconcat (parts[0], changes[i][1], parts[1], NULL);

      ck_assert (g_file_set_contents (path, changed, -1, NULL));
      ck_assert_ptr_null (pr_record_load (dir, &error));
      ck_assert_pr_error (error, PR_ERROR_DATA, dir);
      g_clear_error (&error);
    }
  ck_assert (g_file_set_contents (path, text, -1, NULL));
  g_unlink (numbers);
  ck_assert_ptr_null (pr_record_load (dir, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, "record.safetensors");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (names_are_identifiers)
{
  ck_assert (pr_record_name_ok ("ndcg_10"));
  ck_assert (pr_record_name_ok ("a23456789012345678901234567890123456789012345_7"));
  ck_assert (!pr_record_name_ok ("a234567890123456789012345678901234567890123456_8"));
  ck_assert (!pr_record_name_ok (""));
  ck_assert (!pr_record_name_ok ("_a"));
  ck_assert (!pr_record_name_ok ("1a"));
  ck_assert (!pr_record_name_ok ("hit@10"));
  ck_assert (!pr_record_name_ok ("Hit"));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("record");
  TCase *tc = tcase_create ("record");

  tcase_add_test (tc, a_record_comes_back);
  tcase_add_test (tc, a_damaged_record_is_refused);
  tcase_add_test (tc, names_are_identifiers);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
