/* oracle.c - the best that anybody can predict who knows the laws of the world, by Bayes' rule. */
#include "config.h"

#include "world.h"

#include <math.h>

/* P(ITEM at a step from SOURCE | favourite BRAND). */
static double
transition (const World *world, WorldStep step, gint32 n_allowed, gint32 source, gint32 brand, gint32 item)
{
  gint32 category = world->category[item];
  double p = 0;

  if (category == world->rule[source])
    p += step.follow * world_choice (world, brand, item);
  if (world_allowed (world, step.allowed, source, category))
    p += (1 - step.follow) * world->share[item] / n_allowed;
  return p;
}

void
world_posterior (const World *world, const gint32 *history, gint64 n, double *ret_posterior)
{
  gint64 length = n + 1; /* the history lacks the test target only */
  double best = -INFINITY, sum = 0;

  for (gint32 b = 0; b < world->n_brands; b++)
    ret_posterior[b] = 0;
  for (gint64 t = 1; t < n; t++)
    {
      gint32 source = world->category[history[t - 1]];
      WorldStep step = world_step (world, length, t, source, FALSE);
      gint32 n_allowed = world_n_allowed (world, step.allowed, source);

      /* No rule leads to the source of a text-only rule: such a step, whether the user was sent or came by chance,
       * says nothing of brands; nor does a step that could not follow a rule.  And not having been sent is one factor
       * for all brands. */
      if (world->text_only[world->category[history[t]]] || step.follow <= 0)
        continue;
      for (gint32 b = 0; b < world->n_brands; b++)
        ret_posterior[b] += log (transition (world, step, n_allowed, source, b, history[t]));
    }
  for (gint32 b = 0; b < world->n_brands; b++)
    best = MAX (best, ret_posterior[b]);
  for (gint32 b = 0; b < world->n_brands; b++)
    {
      ret_posterior[b] = exp (ret_posterior[b] - best);
      sum += ret_posterior[b];
    }
  for (gint32 b = 0; b < world->n_brands; b++)
    ret_posterior[b] /= sum;
}

/* Add WEIGHT times P(item | CATEGORY was chosen by a rule), brands averaged over POSTERIOR. */
static void
add_category (const World *world, gint32 category, double weight, const double *posterior, double *probability)
{
  for (gint32 i = world->first[category]; i < world->first[category + 1]; i++)
    {
      gint32 item = world->members[i];

      for (gint32 b = 0; b < world->n_brands; b++)
        probability[item] += weight * posterior[b] * world_choice (world, b, item);
    }
}

void
world_predict (const World *world, const gint32 *history, gint64 n, gboolean blind, double *ret_probability)
{
  g_autofree double *posterior = g_new (double, (gsize)world->n_brands);
  gint32 source = world->category[history[n - 1]];
  WorldStep step = world_step (world, n + 1, n, source, FALSE);
  gint32 n_allowed = world_n_allowed (world, step.allowed, source);
  gint32 n_open = world->n_categories - world->n_text_only;

  world_posterior (world, history, n, posterior);
  for (gint32 i = 0; i < world->n_items; i++)
    ret_probability[i] = world_allowed (world, step.allowed, source, world->category[i])
                             ? (1 - step.follow) * world->share[i] / n_allowed
                             : 0;
  if (!blind || !world->text_only[source])
    {
      add_category (world, world->rule[source], step.follow, posterior, ret_probability);
      return;
    }
  /* Whoever has not read the text can but spread the bet over what rules may lead to. */
  for (gint32 c = 0; c < world->n_categories; c++)
    if (!world->text_only[c])
      add_category (world, c, step.follow / n_open, posterior, ret_probability);
}

void
world_top (const double *probability, gint32 n_items, gint32 k, gint32 *ret_items)
{
  gint32 n = 0;

  for (gint32 i = 0; i < n_items; i++)
    {
      gint32 at = n;

      if (n == k && probability[i] <= probability[ret_items[k - 1]])
        continue;
      if (n == k)
        at = k - 1;
      else
        n++;
      for (; at > 0 && probability[i] > probability[ret_items[at - 1]]; at--)
        ret_items[at] = ret_items[at - 1];
      ret_items[at] = i;
    }
}
