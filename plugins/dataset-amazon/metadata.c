/* metadata.c - the metadata: one item a line, as a Python literal (2014) or JSON, plain or gzip. */
#include "config.h"

#include "clean.h"
#include "source.h"

#include <pauserec/error.h>
#include <string.h>

/* Only pages' programs have it; the authors of the collection of 2018 tell such rows by it. */
#define JUNK "getTime"

/* What an edition calls the parts of an item. */
typedef struct
{
  const char *id, *brand, *categories, *main_category;
} Keys;

static const Keys keys_2014 = { "asin", "brand", "categories", NULL };
static const Keys keys_2018 = { "asin", "brand", "category", "main_cat" };
static const Keys keys_2023 = { "parent_asin", "store", "categories", "main_category" };

/* The texts of one item, before the catalogue copies them. */
typedef struct
{
  char *title, *brand, *description;
  GPtrArray *paths;    /* GPtrArray of char *, NULL-terminated */
  const char **chosen; /* of one of them */
} Texts;

static void
path_free (gpointer path)
{
  g_ptr_array_unref (path);
}

static void
texts_clear (Texts *texts)
{
  g_free (texts->title);
  g_free (texts->brand);
  g_free (texts->description);
  g_ptr_array_unref (texts->paths);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Texts, texts_clear)

/* TRUE, or FALSE if KEY has something else than text. */
static gboolean
get_text (const json_t *line, const char *key, char **ret_text)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (!pr_json_append_text (line, key, text))
    return FALSE;
  *ret_text = clean_text (text->str);
  return TRUE;
}

/* A path of which nothing is left is none. */
static gboolean
add_path (GPtrArray *paths, const json_t *names)
{
  g_autoptr (GPtrArray) path = g_ptr_array_new_with_free_func (g_free);

  for (gsize i = 0; i < json_array_size (names); i++)
    {
      const char *name = json_string_value (json_array_get (names, i));
      g_autofree char *clean = name != NULL ? clean_text (name) : NULL;

      if (name == NULL)
        return FALSE;
      if (clean[0] != '\0')
        g_ptr_array_add (path, g_steal_pointer (&clean));
    }
  if (path->len == 0)
    return TRUE;
  g_ptr_array_add (path, NULL);
  g_ptr_array_add (paths, g_steal_pointer (&path));
  return TRUE;
}

/* A list of names, or a list of lists of them; null or nothing: no path. */
static gboolean
get_paths (const json_t *value, GPtrArray *paths)
{
  if (value == NULL || json_is_null (value))
    return TRUE;
  if (!json_is_array (value))
    return FALSE;
  if (!json_is_array (json_array_get (value, 0)))
    return add_path (paths, value);
  for (gsize i = 0; i < json_array_size (value); i++)
    {
      const json_t *path = json_array_get (value, i);

      if (!json_is_array (path) || !add_path (paths, path))
        return FALSE;
    }
  return TRUE;
}

/* Newer editions leave the path of some items empty, but name the category on top. */
static gboolean
get_main (const json_t *line, const char *key, GPtrArray *paths)
{
  g_autofree char *name = NULL;
  GPtrArray *path;

  if (key == NULL || paths->len > 0)
    return TRUE;
  if (!get_text (line, key, &name))
    return FALSE;
  if (name[0] == '\0')
    return TRUE;
  path = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (path, g_steal_pointer (&name));
  g_ptr_array_add (path, NULL);
  g_ptr_array_add (paths, path);
  return TRUE;
}

/* Returns the key that is wrong, or NULL. */
static const char *
read_texts (const json_t *line, const Keys *keys, Texts *texts)
{
  if (!get_text (line, "title", &texts->title))
    return "title";
  if (!get_text (line, keys->brand, &texts->brand))
    return keys->brand;
  if (!get_text (line, "description", &texts->description))
    return "description";
  if (!get_paths (json_object_get (line, keys->categories), texts->paths))
    return keys->categories;
  return get_main (line, keys->main_category, texts->paths) ? NULL : keys->main_category;
}

/* Choose a path, of those that have the category that was asked for; FALSE: none has it. */
static gboolean
choose_path (const AmazonParams *params, Texts *texts)
{
  static const char *none[] = { NULL };
  gboolean all = params->category[0] == '\0', found = all;
  guint best = 0;

  texts->chosen = none;
  for (guint i = 0; i < texts->paths->len; i++)
    {
      const GPtrArray *path = texts->paths->pdata[i];

      if (!all && !g_strv_contains ((const char *const *)path->pdata, params->category))
        continue;
      if (best == 0 || (params->path == PATH_LONGEST && path->len > best))
        {
          best = path->len;
          texts->chosen = (const char **)path->pdata + (params->drop_root ? 1 : 0);
        }
      found = TRUE;
    }
  return found;
}

static const Keys *
keys_of (guint editions)
{
  switch (editions_told (editions))
    {
    case EDITION_2018:
      return &keys_2018;
    case EDITION_2023:
      return &keys_2023;
    case EDITION_AUTO: /* 2014 or 2018, and the line has no key that would tell: nothing that they call differently */
    case EDITION_2014:
    default:
      return &keys_2014;
    }
}

static gboolean
add_item (const AmazonParams *params, PrCatalogue *catalogue, Reviews *reviews, PrLines *lines, const json_t *line,
          const Keys *keys, MetadataCounts *counts, GError **error)
{
  const char *id = json_string_value (json_object_get (line, keys->id)), *wrong;
  g_auto (Texts) texts = { .paths = g_ptr_array_new_with_free_func (path_free) };
  gint state;

  if (id == NULL || !pr_id_ok (id))
    {
      pr_lines_error (lines, error, "\"%s\" must be a string, not empty, without control characters", keys->id);
      return FALSE;
    }
  if ((wrong = read_texts (line, keys, &texts)) != NULL)
    {
      pr_lines_error (lines, error, "\"%s\" of item '%s' is not text, or lists of it, as its edition has", wrong, id);
      return FALSE;
    }
  state = GPOINTER_TO_INT (g_hash_table_lookup (reviews->items, id));
  counts->duplicates += state == ITEM_FOUND || state == ITEM_OUTSIDE;
  if (state != ITEM_REVIEWED)
    return TRUE;
  state = choose_path (params, &texts) ? ITEM_FOUND : ITEM_OUTSIDE;
  g_hash_table_insert (reviews->items, (gpointer)g_string_chunk_insert_const (reviews->strings, id),
                       GINT_TO_POINTER (state));
  if (state == ITEM_OUTSIDE)
    return TRUE;
  if (strstr (texts.title, JUNK) != NULL)
    {
      counts->junk++;
      texts.title[0] = '\0';
    }
  return pr_catalogue_add (
      catalogue, pr_lines_number (lines),
      &(PrItem){ id, texts.title, texts.brand, texts.description, (const char *const *)texts.chosen }, error);
}

PrCatalogue *
metadata_read (const AmazonParams *params, Reviews *reviews, guint *editions, PrRun *run, MetadataCounts *counts,
               GError **error)
{
  g_autoptr (PrLines) lines = pr_lines_open (params->metadata, error);
  g_autoptr (PrCatalogue) catalogue = NULL;
  GError *failure = NULL;
  const char *text;
  gsize length;

  if (lines == NULL)
    return NULL;
  catalogue = pr_catalogue_new (params->metadata, params->purchases.max_text);
  while (failure == NULL && (text = pr_lines_next (lines, &length, &failure)) != NULL)
    {
      json_t *line = edition_parse (lines, params->metadata, text, length, editions_of_metadata, editions, &failure);

      if (line != NULL && add_item (params, catalogue, reviews, lines, line, keys_of (*editions), counts, &failure))
        (void)edition_tick (run, lines, 1, &failure);
      json_decref (line);
    }
  if (failure == NULL && pr_lines_number (lines) == 0)
    g_set_error (&failure, PR_ERROR, PR_ERROR_DATA, "%s: the file is empty; one item a line is wanted",
                 params->metadata);
  if (failure == NULL && pr_catalogue_n_items (catalogue) == 0)
    g_set_error (&failure, PR_ERROR, PR_ERROR_DATA,
                 "%s: no item that was reviewed in %s is there%s%s; take both files of one collection, and a category "
                 "as the file spells it",
                 params->metadata, params->reviews, params->category[0] != '\0' ? " in category " : "",
                 params->category);
  if (failure != NULL)
    {
      g_propagate_error (error, failure);
      return NULL;
    }
  return g_steal_pointer (&catalogue);
}
