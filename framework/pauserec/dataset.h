/* dataset.h - artifact `dataset/1`: items, users and their purchases in frozen order.
 *
 * Items and users are numbered from 0 in the order in which the source lists them.  Each
 * user's purchases stand in time order; equal times are ordered by the tie rule of the
 * stage that wrote the artifact, once and for every method (paper.md, traps).
 *
 * Leave-one-out: last purchase = test target, second last = validation target, third last
 * = the training target of the paper.  The history of a split is everything before its target.
 *
 * Files: items.jsonl (id, title, brand, categories, description), users.txt, sequences.safetensors
 * (offsets I64 [U+1], items I32 [N], groups U8 [G, U]), dataset.json (name, counts, tie rule, filter, group names).
 */
#ifndef PAUSEREC_DATASET_H
#define PAUSEREC_DATASET_H

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  PR_SPLIT_TRAIN, /* target: third last */
  PR_SPLIT_VALID, /* target: second last */
  PR_SPLIT_TEST,  /* target: last */
} PrSplit;
/* For a parameter that says whose targets are to be predicted: "valid", "test", NULL; and what a choice among them is. */
extern const char *const pr_target_split_names[];
PrSplit pr_target_split (int choice);

/* Strings are UTF-8; an absent field is "" (never NULL), absent categories an empty list. */
typedef struct
{
  const char *id;
  const char *title;
  const char *brand;
  const char *description;
  const char *const *categories; /* NULL-terminated, root to leaf */
} PrItem;

/* May ID name an item or a user: not empty, UTF-8, no control characters (it has to survive one line of a text file). */
gboolean pr_id_ok (const char *id);

typedef struct PrDataset PrDataset;

PrDataset *pr_dataset_load (const char *dir, GError **error);
void pr_dataset_free (PrDataset *dataset);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrDataset, pr_dataset_free)

const char *pr_dataset_name (const PrDataset *dataset);
gint64 pr_dataset_n_users (const PrDataset *dataset);
gint64 pr_dataset_n_items (const PrDataset *dataset);
gint64 pr_dataset_n_interactions (const PrDataset *dataset);
const PrItem *pr_dataset_item (const PrDataset *dataset, gint64 item);
const char *pr_dataset_user_id (const PrDataset *dataset, gint64 user);

/* All purchases of a user, test target included. */
const gint32 *pr_dataset_sequence (const PrDataset *dataset, gint64 user, gint64 *ret_n);
/* What may be seen when predicting the target of SPLIT, oldest first; may be empty. */
const gint32 *pr_dataset_history (const PrDataset *dataset, gint64 user, PrSplit split, gint64 *ret_n);
/* The item to predict, or -1 if the user's sequence is too short for this split
 * (a target needs at least one purchase before it). */
gint32 pr_dataset_target (const PrDataset *dataset, gint64 user, PrSplit split);
/* Purchases that training may use: all but the last two. */
const gint32 *pr_dataset_train_sequence (const PrDataset *dataset, gint64 user, gint64 *ret_n);

/* Up to MOST users with a target in SPLIT (GArray of gint32, to unref), in an order that is drawn for STREAM (rng.h) and
 * for nothing else: the same in every arm and seed, and a smaller MOST is the beginning of a larger one. */
GArray *pr_dataset_draw_users (const PrDataset *dataset, PrSplit split, gint64 most, const char *stream);
/* How often training users bought each item, [n_items], to free: the prior among items that share a semantic id. */
float *pr_dataset_train_counts (const PrDataset *dataset);

/* Named groups of users ("text_only"): 1 where the user's *test* target belongs to the group.
 * rank-metrics reports every metric for each group too, as <metric>_<group>. */
gsize pr_dataset_n_groups (const PrDataset *dataset);
const char *pr_dataset_group_name (const PrDataset *dataset, gsize group);
const guint8 *pr_dataset_group (const PrDataset *dataset, gsize group); /* [n_users] */

/* One line of text about an item: "TITLE by BRAND. CATEGORY > CATEGORY. DESCRIPTION", without what is absent. */
void pr_item_append_text (const PrItem *item, GString *text);
/* The last category of the item's path; "" if it has none. */
const char *pr_item_leaf_category (const PrItem *item);

/* Writing: for stages that make data sets. */
typedef struct PrDatasetBuilder PrDatasetBuilder;
PrDatasetBuilder *pr_dataset_builder_new (const char *name);
void pr_dataset_builder_free (PrDatasetBuilder *builder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrDatasetBuilder, pr_dataset_builder_free)
gint64 pr_dataset_builder_add_item (PrDatasetBuilder *builder, const PrItem *item); /* copies; returns its number */
gint64 pr_dataset_builder_add_user (PrDatasetBuilder *builder, const char *id, const gint32 *items, gint64 n);
gsize pr_dataset_builder_add_group (PrDatasetBuilder *builder, const char *name);
void pr_dataset_builder_set_group (PrDatasetBuilder *builder, gsize group, gint64 user, gboolean member);
/* A line for dataset.json ("tie_rule", "filter", ...). */
void pr_dataset_builder_note (PrDatasetBuilder *builder, const char *key, const char *value);
/* What was added so far: categories are distinct last ones of items' paths. */
typedef struct
{
  gint64 items, users, purchases, categories, brands;
} PrDatasetSizes;
PrDatasetSizes pr_dataset_builder_sizes (const PrDatasetBuilder *builder);
gboolean pr_dataset_builder_write (PrDatasetBuilder *builder, const char *dir, GError **error);

G_END_DECLS

#endif
