/* items.c - the items file: JSONL, plain or gzip. */
#include "config.h"

#include "source.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

static const char *const no_categories[] = { NULL };

void
catalogue_free (Catalogue *catalogue)
{
  if (catalogue == NULL)
    return;
  g_array_unref (catalogue->items);
  g_hash_table_unref (catalogue->by_id);
  g_string_chunk_free (catalogue->strings);
  g_ptr_array_unref (catalogue->lists);
  g_free (catalogue);
}

/* Keep at most MAX characters (0: all), ending with a whole word where there is one in the second half. */
static void
cut (char *text, gint64 max)
{
  char *end, *blank;

  if (max == 0 || g_utf8_strlen (text, -1) <= max)
    return;
  end = g_utf8_offset_to_pointer (text, max);
  blank = g_strrstr_len (text, end - text, " ");
  *(blank != NULL && blank - text > (end - text) / 2 ? blank : end) = '\0';
}

/* A string, a list of strings (joined by blanks: older dumps split descriptions), null or nothing. FALSE: something
 * else. */
static gboolean
get_text (Catalogue *catalogue, json_t *root, const char *key, gint64 max, const char **ret_text)
{
  json_t *value = json_object_get (root, key);
  g_autoptr (GString) text = g_string_new (NULL);

  if (json_is_string (value))
    g_string_append (text, json_string_value (value));
  else if (json_is_array (value))
    for (gsize i = 0; i < json_array_size (value); i++)
      {
        const char *part = json_string_value (json_array_get (value, i));

        if (part == NULL)
          return FALSE;
        g_string_append_printf (text, "%s%s", i > 0 ? " " : "", part);
      }
  else if (value != NULL && !json_is_null (value))
    return FALSE;
  cut (g_strstrip (text->str), max);
  *ret_text = text->str[0] == '\0' ? "" : g_string_chunk_insert (catalogue->strings, text->str);
  return TRUE;
}

static gboolean
get_categories (Catalogue *catalogue, json_t *value, PrItem *item)
{
  gboolean single = json_is_string (value);
  gsize n = single ? 1 : json_array_size (value), kept = 0;
  const char **names;

  item->categories = no_categories;
  if (value == NULL || json_is_null (value))
    return TRUE;
  if (!single && !json_is_array (value))
    return FALSE;
  names = g_new0 (const char *, n + 1);
  g_ptr_array_add (catalogue->lists, names);
  for (gsize i = 0; i < n; i++)
    {
      const char *string = json_string_value (single ? value : json_array_get (value, i));
      g_autofree char *name = g_strdup (string);

      if (string == NULL)
        return FALSE;
      if (*g_strstrip (name) != '\0')
        names[kept++] = g_string_chunk_insert_const (catalogue->strings, name);
    }
  item->categories = names;
  return TRUE;
}

gboolean
source_id_ok (const char *id)
{
  if (*id == '\0')
    return FALSE;
  for (; *id != '\0'; id++)
    if (g_ascii_iscntrl (*id))
      return FALSE;
  return TRUE;
}

/* Returns the key that is wrong, or NULL. */
static const char *
read_fields (Catalogue *catalogue, json_t *root, gint64 max_text, PrItem *item)
{
  if (!get_text (catalogue, root, "title", 0, &item->title))
    return "title";
  if (!get_text (catalogue, root, "brand", 0, &item->brand))
    return "brand";
  if (!get_text (catalogue, root, "description", max_text, &item->description))
    return "description";
  return get_categories (catalogue, json_object_get (root, "categories"), item) ? NULL : "categories";
}

static gboolean
add_item (Catalogue *catalogue, PrLines *lines, json_t *root, gint64 max_text, GError **error)
{
  const char *id = json_string_value (json_object_get (root, "item")), *wrong;
  PrItem item;

  if (!json_is_object (root))
    pr_lines_error (lines, error, "a JSON object belongs here, one a line");
  else if (id == NULL || !source_id_ok (id))
    pr_lines_error (lines, error,
                    "the item has no id: \"item\" must be a string, not empty, without control characters");
  else if (g_hash_table_contains (catalogue->by_id, id))
    pr_lines_error (lines, error, "item '%s' stands here a second time", id);
  else if ((wrong = read_fields (catalogue, root, max_text, &item)) != NULL)
    pr_lines_error (lines, error, "\"%s\" of item '%s' is not a string or a list of strings", wrong, id);
  else if (catalogue->items->len == G_MAXINT32)
    pr_lines_error (lines, error, "more than %d items", G_MAXINT32);
  else
    {
      item.id = g_string_chunk_insert (catalogue->strings, id);
      g_array_append_val (catalogue->items, item);
      g_hash_table_insert (catalogue->by_id, (gpointer)item.id, GUINT_TO_POINTER (catalogue->items->len));
      return TRUE;
    }
  return FALSE;
}

Catalogue *
catalogue_read (const char *path, gint64 max_text, GError **error)
{
  g_autoptr (PrLines) lines = pr_lines_open (path, error);
  g_autoptr (Catalogue) catalogue = NULL;
  GError *failure = NULL;
  const char *line;
  gsize length;

  if (lines == NULL)
    return NULL;
  catalogue = g_new0 (Catalogue, 1);
  catalogue->items = g_array_new (FALSE, FALSE, sizeof (PrItem));
  catalogue->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  catalogue->strings = g_string_chunk_new (64 * 1024);
  catalogue->lists = g_ptr_array_new_with_free_func (g_free);
  while ((line = pr_lines_next (lines, &length, &failure)) != NULL)
    {
      g_autofree char *where = g_strdup_printf ("%s:%" G_GUINT64_FORMAT, path, pr_lines_number (lines));
      json_t *root = pr_json_parse (line, length, where, &failure);
      gboolean ok = root != NULL && add_item (catalogue, lines, root, max_text, &failure);

      json_decref (root);
      if (!ok)
        break;
    }
  if (failure == NULL && catalogue->items->len == 0)
    g_set_error (&failure, PR_ERROR, PR_ERROR_DATA, "%s: the file is empty; one JSON object an item is wanted", path);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return NULL;
    }
  return g_steal_pointer (&catalogue);
}
