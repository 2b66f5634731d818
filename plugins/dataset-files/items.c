/* items.c - the items file: JSONL, plain or gzip. */
#include "config.h"

#include "source.h"

#include <pauserec/error.h>
#include <pauserec/io.h>

/* The texts of one item, before the catalogue copies them. */
typedef struct
{
  GString *title, *brand, *description;
  GPtrArray *categories;
} Texts;

static void
texts_clear (Texts *texts)
{
  g_string_free (texts->title, TRUE);
  g_string_free (texts->brand, TRUE);
  g_string_free (texts->description, TRUE);
  g_ptr_array_unref (texts->categories);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Texts, texts_clear)

/* Returns the key that is wrong, or NULL. */
static const char *
read_texts (const json_t *root, Texts *texts)
{
  if (!pr_json_append_text (root, "title", texts->title))
    return "title";
  if (!pr_json_append_text (root, "brand", texts->brand))
    return "brand";
  if (!pr_json_append_text (root, "description", texts->description))
    return "description";
  if (!pr_json_append_strings (root, "categories", texts->categories))
    return "categories";
  g_ptr_array_add (texts->categories, NULL);
  return NULL;
}

static gboolean
add_item (PrCatalogue *catalogue, PrLines *lines, const json_t *root, GError **error)
{
  const char *id = json_string_value (json_object_get (root, "item")), *wrong;
  g_auto (Texts) texts = { g_string_new (NULL), g_string_new (NULL), g_string_new (NULL),
                           g_ptr_array_new_with_free_func (g_free) };

  if (!json_is_object (root))
    pr_lines_error (lines, error, "a JSON object belongs here, one a line");
  else if (id == NULL || !pr_id_ok (id))
    pr_lines_error (lines, error,
                    "the item has no id: \"item\" must be a string, not empty, without control characters");
  else if ((wrong = read_texts (root, &texts)) != NULL)
    pr_lines_error (lines, error, "\"%s\" of item '%s' is not a string or a list of strings", wrong, id);
  else
    {
      const PrItem item = { id, texts.title->str, texts.brand->str, texts.description->str,
                            (const char *const *)texts.categories->pdata };

      return pr_catalogue_add (catalogue, pr_lines_number (lines), &item, error);
    }
  return FALSE;
}

PrCatalogue *
items_read (const SourceParams *params, GError **error)
{
  g_autoptr (PrLines) lines = pr_lines_open (params->items, error);
  g_autoptr (PrCatalogue) catalogue = NULL;
  GError *failure = NULL;
  const char *line;
  gsize length;

  if (lines == NULL)
    return NULL;
  catalogue = pr_catalogue_new (params->items, params->purchases.max_text);
  while ((line = pr_lines_next (lines, &length, &failure)) != NULL)
    {
      g_autofree char *where = g_strdup_printf ("%s:%" G_GUINT64_FORMAT, params->items, pr_lines_number (lines));
      json_t *root = pr_json_parse (line, length, where, &failure);
      gboolean ok = root != NULL && add_item (catalogue, lines, root, &failure);

      json_decref (root);
      if (!ok)
        break;
    }
  if (failure == NULL && pr_catalogue_n_items (catalogue) == 0)
    g_set_error (&failure, PR_ERROR, PR_ERROR_DATA, "%s: the file is empty; one JSON object an item is wanted",
                 params->items);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return NULL;
    }
  return g_steal_pointer (&catalogue);
}
