/* The sealed file of a run, found there: whole, and of the run that is meant? */
#include "config.h"

#include "results.h"

#include "seal.h"

#include <pauserec/error.h>
#include <string.h>

/* KEY is what PATH holds, WANTED (NULL: any) what it should. */
static gboolean
check_key (const char *path, const char *key, const char *wanted, GError **error)
{
  if (wanted == NULL || strcmp (key, wanted) == 0)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: holds the results of another run (%.12s, not %.12s); delete it",
               path, key, wanted);
  return FALSE;
}

PrH5 *
pr_run_open (const char *path, const char *run_key, char **ret_digest, GError **error)
{
  g_autoptr (PrH5) h5 = pr_seal_open (path, "run", error);
  g_autofree char *key = h5 ? pr_h5_get_text (h5, "/", "run_key", error) : NULL;
  g_autofree char *stored = key ? pr_h5_get_text (h5, "/", "digest", error) : NULL;
  g_autofree char *digest = stored ? pr_results_digest (h5, error) : NULL;

  if (digest == NULL || !check_key (path, key, run_key, error))
    return NULL;
  if (strcmp (stored, digest) != 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: its results do not have the digest that it states; delete it",
                   path);
      return NULL;
    }
  if (ret_digest != NULL)
    *ret_digest = g_steal_pointer (&stored);
  return g_steal_pointer (&h5);
}

gboolean
pr_results_verify_run (const char *path, const char *run_key, char **ret_digest, GError **error)
{
  g_autoptr (PrH5) h5 = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return FALSE;
  h5 = pr_run_open (path, run_key, ret_digest, error);
  return h5 != NULL;
}

gboolean
pr_results_peek_run (const char *path, const char *run_key, GError **error)
{
  PrSealInfo info;

  if (!g_file_test (path, G_FILE_TEST_EXISTS) || !pr_seal_peek (path, &info, error))
    return FALSE;
  if (strcmp (info.kind, "run") == 0)
    return check_key (path, info.run_key, run_key, error);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: holds the results of one %s, but those of one run are needed", path,
               info.kind);
  return FALSE;
}
