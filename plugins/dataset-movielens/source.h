/* source.h - movies and ratings as GroupLens offers them.
 *
 * The sources behind this header know nothing of stages but how to report progress: the tests call them directly.
 */
#ifndef PR_DATASET_MOVIELENS_SOURCE_H
#define PR_DATASET_MOVIELENS_SOURCE_H

#include <pauserec/purchases.h>

typedef enum
{
  GENRES_ALL,
  GENRES_FIRST,
} Genres;

typedef struct
{
  PrPurchaseParams purchases;
  const char *movies, *ratings;
  int64_t max_users;
  int genres;
} MovieParams;

/* All movies of the file.  RUN may be NULL here and below. */
PrCatalogue *movies_read (const MovieParams *params, PrRun *run, GError **error);
/* The ratings of the first max_users users (0: of all). */
PrPurchases *ratings_read (const MovieParams *params, const PrCatalogue *catalogue, PrRun *run, GError **error);

#endif
