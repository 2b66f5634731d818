/* rationale-fixture.h - a small shop, and the stage run on it. */
#ifndef RATIONALE_FIXTURE_H
#define RATIONALE_FIXTURE_H

#include "stage-harness.h"

#include <pauserec/rationales.h>

#define SHOP_USERS 40

/* Items 0 .. 11: four of each of the categories tent, easel and rake; 12 has no category.  User u bought 3 + u % 5 of
 * them, from item 5 u on in steps of 7; so users 0, 5, ... have nothing before their third-last purchase. */
static inline void
shop_write (const char *dir)
{
  static const char *const tents[] = { "Outdoor", "tent", NULL }, *const easels[] = { "Art", "easel", NULL },
                           *const rakes[] = { "Garden", "rake", NULL }, *const none[] = { NULL };
  static const char *const *const paths[] = { tents, easels, rakes };
  g_autoptr (PrDatasetBuilder) builder = pr_dataset_builder_new ("shop");
  GError *error = NULL;

  for (int i = 0; i < 13; i++)
    {
      g_autofree char *id = g_strdup_printf ("i%d", i), *title = g_strdup_printf ("Model %d", i);
      const PrItem item = { id, title, "Nord", "", i < 12 ? paths[i % 3] : none };

      pr_dataset_builder_add_item (builder, &item);
    }
  for (int u = 0; u < SHOP_USERS; u++)
    {
      g_autofree char *id = g_strdup_printf ("u%d", u);
      gint32 bought[8];

      for (int t = 0; t < 3 + u % 5; t++)
        bought[t] = (5 * u + 7 * t) % 13;
      pr_dataset_builder_add_user (builder, id, bought, 3 + u % 5);
    }
  ck_assert_msg (pr_dataset_builder_write (builder, dir, &error), "%s", error ? error->message : "");
}

static PrRegistry *registry;
static char *shop; /* folder of the data set */
static PrDataset *dataset;

static inline void
shop_setup (void)
{
  registry = pr_registry_new ();
  shop = pr_check_tmpdir ();
  shop_write (shop);
  dataset = pr_dataset_load (shop, NULL);
  ck_assert_ptr_nonnull (dataset);
}

static inline void
shop_teardown (void)
{
  g_clear_pointer (&dataset, pr_dataset_free);
  g_clear_pointer (&registry, pr_registry_free);
  pr_check_rmdir (shop);
  g_clear_pointer (&shop, g_free);
}

static inline PrRationales *
distilled (const StageResult *result)
{
  g_autofree char *dir = harness_output (result, "rationales");
  GError *error = NULL;
  PrRationales *rationales = pr_rationales_load (dir, dataset, &error);

  ck_assert_no_error (error);
  return rationales;
}

/* The stage with SETTINGS on the shop and further INPUTS (slot, folder, ..., NULL; or NULL for none). */
static inline gboolean
distil (const char *settings, const char *const *more, StageResult *ret_result, GError **error)
{
  const char *inputs[16] = { "dataset", shop };

  for (gsize i = 0; more != NULL && more[i] != NULL; i++)
    inputs[2 + i] = more[i];
  return harness_run (registry, "rationale-distillation", settings, inputs, 7, ret_result, error);
}

static inline PrRationales *
distil_well (const char *settings, const char *const *more, StageResult *ret_result)
{
  GError *error = NULL;

  ck_assert_msg (distil (settings, more, ret_result, &error), "%s", error ? error->message : "");
  return distilled (ret_result);
}

static inline gint32
target_of (const PrRationale *rationale)
{
  gint64 n;

  return pr_dataset_sequence (dataset, rationale->user, &n)[rationale->position];
}

/* The target's category, "" if it has none. */
static inline const char *
category_of (const PrRationale *rationale)
{
  const char *const *path = pr_dataset_item (dataset, target_of (rationale))->categories;

  return path[0] != NULL ? path[1] : "";
}

#endif
