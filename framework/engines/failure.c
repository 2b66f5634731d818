#include "config.h"

#include "engines/failure.h"

#include "runtime/folder.h"
#include "runtime/sha256.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

#define SCHEMA "pauserec-failure/1"
#define FOLDER "failed"
#define SUFFIX ".json"

/* No message is longer in characters that anybody would read, and no file larger that we wrote: six bytes a character
 * at most when JSON escapes it. */
#define MESSAGE_MAX 16384
#define TEXT_MAX 1024
#define FILE_MAX (256 * 1024)

static const char *const codes[] = {
  [PR_ERROR_MANIFEST] = "manifest", [PR_ERROR_PLUGIN] = "plugin", [PR_ERROR_DATA] = "data",
  [PR_ERROR_NUMERIC] = "numeric",   [PR_ERROR_IO] = "io",         [PR_ERROR_CANCELLED] = "cancelled",
};

void
pr_failure_free (PrFailure *failure)
{
  if (failure == NULL)
    return;
  g_free (failure->key);
  g_free (failure->stage);
  g_free (failure->run);
  g_free (failure->message);
  g_free (failure);
}

static char *
path_of (const char *out_dir, const char *key)
{
  g_autofree char *name = g_strconcat (key, SUFFIX, NULL);

  return g_build_filename (out_dir, FOLDER, name, NULL);
}

/* Saving ----------------------------------------------------------------------------------------------------------- */

/* Valid UTF-8 of at most MAX bytes: messages quote files and paths, which may be anything. */
static json_t *
bounded_json (const char *text, gsize max)
{
  g_autofree char *valid = NULL;

  if (text == NULL)
    return json_null ();
  valid = g_utf8_make_valid (text, -1);
  if (strlen (valid) > max)
    {
      g_autofree char *start = g_strndup (valid, max);
      const char *end;

      g_utf8_validate (start, -1, &end);
      return json_stringn (start, (size_t)(end - start));
    }
  return json_string (valid);
}

gboolean
pr_failure_save (const PrFailure *failure, const char *out_dir, GError **error)
{
  g_autofree char *path = NULL, *folder = g_build_filename (out_dir, FOLDER, NULL);
  json_t *value;
  gboolean ok;

  g_return_val_if_fail (pr_sha256_ok (failure->key), FALSE);
  g_return_val_if_fail (failure->code >= 0 && failure->code < (int)G_N_ELEMENTS (codes), FALSE);
  if (!pr_folder_make (folder, error))
    return FALSE;
  path = path_of (out_dir, failure->key);
  value = json_pack ("{s:s, s:s, s:o, s:o, s:s, s:o}", "schema", SCHEMA, "key", failure->key, "stage",
                     bounded_json (failure->stage, TEXT_MAX), "run", bounded_json (failure->run, TEXT_MAX), "code",
                     codes[failure->code], "message", bounded_json (failure->message, MESSAGE_MAX));
  ok = pr_json_save (value, path, error);
  json_decref (value);
  return ok;
}

/* Loading ---------------------------------------------------------------------------------------------------------- */

static gboolean
find_code (const char *name, int *ret_code)
{
  for (gsize i = 0; name != NULL && i < G_N_ELEMENTS (codes); i++)
    if (strcmp (codes[i], name) == 0)
      {
        *ret_code = (int)i;
        return TRUE;
      }
  return FALSE;
}

/* Text of at most MAX bytes, NULL otherwise. */
static const char *
text_of (const json_t *value, const char *key, gsize max)
{
  const json_t *text = json_object_get (value, key);

  return json_string_length (text) <= max ? json_string_value (text) : NULL;
}

static PrFailure *
failure_from_json (const json_t *value, const char *key)
{
  const char *schema = text_of (value, "schema", TEXT_MAX), *stated = text_of (value, "key", TEXT_MAX);
  const char *run = text_of (value, "run", TEXT_MAX), *message = text_of (value, "message", MESSAGE_MAX);
  PrFailure *failure;
  int code;

  if (schema == NULL || strcmp (schema, SCHEMA) != 0 || stated == NULL || strcmp (stated, key) != 0 || message == NULL
      || !find_code (text_of (value, "code", TEXT_MAX), &code))
    return NULL;
  failure = g_new0 (PrFailure, 1);
  failure->key = g_strdup (key);
  failure->stage = g_strdup (text_of (value, "stage", TEXT_MAX));
  failure->run = g_strdup (run != NULL ? run : "");
  failure->message = g_strdup (message);
  failure->code = code;
  return failure;
}

PrFailure *
pr_failure_load (const char *out_dir, const char *key)
{
  g_autofree char *path = NULL, *text = NULL;
  PrFailure *failure;
  json_t *value;
  gsize length;

  if (!pr_sha256_ok (key))
    return NULL;
  path = path_of (out_dir, key);
  /* Opening a pipe would wait for its writer. */
  text = g_file_test (path, G_FILE_TEST_IS_REGULAR) ? pr_file_read (path, FILE_MAX, &length, NULL) : NULL;
  value = text != NULL ? pr_json_parse (text, length, path, NULL) : NULL;
  failure = value != NULL ? failure_from_json (value, key) : NULL;
  json_decref (value);
  return failure;
}

static void
free_failure (gpointer failure)
{
  pr_failure_free (failure);
}

GHashTable *
pr_failures_load (const char *out_dir)
{
  GHashTable *all = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, free_failure);
  g_autofree char *folder = g_build_filename (out_dir, FOLDER, NULL);
  g_auto (GStrv) names = pr_folder_list (folder, NULL);

  for (char **name = names; name != NULL && *name != NULL; name++)
    {
      PrFailure *failure;

      if (!g_str_has_suffix (*name, SUFFIX))
        continue;
      (*name)[strlen (*name) - strlen (SUFFIX)] = '\0';
      failure = pr_failure_load (out_dir, *name);
      if (failure != NULL)
        g_hash_table_insert (all, failure->key, failure);
    }
  return all;
}

const PrFailure *
pr_failures_find (GHashTable *failures, const PrSweepPlan *plan, const PrPlannedRun *run, guint n_nodes, gboolean whole)
{
  for (guint i = 0; i < n_nodes; i++)
    {
      const PrFailure *failure = g_hash_table_lookup (failures, pr_sweep_node (plan, run, i)->key);

      if (failure != NULL)
        return failure;
    }
  return whole ? g_hash_table_lookup (failures, run->key) : NULL;
}

gboolean
pr_failure_remove (const char *out_dir, const char *key, GError **error)
{
  g_autofree char *path = NULL;

  g_return_val_if_fail (pr_sha256_ok (key), FALSE);
  path = path_of (out_dir, key);
  if (g_unlink (path) == 0 || errno == ENOENT)
    return TRUE;
  return pr_error_set_errno (error, errno, "cannot remove", path);
}

gboolean
pr_failure_of_machine (const PrFailure *failure)
{
  return failure->code == PR_ERROR_IO;
}
