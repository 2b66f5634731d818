/* ranking.h - artifact `ranking/1`: the K best items for every user, best first.
 *
 * File: ranking.safetensors (items I32 [n_users, K], -1 where a user has fewer or none;
 * scores F32 [n_users, K], descending, -inf where item is -1; split in metadata "split": valid or test).
 * Items of one user are distinct.
 */
#ifndef PAUSEREC_RANKING_H
#define PAUSEREC_RANKING_H

#include <pauserec/dataset.h>
#include <pauserec/params.h>

G_BEGIN_DECLS

typedef struct
{
  gint64 n_users, k;
  PrSplit split; /* VALID or TEST */
  gint32 *items; /* [n_users, k] owned */
  float *scores; /* [n_users, k] owned */
} PrRanking;

/* What every stage that lists items for all users lets its user choose. */
typedef struct
{
  int64_t k;
  int split; /* index into pr_target_split_names */
  bool exclude_seen;
} PrRankingParams;

/* Rows for a stage's table: MEMBER of TYPE is a PrRankingParams. */
#define PR_RANKING_PARAMS(type, member)                                                                                \
  PR_PARAM_INT_AT (type, "k", member.k, 1, 1000, 20, "Items recommended to a user."),                                  \
      PR_PARAM_CHOICE_AT (type, "split", member.split, pr_target_split_names, 1,                                       \
                          "Whose targets are to be predicted."),                                                       \
      PR_PARAM_BOOL_AT (                                                                                               \
          type, "exclude_seen", member.exclude_seen, false,                                                            \
          "Leave out what the user bought before; off by default, as the ranking is over the whole catalogue.")

PrRanking *pr_ranking_new (gint64 n_users, gint64 k, PrSplit split); /* all -1 */
void pr_ranking_free (PrRanking *ranking);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrRanking, pr_ranking_free)
/* Checks distinctness, order and range (items < n_items) as DATA errors. */
PrRanking *pr_ranking_load (const char *dir, gint64 n_items, GError **error);
/* Fill the list of USER with the k best of SCORES [n_items], none of them NaN: higher scores first, then higher PRIOR
 * [n_items] (NULL: all equal), then lower numbers.  Items with a score of -inf and those EXCLUDED [n_excluded] are left
 * out. Of distinct users from any thread. */
void pr_ranking_fill (PrRanking *ranking, gint64 user, gint64 n_items, const float *scores, const float *prior,
                      const gint32 *excluded, gint64 n_excluded);
gboolean pr_ranking_save (const PrRanking *ranking, const char *dir, GError **error);

G_END_DECLS

#endif
