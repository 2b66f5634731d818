/* shop.h - a stage that reads purchases from files in a folder of its own, and what it made of them. */
#ifndef SHOP_H
#define SHOP_H

#include "../data/data-check.h"
#include "pipeline.h"

#include <pauserec/dataset.h>

typedef struct
{
  char *dir;
  Pipeline p;
} Shop;

static inline void
shop_clear (Shop *shop)
{
  pipeline_clear (&shop->p);
  pr_check_rmdir (shop->dir);
  g_free (shop->dir);
}

/* Every item, one a line: "id|title|a>b", or if BRANDED "id|title|brand|a>b|description"; then "u:ids" of every user, of stage
 * `data`. */
static inline char *
shop_describe (const Shop *shop, gboolean branded)
{
  g_autofree char *dir = pipeline_output (&shop->p, "data", "dataset");
  g_autoptr (PrDataset) dataset = pr_dataset_load (dir, NULL);
  GString *text = g_string_new (NULL);

  for (gint64 i = 0; i < pr_dataset_n_items (dataset); i++)
    {
      const PrItem *item = pr_dataset_item (dataset, i);
      g_autofree char *path = g_strjoinv (">", (char **)item->categories);

      if (branded)
        g_string_append_printf (text, "%s|%s|%s|%s|%s\n", item->id, item->title, item->brand, path, item->description);
      else
        g_string_append_printf (text, "%s|%s|%s\n", item->id, item->title, path);
    }
  for (gint64 u = 0; u < pr_dataset_n_users (dataset); u++)
    {
      gint64 n;
      const gint32 *items = pr_dataset_sequence (dataset, u, &n);

      g_string_append_printf (text, "%s:", pr_dataset_user_id (dataset, u));
      for (gint64 i = 0; i < n; i++)
        g_string_append_printf (text, "%s%s", i > 0 ? "," : "", pr_dataset_item (dataset, items[i])->id);
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}

#endif
