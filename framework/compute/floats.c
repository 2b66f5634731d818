#include "config.h"

#include <pauserec/error.h>

#include "compute/floats.h"

#include <stdlib.h>
#include <string.h>

float *
pr_floats_new (gint64 n, const char *what, GError **error)
{
  void *memory = NULL;
  gsize bytes = (gsize)MAX (n, 16) * sizeof (float);

  if (n < 0 || n > (gint64)(G_MAXINT64 / sizeof (float)) || posix_memalign (&memory, 64, bytes) != 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "not enough memory for the %s (%" G_GINT64_FORMAT
                   " numbers of 4 bytes); use a smaller model or a machine with more memory",
                   what, n);
      return NULL;
    }
  memset (memory, 0, bytes);
  return memory;
}
