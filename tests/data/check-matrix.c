#include "config.h"

#include "data-check.h"

#include <math.h>
#include <pauserec/matrix.h>
#include <pauserec/tensors.h>

/* A .npy file: version MAJOR.0, HEADER, then N floats 0, 1, 2, ... of WIDTH bytes. */
static char *
npy (const char *dir, guint8 major, const char *header, gsize n, gsize width)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint32 length = (guint32)strlen (header);
  const guint8 head[12] = { 0x93, 'N', 'U', 'M', 'P', 'Y', major, 0, (guint8)length, (guint8)(length >> 8) };

  g_byte_array_append (bytes, head, major == 1 ? 10 : 12);
  g_byte_array_append (bytes, (const guint8 *)header, length);
  for (gsize i = 0; i < n; i++)
    {
      float f = (float)i;
      double d = (double)i;

      g_byte_array_append (bytes, width == 8 ? (const guint8 *)&d : (const guint8 *)&f, (guint)width);
    }
  return data_file (dir, "m.npy", bytes->data, bytes->len);
}

static void
expect_npy (const char *dir, guint8 major, const char *header, gsize width)
{
  g_autofree char *path = npy (dir, major, header, 6, width);
  GError *error = NULL;
  g_autoptr (PrMatrix) matrix = pr_matrix_load_npy (path, &error);

  ck_assert_no_error (error);
  ck_assert_int_eq (matrix->rows, 2);
  ck_assert_int_eq (matrix->columns, 3);
  for (int i = 0; i < 6; i++)
    ck_assert (matrix->data[i] == (float)i);
}

START_TEST (npy_of_every_version)
{
  g_autofree char *dir = pr_check_tmpdir ();

  expect_npy (dir, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", 4);
  expect_npy (dir, 2, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\n", 8);
  expect_npy (dir, 3, "{'shape':(2,3,),'fortran_order':False,'descr':'<f4'}", 4);
  pr_check_rmdir (dir);
}
END_TEST

static void
expect_npy_error (const char *dir, const char *header, const char *part)
{
  g_autofree char *path = npy (dir, 1, header, 6, 4);
  GError *error = NULL;

  ck_assert_ptr_null (pr_matrix_load_npy (path, &error));
  data_expect (&error, PR_ERROR_DATA, part);
}

START_TEST (hostile_npy_headers)
{
  g_autofree char *dir = pr_check_tmpdir ();

#define DESCR "{'descr': '<f4', 'fortran_order': False, 'shape': "
  expect_npy_error (dir, DESCR "(2, 4)}", "size of the file");
  expect_npy_error (dir, DESCR "(0, 3)}", "empty");
  expect_npy_error (dir, DESCR "(2, -3)}", "shape");
  expect_npy_error (dir, DESCR "(6,)}", "shape");
  expect_npy_error (dir, DESCR "(1, 2, 3)}", "shape");
  expect_npy_error (dir, DESCR "(4294967296, 4294967296)}", "size of the file");
  expect_npy_error (dir, DESCR "(9000000000000000000, 9000000000000000000)}", "size of the file");
  expect_npy_error (dir, DESCR "(99999999999999999999, 3)}", "shape");
  expect_npy_error (dir, DESCR "(2, 3), 'shape': (2, 3)}", "repeated");
  expect_npy_error (dir, DESCR "(2, 3), 'extra': 1}", "unknown");
  expect_npy_error (dir, DESCR "(2, 3)} x", "behind");
  expect_npy_error (dir, DESCR "(2, 3)", "dict");
  expect_npy_error (dir, DESCR, "shape");
  expect_npy_error (dir, "{'descr': '<f4', 'fortran_order': False}", "lacks");
  expect_npy_error (dir, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3)}", "<f4");
  expect_npy_error (dir, "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3)}", "<f4");
  expect_npy_error (dir, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", "Fortran");
  expect_npy_error (dir, "", "dict");
#undef DESCR
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (files_that_are_no_npy)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autofree char *path = data_file (dir, "m.npy", "", 0);
  const float nan_row[2] = { 1, NAN };
  g_autofree char *nan_path = npy (dir, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}", 0, 4);
  g_autofree char *bytes = NULL;
  g_autofree char *all = NULL;
  GError *error = NULL;
  gsize n;

  ck_assert (g_file_get_contents (nan_path, &bytes, &n, NULL));
  all = g_malloc (n + sizeof nan_row);
  memcpy (all, bytes, n);
  memcpy (all + n, nan_row, sizeof nan_row);
  data_put (dir, "m.npy", all, (gssize)(n + sizeof nan_row));
  ck_assert_ptr_null (pr_matrix_load_npy (path, &error));
  data_expect (&error, PR_ERROR_DATA, "row 0, column 1");
  /* Every cut of a sound file is refused. */
  for (gsize cut = 0; cut < n + sizeof nan_row; cut++)
    {
      data_put (dir, "m.npy", all, (gssize)cut);
      ck_assert_ptr_null (pr_matrix_load_npy (path, &error));
      data_expect (&error, PR_ERROR_DATA, "m.npy");
    }
  data_put (dir, "m.npy", "\x93NUMPY\x04\x00xxxx", 12);
  ck_assert_ptr_null (pr_matrix_load_npy (path, &error));
  data_expect (&error, PR_ERROR_DATA, "version");
  data_put (dir, "m.npy", "\x93NUMPY\x02\x00\xff\xff\xff\xff", 12);
  ck_assert_ptr_null (pr_matrix_load_npy (path, &error));
  data_expect (&error, PR_ERROR_DATA, "longer");
  ck_assert_ptr_null (pr_matrix_load_npy (dir, &error));
  data_expect (&error, PR_ERROR_DATA, "regular");
  g_unlink (path);
  ck_assert_ptr_null (pr_matrix_load_npy (path, &error));
  data_expect (&error, PR_ERROR_IO, "m.npy");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (embeddings_come_back)
{
  g_autofree char *dir = pr_check_tmpdir ();
  GError *error = NULL;
  g_autoptr (PrMatrix) matrix = pr_matrix_new (3, 5, &error);
  g_autoptr (PrMatrix) back = NULL;

  ck_assert_uint_eq (GPOINTER_TO_SIZE (matrix->data) % 64, 0);
  for (int i = 0; i < 15; i++)
    {
      ck_assert (matrix->data[i] == 0);
      matrix->data[i] = 0.5f * (float)i;
    }
  ck_assert (pr_embeddings_save (matrix, dir, &error));
  back = pr_embeddings_load (dir, &error);
  ck_assert_no_error (error);
  ck_assert_int_eq (back->rows, 3);
  ck_assert_int_eq (back->columns, 5);
  ck_assert_int_eq (memcmp (back->data, matrix->data, 15 * sizeof (float)), 0);
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (embeddings_must_be_finite)
{
  g_autofree char *dir = pr_check_tmpdir ();
  g_autofree char *path = g_build_filename (dir, "embeddings.safetensors", NULL);
  GError *error = NULL;
  g_autoptr (PrMatrix) matrix = pr_matrix_new (2, 2, &error);
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();

  matrix->data[2] = INFINITY;
  ck_assert (!pr_embeddings_save (matrix, dir, &error));
  data_expect (&error, PR_ERROR_NUMERIC, "item 1");
  pr_tensors_writer_add2 (writer, "embeddings", PR_DTYPE_F32, 2, 2, matrix->data);
  ck_assert (pr_tensors_writer_write (writer, path, NULL));
  ck_assert_ptr_null (pr_embeddings_load (dir, &error));
  data_expect (&error, PR_ERROR_DATA, "row 1");
  pr_check_rmdir (dir);
}
END_TEST

START_TEST (absurd_sizes_are_refused)
{
  GError *error = NULL;

  ck_assert_ptr_null (pr_matrix_new (G_MAXINT64 / 2, 16, &error));
  data_expect (&error, PR_ERROR_IO, "no memory");
  ck_assert_ptr_null (pr_matrix_new (0, 16, &error));
  data_expect (&error, PR_ERROR_IO, "no memory");
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("matrix");
  TCase *tc = tcase_create ("matrix");

  tcase_add_test (tc, npy_of_every_version);
  tcase_add_test (tc, hostile_npy_headers);
  tcase_add_test (tc, files_that_are_no_npy);
  tcase_add_test (tc, embeddings_come_back);
  tcase_add_test (tc, embeddings_must_be_finite);
  tcase_add_test (tc, absurd_sizes_are_refused);
  suite_add_tcase (suite, tc);
  return pr_check_main (suite);
}
