#include "config.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <pauserec/textio.h>
#include <string.h>

#define TEXT_FILE "text.jsonl"

static const char *const default_keys[] = { "text", NULL };

/* ". " between parts, but no second full stop behind "!", "?" or ".". */
static void
append_part (GString *text, const char *part, gsize length)
{
  while (length > 0 && g_ascii_isspace (part[length - 1]))
    length--;
  while (length > 0 && g_ascii_isspace (*part))
    {
      part++;
      length--;
    }
  if (length == 0)
    return;
  if (text->len > 0)
    g_string_append (text, strchr (".!?", text->str[text->len - 1]) != NULL ? " " : ". ");
  g_string_append_len (text, part, (gssize)length);
}

/* A string, or a list of strings ("A, B"); null counts as absent. */
static gboolean
append_value (GString *text, json_t *value)
{
  g_autoptr (GString) list = NULL;

  if (value == NULL || json_is_null (value))
    return TRUE;
  if (json_is_string (value))
    {
      append_part (text, json_string_value (value), json_string_length (value));
      return TRUE;
    }
  if (!json_is_array (value))
    return FALSE;
  list = g_string_new (NULL);
  for (gsize i = 0; i < json_array_size (value); i++)
    {
      const char *string = json_string_value (json_array_get (value, i));

      if (string == NULL)
        return FALSE;
      if (i > 0)
        g_string_append (list, ", ");
      g_string_append (list, string);
    }
  append_part (text, list->str, list->len);
  return TRUE;
}

/* STRICT: the line must hold exactly the keys, each a string. */
static gboolean
read_json_line (PrLines *lines, const char *path, const char *line, gsize length, const char *const *keys,
                gboolean strict, GPtrArray *documents, GError **error)
{
  g_autofree char *where = g_strdup_printf ("%s:%" G_GUINT64_FORMAT, path, pr_lines_number (lines));
  g_autoptr (GString) text = g_string_new (NULL);
  json_t *root = pr_json_parse (line, length, where, error);
  const char *bad = NULL;

  if (root == NULL)
    return FALSE;
  if (!json_is_object (root) || (strict && json_object_size (root) != 1))
    bad = "";
  for (guint i = 0; bad == NULL && keys[i] != NULL; i++)
    {
      json_t *value = json_object_get (root, keys[i]);

      if (strict && !json_is_string (value))
        bad = keys[i];
      else if (strict)
        g_string_append (text, json_string_value (value));
      else if (!append_value (text, value))
        bad = keys[i];
    }
  if (bad != NULL && *bad != '\0')
    pr_lines_error (lines, error, "\"%s\" is not a string or a list of strings", bad);
  else if (bad != NULL)
    pr_lines_error (lines, error, strict ? "{\"text\": \"...\"} belongs here" : "a JSON object belongs here");
  else if (text->len > 0 || strict)
    g_ptr_array_add (documents, g_strdup (text->str));
  json_decref (root);
  return bad == NULL;
}

static gboolean
read_jsonl (const char *path, const char *const *keys, gboolean strict, GPtrArray *documents, GError **error)
{
  g_autoptr (PrLines) lines = pr_lines_open (path, error);
  GError *failure = NULL;
  const char *line;
  gsize length;

  if (lines == NULL)
    return FALSE;
  while ((line = pr_lines_next (lines, &length, &failure)) != NULL)
    if (!read_json_line (lines, path, line, length, keys, strict, documents, &failure))
      break;
  if (failure == NULL)
    return TRUE;
  g_propagate_error (error, failure);
  return FALSE;
}

static void
flush (GString *paragraph, GPtrArray *documents)
{
  if (paragraph->len > 0)
    g_ptr_array_add (documents, g_strdup (paragraph->str));
  g_string_truncate (paragraph, 0);
}

static gboolean
read_plain (const char *path, GPtrArray *documents, GError **error)
{
  g_autoptr (PrLines) lines = pr_lines_open (path, error);
  g_autoptr (GString) paragraph = g_string_new (NULL);
  GError *failure = NULL;
  const char *line;
  gsize length;

  if (lines == NULL)
    return FALSE;
  while ((line = pr_lines_next (lines, &length, &failure)) != NULL)
    {
      if (line[strspn (line, " \t\r\f\v")] == '\0')
        {
          flush (paragraph, documents);
          continue;
        }
      if (paragraph->len > 0)
        g_string_append_c (paragraph, '\n');
      g_string_append_len (paragraph, line, (gssize)length);
    }
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return FALSE;
    }
  flush (paragraph, documents);
  return TRUE;
}

gboolean
pr_text_read_file (const char *path, const char *const *keys, GPtrArray *documents, GError **error)
{
  guint before = documents->len;
  gboolean jsonl = g_str_has_suffix (path, ".jsonl") || g_str_has_suffix (path, ".jsonl.gz");
  g_autofree char *wanted = NULL;

  if (keys == NULL || keys[0] == NULL)
    keys = default_keys;
  if (jsonl ? !read_jsonl (path, keys, FALSE, documents, error) : !read_plain (path, documents, error))
    {
      g_ptr_array_set_size (documents, (gint)before);
      return FALSE;
    }
  if (documents->len > before)
    return TRUE;
  wanted = g_strjoinv (", ", (char **)keys);
  if (jsonl)
    g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                 "%s: no line has text under any of the keys %s; name the keys of the file", path, wanted);
  else
    g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: there is no text in it", path);
  return FALSE;
}

gboolean
pr_text_load (const char *dir, GPtrArray *documents, GError **error)
{
  g_autofree char *path = g_build_filename (dir, TEXT_FILE, NULL);
  guint before = documents->len;

  if (read_jsonl (path, default_keys, TRUE, documents, error))
    return TRUE;
  g_ptr_array_set_size (documents, (gint)before);
  return FALSE;
}

gboolean
pr_text_save (const GPtrArray *documents, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, TEXT_FILE, NULL);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < documents->len; i++)
    {
      json_t *root = json_object ();
      int bad = json_object_set_new (root, "text", json_string (documents->pdata[i]));
      char *line = bad ? NULL : json_dumps (root, JSON_COMPACT);

      json_decref (root);
      if (line == NULL)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: document %u is not UTF-8", path, i);
          return FALSE;
        }
      g_string_append (text, line);
      g_string_append_c (text, '\n');
      free (line);
    }
  return pr_file_write (path, text->str, text->len, error);
}
