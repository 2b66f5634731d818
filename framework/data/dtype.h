/* dtype.h - what reader and writer of safetensors share. */
#ifndef PR_DTYPE_H
#define PR_DTYPE_H

#include <pauserec/tensors.h>

#define PR_N_DTYPES (PR_DTYPE_F16 + 1)

const char *pr_dtype_name (PrDtype dtype); /* as in the file: "F32" */
gsize pr_dtype_size (PrDtype dtype);       /* bytes an element */
/* Elements and bytes of a shape; FALSE if a dimension is negative or the product does not fit. */
gboolean pr_dtype_count (PrDtype dtype, guint n_dims, const gint64 *dims, gint64 *ret_n, gsize *ret_bytes);

#endif
