/* item-world.h - data sets of item numbers in which it is known what can be predicted. */
#ifndef ITEM_WORLD_H
#define ITEM_WORLD_H

#include "stage-harness.h"

#include <pauserec/dataset.h>
#include <pauserec/ranking.h>
#include <pauserec/rng.h>

/* What USER buys as number I, given what was bought before. */
typedef gint32 (*WorldNext) (PrRng rng, gint64 user, gint64 i, const gint32 *before, gint64 n_items);

/* The purchases step through the items, each user with a step of their own from 1 to 5: the last item alone says
 * nothing. */
static inline gint32
world_steps (PrRng rng, gint64 user, gint64 i, const gint32 *before, gint64 n_items)
{
  if (i < 2)
    return (gint32)((i == 0 ? (gint64)pr_rng_below (rng, 0, (guint64)user, (guint64)n_items)
                            : before[0] + 1 + (gint64)pr_rng_below (rng, 1, (guint64)user, 5))
                    % n_items);
  return (gint32)((2 * before[i - 1] - before[i - 2] + n_items) % n_items);
}

/* Anything, at random. */
static inline gint32
world_chance (PrRng rng, gint64 user, gint64 i, const gint32 *before, gint64 n_items)
{
  (void)before;
  return (gint32)pr_rng_below (rng, 2 + (guint64)i, (guint64)user, (guint64)n_items);
}

/* DIR: N_USERS users with N purchases each. */
static inline void
world_write (const char *dir, gint64 n_items, gint64 n_users, gint64 n, WorldNext next)
{
  static const char *const none[] = { NULL };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("world");
  g_autofree gint32 *bought = g_new (gint32, n);
  PrRng rng = pr_rng_new (1, "item-world");
  GError *error = NULL;

  for (gint64 i = 0; i < n_items; i++)
    {
      g_autofree char *id = g_strdup_printf ("i%d", (int)i);
      const PrItem item = { id, id, "", "", none };

      pr_dataset_builder_add_item (builder, &item);
    }
  for (gint64 u = 0; u < n_users; u++)
    {
      g_autofree char *id = g_strdup_printf ("u%d", (int)u);

      for (gint64 i = 0; i < n; i++)
        bought[i] = next (rng, u, i, bought, n_items);
      pr_dataset_builder_add_user (builder, id, bought, n);
    }
  ck_assert_int_eq (g_mkdir_with_parents (dir, 0755), 0);
  ck_assert (pr_dataset_builder_write (builder, dir, &error));
  ck_assert_no_error (error);
}

/* Share of users whose test target stands among the first K of the ranking that RESULT holds. */
static inline double
world_hit (const char *data, const StageResult *result, gint64 k)
{
  GError *error = NULL;
  g_autoptr (PrDataset) dataset = pr_dataset_load (data, &error);
  g_autofree char *dir = harness_output (result, "ranking");
  g_autoptr (PrRanking) ranking = pr_ranking_load (dir, pr_dataset_n_items (dataset), &error);
  gint64 hits = 0;

  ck_assert_no_error (error);
  for (gint64 u = 0; u < ranking->n_users; u++)
    for (gint64 i = 0; i < MIN (k, ranking->k); i++)
      hits += ranking->items[u * ranking->k + i] == pr_dataset_target (dataset, u, PR_SPLIT_TEST);
  return (double)hits / (double)ranking->n_users;
}

/* The same lists and scores, bit by bit, and the same curves. */
static inline void
world_assert_same (const StageResult *a, const StageResult *b)
{
  const StageResult *both[] = { a, b };
  char *bytes[2];
  gsize n[2];

  for (int i = 0; i < 2; i++)
    {
      g_autofree char *dir = harness_output (both[i], "ranking"),
                      *path = g_build_filename (dir, "ranking.safetensors", NULL);

      ck_assert (g_file_get_contents (path, &bytes[i], &n[i], NULL));
    }
  ck_assert_uint_eq (n[0], n[1]);
  ck_assert_mem_eq (bytes[0], bytes[1], n[0]);
  g_free (bytes[0]);
  g_free (bytes[1]);
  ck_assert_uint_eq (a->record->curves->len, b->record->curves->len);
  for (guint i = 0; i < a->record->curves->len; i++)
    {
      const PrRecordCurve *c = a->record->curves->pdata[i], *d = b->record->curves->pdata[i];

      ck_assert_str_eq (c->series, d->series);
      ck_assert_uint_eq (c->values->len, d->values->len);
      ck_assert_mem_eq (c->values->data, d->values->data, c->values->len * g_array_get_element_size (c->values));
    }
}

#endif
