#include "config.h"

#include "runtime/refs.h"

#include "data/file.h"
#include "runtime/folder.h"
#include "runtime/sha256.h"

#include <errno.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA "pauserec-ref/1"

/* The name of the file that refers to the sweep in OUT, to free. */
static char *
ref_name (const char *out)
{
  g_autofree char *hex = pr_sha256_bytes (out, strlen (out));

  return g_strconcat (hex, ".json", NULL);
}

char *
pr_ref_load (const char *path, GError **error)
{
  json_t *value = pr_json_load (path, error);
  g_autofree char *base = g_path_get_basename (path), *name = NULL;
  const char *schema, *sweep;
  char *found = NULL;

  if (value == NULL)
    return NULL;
  schema = json_string_value (json_object_get (value, "schema"));
  sweep = json_string_value (json_object_get (value, "sweep"));
  if (schema != NULL && strcmp (schema, SCHEMA) == 0 && sweep != NULL && g_path_is_absolute (sweep))
    {
      name = ref_name (sweep);
      if (strcmp (name, base) == 0)
        found = g_strdup (sweep);
    }
  if (found == NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: no reference to a sweep of the schema " SCHEMA, path);
  json_decref (value);
  return found;
}

static gboolean
read_only (const char *dir)
{
  return access (dir, W_OK) != 0 && (errno == EACCES || errno == EROFS || errno == EPERM);
}

gboolean
pr_store_add_ref (PrStore *store, const char *out_dir, const PrWatch *watch, GError **error)
{
  g_autofree char *out = g_canonicalize_filename (out_dir, NULL), *name = NULL, *path = NULL, *there = NULL;
  g_autofree char *refs = g_build_filename (pr_store_dir (store), "refs", NULL);
  json_t *value;
  gboolean ok;

  if (!g_utf8_validate (out, -1, NULL))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "the path of folder '%s' is not UTF-8; name another with --out",
                   out);
      return FALSE;
    }
  name = ref_name (out);
  path = g_build_filename (refs, name, NULL);
  there = pr_ref_load (path, NULL);
  if (there != NULL)
    return TRUE;
  if (read_only (g_file_test (refs, G_FILE_TEST_EXISTS) ? refs : pr_store_dir (store)))
    {
      pr_watch_note (watch, "store '%s' cannot be written, so its gc will not know that the sweep in '%s' needs it",
                     pr_store_dir (store), out);
      return TRUE;
    }
  value = json_pack ("{s:s, s:s}", "schema", SCHEMA, "sweep", out);
  ok = pr_folder_make (refs, error) && pr_file_sync_dir (pr_store_dir (store), error)
       && pr_json_save (value, path, error);
  json_decref (value);
  return ok;
}
