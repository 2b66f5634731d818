#include "config.h"

#include "pr-check.h"

#include <pauserec/io.h>
#include <pauserec/tensors.h>

static char *dir, *path;

static void
setup (void)
{
  dir = pr_check_tmpdir ();
  path = g_build_filename (dir, "x.safetensors", NULL);
}

static void
teardown (void)
{
  pr_check_rmdir (dir);
  g_free (path);
  g_free (dir);
}

START_TEST (tensors_come_back)
{
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();
  g_autoptr (PrTensors) tensors = NULL;
  g_autoptr (GError) error = NULL;
  const float f[] = { 1, 2, 3, 4, 5, 6 };
  const double d[] = { 0.1 };
  const gint32 i[] = { -1, 7 };
  const gint64 l[] = { G_MININT64 };
  const guint8 u[] = { 1, 2, 3 };
  const gint64 any[] = { -1, 3 }, wrong[] = { 2, 4 };
  const PrTensor *t;

  pr_tensors_writer_add1 (writer, "u", PR_DTYPE_U8, 3, u);
  pr_tensors_writer_add2 (writer, "f", PR_DTYPE_F32, 2, 3, f);
  pr_tensors_writer_add (writer, "d", PR_DTYPE_F64, 0, NULL, d);
  pr_tensors_writer_add1 (writer, "i", PR_DTYPE_I32, 2, i);
  pr_tensors_writer_add1 (writer, "l", PR_DTYPE_I64, 1, l);
  pr_tensors_writer_add1 (writer, "empty", PR_DTYPE_F32, 0, NULL);
  pr_tensors_writer_meta (writer, "split", "test");
  ck_assert (pr_tensors_writer_write (writer, path, &error));
  tensors = pr_tensors_open (path, &error);
  ck_assert_no_error (error);
  ck_assert_uint_eq (pr_tensors_n (tensors), 6);
  ck_assert_str_eq (pr_tensors_at (tensors, 0)->name, "d");
  ck_assert_str_eq (pr_tensors_at (tensors, 5)->name, "u");
  ck_assert_str_eq (pr_tensors_meta (tensors, "split"), "test");
  ck_assert_ptr_null (pr_tensors_meta (tensors, "none"));
  ck_assert_ptr_null (pr_tensors_lookup (tensors, "none"));
  t = pr_tensors_get (tensors, "f", PR_DTYPE_F32, 2, any, &error);
  ck_assert_no_error (error);
  ck_assert_int_eq (t->n, 6);
  ck_assert_int_eq (memcmp (t->data, f, sizeof f), 0);
  t = pr_tensors_lookup (tensors, "l");
  ck_assert_uint_eq ((guintptr)t->data % 8, 0);
  ck_assert_int_eq (*(const gint64 *)t->data, G_MININT64);
  t = pr_tensors_lookup (tensors, "d");
  ck_assert_uint_eq (t->n_dims, 0);
  ck_assert_double_eq (*(const double *)t->data, 0.1);
  ck_assert_int_eq (pr_tensors_lookup (tensors, "empty")->n, 0);
  ck_assert_ptr_null (pr_tensors_get (tensors, "f", PR_DTYPE_F32, 2, wrong, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "tensor 'f': is F32 [2, 3], wanted F32 [2, 4]");
  g_clear_error (&error);
  ck_assert_ptr_null (pr_tensors_get (tensors, "i", PR_DTYPE_I64, 1, any, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "wanted I64 [?]");
  g_clear_error (&error);
  ck_assert_ptr_null (pr_tensors_get (tensors, "none", PR_DTYPE_I64, 1, any, &error));
  ck_assert_pr_error (error, PR_ERROR_DATA, "'none' (I64 [?]) is missing");
}
END_TEST

START_TEST (bytes_do_not_depend_on_the_order_of_adding)
{
  const gint32 a[] = { 1 }, b[] = { 2 };
  g_autofree char *one = NULL, *two = NULL;
  gsize one_length, two_length;

  for (int turn = 0; turn < 2; turn++)
    {
      g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();

      pr_tensors_writer_add1 (writer, turn ? "a" : "b", PR_DTYPE_I32, 1, turn ? a : b);
      pr_tensors_writer_meta (writer, turn ? "y" : "x", "1");
      pr_tensors_writer_add1 (writer, turn ? "b" : "a", PR_DTYPE_I32, 1, turn ? b : a);
      pr_tensors_writer_meta (writer, turn ? "x" : "y", "1");
      ck_assert (pr_tensors_writer_write (writer, path, NULL));
      *(turn ? &two : &one) = pr_file_read (path, 1000, turn ? &two_length : &one_length, NULL);
    }
  ck_assert_uint_eq (one_length, two_length);
  ck_assert_int_eq (memcmp (one, two, one_length), 0);
}
END_TEST

START_TEST (misuse_of_the_writer_is_told)
{
  const gint32 a[] = { 1 };
  const gint64 negative[] = { -1 }, huge[] = { G_MAXINT64 / 2, 4 }, five[] = { 1, 1, 1, 1, 1 };

  for (int kind = 0; kind < 7; kind++)
    {
      g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();
      g_autoptr (GError) error = NULL;

      pr_tensors_writer_add1 (writer, "a", PR_DTYPE_I32, 1, a);
      if (kind == 0)
        pr_tensors_writer_add1 (writer, "a", PR_DTYPE_I32, 1, a);
      else if (kind == 1)
        pr_tensors_writer_add (writer, "b", PR_DTYPE_I32, 1, negative, a);
      else if (kind == 2)
        pr_tensors_writer_add (writer, "b", PR_DTYPE_I32, 2, huge, a);
      else if (kind == 3)
        pr_tensors_writer_add (writer, "b", PR_DTYPE_I32, 5, five, a);
      else if (kind == 4)
        pr_tensors_writer_add1 (writer, "b", PR_DTYPE_BF16, 1, a);
      else if (kind == 5)
        pr_tensors_writer_add1 (writer, "b", PR_DTYPE_I32, 1, NULL);
      else
        pr_tensors_writer_add1 (writer, "\xff", PR_DTYPE_I32, 1, a);
      ck_assert (!pr_tensors_writer_write (writer, path, &error));
      ck_assert_pr_error (error, PR_ERROR_PLUGIN, "tensor");
      ck_assert (!g_file_test (path, G_FILE_TEST_EXISTS));
    }
}
END_TEST

#define T(dtype, shape, from, to) "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

/* Header text, bytes of data after it, and what the message must say (NULL: sound). */
static const struct
{
  const char *header;
  gsize data;
  const char *fault;
} hostile[] = {
  { "{}", 0, NULL },
  { "{\"a\":" T ("F32", "[2]", "0", "8") "}", 8, NULL },
  { "{\"a\":" T ("U8", "[1]", "0", "1") ",\"b\":" T ("F32", "[1]", "1", "5") "}", 5, NULL }, /* unaligned: copied */
  { "{\"a\":" T ("F32", "[2]", "0", "8") "}   ", 8, NULL },
  { "{\"a\":" T ("F32", "[2]", "0", "8") "}", 7, "truncated" },
  { "{\"a\":" T ("F32", "[2]", "0", "8") "}", 9, "1 bytes after the last tensor" },
  { "{}", 1, "1 bytes after" },
  { "{\"a\":" T ("F32", "[2]", "0", "8") ",\"b\":" T ("F32", "[2]", "4", "12") "}", 12, "overlap" },
  { "{\"a\":" T ("F32", "[1]", "0", "4") ",\"b\":" T ("F32", "[1]", "8", "12") "}", 12, "unused bytes" },
  { "{\"a\":" T ("F32", "[1]", "4", "8") "}", 8, "unused bytes" },
  { "{\"a\":" T ("F64", "[2]", "0", "8") "}", 8, "dtype and shape say 16" },
  { "{\"a\":" T ("F32", "[2]", "0", "8") ",\"a\":" T ("F32", "[2]", "0", "8") "}", 8, "duplicate" },
  { "{\"a\":" T ("I8", "[8]", "0", "8") "}", 8, "dtype I8" },
  { "{\"a\":" T ("F32", "[4611686018427387904,4]", "0", "8") "}", 8, "too large" },
  { "{\"a\":" T ("F32", "[9223372036854775807]", "0", "8") "}", 8, "too large" },
  { "{\"a\":" T ("F32", "[99999999999999999999]", "0", "8") "}", 8, "not valid JSON" },
  { "{\"a\":" T ("F32", "[-2]", "0", "8") "}", 8, "dimension 0" },
  { "{\"a\":" T ("F32", "[2.0]", "0", "8") "}", 8, "dimension 0" },
  { "{\"a\":" T ("F32", "[2,1,1,1,1]", "0", "8") "}", 8, "5 dimensions" },
  { "{\"a\":" T ("F32", "2", "0", "8") "}", 8, "shape" },
  { "{\"a\":" T ("F32", "[2]", "8", "0") "}", 8, "data_offsets" },
  { "{\"a\":" T ("F32", "[2]", "-8", "0") "}", 8, "data_offsets" },
  { "{\"a\":" T ("F32", "[2]", "0", "9223372036854775807") "}", 8, "data_offsets" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "pair" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "exactly" },
  { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offset\":[0,8]}}", 8, "pair" },
  { "{\"a\":7}", 0, "exactly" },
  { "{\"__metadata__\":{\"k\":1}}", 0, "'k' is no string" },
  { "{\"__metadata__\":1}", 0, "__metadata__" },
  { "[]", 0, "no JSON object" },
  { "{\"a\"", 0, "not valid JSON" },
  { "", 0, "not valid JSON" },
  { "{\"\xff\":{}}", 0, "not valid JSON" },
};

static void
put_raw (guint64 header_length, const char *header, gsize data)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree guint8 *zeros = g_malloc0 (data + 1);

  g_byte_array_append (bytes, (const guint8 *)&header_length, 8);
  g_byte_array_append (bytes, (const guint8 *)header, (guint)strlen (header));
  g_byte_array_append (bytes, zeros, (guint)data);
  ck_assert (g_file_set_contents (path, (const char *)bytes->data, (gssize)bytes->len, NULL));
}

START_TEST (headers_are_checked)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (PrTensors) tensors = NULL;

  put_raw (strlen (hostile[_i].header), hostile[_i].header, hostile[_i].data);
  tensors = pr_tensors_open (path, &error);
  if (hostile[_i].fault == NULL)
    {
      ck_assert_no_error (error);
      for (gsize i = 0; i < pr_tensors_n (tensors); i++)
        if (pr_tensors_at (tensors, i)->dtype == PR_DTYPE_F32)
          {
            ck_assert_uint_eq ((guintptr)pr_tensors_at (tensors, i)->data % 4, 0);
            ck_assert_float_eq (*(const float *)pr_tensors_at (tensors, i)->data, 0);
          }
      return;
    }
  ck_assert_ptr_null (tensors);
  ck_assert_pr_error (error, PR_ERROR_DATA, hostile[_i].fault);
  ck_assert_ptr_nonnull (strstr (error->message, path));
}
END_TEST

START_TEST (lengths_are_checked)
{
  const guint64 lengths[] = { 3, G_MAXUINT64, G_MAXUINT64 - 7, G_MAXINT64, (guint64)1 << 40 };
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      put_raw (lengths[i], "{}", 0);
      ck_assert_ptr_null (pr_tensors_open (path, &error));
      ck_assert_pr_error (error, PR_ERROR_DATA, "truncated");
      g_clear_error (&error);
    }
  for (gssize n = 0; n < 8; n++)
    {
      ck_assert (g_file_set_contents (path, "\0\0\0\0\0\0\0", n, NULL));
      ck_assert_ptr_null (pr_tensors_open (path, &error));
      ck_assert_pr_error (error, PR_ERROR_DATA, "shorter than");
      g_clear_error (&error);
    }
}
END_TEST

START_TEST (missing_file_and_folder_are_io_errors)
{
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_null (pr_tensors_open (path, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, path);
  g_clear_error (&error);
  ck_assert_ptr_null (pr_tensors_open (dir, &error));
  ck_assert_pr_error (error, PR_ERROR_IO, dir);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("tensors");
  TCase *tc = tcase_create ("tensors");

  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, tensors_come_back);
  tcase_add_test (tc, bytes_do_not_depend_on_the_order_of_adding);
  tcase_add_test (tc, misuse_of_the_writer_is_told);
  tcase_add_loop_test (tc, headers_are_checked, 0, G_N_ELEMENTS (hostile));
  tcase_add_test (tc, lengths_are_checked);
  tcase_add_test (tc, missing_file_and_folder_are_io_errors);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
