/* seq-world.h - small data sets of item numbers for models over them, and what a ranking made of them. */
#ifndef SEQ_WORLD_H
#define SEQ_WORLD_H

#include "stage-harness.h"

#include <pauserec/dataset.h>
#include <pauserec/ranking.h>
#include <pauserec/rng.h>
#include <pauserec/threads.h>

static PrRegistry *seq_registry;
static char *seq_dir;

static inline void
seq_setup (void)
{
  seq_registry = pr_registry_new ();
  seq_dir = pr_check_tmpdir ();
}

static inline void
seq_teardown (void)
{
  pr_threads_set (1);
  pr_check_rmdir (seq_dir);
  g_clear_pointer (&seq_dir, g_free);
  g_clear_pointer (&seq_registry, pr_registry_free);
}

/* Item AT of USER's purchases. */
typedef gint32 (*SeqRule) (gint64 user, gint64 at, gint64 n_items);

/* The next item in a circle. */
static inline gint32
seq_circle (gint64 user, gint64 at, gint64 n_items)
{
  return (gint32)((user + at) % n_items);
}

/* Two circles by turns: the next item follows from the last but one, and the last one says nothing. */
static inline gint32
seq_two_circles (gint64 user, gint64 at, gint64 n_items)
{
  gint64 half = n_items / 2, start = at % 2 == 0 ? user % half : user / half + 3 * user;

  return (gint32)((at % 2) * half + (start + at / 2) % half);
}

/* Round the circle with a step of the user's own from 1 to 5: the last item alone says nothing. */
static inline gint32
seq_steps (gint64 user, gint64 at, gint64 n_items)
{
  PrRng rng = pr_rng_new (13, "steps");
  gint64 step = 1 + (gint64)pr_rng_below (rng, 1, (guint64)user, 5);

  return (gint32)(((gint64)pr_rng_below (rng, 0, (guint64)user, (guint64)n_items) + at * step) % n_items);
}

static inline gint32
seq_noise (gint64 user, gint64 at, gint64 n_items)
{
  return (gint32)pr_rng_below (pr_rng_new (11, "noise"), (guint64)user, (guint64)at, (guint64)n_items);
}

/* One to three fewer than LENGTH + 1, so that a place in a sequence says nothing of its own. */
static inline gint64
seq_length (gint64 user, gint64 length)
{
  return length - (gint64)pr_rng_below (pr_rng_new (12, "lengths"), (guint64)user, 0, 3);
}

static inline void
seq_write (gint64 n_items, gint64 n_users, gint64 length, SeqRule rule)
{
  static const char *const none[] = { NULL };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("seq");
  g_autofree gint32 *bought = g_new (gint32, (gsize)length);

  for (gint64 i = 0; i < n_items; i++)
    {
      g_autofree char *id = g_strdup_printf ("i%d", (int)i);

      pr_dataset_builder_add_item (builder, &(PrItem){ id, id, "", "", none });
    }
  for (gint64 u = 0; u < n_users; u++)
    {
      g_autofree char *id = g_strdup_printf ("u%d", (int)u);

      for (gint64 i = 0; i < length; i++)
        bought[i] = rule (u, i, n_items);
      pr_dataset_builder_add_user (builder, id, bought, seq_length (u, length));
    }
  ck_assert (pr_dataset_builder_write (builder, seq_dir, NULL));
}

/* Run stage NAME on what seq_write() wrote; NULL on failure. */
static inline PrRanking *
seq_run (const char *name, const char *settings, gint64 n_items, StageResult *ret_result, GError **error)
{
  const char *const inputs[] = { "dataset", seq_dir, NULL };
  g_autofree char *dir = NULL;

  if (!harness_run (seq_registry, name, settings, inputs, 3, ret_result, error))
    return NULL;
  dir = harness_output (ret_result, "ranking");
  return pr_ranking_load (dir, n_items, error);
}

/* Share of users whose target of the ranking's split is among the first TOP. */
static inline double
seq_hit (const PrRanking *ranking, gint64 top)
{
  g_autoptr (PrDataset) dataset = pr_dataset_load (seq_dir, NULL);
  double hits = 0;

  for (gint64 u = 0; u < ranking->n_users; u++)
    for (gint64 i = 0; i < top; i++)
      hits += ranking->items[u * ranking->k + i] == pr_dataset_target (dataset, u, ranking->split);
  return hits / (double)ranking->n_users;
}

/* The same ranking, curves and costs but for the clock's. */
static inline void
seq_assert_same (const StageResult *a, const StageResult *b)
{
  harness_assert_same_file (a, b, "ranking", "ranking.safetensors");
  for (int cost = 0; cost < PR_N_COSTS; cost++)
    if (cost != PR_COST_INFER_SECONDS)
      ck_assert_double_eq (a->record->costs[cost], b->record->costs[cost]);
}

#endif
