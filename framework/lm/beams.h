/* beams.h - which beams live: the bookkeeping of a beam search, without any model.
 *
 * A beam is a node of the trie with the sum of its log probabilities.  At every depth each open beam asks the model
 * for log probabilities of its children, and the best WIDTH children of a user become the user's next beams: higher
 * score first, then the lower parent, then the lower code.  Beams of a user are distinct because they are distinct
 * nodes.
 *
 * A beam that only one tuple continues is closed: with scores normalised over the trie what follows has log
 * probability 0, so it needs no row of the model any more (it still competes with the others).
 */
#ifndef PR_BEAMS_H
#define PR_BEAMS_H

#include "lm/trie.h"

typedef struct
{
  const PrTrie *trie;
  gint32 width;   /* beams kept for a user */
  gboolean close; /* closed beams get no row */
  gint32 n_users;
  gint32 depth;      /* codes chosen so far */
  gint32 *n_beams;   /* [users] */
  gint32 *nodes;     /* [users, width] */
  double *scores;    /* [users, width], best first */
  gint32 *histories; /* [users, width, levels] row of the beam's ancestor (itself included) at every depth */

  gint32 n_rows;    /* open beams of all users, in (user, beam) order */
  gint32 *row_user; /* [rows] */
  gint32 *row_beam; /* [rows] */
  gsize *row_first; /* [rows + 1] where the children of a row start in the array of log probabilities */

  gint32 *new_nodes, *new_parents, *new_histories; /* scratch of one user */
  double *new_scores;
} PrBeams;

/* For at most MAX_USERS users; IO error if memory does not suffice. */
PrBeams *pr_beams_new (const PrTrie *trie, gint32 max_users, gint32 width, gboolean close, GError **error);
void pr_beams_free (PrBeams *beams);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrBeams, pr_beams_free)

/* One beam a user, at the root: the rows are the users' prompts. */
void pr_beams_start (PrBeams *beams, gint32 n_users);

/* LOG_PROBS [row_first[n_rows]] of the children of every row, in order of their codes: keep the best, open the next
 * rows. */
void pr_beams_advance (PrBeams *beams, const float *log_probs);

/* In the place of pr_beams_advance(), where every user has one beam (width 1): beams go on towards LEAVES [users] of
 * the trie, whatever is best there, and their scores become log probabilities of these leaves. */
void pr_beams_follow (PrBeams *beams, const float *log_probs, const gint32 *leaves);

/* SCORES [row_first[n_rows]] from logits of the children of every row to log probabilities: log softmax over the children
 * of each row. */
void pr_beams_normalise (const PrBeams *beams, float *scores);

/* The whole search, or, unless LEAVES is NULL, the way to LEAVES.  ASK says the log probabilities of the children of the
 * rows just opened, as pr_beams_advance() wants them, borrowed until the next call; NULL with an error ends the search.
 * It is called at every depth that has rows, from beams->depth = 0 on.
 * NUMERIC: a log probability that is not finite, of user *ret_user (counted from 0). */
typedef const float *(*PrBeamsAskFunc) (gpointer ctx, const PrBeams *beams, GError **error);
gboolean pr_beams_run (PrBeams *beams, gint32 n_users, const gint32 *leaves, PrBeamsAskFunc ask, gpointer ctx,
                       gint32 *ret_user, GError **error);

/* Nothing is left to decide. */
static inline gboolean
pr_beams_done (const PrBeams *beams)
{
  return beams->n_rows == 0;
}

/* Leaves and scores of a user, [width] each; -1 and -inf where there are fewer.  When done only. */
void pr_beams_result (const PrBeams *beams, gint32 user, gint32 *ret_leaves, float *ret_scores);

static inline gint32
pr_beams_row_node (const PrBeams *beams, gint32 row)
{
  return beams->nodes[(gsize)beams->row_user[row] * (gsize)beams->width + (gsize)beams->row_beam[row]];
}

/* Rows of the ancestors of ROW by depth: [depth + 1], the last is ROW itself. */
static inline const gint32 *
pr_beams_row_history (const PrBeams *beams, gint32 row)
{
  gsize beam = (gsize)beams->row_user[row] * (gsize)beams->width + (gsize)beams->row_beam[row];

  return beams->histories + beam * (gsize)beams->trie->levels;
}

#endif
