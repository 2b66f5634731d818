/* cooccurrence.h - which items are bought close to one another. */
#ifndef PR_COOCCURRENCE_H
#define PR_COOCCURRENCE_H

#include "sparse.h"

#include <pauserec/dataset.h>

/* Positive pointwise mutual information [n_items, n_items] of items at most WINDOW places apart in the *training* part
 * of a user's purchases, a pair at distance t counting 1/t. */
Sparse *cooccurrence_new (const PrDataset *dataset, gint64 window);

#endif
