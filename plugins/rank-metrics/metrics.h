/* metrics.h - how good a ranking is for one user with one target, and how much of the catalogue rankings reach. */
#ifndef PR_METRICS_H
#define PR_METRICS_H

#include <glib.h>

/* Place of TARGET in ITEMS [k], 1 for the first; 0 if it is not there. */
gint64 metrics_rank (const gint32 *items, gint64 k, gint32 target);

/* With one relevant item: 1 within the first K (Hit = Recall); 1 / log2 (1 + rank) there (NDCG, whose ideal is 1);
 * 1 / rank there (MRR); 0 otherwise. */
float metrics_hit (gint64 rank, gint64 k);
float metrics_ndcg (gint64 rank, gint64 k);
float metrics_mrr (gint64 rank, gint64 k);

/* Share of the N_ITEMS items that stand among the first K of some row of ITEMS [n_users, stride]; -1 is no item. */
double metrics_coverage (const gint32 *items, gint64 n_users, gint64 stride, gint64 k, gint64 n_items);

#endif
