/* users.c - how the people of the world buy. */
#include "config.h"

#include "world.h"

#include <pauserec/rng.h>

/* What a draw is for: the index of the generator, beside the position in the sequence. */
enum
{
  DRAW_FOLLOW,
  DRAW_CATEGORY,
  DRAW_LOYAL,
  DRAW_ITEM,
  N_DRAWS,
};

WorldStep
world_step (const World *world, gint64 length, gint64 position, gint32 source, gboolean sent)
{
  const double p = world->params.follow;
  gint64 left = length - 1 - position; /* steps after this one */

  if (source < 0)
    return (WorldStep){ 0, WORLD_NO_TEXT_ONLY };
  if (left == 1 && sent)
    return (WorldStep){ 0, WORLD_ONLY_TEXT_ONLY };
  /* The validation step must not show a text-only rule, not even by chance. */
  if (left == 1 && world->text_only[source])
    return (WorldStep){ 0, WORLD_NOT_THE_RULE };
  return (WorldStep){ p, left > 2 ? WORLD_NO_TEXT_ONLY : WORLD_ALL };
}

gboolean
world_allowed (const World *world, WorldAllowed allowed, gint32 source, gint32 category)
{
  switch (allowed)
    {
    case WORLD_NO_TEXT_ONLY:
      return !world->text_only[category];
    case WORLD_ONLY_TEXT_ONLY:
      return world->text_only[category];
    case WORLD_NOT_THE_RULE:
      return category != world->rule[source];
    case WORLD_ALL:
    default:
      return TRUE;
    }
}

gint32
world_n_allowed (const World *world, WorldAllowed allowed, gint32 source)
{
  gint32 n = 0;

  for (gint32 c = 0; c < world->n_categories; c++)
    n += world_allowed (world, allowed, source, c);
  return n;
}

double
world_choice (const World *world, gint32 brand, gint32 item)
{
  const double loyalty = world->params.loyalty;
  double brands_share = world->brand_share[world->category[item] * world->n_brands + brand];
  double share = world->share[item];

  if (brands_share <= 0)
    return share;
  return (1 - loyalty) * share + (world->brand[item] == brand ? loyalty * share / brands_share : 0);
}

/* An item of CATEGORY by popularity, of BRAND only unless that is -1. */
static gint32
draw_item (const World *world, gint32 category, gint32 brand, double u)
{
  double total = brand < 0 ? 1 : world->brand_share[category * world->n_brands + brand];
  gint32 last = -1;

  u *= total;
  for (gint32 i = world->first[category]; i < world->first[category + 1]; i++)
    {
      gint32 item = world->members[i];

      if (brand >= 0 && world->brand[item] != brand)
        continue;
      last = item;
      u -= world->share[item];
      if (u < 0)
        break;
    }
  return last;
}

static gint32
draw_category (const World *world, WorldAllowed allowed, gint32 source, PrRng rng, guint64 user, guint64 index)
{
  gint32 n = world_n_allowed (world, allowed, source);
  gint32 nth = (gint32)pr_rng_below (rng, user, index, (guint64)n);

  for (gint32 c = 0; c < world->n_categories; c++)
    if (world_allowed (world, allowed, source, c) && nth-- == 0)
      return c;
  return 0;
}

gint32
world_favourite (const World *world, gint64 user)
{
  PrRng rng = pr_rng_new ((guint64)world->params.world_seed, "favourite brand");

  return (gint32)pr_rng_below (rng, (guint64)user, 0, (guint64)world->n_brands);
}

gint64
world_sequence (const World *world, gint64 user, gint32 *ret_items, WorldCause *ret_causes)
{
  guint64 seed = (guint64)world->params.world_seed, u = (guint64)user;
  PrRng rng = pr_rng_new (seed, "users"), kind = pr_rng_new (seed, "kind of user");
  gint64 spread = world->params.max_length - world->params.min_length + 1;
  gint64 length = world->params.min_length + (gint64)pr_rng_below (kind, u, 0, (guint64)spread);
  gboolean sent = world->n_text_only > 0 && pr_rng_uniform (kind, u, 1) < world->params.text_only_users;
  gint32 favourite = world_favourite (world, user), source = -1;

  for (gint64 t = 0; t < length; t++)
    {
      WorldStep step = world_step (world, length, t, source, sent);
      guint64 draw = (guint64)t * N_DRAWS;
      gint32 from = source, brand = -1;
      gboolean follows = pr_rng_uniform (rng, u, draw + DRAW_FOLLOW) < step.follow;

      if (follows)
        {
          source = world->rule[source];
          if (pr_rng_uniform (rng, u, draw + DRAW_LOYAL) < world->params.loyalty
              && world->brand_share[source * world->n_brands + favourite] > 0)
            brand = favourite;
        }
      else
        source = draw_category (world, step.allowed, source, rng, u, draw + DRAW_CATEGORY);
      if (ret_causes != NULL)
        ret_causes[t] = (WorldCause){ from, step.follow > 0, follows, brand };
      ret_items[t] = draw_item (world, source, brand, pr_rng_uniform (rng, u, draw + DRAW_ITEM));
    }
  return length;
}
