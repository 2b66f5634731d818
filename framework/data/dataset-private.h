/* dataset-private.h - what the reader and the writer of `dataset/1` must agree on. */
#ifndef PR_DATASET_PRIVATE_H
#define PR_DATASET_PRIVATE_H

#include <pauserec/dataset.h>

#define PR_DATASET_FORMAT "dataset/1"
#define PR_DATASET_ITEMS "items.jsonl"
#define PR_DATASET_USERS "users.txt"
#define PR_DATASET_SEQUENCES "sequences.safetensors"
#define PR_DATASET_JSON "dataset.json"

/* Groups become the tails of metric names ("hit_10_text_only"), which are at most 47 characters long. */
#define PR_GROUP_NAME_MAX 24
/* Item numbers are stored as I32. */
#define PR_DATASET_MAX_ITEMS ((gint64)G_MAXINT32)

/* [a-z][a-z0-9_]*, at most PR_GROUP_NAME_MAX characters. */
gboolean pr_group_name_ok (const char *name);

#endif
