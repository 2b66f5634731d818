#include "config.h"

#include "seal.h"

#include "runtime/sha256.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

#define SEAL_START PR_RESULTS_SCHEMA "\nsha256 "

/* The text of the seal of LENGTH bytes at DATA. */
static char *
seal_text (const char *data, gsize length)
{
  g_autofree char *hex = pr_sha256_bytes (data, length);

  return g_strconcat (SEAL_START, hex, "\n", NULL);
}

gboolean
pr_seal_write (PrH5 *h5, const char *path, GError **error)
{
  gsize length;
  g_autofree char *image = pr_h5_image (h5, &length, error), *seal = NULL;

  if (image == NULL)
    return FALSE;
  g_return_val_if_fail (length > PR_SEAL_BLOCK, FALSE);
  seal = seal_text (image + PR_SEAL_BLOCK, length - PR_SEAL_BLOCK);
  memcpy (image, seal, strlen (seal));
  return pr_file_write (path, image, length, error);
}

/* Is the seal of the mapped file right?  Also that of an HDF5 file that never had one: no. */
static gboolean
check_seal (const char *path, const char *data, gsize length, GError **error)
{
  g_autofree char *seal = NULL;

  if (length <= PR_SEAL_BLOCK || memcmp (data, SEAL_START, strlen (SEAL_START)) != 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                   "%s: not a results file of pauserec (it has no seal); name a results.h5", path);
      return FALSE;
    }
  seal = seal_text (data + PR_SEAL_BLOCK, length - PR_SEAL_BLOCK);
  if (memcmp (data, seal, strlen (seal)) == 0)
    return TRUE;
  g_set_error (
      error, PR_ERROR, PR_ERROR_DATA,
      "%s: damaged or changed since it was written (its bytes do not have the digest of its seal); delete it and "
      "run the experiment again",
      path);
  return FALSE;
}

PrH5 *
pr_seal_open (const char *path, const char *kind, GError **error)
{
  g_autoptr (GError) local = NULL;
  g_autoptr (GMappedFile) map = g_mapped_file_new (path, FALSE, &local);
  g_autoptr (PrH5) h5 = NULL;
  g_autofree char *schema = NULL, *found = NULL;

  if (map == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO, "%s: cannot read results (%s); name a results.h5 or the folder of one",
                   path, local->message);
      return NULL;
    }
  if (!check_seal (path, g_mapped_file_get_contents (map), g_mapped_file_get_length (map), error))
    return NULL;
  h5 = pr_h5_open (path, error);
  schema = h5 ? pr_h5_get_text (h5, "/", "schema", error) : NULL;
  found = schema ? pr_h5_get_text (h5, "/", "kind", error) : NULL;
  if (found == NULL)
    return NULL;
  if (strcmp (schema, PR_RESULTS_SCHEMA) == 0 && strcmp (found, kind) == 0)
    return g_steal_pointer (&h5);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: holds the results of one %s (%s), but those of one %s are needed",
               path, found, schema, kind);
  return NULL;
}

char *
pr_results_group_name (const char *name)
{
  char *result = g_strdup (name);

  for (char *c = result; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c))
      *c = '_';
  return result;
}
