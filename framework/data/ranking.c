#include "config.h"

#include <math.h>
#include <pauserec/error.h>
#include <pauserec/ranking.h>
#include <pauserec/tensors.h>
#include <string.h>

#define RANKING_FILE "ranking.safetensors"

PrRanking *
pr_ranking_new (gint64 n_users, gint64 k, PrSplit split)
{
  PrRanking *ranking;

  g_return_val_if_fail (n_users > 0 && k > 0 && k <= G_MAXINT64 / 8 / n_users, NULL);
  ranking = g_new0 (PrRanking, 1);
  ranking->n_users = n_users;
  ranking->k = k;
  ranking->split = split;
  ranking->items = g_new (gint32, (gsize)(n_users * k));
  ranking->scores = g_new (float, (gsize)(n_users * k));
  for (gint64 i = 0; i < n_users * k; i++)
    {
      ranking->items[i] = -1;
      ranking->scores[i] = -INFINITY;
    }
  return ranking;
}

void
pr_ranking_free (PrRanking *ranking)
{
  if (ranking == NULL)
    return;
  g_free (ranking->items);
  g_free (ranking->scores);
  g_free (ranking);
}

/* What is wrong with one user's list, or NULL.  SEEN [n_items] holds the number (from 1) of the last user with the
 * item. */
static const char *
check_user (const PrRanking *ranking, gint64 user, gint64 n_items, guint32 *seen)
{
  const gint32 *items = ranking->items + user * ranking->k;
  const float *scores = ranking->scores + user * ranking->k;

  for (gint64 i = 0; i < ranking->k; i++)
    {
      if (items[i] < -1 || items[i] >= n_items)
        return "an item number outside the data set";
      if (items[i] == -1 && !(isinf (scores[i]) && scores[i] < 0))
        return "a score without an item (-inf belongs there)";
      if (items[i] == -1)
        continue;
      if (isnan (scores[i]))
        return "a score that is not a number";
      if (i > 0 && items[i - 1] == -1)
        return "a gap in the list";
      if (i > 0 && scores[i] > scores[i - 1])
        return "scores that rise";
      if (seen[items[i]] == (guint32)user + 1)
        return "the same item twice";
      seen[items[i]] = (guint32)user + 1;
    }
  return NULL;
}

static gboolean
check (const PrRanking *ranking, gint64 n_items, const char *path, GError **error)
{
  g_autofree guint32 *seen = g_new0 (guint32, (gsize)n_items);

  for (gint64 u = 0; u < ranking->n_users; u++)
    {
      const char *why = check_user (ranking, u, n_items, seen);

      if (why == NULL)
        continue;
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: the list of user %" G_GINT64_FORMAT " has %s", path, u, why);
      return FALSE;
    }
  return TRUE;
}

static gboolean
read_split (const PrTensors *tensors, const char *path, PrSplit *ret_split, GError **error)
{
  const char *split = pr_tensors_meta (tensors, "split");

  if (g_strcmp0 (split, "valid") == 0)
    *ret_split = PR_SPLIT_VALID;
  else if (g_strcmp0 (split, "test") == 0)
    *ret_split = PR_SPLIT_TEST;
  else
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: metadata \"split\" must be valid or test", path);
      return FALSE;
    }
  return TRUE;
}

PrRanking *
pr_ranking_load (const char *dir, gint64 n_items, GError **error)
{
  g_autofree char *path = g_build_filename (dir, RANKING_FILE, NULL);
  g_autoptr (PrTensors) tensors = pr_tensors_open (path, error);
  g_autoptr (PrRanking) ranking = NULL;
  const gint64 any[2] = { -1, -1 };
  const PrTensor *items, *scores;
  PrSplit split;

  g_return_val_if_fail (n_items > 0, NULL);
  if (tensors == NULL || !read_split (tensors, path, &split, error))
    return NULL;
  items = pr_tensors_get (tensors, "items", PR_DTYPE_I32, 2, any, error);
  scores = items != NULL ? pr_tensors_get (tensors, "scores", PR_DTYPE_F32, 2, items->dims, error) : NULL;
  if (scores == NULL)
    return NULL;
  if (items->n == 0 || items->dims[0] > G_MAXINT32)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: no users, no items or too many users", path);
      return NULL;
    }
  ranking = pr_ranking_new (items->dims[0], items->dims[1], split);
  memcpy (ranking->items, items->data, (gsize)items->n * sizeof (gint32));
  memcpy (ranking->scores, scores->data, (gsize)items->n * sizeof (float));
  if (!check (ranking, n_items, path, error))
    return NULL;
  return g_steal_pointer (&ranking);
}

typedef struct
{
  const float *scores, *prior;
} Order;

/* TRUE if item A stands before item B. */
static gboolean
is_before (const Order *order, gint32 a, gint32 b)
{
  if (order->scores[a] != order->scores[b])
    return order->scores[a] > order->scores[b];
  if (order->prior != NULL && order->prior[a] != order->prior[b])
    return order->prior[a] > order->prior[b];
  return a < b;
}

/* HEAP [n] with the last item on top, but for its place AT. */
static void
sift_down (const Order *order, gint32 *heap, gint64 n, gint64 at)
{
  for (gint64 child; (child = 2 * at + 1) < n; at = child)
    {
      gint32 item = heap[at];

      if (child + 1 < n && is_before (order, heap[child], heap[child + 1]))
        child++;
      if (!is_before (order, item, heap[child]))
        return;
      heap[at] = heap[child];
      heap[child] = item;
    }
}

static gboolean
contains (const gint32 *items, gint64 n, gint32 item)
{
  for (gint64 i = 0; i < n; i++)
    if (items[i] == item)
      return TRUE;
  return FALSE;
}

void
pr_ranking_fill (PrRanking *ranking, gint64 user, gint64 n_items, const float *scores, const float *prior,
                 const gint32 *excluded, gint64 n_excluded)
{
  const Order order = { scores, prior };
  gint32 *heap = ranking->items + user * ranking->k; /* the best so far; the last of them on top once it is full */
  gint64 n = 0;

  for (gint32 item = 0; item < n_items; item++)
    {
      if (scores[item] == -INFINITY || (n == ranking->k && !is_before (&order, item, heap[0]))
          || contains (excluded, n_excluded, item))
        continue;
      if (n < ranking->k)
        {
          heap[n++] = item;
          for (gint64 at = n / 2 - 1; n == ranking->k && at >= 0; at--)
            sift_down (&order, heap, n, at);
          continue;
        }
      heap[0] = item;
      sift_down (&order, heap, n, 0);
    }
  for (gint64 at = n / 2 - 1; n < ranking->k && at >= 0; at--)
    sift_down (&order, heap, n, at);
  for (gint64 last = n - 1; last > 0; last--)
    {
      gint32 item = heap[last];

      heap[last] = heap[0];
      heap[0] = item;
      sift_down (&order, heap, last, 0);
    }
  for (gint64 i = 0; i < n; i++)
    ranking->scores[user * ranking->k + i] = scores[heap[i]];
}

gboolean
pr_ranking_save (const PrRanking *ranking, const char *dir, GError **error)
{
  g_autofree char *path = g_build_filename (dir, RANKING_FILE, NULL);
  g_autoptr (PrTensorsWriter) writer = pr_tensors_writer_new ();

  if (ranking->split == PR_SPLIT_TRAIN)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: a ranking is of the split valid or test", path);
      return FALSE;
    }
  pr_tensors_writer_meta (writer, "split", ranking->split == PR_SPLIT_VALID ? "valid" : "test");
  pr_tensors_writer_add2 (writer, "items", PR_DTYPE_I32, ranking->n_users, ranking->k, ranking->items);
  pr_tensors_writer_add2 (writer, "scores", PR_DTYPE_F32, ranking->n_users, ranking->k, ranking->scores);
  return pr_tensors_writer_write (writer, path, error);
}
