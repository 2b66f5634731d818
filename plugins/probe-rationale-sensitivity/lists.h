/* lists.h - how good a ranked list is, and how much two of them agree. */
#ifndef PR_RATIONALE_LISTS_H
#define PR_RATIONALE_LISTS_H

#include <glib.h>

/* Lists are ITEMS [k], best first, distinct, -1 where there are fewer. */

float list_hit (const gint32 *items, gint64 k, gint32 target);
float list_ndcg (const gint32 *items, gint64 k, gint32 target); /* 1 / log2 (rank + 1) */

/* Whether the first N differ, order included: 0 or 1. */
float lists_differ (const gint32 *a, const gint32 *b, gint64 n);
/* Kendall's distance of top-k lists with penalty 1/2 (Fagin, Kumar and Sivakumar 2003, K^(1/2)), over that of lists
 * without a common item, taken from 1: 1 the same list, 0 nothing in common.  NAN if a list is empty. */
float lists_kendall (const gint32 *a, const gint32 *b, gint64 k);
/* The share of items that the first d have in common, averaged over d = 1 .. k.  NAN if a list is empty. */
float lists_overlap (const gint32 *a, const gint32 *b, gint64 k);

#endif
