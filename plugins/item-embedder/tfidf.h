/* tfidf.h - item texts as weighted words. */
#ifndef PR_TFIDF_H
#define PR_TFIDF_H

#include "sparse.h"

#include <pauserec/dataset.h>

typedef struct
{
  double title, brand, categories, description;
} FieldWeights;

/* Words are runs of Unicode letters and digits, lower-cased.  Weight of a word in an item: the sum over fields of
 * field weight x (1 + ln count), times ln ((1 + n) / (1 + df)) + 1, rows scaled to length one.  Words in fewer than
 * MIN_DF items or in more than MAX_SHARE of them are left out.  [n_items, n_words]; words are numbered as they first
 * appear. */
Sparse *tfidf_new (const PrDataset *dataset, const FieldWeights *weights, gint64 min_df, double max_share);

/* Append the lower-cased words of TEXT to WORDS (array of owned char *). */
void tfidf_split (const char *text, GPtrArray *words);

#endif
