/* purchases.h - for stages that read somebody's purchases: from items and rows to a `dataset/1`.
 *
 * A stage reads its own files: every item goes into a PrCatalogue, every row into PrPurchases, in the order of the
 * files.  What follows is the same for all of them, so that data sets of different sources can be compared: frozen order
 * with a rule for equal times, repeats, k-core, numbers, metrics, notes.  The order is fixed here, once, for every
 * method (paper.md, traps); the defaults are the paper's (experiments: users and items with fewer than 5 interactions are
 * removed).
 *
 *   typedef struct { PrPurchaseParams purchases; const char *items; } Params;
 *   static const PrParamSpec params[] = {
 *     PR_PARAM_PATH_REQUIRED (Params, items, "..."),
 *     PR_PURCHASE_PARAMS (Params, "files", PR_TIES_SHUFFLE),
 *   };
 *   catalogue = pr_catalogue_new (p->items, p->purchases.max_text);
 *   ... pr_catalogue_add (catalogue, line, &item, error) for every item ...
 *   purchases = pr_purchases_new (&p->purchases, catalogue, path, FALSE);
 *   ... pr_purchases_add (purchases, &purchase, error) for every row ...
 *   return pr_purchases_write (purchases, run, "dataset", error);
 */
#ifndef PAUSEREC_PURCHASES_H
#define PAUSEREC_PURCHASES_H

#include <pauserec/dataset.h>
#include <pauserec/params.h>
#include <pauserec/run.h>

G_BEGIN_DECLS

/* Order of equal times of a user. */
typedef enum
{
  PR_TIES_FILE,    /* as the rows were added */
  PR_TIES_ITEM,    /* as the items were added */
  PR_TIES_SHUFFLE, /* at random, by tie_seed */
} PrTies;
extern const char *const pr_ties_names[];

/* A purchase of an item that the user has bought before. */
typedef enum
{
  PR_REPEATS_KEEP,
  PR_REPEATS_DROP_SAME_TIME, /* drop it if it has the time of the one before */
  PR_REPEATS_DROP_ALL,       /* keep the first only */
} PrRepeats;
extern const char *const pr_repeats_names[];

/* A purchase of an item that the catalogue lacks. */
typedef enum
{
  PR_UNKNOWN_ITEMS_ERROR,
  PR_UNKNOWN_ITEMS_DROP,
} PrUnknownItems;
extern const char *const pr_unknown_items_names[];

typedef struct
{
  const char *name;
  int64_t k_core, min_sequence, max_text, tie_seed;
  double min_rating;
  int ties, repeats, unknown_items;
} PrPurchaseParams;

/* Rows for a stage's table: TYPE has a member `PrPurchaseParams purchases`. */
#define PR_PURCHASE_PARAMS(type, name_, ties_)                                                                                \
  PR_PARAM_STRING_AT (type, "name", purchases.name, name_, "What the data set is called in results."),                        \
  PR_PARAM_INT_AT (type, "k_core", purchases.k_core, 0, 1000, 5,                                                              \
                   "Users and items with fewer purchases are dropped, again and again until none is left; 0 = off (paper: 5)."), \
  PR_PARAM_INT_AT (type, "min_sequence", purchases.min_sequence, 1, 1000000, 3,                                               \
                   "Users with fewer purchases are dropped in the same way; leave-one-out needs 3."),                         \
  PR_PARAM_INT_AT (type, "max_text", purchases.max_text, 0, 1000000, 2000, "Characters of a description that are kept; 0 = all."), \
  PR_PARAM_REAL_AT (type, "min_rating", purchases.min_rating, 0, 1e9, 0,                                                      \
                    "Purchases rated lower are dropped; 0 = off, no rating is read."),                                        \
  PR_PARAM_CHOICE_AT (type, "ties", purchases.ties, pr_ties_names, ties_,                                                     \
                      "Order of equal timestamps of a user: by line of the file, by item of the items file, or shuffled."),   \
  PR_PARAM_INT_AT (type, "tie_seed", purchases.tie_seed, 0, G_MAXINT32, 1, "Seed of ties = shuffle; not the run's seed."),    \
  PR_PARAM_CHOICE_AT (type, "repeats", purchases.repeats, pr_repeats_names, PR_REPEATS_KEEP,                                  \
                      "Purchases of an item that the user has bought before: keep, drop those of the same time, or drop all."), \
  PR_PARAM_CHOICE_AT (type, "unknown_items", purchases.unknown_items, pr_unknown_items_names, PR_UNKNOWN_ITEMS_ERROR,         \
                      "Purchases of items that the items file lacks: an error, or dropped and counted.")

/* Items ------------------------------------------------------------------ */

typedef struct PrCatalogue PrCatalogue;

/* PATH is what errors name; it is not read.  MAX_TEXT: characters of a description that are kept, up to the end of a
 * word; 0 keeps all. */
PrCatalogue *pr_catalogue_new (const char *path, gint64 max_text);
void pr_catalogue_free (PrCatalogue *catalogue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrCatalogue, pr_catalogue_free)

/* Copies.  White space at both ends of every text is dropped, and categories of which nothing is left.  LINE is where it
 * stands, for errors: DATA for an id that is no id (pr_id_ok) or was added before. */
gboolean pr_catalogue_add (PrCatalogue *catalogue, guint64 line, const PrItem *item, GError **error);
gint64 pr_catalogue_n_items (const PrCatalogue *catalogue);
/* In the order in which they were added. */
const PrItem *pr_catalogue_item (const PrCatalogue *catalogue, gint64 item);
/* The number of item ID, or -1. */
gint64 pr_catalogue_find (const PrCatalogue *catalogue, const char *id);

/* Purchases -------------------------------------------------------------- */

typedef struct
{
  const char *user, *item; /* ids */
  gint64 time;             /* of any unit; only the order counts */
  double rating;           /* looked at only if min_rating is set */
  guint64 line;            /* of the file, from 1: names the row in errors, and orders and shuffles equal times */
} PrPurchase;

/* Beyond it a timestamp is not even in nanoseconds of this century. */
#define PR_TIME_MAX (G_GINT64_CONSTANT (1) << 62)

typedef struct PrPurchases PrPurchases;

/* PARAMS and CATALOGUE are borrowed; the catalogue is complete.  PATH is what errors name.  INDEXED: the time numbers
 * the purchases of a user, so no two of them may be equal. */
PrPurchases *pr_purchases_new (const PrPurchaseParams *params, const PrCatalogue *catalogue, const char *path,
                               gboolean indexed);
void pr_purchases_free (PrPurchases *purchases);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrPurchases, pr_purchases_free)

/* Take a row, or drop and count it as the parameters say.  Copies.  DATA "PATH:LINE: ...": a user without a sound id, a
 * time below 0 or above PR_TIME_MAX, an unknown item that may not be dropped. */
gboolean pr_purchases_add (PrPurchases *purchases, const PrPurchase *purchase, GError **error);

/* Order, drop repeats, filter, and write the data set to the output SLOT of the stage that runs: items in the order of
 * the catalogue, users in the order of their first row.  Reports progress, the dimensions of SLOT and the metrics users, items,
 * interactions, density, length_mean, length_min, length_max, items_without_title, dropped_users, dropped_items,
 * dropped_interactions (by the k-core), below_min_rating, unknown_items, equal_times, repeats.  The notes tie_rule, filter
 * and repeats of dataset.json say how.  Once, since it orders the rows in place.
 * DATA: there are no rows, or the filter leaves none; two equal times where INDEXED. */
gboolean pr_purchases_write (PrPurchases *purchases, PrRun *run, const char *slot, GError **error);

/* For plan(): the dimensions of SLOT, which nobody knows before the files were read. */
void pr_purchases_plan (PrPlan *plan, const char *slot);

G_END_DECLS

#endif
