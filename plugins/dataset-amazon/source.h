/* source.h - reviews and metadata as the collections' pages offer them.
 *
 * The sources behind this header know nothing of stages but how to report progress: the tests call them directly.
 */
#ifndef PR_DATASET_AMAZON_SOURCE_H
#define PR_DATASET_AMAZON_SOURCE_H

#include <jansson.h>
#include <pauserec/io.h>
#include <pauserec/purchases.h>

typedef enum
{
  EDITION_AUTO,
  EDITION_2014,
  EDITION_2018,
  EDITION_2023,
} Edition;

/* Which of an item's paths of categories is its own. */
typedef enum
{
  PATH_FIRST,
  PATH_LONGEST, /* of those the first */
} Path;

typedef struct
{
  PrPurchaseParams purchases;
  const char *reviews, *metadata;
  const char *category;
  int edition, path;
  bool drop_root;
} AmazonParams;

/* Sets of editions, 1 << Edition each: what the files may still be, after what was seen of them. */
guint editions_of (Edition edition);
/* The edition, or EDITION_AUTO while it cannot be told. */
Edition editions_told (guint editions);
/* One line of a file as JSON (JSON, or the metadata of 2014 as Python literals), after its keys were held against
 * EDITIONS, which become fewer; KIND: "review" or "metadata".  The caller owns the result. */
typedef guint (*EditionsFunc) (const json_t *line);
json_t *edition_parse (PrLines *lines, const char *path, const char *text, gsize length, EditionsFunc editions_of_line,
                       guint *editions, GError **error);
guint editions_of_review (const json_t *line);
guint editions_of_metadata (const json_t *line);
/* Progress of step DONE of 4, now and then; RUN may be NULL. */
gboolean edition_tick (PrRun *run, const PrLines *lines, guint done, GError **error);

/* How the metadata stand to an item that was reviewed. */
typedef enum
{
  ITEM_REVIEWED = 1, /* not found yet */
  ITEM_FOUND,
  ITEM_OUTSIDE, /* of another category than was asked for */
} ItemState;

typedef struct
{
  GArray *rows;      /* PrPurchase, strings in the chunk */
  GHashTable *items; /* id -> ItemState */
  GStringChunk *strings;
} Reviews;

Reviews *reviews_read (const AmazonParams *params, guint *editions, PrRun *run, GError **error);
void reviews_free (Reviews *reviews);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Reviews, reviews_free)

typedef struct
{
  gint64 duplicates; /* lines about an item that was there before */
  gint64 junk;       /* titles that are pieces of a page's program */
} MetadataCounts;

/* The items that were reviewed and are of the category that was asked for, in the order of the metadata; says in
 * REVIEWS how the items stand. */
PrCatalogue *metadata_read (const AmazonParams *params, Reviews *reviews, guint *editions, PrRun *run,
                            MetadataCounts *counts, GError **error);

/* The purchases of all reviews but those of items outside; counts these. */
PrPurchases *reviews_purchases (const AmazonParams *params, const Reviews *reviews, const PrCatalogue *catalogue,
                                gint64 *ret_outside, GError **error);

#endif
