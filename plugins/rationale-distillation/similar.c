#include "config.h"

#include "similar.h"

#include <math.h>
#include <string.h>

typedef struct
{
  double similarity;
  gint64 at; /* in the history */
} Candidate;

static double
cosine (const PrMatrix *embeddings, gint32 a, gint32 b)
{
  const float *x = embeddings->data + a * embeddings->columns, *y = embeddings->data + b * embeddings->columns;
  double xy = 0, xx = 0, yy = 0;

  for (gint64 d = 0; d < embeddings->columns; d++)
    {
      xy += (double)x[d] * y[d];
      xx += (double)x[d] * x[d];
      yy += (double)y[d] * y[d];
    }
  return xx > 0 && yy > 0 ? xy / sqrt (xx * yy) : 0;
}

static double
shared_depth (const PrDataset *dataset, gint32 a, gint32 b)
{
  const char *const *x = pr_dataset_item (dataset, a)->categories;
  const char *const *y = pr_dataset_item (dataset, b)->categories;
  guint depth = 0;

  while (x[depth] != NULL && y[depth] != NULL && strcmp (x[depth], y[depth]) == 0)
    depth++;
  return depth;
}

/* The most similar first, of equals the newest. */
static int
by_similarity (gconstpointer a_, gconstpointer b_)
{
  const Candidate *a = a_, *b = b_;

  if (a->similarity != b->similarity)
    return a->similarity > b->similarity ? -1 : 1;
  return a->at > b->at ? -1 : a->at < b->at;
}

static int
by_time (gconstpointer a, gconstpointer b)
{
  gint64 x = ((const Candidate *)a)->at, y = ((const Candidate *)b)->at;

  return x < y ? -1 : x > y;
}

gint64
similar_items (const PrDataset *dataset, const PrMatrix *embeddings, const gint32 *history, gint64 n, gint32 target,
               gint64 most, gint32 *ret_items)
{
  g_autoptr (GArray) candidates = g_array_new (FALSE, FALSE, sizeof (Candidate));
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (gint64 i = n - 1; i >= 0; i--)
    {
      gint32 item = history[i];
      Candidate candidate = { 0, i };

      if (!g_hash_table_add (seen, GINT_TO_POINTER (item)))
        continue;
      candidate.similarity =
          embeddings != NULL ? cosine (embeddings, item, target) : shared_depth (dataset, item, target);
      g_array_append_val (candidates, candidate);
    }
  g_array_sort (candidates, by_similarity);
  if (candidates->len > most)
    g_array_set_size (candidates, (guint)most);
  g_array_sort (candidates, by_time);
  for (guint i = 0; i < candidates->len; i++)
    ret_items[i] = history[g_array_index (candidates, Candidate, i).at];
  return candidates->len;
}
