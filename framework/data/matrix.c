#include "config.h"

#include <math.h>
#include <pauserec/error.h>
#include <pauserec/matrix.h>
#include <pauserec/tensors.h>
#include <stdlib.h>
#include <string.h>

#define EMBEDDINGS_FILE "embeddings.safetensors"
#define ALIGNMENT 64

PrMatrix *
pr_matrix_new (gint64 rows, gint64 columns, GError **error)
{
  PrMatrix *matrix;
  void *data = NULL;
  gsize bytes = 0;

  if (rows > 0 && columns > 0 && columns <= G_MAXINT64 / 8 / rows)
    bytes = (gsize)rows * (gsize)columns * sizeof (float);
  if (bytes == 0 || posix_memalign (&data, ALIGNMENT, bytes) != 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "no memory for a matrix of %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT " numbers", rows, columns);
      return NULL;
    }
  memset (data, 0, bytes);
  matrix = g_new (PrMatrix, 1);
  *matrix = (PrMatrix){ rows, columns, data };
  return matrix;
}

void
pr_matrix_free (PrMatrix *matrix)
{
  if (matrix == NULL)
    return;
  free (matrix->data);
  g_free (matrix);
}

PrMatrix *
pr_embeddings_load (const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, EMBEDDINGS_FILE, NULL);
  g_autoptr (PrTensors) tensors = pr_tensors_open (path, error);
  g_autoptr (PrMatrix) matrix = NULL;
  const gint64 any[2] = { -1, -1 };
  const PrTensor *tensor;

  if (tensors == NULL)
    return NULL;
  tensor = pr_tensors_get (tensors, "embeddings", PR_DTYPE_F32, 2, any, error);
  if (tensor == NULL)
    return NULL;
  if (tensor->n == 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: tensor embeddings is empty", path);
      return NULL;
    }
  matrix = pr_matrix_new (tensor->dims[0], tensor->dims[1], error);
  if (matrix == NULL)
    return NULL;
  memcpy (matrix->data, tensor->data, (gsize)tensor->n * sizeof (float));
  for (gint64 i = 0; i < tensor->n; i++)
    if (!isfinite (matrix->data[i]))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: tensor embeddings: row %" G_GINT64_FORMAT " is not finite",
                     path, i / matrix->columns);
        return NULL;
      }
  return g_steal_pointer (&matrix);
}

gboolean
pr_embeddings_save (const PrMatrix *matrix, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, EMBEDDINGS_FILE, NULL);
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();

  for (gint64 i = 0; i < matrix->rows * matrix->columns; i++)
    if (!isfinite (matrix->data[i]))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC, "the embedding of item %" G_GINT64_FORMAT " is not finite",
                     i / matrix->columns);
        return FALSE;
      }
  pr_tensors_writer_add2 (writer, "embeddings", PR_DTYPE_F32, matrix->rows, matrix->columns, matrix->data);
  return pr_tensors_writer_write (writer, path, error);
}
