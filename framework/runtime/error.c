#include "config.h"

#include <pauserec/error.h>

G_DEFINE_QUARK (pr-error-quark, pr_error)

int
pr_error_exit_code (const GError *error)
{
  if (error == NULL)
    return 0;
  if (error->domain != PR_ERROR)
    return 1;
  switch ((PrError) error->code)
    {
    case PR_ERROR_MANIFEST:
      return 2;
    case PR_ERROR_PLUGIN:
      return 3;
    case PR_ERROR_DATA:
      return 4;
    case PR_ERROR_NUMERIC:
      return 5;
    case PR_ERROR_IO:
      return 6;
    case PR_ERROR_CANCELLED:
      return 130;
    }
  return 1;
}

gboolean
pr_error_set_errno (GError **error, int errnum, const char *what, const char *path)
{
  g_set_error (error, PR_ERROR, PR_ERROR_IO, "%s '%s': %s", what, path, g_strerror (errnum));
  return FALSE;
}
