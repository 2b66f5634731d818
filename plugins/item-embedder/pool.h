/* pool.h - item texts read by a language model. */
#ifndef PR_POOL_H
#define PR_POOL_H

#include <pauserec/dataset.h>
#include <pauserec/lm.h>
#include <pauserec/matrix.h>
#include <pauserec/run.h>

/* Mean over the tokens of an item's text (pr_item_append_text, cut to MAX_TOKENS) of the last hidden state:
 * [n_items, hidden].  An item without text gets zeros. */
PrMatrix *pool_items (PrLm *lm, const PrDataset *dataset, gint64 max_tokens, gint64 batch_tokens, PrRun *run,
                      GError **error);

#endif
