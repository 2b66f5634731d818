/* purchases-private.h - rows of purchases, and what is done with them before they become a data set. */
#ifndef PR_PURCHASES_PRIVATE_H
#define PR_PURCHASES_PRIVATE_H

#include <pauserec/purchases.h>

typedef struct
{
  gint32 user, item;
  gint64 time;
  guint64 tie;  /* orders equal times */
  guint64 line; /* of the file */
} PrPurchaseRow;

struct PrPurchases
{
  const PrPurchaseParams *params;
  const PrCatalogue *catalogue;
  char *path;
  gboolean indexed;
  GArray *rows;     /* PrPurchaseRow */
  GPtrArray *users; /* ids, in the order of their first row */
  GHashTable *by_id;
  GStringChunk *strings;
  gint64 below_rating, unknown, ties, repeats; /* counted on the way */
};

/* Where the catalogue says that its items stand. */
const char *pr_catalogue_path (const PrCatalogue *catalogue);

/* Users together, each in time order, equal times by the tie rule; repeats dropped as asked. */
gboolean pr_purchases_sort (PrPurchases *purchases, GError **error);

typedef struct
{
  gint64 users, items, rows; /* dropped */
} PrDropped;

/* Drop users with fewer than USER_MIN and items with fewer than ITEM_MIN purchases, again and again until none is left.
 * ret_user_kept [users], ret_item_kept [items of the catalogue]: 1 for those that stay.  Users and items without any
 * purchase stay only if the minimum is 0. */
void pr_purchases_filter (PrPurchases *purchases, gint64 user_min, gint64 item_min, guint8 *ret_user_kept,
                          guint8 *ret_item_kept, PrDropped *ret_dropped);

#endif
