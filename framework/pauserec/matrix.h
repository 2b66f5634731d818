/* matrix.h - dense float matrices; artifact `embeddings/1`; NumPy's .npy. */
#ifndef PAUSEREC_MATRIX_H
#define PAUSEREC_MATRIX_H

#include <glib.h>

G_BEGIN_DECLS

/* rows x columns, row-major, data aligned to 64 bytes and owned. */
typedef struct
{
  gint64 rows, columns;
  float *data;
} PrMatrix;

/* Zero-filled. Sizes must be positive; NULL with an IO error if memory does not suffice. */
PrMatrix *pr_matrix_new (gint64 rows, gint64 columns, GError **error);
void pr_matrix_free (PrMatrix *matrix);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrMatrix, pr_matrix_free)

/* `embeddings/1`: `embeddings.safetensors` with F32 tensor "embeddings" [n_items, d], row i = item i of the dataset. */
PrMatrix *pr_embeddings_load (const char *dir, GError **error);
gboolean pr_embeddings_save (const PrMatrix *matrix, const char *dir, GError **error);

/* A .npy file (format 1 to 3, C order, <f4 or <f8, two dimensions). Non-finite values are a DATA error. */
PrMatrix *pr_matrix_load_npy (const char *path, GError **error);

G_END_DECLS

#endif
