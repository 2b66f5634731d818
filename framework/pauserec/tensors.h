/* tensors.h - named arrays in one file: the safetensors format.
 *
 * Every numeric artifact of pauserec (weights, checkpoints, SIDs, rankings,
 * embeddings, sequences) is such a file, so numpy and Hugging Face read it too.
 * Reading is strict and bounded: header length, offsets, overlaps, dtype and size
 * arithmetic, trailing bytes and duplicate names are all checked before use; every fault is
 * a DATA error that names the file and the tensor.
 */
#ifndef PAUSEREC_TENSORS_H
#define PAUSEREC_TENSORS_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  PR_DTYPE_F32,
  PR_DTYPE_F64,
  PR_DTYPE_I32,
  PR_DTYPE_I64,
  PR_DTYPE_U8,
  PR_DTYPE_BF16, /* read only: foreign weights */
  PR_DTYPE_F16,  /* read only: foreign weights */
} PrDtype;

#define PR_TENSOR_MAX_DIMS 4

typedef struct
{
  const char *name;
  PrDtype dtype;
  guint n_dims;
  gint64 dims[PR_TENSOR_MAX_DIMS];
  gint64 n;         /* elements */
  const void *data; /* row-major, aligned to its element, borrowed from the PrTensors */
} PrTensor;

/* An open file, mapped read-only.  The file must not change while it is open. */
typedef struct PrTensors PrTensors;
PrTensors *pr_tensors_open (const char *path, GError **error);
void pr_tensors_free (PrTensors *tensors);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrTensors, pr_tensors_free)

gsize pr_tensors_n (const PrTensors *tensors);
const PrTensor *pr_tensors_at (const PrTensors *tensors, gsize index); /* in name order */
/* NULL without an error if absent. */
const PrTensor *pr_tensors_lookup (const PrTensors *tensors, const char *name);
/* Value of a "__metadata__" key, or NULL. */
const char *pr_tensors_meta (const PrTensors *tensors, const char *key);
/* The tensor NAME with exactly this type and shape (a dimension of -1 matches any);
 * DATA error naming file, tensor, what was found and what was wanted. */
const PrTensor *pr_tensors_get (const PrTensors *tensors, const char *name, PrDtype dtype,
                                guint n_dims, const gint64 *dims, GError **error);

/* Writing.  Data are borrowed until _write().  The bytes of the file depend only on
 * what was added (names sorted), never on time or machine. */
typedef struct PrTensorsWriter PrTensorsWriter;
PrTensorsWriter *pr_tensors_writer_new (void);
void pr_tensors_writer_free (PrTensorsWriter *writer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrTensorsWriter, pr_tensors_writer_free)
void pr_tensors_writer_meta (PrTensorsWriter *writer, const char *key, const char *value);
void pr_tensors_writer_add (PrTensorsWriter *writer, const char *name, PrDtype dtype, guint n_dims,
                            const gint64 *dims, const void *data);
/* Short cuts for one and two dimensions. */
void pr_tensors_writer_add1 (PrTensorsWriter *writer, const char *name, PrDtype dtype, gint64 n, const void *data);
void pr_tensors_writer_add2 (PrTensorsWriter *writer, const char *name, PrDtype dtype, gint64 rows, gint64 columns, const void *data);
/* Write to a temporary name in the same folder, sync, reopen and compare, rename to PATH.
 * On failure nothing stands at PATH that was not there before. */
gboolean pr_tensors_writer_write (PrTensorsWriter *writer, const char *path, GError **error);

G_END_DECLS

#endif
