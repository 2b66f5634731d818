/* catalogue.c - what can be bought, before it becomes a data set. */
#include "config.h"

#include "purchases-private.h"

#include <pauserec/error.h>
#include <string.h>

struct PrCatalogue
{
  char *path;
  gint64 max_text;
  GArray *items;     /* PrItem */
  GHashTable *by_id; /* id -> number + 1 */
  GStringChunk *strings;
  GPtrArray *lists; /* the category lists, owned */
};

static const char *const no_categories[] = { NULL };

PrCatalogue *
pr_catalogue_new (const char *path, gint64 max_text)
{
  PrCatalogue *catalogue = g_new0 (PrCatalogue, 1);

  catalogue->path = g_strdup (path);
  catalogue->max_text = max_text;
  catalogue->items = g_array_new (FALSE, FALSE, sizeof (PrItem));
  catalogue->by_id = g_hash_table_new (g_str_hash, g_str_equal);
  catalogue->strings = g_string_chunk_new (64 * 1024);
  catalogue->lists = g_ptr_array_new_with_free_func (g_free);
  return catalogue;
}

void
pr_catalogue_free (PrCatalogue *catalogue)
{
  if (catalogue == NULL)
    return;
  g_free (catalogue->path);
  g_array_unref (catalogue->items);
  g_hash_table_unref (catalogue->by_id);
  g_string_chunk_free (catalogue->strings);
  g_ptr_array_unref (catalogue->lists);
  g_free (catalogue);
}

const char *
pr_catalogue_path (const PrCatalogue *catalogue)
{
  return catalogue->path;
}

gint64
pr_catalogue_n_items (const PrCatalogue *catalogue)
{
  return catalogue->items->len;
}

const PrItem *
pr_catalogue_item (const PrCatalogue *catalogue, gint64 item)
{
  return &g_array_index (catalogue->items, PrItem, item);
}

gint64
pr_catalogue_find (const PrCatalogue *catalogue, const char *id)
{
  return (gint64)GPOINTER_TO_UINT (g_hash_table_lookup (catalogue->by_id, id)) - 1;
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

static const char *
copy_text (PrCatalogue *catalogue, const char *text, gint64 max)
{
  g_autofree char *copy = g_strdup (text);

  cut (g_strstrip (copy), max);
  return copy[0] == '\0' ? "" : g_string_chunk_insert (catalogue->strings, copy);
}

static const char *const *
copy_categories (PrCatalogue *catalogue, const char *const *categories)
{
  gsize n = g_strv_length ((char **)categories), kept = 0;
  const char **names;

  if (n == 0)
    return no_categories;
  names = g_new0 (const char *, n + 1);
  g_ptr_array_add (catalogue->lists, names);
  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup (categories[i]);

      if (*g_strstrip (name) != '\0')
        names[kept++] = g_string_chunk_insert_const (catalogue->strings, name);
    }
  return names;
}

gboolean
pr_catalogue_add (PrCatalogue *catalogue, guint64 line, const PrItem *item, GError **error)
{
  g_autofree char *fault = NULL;
  PrItem copy;

  if (!pr_id_ok (item->id))
    fault = g_strdup ("the item's id is empty or has control characters");
  else if (g_hash_table_contains (catalogue->by_id, item->id))
    fault = g_strdup_printf ("item '%s' stands here a second time", item->id);
  else if (catalogue->items->len == G_MAXINT32)
    fault = g_strdup_printf ("more than %d items", G_MAXINT32);
  if (fault != NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s:%" G_GUINT64_FORMAT ": %s", catalogue->path, line, fault);
      return FALSE;
    }
  copy.id = g_string_chunk_insert (catalogue->strings, item->id);
  copy.title = copy_text (catalogue, item->title, 0);
  copy.brand = copy_text (catalogue, item->brand, 0);
  copy.description = copy_text (catalogue, item->description, catalogue->max_text);
  copy.categories = copy_categories (catalogue, item->categories);
  g_array_append_val (catalogue->items, copy);
  g_hash_table_insert (catalogue->by_id, (gpointer)copy.id, GUINT_TO_POINTER (catalogue->items->len));
  return TRUE;
}
