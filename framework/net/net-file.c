/* Weights as a file of tensors. */
#include "config.h"

#include "net/net-private.h"

#include <math.h>
#include <pauserec/error.h>
#include <pauserec/tensors.h>
#include <string.h>

gboolean
pr_net_save (PrNet *net, const char *path, GError **error)
{
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();
  const float *weights = pr_net_weights (net);

  for (gsize i = 0; i < pr_net_n_params (net); i++)
    {
      const PrNetParam *p = pr_net_param (net, i);

      if (p->rows == 1)
        pr_tensors_writer_add1 (writer, p->name, PR_DTYPE_F32, p->columns, weights + p->offset);
      else
        pr_tensors_writer_add2 (writer, p->name, PR_DTYPE_F32, p->rows, p->columns, weights + p->offset);
    }
  return pr_tensors_writer_write (writer, path, error);
}

static const float *
find_values (const PrTensors *tensors, const PrNetParam *p, const char *path, GError **error)
{
  const gint64 dims[] = { p->rows, p->columns };
  guint n_dims = p->rows == 1 ? 1 : 2;
  const PrTensor *tensor = pr_tensors_get (tensors, p->name, PR_DTYPE_F32, n_dims, dims + 2 - n_dims, error);
  const float *values = tensor != NULL ? tensor->data : NULL;

  for (gint64 i = 0; values != NULL && i < tensor->n; i++)
    if (!isfinite (values[i]))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                     "'%s': tensor %s holds a number that is not finite at %" G_GINT64_FORMAT
                     "; its training diverged, or the file is damaged",
                     path, p->name, i);
        return NULL;
      }
  return values;
}

gboolean
pr_net_load (PrNet *net, const char *path, GError **error)
{
  g_autoptr (PrTensors) tensors = pr_tensors_open (path, error);
  gsize n = pr_net_n_params (net);
  g_autofree const float **values = g_new (const float *, MAX (n, 1));
  float *weights = pr_net_weights (net);

  if (tensors == NULL)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if ((values[i] = find_values (tensors, pr_net_param (net, i), path, error)) == NULL)
      return FALSE;
  for (gsize i = 0; i < pr_tensors_n (tensors); i++)
    if (pr_net_find (net, pr_tensors_at (tensors, i)->name) < 0)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                     "'%s': tensor %s is none of this model's; the file is another model's", path,
                     pr_tensors_at (tensors, i)->name);
        return FALSE;
      }
  for (gsize i = 0; i < n; i++)
    {
      const PrNetParam *p = pr_net_param (net, i);

      memcpy (weights + p->offset, values[i], (gsize)(p->rows * p->columns) * sizeof (float));
    }
  return TRUE;
}
