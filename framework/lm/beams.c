#include "config.h"

#include "lm/beams.h"

#include <pauserec/error.h>

#include <math.h>
#include <string.h>

PrBeams *
pr_beams_new (const PrTrie *trie, gint32 max_users, gint32 width, gboolean close, GError **error)
{
  g_autoptr (PrBeams) beams = g_new0 (PrBeams, 1);
  gsize levels = (gsize)trie->levels, all = (gsize)max_users * (gsize)width;

  beams->trie = trie;
  beams->width = width;
  beams->close = close;
  beams->n_beams = g_try_new0 (gint32, (gsize)max_users);
  beams->nodes = g_try_new0 (gint32, all);
  beams->scores = g_try_new0 (double, all);
  beams->histories = g_try_new0 (gint32, all * levels);
  beams->row_user = g_try_new0 (gint32, all);
  beams->row_beam = g_try_new0 (gint32, all);
  beams->row_first = g_try_new0 (gsize, all + 1);
  beams->new_nodes = g_try_new0 (gint32, (gsize)width);
  beams->new_parents = g_try_new0 (gint32, (gsize)width);
  beams->new_scores = g_try_new0 (double, (gsize)width);
  beams->new_histories = g_try_new0 (gint32, (gsize)width * levels);
  if (beams->n_beams == NULL || beams->nodes == NULL || beams->scores == NULL || beams->histories == NULL
      || beams->row_user == NULL || beams->row_beam == NULL || beams->row_first == NULL || beams->new_nodes == NULL
      || beams->new_parents == NULL || beams->new_scores == NULL || beams->new_histories == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "out of memory for %d beams of %d users: lower `beams` or `users_at_once`", width, max_users);
      return NULL;
    }
  return g_steal_pointer (&beams);
}

void
pr_beams_free (PrBeams *beams)
{
  if (beams == NULL)
    return;
  g_free (beams->n_beams);
  g_free (beams->nodes);
  g_free (beams->scores);
  g_free (beams->histories);
  g_free (beams->row_user);
  g_free (beams->row_beam);
  g_free (beams->row_first);
  g_free (beams->new_nodes);
  g_free (beams->new_parents);
  g_free (beams->new_scores);
  g_free (beams->new_histories);
  g_free (beams);
}

/* Does this beam ask the model? */
static gboolean
is_open (const PrBeams *beams, gsize beam)
{
  return beams->depth < beams->trie->levels
         && !(beams->close && pr_trie_is_lone (beams->trie, beams->depth, beams->nodes[beam]));
}

static void
open_rows (PrBeams *beams)
{
  gsize first = 0;

  beams->n_rows = 0;
  for (gint32 user = 0; user < beams->n_users; user++)
    for (gint32 b = 0; b < beams->n_beams[user]; b++)
      {
        gsize beam = (gsize)user * (gsize)beams->width + (gsize)b;

        if (!is_open (beams, beam))
          continue;
        beams->histories[beam * (gsize)beams->trie->levels + (gsize)beams->depth] = beams->n_rows;
        beams->row_user[beams->n_rows] = user;
        beams->row_beam[beams->n_rows] = b;
        beams->row_first[beams->n_rows] = first;
        first += (gsize)pr_trie_n_children (beams->trie, beams->depth, beams->nodes[beam]);
        beams->n_rows++;
      }
  beams->row_first[beams->n_rows] = first;
}

void
pr_beams_start (PrBeams *beams, gint32 n_users)
{
  beams->n_users = n_users;
  beams->depth = 0;
  for (gint32 user = 0; user < n_users; user++)
    {
      beams->n_beams[user] = 1;
      beams->nodes[(gsize)user * (gsize)beams->width] = 0;
      beams->scores[(gsize)user * (gsize)beams->width] = 0;
    }
  open_rows (beams);
}

/* TRUE if the new beam at place I of the scratch is better than (SCORE, PARENT, NODE). */
static gboolean
is_better (const PrBeams *beams, gint32 i, double score, gint32 parent, gint32 node)
{
  if (beams->new_scores[i] != score)
    return beams->new_scores[i] > score;
  if (beams->new_parents[i] != parent)
    return beams->new_parents[i] < parent;
  return beams->new_nodes[i] < node;
}

/* Insert into the N best so far, kept sorted; returns how many there are now. */
static gint32
insert (PrBeams *beams, gint32 n, double score, gint32 parent, gint32 node)
{
  gint32 low = 0, high = n;
  gsize tail;

  if (n == beams->width)
    {
      if (is_better (beams, n - 1, score, parent, node))
        return n;
      high = --n;
    }
  while (low < high)
    {
      gint32 middle = low + (high - low) / 2;

      if (is_better (beams, middle, score, parent, node))
        low = middle + 1;
      else
        high = middle;
    }
  tail = (gsize)(n - low);
  memmove (beams->new_scores + low + 1, beams->new_scores + low, tail * sizeof *beams->new_scores);
  memmove (beams->new_parents + low + 1, beams->new_parents + low, tail * sizeof *beams->new_parents);
  memmove (beams->new_nodes + low + 1, beams->new_nodes + low, tail * sizeof *beams->new_nodes);
  beams->new_scores[low] = score;
  beams->new_parents[low] = parent;
  beams->new_nodes[low] = node;
  return n + 1;
}

/* The best children of a user; ROW is the user's first row; returns the row after the last. */
static gint32
advance_user (PrBeams *beams, gint32 user, gint32 row, const float *log_probs)
{
  const PrTrie *trie = beams->trie;
  gsize width = (gsize)beams->width, levels = (gsize)trie->levels, first = (gsize)user * width;
  gint32 n = 0;

  for (gint32 b = 0; b < beams->n_beams[user]; b++)
    {
      gsize beam = first + (gsize)b;
      double score = beams->scores[beam];
      gint32 child = trie->first[beams->depth][beams->nodes[beam]];

      if (!is_open (beams, beam))
        {
          n = insert (beams, n, score, b, child);
          continue;
        }
      for (gsize i = beams->row_first[row]; i < beams->row_first[row + 1]; i++, child++)
        {
          double sum = score + (double)log_probs[i];

          if (n < beams->width || sum >= beams->new_scores[n - 1])
            n = insert (beams, n, sum, b, child);
        }
      row++;
    }

  for (gint32 b = 0; b < n; b++)
    memcpy (beams->new_histories + (gsize)b * levels,
            beams->histories + (first + (gsize)beams->new_parents[b]) * levels, levels * sizeof *beams->histories);
  memcpy (beams->histories + first * levels, beams->new_histories, (gsize)n * levels * sizeof *beams->histories);
  memcpy (beams->nodes + first, beams->new_nodes, (gsize)n * sizeof *beams->nodes);
  memcpy (beams->scores + first, beams->new_scores, (gsize)n * sizeof *beams->scores);
  beams->n_beams[user] = n;
  return row;
}

void
pr_beams_advance (PrBeams *beams, const float *log_probs)
{
  gint32 row = 0;

  for (gint32 user = 0; user < beams->n_users; user++)
    row = advance_user (beams, user, row, log_probs);
  beams->depth++;
  open_rows (beams);
}

/* The child of NODE above LEAF. */
static gint32
child_towards (const PrTrie *trie, gint32 depth, gint32 node, gint32 leaf)
{
  gint32 low = trie->first[depth][node], high = trie->first[depth][node + 1] - 1;

  while (low < high)
    {
      gint32 middle = low + (high - low + 1) / 2;

      if (trie->leaves[depth + 1][middle] <= leaf)
        low = middle;
      else
        high = middle - 1;
    }
  return low;
}

void
pr_beams_follow (PrBeams *beams, const float *log_probs, const gint32 *leaves)
{
  gsize width = (gsize)beams->width;
  gint32 row = 0;

  for (gint32 user = 0; user < beams->n_users; user++)
    {
      gsize beam = (gsize)user * width;
      gint32 first = beams->trie->first[beams->depth][beams->nodes[beam]];
      gint32 child = child_towards (beams->trie, beams->depth, beams->nodes[beam], leaves[user]);

      if (is_open (beams, beam))
        {
          beams->scores[beam] += (double)log_probs[beams->row_first[row] + (gsize)(child - first)];
          row++;
        }
      beams->nodes[beam] = child;
    }
  beams->depth++;
  open_rows (beams);
}

void
pr_beams_result (const PrBeams *beams, gint32 user, gint32 *ret_leaves, float *ret_scores)
{
  gsize first = (gsize)user * (gsize)beams->width;

  for (gint32 b = 0; b < beams->width; b++)
    {
      gboolean live = b < beams->n_beams[user];

      ret_leaves[b] = live ? beams->trie->leaves[beams->depth][beams->nodes[first + (gsize)b]] : -1;
      ret_scores[b] = live ? (float)beams->scores[first + (gsize)b] : -INFINITY;
    }
}

/* log softmax over the N children of a row, whose logits are X. */
static void
log_softmax (gsize n, float *x)
{
  float most = x[0];
  double sum = 0;

  for (gsize i = 1; i < n; i++)
    most = MAX (most, x[i]);
  for (gsize i = 0; i < n; i++)
    sum += (double)expf (x[i] - most);
  sum = log (sum);
  for (gsize i = 0; i < n; i++)
    x[i] = (float)((double)x[i] - (double)most - sum);
}

void
pr_beams_normalise (const PrBeams *beams, float *scores)
{
  for (gint32 r = 0; r < beams->n_rows; r++)
    log_softmax (beams->row_first[r + 1] - beams->row_first[r], scores + beams->row_first[r]);
}

/* Scores must be numbers before anything is sorted by them. */
static gboolean
scores_are_finite (const PrBeams *beams, const float *log_probs, gint32 *ret_user, GError **error)
{
  for (gint32 r = 0; r < beams->n_rows; r++)
    for (gsize i = beams->row_first[r]; i < beams->row_first[r + 1]; i++)
      if (!isfinite (log_probs[i]))
        {
          *ret_user = beams->row_user[r];
          g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
                       "the model's score of a code of level %d is not finite: its weights are broken (NaN or Inf); "
                       "look at the training of this model",
                       beams->depth);
          return FALSE;
        }
  return TRUE;
}

gboolean
pr_beams_run (PrBeams *beams, gint32 n_users, const gint32 *leaves, PrBeamsAskFunc ask, gpointer ctx, gint32 *ret_user,
              GError **error)
{
  for (pr_beams_start (beams, n_users); !pr_beams_done (beams);)
    {
      const float *log_probs = ask (ctx, beams, error);

      if (log_probs == NULL || !scores_are_finite (beams, log_probs, ret_user, error))
        return FALSE;
      if (leaves != NULL)
        pr_beams_follow (beams, log_probs, leaves);
      else
        pr_beams_advance (beams, log_probs);
    }
  return TRUE;
}
