#include "config.h"

#include <pauserec/dataset.h>
#include <pauserec/rng.h>

const char *const pr_target_split_names[] = { "valid", "test", NULL };

PrSplit
pr_target_split (int choice)
{
  return choice == 0 ? PR_SPLIT_VALID : PR_SPLIT_TEST;
}

GArray *
pr_dataset_draw_users (const PrDataset *dataset, PrSplit split, gint64 most, const char *stream)
{
  GArray *users = g_array_new (FALSE, FALSE, sizeof (gint32));
  gint64 n_users = pr_dataset_n_users (dataset);
  g_autofree guint32 *order = pr_rng_permutation (pr_rng_new (0, stream), 0, (guint32)n_users);

  for (gint64 i = 0; i < n_users && (gint64)users->len < most; i++)
    {
      gint32 user = (gint32)order[i];

      if (pr_dataset_target (dataset, user, split) >= 0)
        g_array_append_val (users, user);
    }
  return users;
}

float *
pr_dataset_train_counts (const PrDataset *dataset)
{
  float *counts = g_new0 (float, (gsize)pr_dataset_n_items (dataset) + 1);

  for (gint64 u = 0; u < pr_dataset_n_users (dataset); u++)
    {
      gint64 n;
      const gint32 *items = pr_dataset_train_sequence (dataset, u, &n);

      for (gint64 i = 0; i < n; i++)
        counts[items[i]] += 1;
    }
  return counts;
}
