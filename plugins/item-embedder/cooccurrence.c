#include "config.h"

#include "cooccurrence.h"

#include <math.h>

typedef struct
{
  gint32 row, column;
  double weight;
} Pair;

static gint
compare_pairs (gconstpointer a, gconstpointer b)
{
  const Pair *s = a, *t = b;

  if (s->row != t->row)
    return s->row < t->row ? -1 : 1;
  return (s->column > t->column) - (s->column < t->column);
}

static GArray *
collect_pairs (const PrDataset *dataset, gint64 window)
{
  GArray *pairs = g_array_new (FALSE, FALSE, sizeof (Pair));

  for (gint64 u = 0; u < pr_dataset_n_users (dataset); u++)
    {
      gint64 n;
      const gint32 *items = pr_dataset_train_sequence (dataset, u, &n);

      for (gint64 i = 0; i < n; i++)
        for (gint64 j = i + 1; j < n && j <= i + window; j++)
          {
            Pair pair = { items[i], items[j], 1.0 / (double)(j - i) }, back = { items[j], items[i], pair.weight };

            if (items[i] == items[j])
              continue;
            g_array_append_val (pairs, pair);
            g_array_append_val (pairs, back);
          }
    }
  return pairs;
}

/* Sum equal pairs, which the caller has sorted by weight too: always the same order of addition. */
static void
merge_pairs (GArray *pairs)
{
  Pair *p = (Pair *)(void *)pairs->data;
  guint to = 0;

  for (guint i = 0, end; i < pairs->len; i = end)
    {
      Pair sum = { p[i].row, p[i].column, 0 };

      for (end = i; end < pairs->len && compare_pairs (&p[i], &p[end]) == 0; end++)
        sum.weight += p[end].weight;
      p[to++] = sum;
    }
  g_array_set_size (pairs, to);
}

static gint
compare_pairs_and_weights (gconstpointer a, gconstpointer b)
{
  const Pair *s = a, *t = b;
  gint order = compare_pairs (a, b);

  return order != 0 ? order : (s->weight < t->weight) - (s->weight > t->weight);
}

Sparse *
cooccurrence_new (const PrDataset *dataset, gint64 window)
{
  gint64 n = pr_dataset_n_items (dataset), to = 0;
  g_autoptr (GArray) pairs = collect_pairs (dataset, window);
  g_autofree double *marginals = g_new0 (double, n);
  double total = 0;
  Sparse *a;
  guint e = 0;

  g_array_sort (pairs, compare_pairs_and_weights);
  merge_pairs (pairs);
  for (guint i = 0; i < pairs->len; i++)
    {
      marginals[g_array_index (pairs, Pair, i).row] += g_array_index (pairs, Pair, i).weight;
      total += g_array_index (pairs, Pair, i).weight;
    }
  a = sparse_new (n, n, pairs->len);
  for (gint64 i = 0; i < n; i++)
    {
      for (; e < pairs->len && g_array_index (pairs, Pair, e).row == i; e++)
        {
          const Pair *p = &g_array_index (pairs, Pair, e);
          double pmi = log (p->weight * total / (marginals[p->row] * marginals[p->column]));

          if (pmi <= 0)
            continue;
          a->index[to] = p->column;
          a->values[to++] = (float)pmi;
        }
      a->offsets[i + 1] = to;
    }
  return a;
}
