/* source.h - items and purchases as they stand in somebody's files, before they become a data set.
 *
 * The sources behind this header know nothing of stages: the tests call them directly.
 */
#ifndef PR_DATASET_FILES_SOURCE_H
#define PR_DATASET_FILES_SOURCE_H

#include <pauserec/dataset.h>

typedef enum
{
  TIES_FILE,
  TIES_ITEM,
  TIES_SHUFFLE,
} Ties;

typedef enum
{
  REPEATS_KEEP,
  REPEATS_SAME_TIME,
  REPEATS_ALL,
} Repeats;

typedef enum
{
  UNKNOWN_ERROR,
  UNKNOWN_DROP,
} Unknown;

typedef struct
{
  const char *name;
  const char *items, *interactions;
  const char *user_column, *item_column, *time_column, *rating_column;
  int64_t k_core, min_sequence, max_text, tie_seed;
  double min_rating;
  int ties, repeats, unknown_items;
} SourceParams;

/* Not empty, no control characters: what may name an item or a user. */
gboolean source_id_ok (const char *id);

typedef struct
{
  GArray *items;     /* PrItem */
  GHashTable *by_id; /* id -> number + 1 */
  GStringChunk *strings;
  GPtrArray *lists; /* the category lists, owned */
} Catalogue;

/* One item a line.  MAX_TEXT: characters of a description that are kept; 0 keeps all. */
Catalogue *catalogue_read (const char *path, gint64 max_text, GError **error);
void catalogue_free (Catalogue *catalogue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Catalogue, catalogue_free)

typedef struct
{
  gint32 user, item;
  gint64 time;
  guint64 tie;  /* orders equal times */
  guint64 line; /* of the file */
} Purchase;

typedef struct
{
  GArray *rows;     /* Purchase */
  GPtrArray *users; /* ids, in the order of their first row */
  GHashTable *by_id;
  GStringChunk *strings;
  gboolean indexed;                            /* the time is an order index: no two of a user may be equal */
  gint64 below_rating, unknown, ties, repeats; /* counted on the way */
} Purchases;

Purchases *purchases_read (const SourceParams *params, const Catalogue *catalogue, GError **error);
void purchases_free (Purchases *purchases);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Purchases, purchases_free)

/* Users together, each in time order, equal times by the tie rule; repeats dropped as asked. */
gboolean purchases_sort (Purchases *purchases, const SourceParams *params, GError **error);

typedef struct
{
  gint64 users, items, rows; /* dropped */
} Dropped;

/* Drop users with fewer than USER_MIN and items with fewer than ITEM_MIN purchases, again and again until none is left.
 * ret_user_kept [users], ret_item_kept [N_ITEMS]: 1 for those that stay.  Users and items without any purchase stay
 * only if the minimum is 0. */
void purchases_filter (Purchases *purchases, gint64 n_items, gint64 user_min, gint64 item_min, guint8 *ret_user_kept,
                       guint8 *ret_item_kept, Dropped *ret_dropped);

#endif
