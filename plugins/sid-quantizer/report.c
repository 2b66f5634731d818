#include "config.h"

#include "report.h"

#include "collisions.h"

#include <math.h>

/* How many codes of LEVEL hold how many items; a row with 0 items counts the codes that nobody has. */
static void
report_usage (PrRun *run, gint32 level, const gint64 *counts, gint32 size)
{
  gint64 most = 0;
  g_autofree gint64 *codes = NULL;

  for (gint32 c = 0; c < size; c++)
    most = MAX (most, counts[c]);
  codes = g_new0 (gint64, most + 1);
  for (gint32 c = 0; c < size; c++)
    codes[counts[c]]++;
  for (gint64 items = 0; items <= most; items++)
    if (codes[items] > 0)
      {
        pr_run_table (run, "usage", "level", level);
        pr_run_table (run, "usage", "items", (double)items);
        pr_run_table (run, "usage", "codes", (double)codes[items]);
      }
}

void
report_levels (PrRun *run, const PrSids *sids)
{
  for (gint32 level = 0; level < sids->levels; level++)
    {
      g_autofree gint64 *counts = g_new0 (gint64, sids->sizes[level]);
      double used = 0, entropy = 0;

      for (gint64 i = 0; i < sids->n_items; i++)
        counts[pr_sids_item (sids, i)[level]]++;
      for (gint32 c = 0; c < sids->sizes[level]; c++)
        if (counts[c] > 0)
          {
            double share = (double)counts[c] / (double)sids->n_items;

            used++;
            entropy -= share * log (share);
          }
      pr_run_table (run, "codebook", "level", level);
      pr_run_table (run, "codebook", "size", sids->sizes[level]);
      pr_run_table (run, "codebook", "used", used);
      pr_run_table (run, "codebook", "perplexity", exp (entropy));
      report_usage (run, level, counts, sids->sizes[level]);
    }
}

void
report_collisions (PrRun *run, const PrSids *sids, gboolean before)
{
  CollisionCount count = collisions_count (sids);
  double n = (double)sids->n_items;

  /* As LC-Rec counts: items that would have to go for every tuple to be unique. */
  pr_run_metric (run, before ? "collision_rate_before" : "collision_rate", (n - (double)count.distinct) / n);
  pr_run_metric (run, before ? "shared_items_before" : "shared_items", (double)count.shared);
  pr_run_metric (run, before ? "largest_bucket_before" : "largest_bucket", (double)count.largest);
  for (gint64 size = 1; before && size <= count.largest; size++)
    if (count.histogram[size] > 0)
      {
        pr_run_table (run, "buckets", "items", (double)size);
        pr_run_table (run, "buckets", "tuples", (double)count.histogram[size]);
      }
  collisions_count_clear (&count);
}
