/* world.c - the frame of the world: categories, rules, items. */
#include "config.h"

#include "world.h"

#include <math.h>
#include <pauserec/error.h>
#include <pauserec/rng.h>

static gint32
n_text_only (const WorldParams *params)
{
  return (gint32)lround (params->text_only_rules * (double)params->n_categories);
}

gboolean
world_params_check (const WorldParams *params, GError **error)
{
  const char *why = NULL;
  gint32 hidden = n_text_only (params);

  if (params->n_categories - hidden < 3 || hidden > params->n_categories - hidden)
    why = "text_only_rules leaves too few rules in the data: at least 3 categories and half of all must keep theirs";
  else if (params->n_items < 2 * params->n_categories)
    why = "n_items must be at least twice n_categories";
  else if (params->n_items > WORLD_MAX_PER_CATEGORY * params->n_categories)
    why = "n_items must be at most 288 times n_categories: there are no more words for titles";
  else if (params->min_length > params->max_length)
    why = "min_length is above max_length";
  else if (params->oracle_k > params->n_items)
    why = "oracle_k is above n_items";
  if (why == NULL)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "%s", why);
  return FALSE;
}

/* The rules of the data are one cycle over their categories, so a user does not come round again within a sequence.
 * The sources of text-only rules stand outside the cycle: nothing leads to them but chance. */
static void
make_rules (World *world, guint64 seed)
{
  PrRng rng = pr_rng_new (seed, "rules");
  gint32 hidden = world->n_text_only, open = world->n_categories - hidden;
  g_autofree guint32 *order = pr_rng_permutation (rng, 0, (guint32)world->n_categories);
  g_autofree guint32 *target = pr_rng_permutation (rng, 1, (guint32)open);

  for (gint32 i = 0; i < open; i++)
    world->rule[order[hidden + i]] = (gint32)order[hidden + (i + 1) % open];
  for (gint32 i = 0; i < hidden; i++)
    {
      world->rule[order[i]] = (gint32)order[hidden + (gint32)target[i]];
      world->text_only[order[i]] = TRUE;
    }
}

static void
make_members (World *world, guint64 seed)
{
  g_autofree guint32 *order = pr_rng_permutation (pr_rng_new (seed, "items"), 0, (guint32)world->n_items);
  gint32 n = 0;

  /* Item numbers are shuffled over the categories: a number says nothing. */
  for (gint32 c = 0; c < world->n_categories; c++)
    {
      world->first[c] = n;
      for (gint32 i = c; i < world->n_items; i += world->n_categories)
        {
          world->members[n] = (gint32)order[i];
          world->category[order[i]] = c;
          n++;
        }
    }
  world->first[world->n_categories] = n;
}

static void
make_items (World *world, guint64 seed)
{
  PrRng rng = pr_rng_new (seed, "looks");

  for (gint32 c = 0; c < world->n_categories; c++)
    {
      gint32 start = world->first[c], n = world->first[c + 1] - start;
      g_autofree guint32 *rank = pr_rng_permutation (rng, 3 * (guint64)c, (guint32)n);
      g_autofree guint32 *look = pr_rng_permutation (rng, 3 * (guint64)c + 1, WORLD_MAX_PER_CATEGORY);
      gint32 turn = (gint32)pr_rng_below (rng, 3 * (guint64)c + 2, 0, (guint64)world->n_brands);
      double sum = 0;

      for (gint32 i = 0; i < n; i++)
        {
          gint32 item = world->members[start + i];

          world->brand[item] = (i + turn) % world->n_brands;
          world->adjective[item] = (gint32)look[i] / WORLD_N_COLOURS;
          world->colour[item] = (gint32)look[i] % WORLD_N_COLOURS;
          world->share[item] = pow ((double)rank[i] + 1, -world->params.skew);
          sum += world->share[item];
        }
      for (gint32 i = start; i < start + n; i++)
        {
          gint32 item = world->members[i];

          world->share[item] /= sum;
          world->brand_share[c * world->n_brands + world->brand[item]] += world->share[item];
        }
    }
}

World *
world_new (const WorldParams *params)
{
  World *world = g_new0 (World, 1);
  gsize n = (gsize)params->n_items, c = (gsize)params->n_categories;

  world->params = *params;
  world->n_items = (gint32)params->n_items;
  world->n_categories = (gint32)params->n_categories;
  world->n_brands = (gint32)params->n_brands;
  world->n_text_only = n_text_only (params);
  world->rule = g_new0 (gint32, c);
  world->text_only = g_new0 (gboolean, c);
  world->first = g_new0 (gint32, c + 1);
  world->members = g_new0 (gint32, n);
  world->category = g_new0 (gint32, n);
  world->brand = g_new0 (gint32, n);
  world->share = g_new0 (double, n);
  world->brand_share = g_new0 (double, c *(gsize)params->n_brands);
  world->adjective = g_new0 (gint32, n);
  world->colour = g_new0 (gint32, n);
  make_rules (world, (guint64)params->world_seed);
  make_members (world, (guint64)params->world_seed);
  make_items (world, (guint64)params->world_seed);
  return world;
}

void
world_free (World *world)
{
  if (world == NULL)
    return;
  g_free (world->rule);
  g_free (world->text_only);
  g_free (world->first);
  g_free (world->members);
  g_free (world->category);
  g_free (world->brand);
  g_free (world->share);
  g_free (world->brand_share);
  g_free (world->adjective);
  g_free (world->colour);
  g_free (world);
}
