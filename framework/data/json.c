#include "config.h"

#include <errno.h>
#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

#define JSON_MAX ((gsize)256 << 20)

json_t *
pr_json_parse (const char *text, gsize length, const char *where, GError **error)
{
  json_error_t fault;
  json_t *value = json_loadb (text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);

  if (value == NULL && memchr (text, '\n', length) != NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: line %d, column %d: not valid JSON: %s", where, fault.line,
                 fault.column, fault.text);
  else if (value == NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: column %d: not valid JSON: %s", where, fault.column, fault.text);
  return value;
}

json_t *
pr_json_load (const char *path, GError **error)
{
  gsize length;
  g_autofree char *text = pr_file_read (path, JSON_MAX, &length, error);

  return text == NULL ? NULL : pr_json_parse (text, length, path, error);
}

gboolean
pr_json_save (const json_t *value, const char *path, GError **error)
{
  char *text = json_dumps (value, JSON_INDENT (2) | JSON_SORT_KEYS | JSON_ENCODE_ANY);
  g_autofree char *whole = NULL;

  if (text == NULL)
    return pr_error_set_errno (error, ENOMEM, "cannot encode JSON for", path);
  whole = g_strconcat (text, "\n", NULL);
  free (text);
  return pr_file_write (path, whole, strlen (whole), error);
}

gboolean
pr_json_append_strings (const json_t *object, const char *key, GPtrArray *strings)
{
  json_t *value = json_object_get (object, key);

  if (json_is_string (value))
    g_ptr_array_add (strings, g_strdup (json_string_value (value)));
  else if (json_is_array (value))
    for (gsize i = 0; i < json_array_size (value); i++)
      {
        const char *string = json_string_value (json_array_get (value, i));

        if (string == NULL)
          return FALSE;
        g_ptr_array_add (strings, g_strdup (string));
      }
  else
    return value == NULL || json_is_null (value);
  return TRUE;
}

gboolean
pr_json_append_text (const json_t *object, const char *key, GString *text)
{
  g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func (g_free);

  if (!pr_json_append_strings (object, key, parts))
    return FALSE;
  for (guint i = 0; i < parts->len; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? " " : "", (const char *)parts->pdata[i]);
  return TRUE;
}
