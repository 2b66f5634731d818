/* similar.h - the purchases of a history that are most like the target. */
#ifndef PR_DISTILL_SIMILAR_H
#define PR_DISTILL_SIMILAR_H

#include <pauserec/dataset.h>
#include <pauserec/matrix.h>

/* The MOST different items of HISTORY (N purchases, oldest first) that are most similar to TARGET, into ret_items
 * [MOST], oldest first; returns how many.  Similar: by the cosine of rows of EMBEDDINGS, or without them (NULL) by the
 * depth to which their category paths agree; of equals the newer purchase. */
gint64 similar_items (const PrDataset *dataset, const PrMatrix *embeddings, const gint32 *history, gint64 n,
                      gint32 target, gint64 most, gint32 *ret_items);

#endif
