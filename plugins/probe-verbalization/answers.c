#include "config.h"

#include "answers.h"

#include <string.h>

#define BETWEEN " > "

char *
answers_fold (const char *text)
{
  GString *folded = g_string_new (NULL);

  for (; *text != '\0'; text++)
    if (!g_ascii_isspace (*text))
      g_string_append_c (folded, *text);
    else if (folded->len > 0 && folded->str[folded->len - 1] != ' ')
      g_string_append_c (folded, ' ');
  if (folded->len > 0 && folded->str[folded->len - 1] == ' ')
    g_string_truncate (folded, folded->len - 1);
  return g_string_free (folded, FALSE);
}

gint32
answers_levels (const char *a, const char *b, gint32 *ret_n)
{
  g_auto (GStrv) as = g_strsplit (a, BETWEEN, -1), bs = g_strsplit (b, BETWEEN, -1);
  gint32 same = 0;

  *ret_n = (gint32)g_strv_length (as);
  while (as[same] != NULL && bs[same] != NULL && strcmp (as[same], bs[same]) == 0)
    same++;
  return same;
}

static const char *
name_in (const Answers *a, const char *text)
{
  const char *last = a->leaf ? g_strrstr (text, BETWEEN) : NULL;

  return last != NULL ? last + strlen (BETWEEN) : text;
}

/* The number of KEY in LIST, which it joins if it is new. */
static gint32
number_of (GHashTable *table, GPtrArray *list, const char *key)
{
  gpointer found = g_hash_table_lookup (table, key);

  if (found == NULL)
    {
      g_ptr_array_add (list, g_strdup (key));
      found = GUINT_TO_POINTER (list->len);
      g_hash_table_insert (table, list->pdata[list->len - 1], found);
    }
  return (gint32)GPOINTER_TO_UINT (found) - 1;
}

static gint32
lookup (GHashTable *table, const char *key)
{
  return (gint32)GPOINTER_TO_UINT (g_hash_table_lookup (table, key)) - 1;
}

/* What the model would write of ITEM, empty if there is nothing to ask. */
static char *
text_of (VerbalKind kind, const PrItem *item)
{
  g_autoptr (GString) text = g_string_new (NULL);

  pr_item_describe (item, kind == VERBAL_SID_BRAND ? PR_DESCRIBE_BRAND : PR_DESCRIBE_CATEGORY, text);
  if (kind != VERBAL_TITLE_CATEGORY)
    return g_strdup (text->str); /* as grounding shows it */
  return item->title[0] != '\0' ? answers_fold (text->str) : g_strdup ("");
}

/* TEXT as far as TEXT_TOKENS tokens say it, folded. */
static char *
cut (const PrTokenizer *tokenizer, const char *text, gint64 text_tokens)
{
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree char *whole = NULL;

  pr_tokenizer_encode (tokenizer, text, -1, tokens);
  if (tokens->len <= (gsize)text_tokens)
    return answers_fold (text);
  whole = pr_tokenizer_decode (tokenizer, (const gint32 *)(gpointer)tokens->data, (gsize)text_tokens, FALSE);
  return answers_fold (whole);
}

/* Number every text and what is judged of it. */
static void
collect (Answers *a, const PrDataset *dataset, const PrTokenizer *tokenizer, gint64 text_tokens)
{
  gint64 n_items = pr_dataset_n_items (dataset);

  a->of_item = g_new (gint32, n_items + 1);
  for (gint64 item = 0; item < n_items; item++)
    {
      g_autofree char *text = text_of (a->kind, pr_dataset_item (dataset, item)), *said = NULL;
      g_autofree char *blank = g_strconcat (" ", text, NULL);
      gint32 number, name;

      said = cut (tokenizer, blank, text_tokens);
      a->of_item[item] = -1;
      if (said[0] == '\0')
        continue;
      a->of_item[item] = number = number_of (a->by_text, a->texts, text);
      name = number_of (a->by_name, a->names, name_in (a, said));
      if (number == (gint32)a->name_of->len)
        g_array_append_val (a->name_of, name);
      if (name == (gint32)a->counts->len)
        g_array_append_val (a->counts, (gint32){ 0 });
      g_array_index (a->counts, gint32, name)++;
    }
  a->n_texts = (gint32)a->texts->len;
  a->n_names = (gint32)a->names->len;
}

/* The tokens of a text and its end.  With a full stop: as pr_item_append_text() goes on to the description. */
static void
add_candidate (Answers *a, const PrTokenizer *tokenizer, const char *text, gboolean stop, gint32 end,
               gint64 text_tokens)
{
  gsize start = a->tokens->len, n = strlen (text);
  gboolean ended = strchr (".!?", text[n - 1]) != NULL;
  g_autofree char *whole = g_strconcat (" ", text, stop && !ended ? "." : "", NULL);
  gint32 to;

  pr_tokenizer_encode (tokenizer, whole, -1, a->tokens);
  if (a->tokens->len - start > (gsize)text_tokens + stop)
    g_array_set_size (a->tokens, (guint)(start + (gsize)text_tokens));
  if (!stop)
    g_array_append_val (a->tokens, end);
  to = (gint32)a->tokens->len;
  g_array_append_val (a->offsets, to);
  a->longest = MAX (a->longest, to - (gint32)start);
}

static int
compare_counts (gconstpointer x_, gconstpointer y_, gpointer ctx)
{
  const GArray *counts = ctx;
  gint32 x = *(const gint32 *)x_, y = *(const gint32 *)y_;
  gint32 n = g_array_index (counts, gint32, x), m = g_array_index (counts, gint32, y);

  return n != m ? (n > m ? -1 : 1) : (x > y) - (x < y);
}

static void
index_names (Answers *a)
{
  g_autofree gint32 *next = g_new (gint32, a->n_names + 1);

  a->first = g_new0 (gint32, a->n_names + 1);
  a->members = g_new (gint32, a->n_texts + 1);
  a->frequent = g_new (gint32, a->n_names + 1);
  for (gint32 t = 0; t < a->n_texts; t++)
    a->first[g_array_index (a->name_of, gint32, t) + 1]++;
  for (gint32 name = 0; name < a->n_names; name++)
    a->first[name + 1] += a->first[name];
  memcpy (next, a->first, sizeof *next * (gsize)(a->n_names + 1));
  for (gint32 t = 0; t < a->n_texts; t++)
    a->members[next[g_array_index (a->name_of, gint32, t)]++] = t;
  for (gint32 name = 0; name < a->n_names; name++)
    a->frequent[name] = name;
  g_qsort_with_data (a->frequent, a->n_names, sizeof *a->frequent, compare_counts, a->counts);
}

Answers *
answers_new (VerbalKind kind, gboolean leaf, const PrDataset *dataset, const PrTokenizer *tokenizer, gint32 end,
             gint64 text_tokens)
{
  Answers *a = g_new0 (Answers, 1);

  a->kind = kind;
  a->leaf = leaf && kind != VERBAL_SID_BRAND;
  a->texts = g_ptr_array_new_with_free_func (g_free);
  a->names = g_ptr_array_new_with_free_func (g_free);
  a->by_text = g_hash_table_new (g_str_hash, g_str_equal);
  a->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  a->name_of = g_array_new (FALSE, FALSE, sizeof (gint32));
  a->counts = g_array_new (FALSE, FALSE, sizeof (gint32));
  a->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  a->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_array_append_val (a->offsets, (gint32){ 0 });
  collect (a, dataset, tokenizer, text_tokens);
  index_names (a);
  for (int stop = 0; stop <= (kind == VERBAL_TITLE_CATEGORY); stop++)
    for (gint32 t = 0; t < a->n_texts; t++)
      add_candidate (a, tokenizer, a->texts->pdata[t], stop, end, text_tokens);
  return a;
}

void
answers_free (Answers *a)
{
  if (a == NULL)
    return;
  g_hash_table_unref (a->by_text);
  g_hash_table_unref (a->by_name);
  g_ptr_array_unref (a->texts);
  g_ptr_array_unref (a->names);
  g_array_unref (a->name_of);
  g_array_unref (a->counts);
  g_array_unref (a->tokens);
  g_array_unref (a->offsets);
  g_free (a->of_item);
  g_free (a->first);
  g_free (a->members);
  g_free (a->frequent);
  g_free (a);
}

/* The sentence about a title's category may end at any full stop: names have some themselves ("St. Ives"). */
static gint32
find_sentence (const Answers *a, const char *said, char **ret_part)
{
  char *shortest = NULL;

  for (const char *c = strpbrk (said, ".!?"); c != NULL; c = strpbrk (c + 1, ".!?"))
    if (c[1] == '\0' || c[1] == ' ')
      for (int with = *c == '.' ? 0 : 1; with < 2; with++)
        {
          g_autofree char *part = g_strndup (said, (gsize)(c - said) + (gsize)with);
          gint32 name = lookup (a->by_name, name_in (a, part));

          if (name < 0 && shortest == NULL)
            shortest = g_strdup (part);
          if (name < 0)
            continue;
          g_free (shortest);
          *ret_part = g_steal_pointer (&part);
          return name;
        }
  *ret_part = shortest;
  return -1;
}

gint32
answers_find (const Answers *a, const char *said, gboolean stopped, char **ret_part)
{
  char *part = NULL;
  gint32 name = a->kind == VERBAL_TITLE_CATEGORY ? find_sentence (a, said, &part) : -1;

  if (name < 0 && stopped)
    {
      name = lookup (a->by_name, name_in (a, said));
      if (name >= 0)
        g_clear_pointer (&part, g_free);
    }
  *ret_part = part != NULL ? part : g_strdup (said);
  return name;
}
