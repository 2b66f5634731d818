#include "config.h"

#include "tfidf.h"

#include <math.h>
#include <string.h>

typedef struct
{
  gint32 word;
  float weight;
} Entry;

typedef struct
{
  GHashTable *numbers; /* word -> number + 1 */
  GArray *entries;     /* Entry of all items, one after another */
  GArray *ends;        /* gint64: end of every item in entries */
  GArray *df;          /* gint32 by word */
  GArray *field;       /* gint32: words of the field at hand */
} Counts;

void
tfidf_split (const char *text, GPtrArray *words)
{
  g_autoptr (GString) word = g_string_new (NULL);

  for (const char *c = text;; c = g_utf8_next_char (c))
    {
      gunichar u = g_utf8_get_char (c);

      if (u != 0 && g_unichar_isalnum (u))
        g_string_append_unichar (word, g_unichar_tolower (u));
      else if (word->len > 0)
        {
          g_ptr_array_add (words, g_strdup (word->str));
          g_string_truncate (word, 0);
        }
      if (u == 0)
        return;
    }
}

static gint32
word_number (Counts *counts, const char *word)
{
  gpointer found = g_hash_table_lookup (counts->numbers, word);
  gint32 number, zero = 0;

  if (found != NULL)
    return GPOINTER_TO_INT (found) - 1;
  number = (gint32)counts->df->len;
  g_hash_table_insert (counts->numbers, g_strdup (word), GINT_TO_POINTER (number + 1));
  g_array_append_val (counts->df, zero);
  return number;
}

static gint
compare_numbers (gconstpointer a, gconstpointer b)
{
  gint32 i = *(const gint32 *)a, j = *(const gint32 *)b;

  return (i > j) - (i < j);
}

static gint
compare_entries (gconstpointer a, gconstpointer b)
{
  const Entry *s = a, *t = b;

  if (s->word != t->word)
    return s->word < t->word ? -1 : 1;
  return (s->weight > t->weight) - (s->weight < t->weight);
}

static void
add_words (Counts *counts, const char *text)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);

  tfidf_split (text, words);
  for (guint i = 0; i < words->len; i++)
    {
      gint32 number = word_number (counts, g_ptr_array_index (words, i));

      g_array_append_val (counts->field, number);
    }
}

/* Turn the words of the field at hand into entries. */
static void
end_field (Counts *counts, double weight)
{
  const gint32 *words = (const gint32 *)(void *)counts->field->data;

  g_array_sort (counts->field, compare_numbers);
  for (guint i = 0, end; i < counts->field->len; i = end)
    {
      Entry entry = { .word = words[i] };

      for (end = i + 1; end < counts->field->len && words[end] == words[i]; end++)
        ;
      entry.weight = (float)(weight * (1 + log ((double)(end - i))));
      if (weight > 0)
        g_array_append_val (counts->entries, entry);
    }
  g_array_set_size (counts->field, 0);
}

/* Merge the entries that an item has for the same word in several fields. */
static void
end_item (Counts *counts, gint64 start)
{
  Entry *e = (Entry *)(void *)counts->entries->data;
  gint64 n = counts->entries->len, to = start;

  if (n > start)
    qsort (e + start, (gsize)(n - start), sizeof (Entry), compare_entries);
  for (gint64 i = start, end; i < n; i = end)
    {
      Entry sum = { .word = e[i].word };

      for (end = i; end < n && e[end].word == sum.word; end++)
        sum.weight += e[end].weight;
      e[to++] = sum;
      g_array_index (counts->df, gint32, sum.word)++;
    }
  g_array_set_size (counts->entries, (guint)to);
  g_array_append_val (counts->ends, to);
}

static void
count_item (Counts *counts, const PrItem *item, const FieldWeights *weights)
{
  gint64 start = counts->entries->len;

  add_words (counts, item->title);
  end_field (counts, weights->title);
  add_words (counts, item->brand);
  end_field (counts, weights->brand);
  for (const char *const *c = item->categories; *c != NULL; c++)
    add_words (counts, *c);
  end_field (counts, weights->categories);
  add_words (counts, item->description);
  end_field (counts, weights->description);
  end_item (counts, start);
}

/* Number the words that stay, -1 for the others; returns how many. */
static gint32
choose_words (const Counts *counts, gint64 n_items, gint64 min_df, double max_share, gint32 *ret_column)
{
  gint32 n = 0;

  for (guint w = 0; w < counts->df->len; w++)
    {
      gint32 df = g_array_index (counts->df, gint32, w);

      ret_column[w] = df >= min_df && df <= max_share * (double)n_items ? n++ : -1;
    }
  return n;
}

static Sparse *
build (const Counts *counts, gint64 n_items, gint64 min_df, double max_share)
{
  g_autofree gint32 *column = g_new (gint32, MAX (counts->df->len, 1));
  gint32 n_words = choose_words (counts, n_items, min_df, max_share, column);
  Sparse *a = sparse_new (n_items, n_words, counts->entries->len);
  gint64 to = 0, e = 0;

  for (gint64 i = 0; i < n_items; i++)
    {
      for (; e < g_array_index (counts->ends, gint64, i); e++)
        {
          const Entry *entry = &g_array_index (counts->entries, Entry, e);
          double df = g_array_index (counts->df, gint32, entry->word);

          if (column[entry->word] < 0)
            continue;
          a->index[to] = column[entry->word];
          a->values[to++] = (float)(entry->weight * (log ((1.0 + (double)n_items) / (1.0 + df)) + 1));
        }
      a->offsets[i + 1] = to;
    }
  sparse_normalise_rows (a);
  return a;
}

Sparse *
tfidf_new (const PrDataset *dataset, const FieldWeights *weights, gint64 min_df, double max_share)
{
  gint64 n = pr_dataset_n_items (dataset);
  Counts counts = { g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL),
                    g_array_new (FALSE, FALSE, sizeof (Entry)), g_array_new (FALSE, FALSE, sizeof (gint64)),
                    g_array_new (FALSE, FALSE, sizeof (gint32)), g_array_new (FALSE, FALSE, sizeof (gint32)) };
  Sparse *a;

  for (gint64 i = 0; i < n; i++)
    count_item (&counts, pr_dataset_item (dataset, i), weights);
  a = build (&counts, n, min_df, max_share);
  g_hash_table_unref (counts.numbers);
  g_array_unref (counts.entries);
  g_array_unref (counts.ends);
  g_array_unref (counts.df);
  g_array_unref (counts.field);
  return a;
}
