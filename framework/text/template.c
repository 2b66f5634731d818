/* template.c - sentences with blanks. */
#include "config.h"

#include "data/fold.h"
#include "text/nearest.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <pauserec/template.h>

#include <string.h>

#define TEXT_MAX ((gsize)64 * 1024)
#define LAST_MAX 1000

typedef enum
{
  WHOSE_NOBODY, /* no blank: plain words */
  WHOSE_TARGET,
  WHOSE_HISTORY,
} Whose;

typedef enum
{
  WHAT_TITLE,
  WHAT_BRAND,
  WHAT_CATEGORY,
  WHAT_CATEGORIES,
} What;

static const char *const what_names[] = { "title", "brand", "category", "categories" };

typedef struct
{
  Whose whose;
  What what;
  gint64 newest; /* WHOSE_HISTORY: how many of the newest purchases */
  char *words;   /* WHOSE_NOBODY; owned */
} Part;

struct PrTemplate
{
  char *text;
  GArray *parts;
};

static void
part_clear (gpointer data)
{
  g_free (((Part *)data)->words);
}

void
pr_template_free (PrTemplate *tmpl)
{
  if (tmpl == NULL)
    return;
  g_free (tmpl->text);
  g_array_unref (tmpl->parts);
  g_free (tmpl);
}

const char *
pr_template_text (const PrTemplate *tmpl)
{
  return tmpl->text;
}

/* "3" of "last_3_title", of which REST is "_title"; 0: that is no number from 1 to LAST_MAX. */
static gint64
parse_count (const char *text, const char **ret_rest)
{
  gint64 n = 0;

  *ret_rest = text + strspn (text, "0123456789");
  if (*ret_rest - text > 4 || text[0] == '0')
    return 0;
  for (; text < *ret_rest; text++)
    n = n * 10 + (*text - '0');
  return n <= LAST_MAX ? n : 0;
}

static gboolean
parse_what (const char *name, What *ret_what)
{
  for (guint i = 0; i < G_N_ELEMENTS (what_names); i++)
    if (strcmp (name, what_names[i]) == 0)
      {
        *ret_what = (What)i;
        return TRUE;
      }
  return FALSE;
}

static gboolean
parse_name (const char *name, Part *part)
{
  const char *rest;

  if (g_str_has_prefix (name, "target_"))
    {
      part->whose = WHOSE_TARGET;
      return parse_what (name + strlen ("target_"), &part->what);
    }
  part->whose = WHOSE_HISTORY;
  part->newest = G_MAXINT64;
  if (g_str_has_prefix (name, "history_"))
    return parse_what (name + strlen ("history_"), &part->what);
  if (!g_str_has_prefix (name, "last_"))
    return FALSE;
  part->newest = 1;
  if (!g_ascii_isdigit (name[strlen ("last_")]))
    return parse_what (name + strlen ("last_"), &part->what);
  part->newest = parse_count (name + strlen ("last_"), &rest);
  return part->newest > 0 && *rest == '_' && parse_what (rest + 1, &part->what);
}

/* "; did you mean '...'?", for a name that is none. */
static char *
hint (const char *name, PrTemplateBlanks allowed)
{
  const char *whose[] = { "target", "last", "history" };
  g_autoptr (GPtrArray) known = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *last_n = NULL;
  const char *rest;

  if (g_str_has_prefix (name, "last_") && g_ascii_isdigit (name[5]))
    {
      gint64 n = parse_count (name + 5, &rest);

      if (n == 0)
        return g_strdup_printf ("; the number in last_N goes from 1 to %d", LAST_MAX);
      whose[1] = last_n = g_strdup_printf ("last_%" G_GINT64_FORMAT, n);
    }
  for (guint i = allowed == PR_TEMPLATE_HISTORY_ONLY; i < G_N_ELEMENTS (whose); i++)
    for (guint j = 0; j < G_N_ELEMENTS (what_names); j++)
      g_ptr_array_add (known, g_strdup_printf ("%s_%s", whose[i], what_names[j]));
  return pr_nearest_hint (name, (const char *const *)known->pdata, known->len);
}

static gboolean
parse_blank (const char *name, PrTemplateBlanks allowed, const char *where, Part *part, GError **error)
{
  g_autofree char *meant = NULL;

  if (!parse_name (name, part))
    {
      meant = hint (name, allowed);
      g_set_error (
          error, PR_ERROR, PR_ERROR_MANIFEST,
          "%s: '{%s}' is no blank: write {WHOSE_WHAT}, WHOSE one of %slast, last_N, history, WHAT one of title, "
          "brand, category, categories%s",
          where, name, allowed == PR_TEMPLATE_ANY ? "target, " : "", meant);
      return FALSE;
    }
  if (part->whose != WHOSE_TARGET || allowed == PR_TEMPLATE_ANY)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
               "%s: '{%s}' must not stand here, where only the history is known; write {last_%s} or {history_%s}",
               where, name, what_names[part->what], what_names[part->what]);
  return FALSE;
}

static void
add_words (PrTemplate *tmpl, GString *words)
{
  Part part = { WHOSE_NOBODY, WHAT_TITLE, 0, NULL };

  if (words->len == 0)
    return;
  part.words = g_strdup (words->str);
  g_array_append_val (tmpl->parts, part);
  g_string_truncate (words, 0);
}

static gboolean
check_text (const char *text, const char *where, GError **error)
{
  const char *why = NULL;

  if (strlen (text) > TEXT_MAX)
    why = "is longer than 64 KiB";
  else if (!g_utf8_validate (text, -1, NULL))
    why = "is not UTF-8";
  for (const char *c = text; why == NULL && *c != '\0'; c++)
    if (g_ascii_iscntrl (*c) && *c != '\t')
      why = "is more than one line, or has control characters";
  if (why != NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "%s: the template %s", where, why);
  return why == NULL;
}

PrTemplate *
pr_template_parse (const char *text, PrTemplateBlanks allowed, const char *where, GError **error)
{
  g_autoptr (PrTemplate) tmpl = NULL;
  g_autoptr (GString) words = g_string_new (NULL);

  if (!check_text (text, where, error))
    return NULL;
  tmpl = g_new0 (PrTemplate, 1);
  tmpl->text = g_strdup (text);
  tmpl->parts = g_array_new (FALSE, FALSE, sizeof (Part));
  g_array_set_clear_func (tmpl->parts, part_clear);
  for (const char *c = text; *c != '\0'; c++)
    {
      const char *end = *c == '{' && c[1] != '{' ? strpbrk (c + 1, "{}") : NULL;

      if (*c == '\t')
        g_string_append_c (words, ' ');
      else if (*c != '{' && *c != '}')
        g_string_append_c (words, *c);
      else if (c[1] == *c)
        g_string_append_c (words, *c++);
      else if (end == NULL || *end != '}')
        {
          g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                       "%s: the '%c' at byte %zu has no partner; write '%c%c' for a brace", where, *c,
                       (gsize)(c - text) + 1, *c, *c);
          return NULL;
        }
      else
        {
          g_autofree char *name = g_strndup (c + 1, (gsize)(end - c) - 1);
          Part part = { 0 };

          if (!parse_blank (name, allowed, where, &part, error))
            return NULL;
          add_words (tmpl, words);
          g_array_append_val (tmpl->parts, part);
          c = end;
        }
    }
  add_words (tmpl, words);
  return g_steal_pointer (&tmpl);
}

/* What of ITEM, as one line; "" if it has no such words. */
static char *
words_of (const PrItem *item, What what)
{
  GString *words = g_string_new (NULL);
  gsize n = 0;

  while (item->categories[n] != NULL)
    n++;
  if (what == WHAT_TITLE || what == WHAT_BRAND)
    pr_append_folded (words, what == WHAT_TITLE ? item->title : item->brand);
  for (gsize i = what == WHAT_CATEGORY && n > 0 ? n - 1 : 0; what >= WHAT_CATEGORY && i < n; i++)
    {
      gsize before = words->len, start;

      g_string_append (words, before > 0 ? " > " : "");
      start = words->len;
      pr_append_folded (words, item->categories[i]);
      g_string_truncate (words, words->len > start ? words->len : before);
    }
  return g_string_free (words, FALSE);
}

/* The words of the newest purchases, each once; FALSE if there are none. */
static gboolean
fill_history (const Part *part, const PrDataset *dataset, const gint32 *history, gint64 n, GString *text)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (gint64 i = n - 1; i >= 0 && n - i <= part->newest; i--)
    {
      char *words = words_of (pr_dataset_item (dataset, history[i]), part->what);

      if (words[0] == '\0' || g_hash_table_contains (seen, words))
        {
          g_free (words);
          continue;
        }
      if (g_hash_table_size (seen) > 0)
        g_string_append (text, ", ");
      g_string_append (text, words);
      g_hash_table_add (seen, words);
    }
  return g_hash_table_size (seen) > 0;
}

gboolean
pr_template_fill (const PrTemplate *tmpl, const PrDataset *dataset, const gint32 *history, gint64 n, gint32 target,
                  GString *text)
{
  gsize start = text->len;
  gboolean filled = TRUE;

  for (guint i = 0; filled && i < tmpl->parts->len; i++)
    {
      const Part *part = &g_array_index (tmpl->parts, Part, i);
      g_autofree char *words = NULL;

      if (part->whose == WHOSE_NOBODY)
        g_string_append (text, part->words);
      else if (part->whose == WHOSE_HISTORY)
        filled = fill_history (part, dataset, history, n, text);
      else
        {
          words = target < 0 ? g_strdup ("") : words_of (pr_dataset_item (dataset, target), part->what);
          g_string_append (text, words);
          filled = words[0] != '\0';
        }
    }
  if (!filled)
    g_string_truncate (text, start);
  return filled;
}

/* Files ------------------------------------------------------------------- */

typedef struct
{
  PrLines *lines;
  const char *path, *purpose;
  PrTemplateBlanks allowed;
  GPtrArray *sections; /* names seen, owned */
  GPtrArray *found;    /* PrTemplate of the purpose */
} Reading;

/* Lines before the first section belong to "default". */
static const char *
section (const Reading *reading)
{
  return reading->sections->len == 0 ? "default" : reading->sections->pdata[reading->sections->len - 1];
}

static gboolean
read_section (Reading *reading, const char *line, const char *where, GError **error)
{
  gsize n = strlen (line);
  g_autofree char *name = n < 3 || line[n - 1] != ']' ? NULL : g_strndup (line + 1, n - 2);

  if (name == NULL)
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "%s: '%s' is no section: write [name]", where, line);
  else if (g_ptr_array_find_with_equal_func (reading->sections, name, g_str_equal, NULL))
    g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "%s: section %s stands here a second time", where, line);
  else
    {
      g_ptr_array_add (reading->sections, g_steal_pointer (&name));
      return TRUE;
    }
  return FALSE;
}

/* Other sections must be sound too, but may know the target. */
static gboolean
read_line (Reading *reading, const char *text, GError **error)
{
  g_autofree char *line = g_strstrip (g_strdup (text));
  g_autofree char *where = g_strdup_printf ("%s:%" G_GUINT64_FORMAT, reading->path, pr_lines_number (reading->lines));
  gboolean wanted = strcmp (section (reading), reading->purpose) == 0;
  PrTemplate *tmpl;

  if (line[0] == '\0' || line[0] == '#')
    return TRUE;
  if (line[0] == '[')
    return read_section (reading, line, where, error);
  if (reading->sections->len == 0)
    g_ptr_array_add (reading->sections, g_strdup (section (reading)));
  tmpl = pr_template_parse (line, wanted ? reading->allowed : PR_TEMPLATE_ANY, where, error);
  if (tmpl != NULL && wanted)
    g_ptr_array_add (reading->found, tmpl);
  else
    pr_template_free (tmpl);
  return tmpl != NULL;
}

static void
template_free (gpointer tmpl)
{
  pr_template_free (tmpl);
}

GPtrArray *
pr_templates_load (const char *path, const char *purpose, PrTemplateBlanks allowed, GError **error)
{
  g_autoptr (PrLines) lines = pr_lines_open (path, error);
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func (template_free);
  g_autoptr (GPtrArray) sections = g_ptr_array_new_with_free_func (g_free);
  Reading reading = { lines, path, purpose, allowed, sections, found };
  GError *failure = NULL;
  const char *line;

  if (lines == NULL)
    return NULL;
  while ((line = pr_lines_next (lines, NULL, &failure)) != NULL)
    if (!read_line (&reading, line, &failure))
      break;
  if (failure == NULL && found->len == 0)
    {
      g_autofree char *meant = g_ptr_array_find_with_equal_func (sections, purpose, g_str_equal, NULL)
                                   ? g_strdup ("")
                                   : pr_nearest_hint (purpose, (const char *const *)sections->pdata, sections->len);

      g_set_error (&failure, PR_ERROR, PR_ERROR_MANIFEST, "%s: there is no template for the purpose '%s'%s", path,
                   purpose, meant);
    }
  if (failure == NULL)
    return g_steal_pointer (&found);
  /* What is no text at all is as much the author's move as a bad template. */
  if (g_error_matches (failure, PR_ERROR, PR_ERROR_DATA))
    failure->code = PR_ERROR_MANIFEST;
  g_propagate_error (error, failure);
  return NULL;
}
