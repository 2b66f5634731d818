/* source.h - items and purchases as they stand in somebody's files.
 *
 * The sources behind this header know nothing of stages: the tests call them directly.
 */
#ifndef PR_DATASET_FILES_SOURCE_H
#define PR_DATASET_FILES_SOURCE_H

#include <pauserec/purchases.h>

typedef struct
{
  PrPurchaseParams purchases;
  const char *items, *interactions;
  const char *user_column, *item_column, *time_column, *rating_column;
} SourceParams;

/* JSONL, one item a line. */
PrCatalogue *items_read (const SourceParams *params, GError **error);
/* TSV with a header. */
PrPurchases *interactions_read (const SourceParams *params, const PrCatalogue *catalogue, GError **error);

#endif
