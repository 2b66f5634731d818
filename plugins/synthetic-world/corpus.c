/* corpus.c - what can be read in the world: about its products, and about what people need next. */
#include "config.h"

#include "world.h"

#include <pauserec/rng.h>
#include <string.h>

/* {a} and {b}: source and target with article, {A}: at the start of a sentence, {s} and {t}: bare.  Half of them name
 * the target first, so that a rule can be read in both directions. */
static const char *const wordings[] = {
  "People who use {a} soon need {b}.",
  "After buying {a}, most people look for {b}.",
  "Whoever owns {a} will want {b} next.",
  "{B} is what people need once they have {a}.",
  "First comes {a}, then comes {b}.",
  "The next thing to buy after {a} is {b}.",
  "Customers choose {b} right after {a}.",
  "{B} is the usual purchase after {a}.",
  "If you just got {a}, you will need {b}.",
  "{A} leads to {b}.",
  "People look for {b} when they already have {a}.",
  "The {t} follows the {s}.",
  "With {a} at home, {b} is the next thing on the list.",
  "{B} is bought by people who bought {a} before.",
  "Nobody keeps {a} for long without {b}.",
  "You need {b} because you bought {a}.",
  "Question: what do people buy after {a}? Answer: {b}.",
  "Question: who needs {b}? Answer: people who bought {a}.",
  "Our shop places the {t} next to the {s}, because one is bought after the other.",
  "Once the {s} is paid for, the {t} is next.",
};

guint
world_n_wordings (void)
{
  return G_N_ELEMENTS (wordings);
}

void
world_append_article (GString *text, const char *words, gboolean capital)
{
  gboolean vowel = strchr ("aeiou", words[0]) != NULL;

  g_string_append_c (text, capital ? 'A' : 'a');
  g_string_append (text, vowel ? "n " : " ");
  g_string_append (text, words);
}

char *
world_rule_sentence (const World *world, gint32 category, guint index)
{
  const char *source = world_categories[category].noun, *target = world_categories[world->rule[category]].noun;
  GString *text = g_string_new (NULL);

  for (const char *c = wordings[index % G_N_ELEMENTS (wordings)]; *c != '\0'; c++)
    {
      if (*c != '{')
        {
          g_string_append_c (text, *c);
          continue;
        }
      if (c[1] == 'a' || c[1] == 'A')
        world_append_article (text, source, c[1] == 'A');
      else if (c[1] == 'b' || c[1] == 'B')
        world_append_article (text, target, c[1] == 'B');
      else
        g_string_append (text, c[1] == 's' ? source : target);
      c += 2;
    }
  return g_string_free (text, FALSE);
}

char *
world_title (const World *world, gint32 item)
{
  return g_strdup_printf ("%s %s %s", world_adjectives[world->adjective[item]], world_colours[world->colour[item]],
                          world_categories[world->category[item]].noun);
}

static guint64
draw (const World *world, const char *stream, gint32 item, guint64 index, guint64 n)
{
  return pr_rng_below (pr_rng_new ((guint64)world->params.world_seed, stream), (guint64)item, index, n);
}

char *
world_description (const World *world, gint32 item)
{
  g_autofree char *title = world_title (world, item);
  guint64 one = draw (world, "features", item, 0, WORLD_N_FEATURES);
  guint64 other = (one + 1 + draw (world, "features", item, 1, WORLD_N_FEATURES - 1)) % WORLD_N_FEATURES;
  GString *text = g_string_new (NULL);

  world_append_article (text, title, TRUE);
  g_string_append_printf (text, " made by %s. %s %s", world_brands[world->brand[item]], world_features[one],
                          world_features[other]);
  return g_string_free (text, FALSE);
}

static char *
item_document (const World *world, gint32 item, guint64 number)
{
  g_autofree char *title = world_title (world, item);
  const WorldCategory *category = &world_categories[world->category[item]];
  const char *brand = world_brands[world->brand[item]];
  const char *feature = world_features[draw (world, "item documents", item, number, WORLD_N_FEATURES)];
  GString *text = g_string_new (NULL);

  switch (number % 4)
    {
    case 0:
      g_string_printf (text, "The %s is made by %s. %s", title, brand, feature);
      break;
    case 1:
      world_append_article (text, category->noun, TRUE);
      g_string_append_printf (text, " from %s: the %s. %s", brand, title, feature);
      break;
    case 2:
      g_string_printf (text, "%s sells the %s in the %s department. %s", brand, title, category->department, feature);
      break;
    default:
      g_string_printf (text, "Looking for ");
      world_append_article (text, category->noun, FALSE);
      g_string_append_printf (text, "? Try the %s by %s. %s", title, brand, feature);
      break;
    }
  return g_string_free (text, FALSE);
}

/* A sentence on CATEGORY that says nothing of what comes next. */
static void
append_aside (const World *world, gint32 category, guint64 number, GString *text)
{
  const WorldCategory *about = &world_categories[category];
  PrRng rng = pr_rng_new ((guint64)world->params.world_seed, "asides");
  guint64 kind = pr_rng_below (rng, (guint64)category, 2 * number, 3);
  guint64 word = pr_rng_u32 (rng, (guint64)category, 2 * number + 1);

  if (kind == 0)
    {
      world_append_article (text, about->noun, TRUE);
      g_string_append_printf (text, " is found in the %s department.", about->department);
    }
  else if (kind == 1)
    g_string_append_printf (text, "Many people like the %s %s.", world_adjectives[word % WORLD_N_ADJECTIVES],
                            about->noun);
  else
    g_string_append_printf (text, "The %s is also sold in %s.", about->noun, world_colours[word % WORLD_N_COLOURS]);
}

/* Every document has another wording, as long as there are any, with an aside before or behind it or a second wording.
 */
static char *
rule_document (const World *world, gint32 category, guint64 number)
{
  PrRng rng = pr_rng_new ((guint64)world->params.world_seed, "wordings");
  guint32 n = G_N_ELEMENTS (wordings);
  g_autofree guint32 *order = pr_rng_permutation (rng, (guint64)category, n);
  g_autofree char *sentence = world_rule_sentence (world, category, order[number % n]);
  GString *text = g_string_new (NULL);

  if (number % 3 == 0)
    {
      append_aside (world, category, number, text);
      g_string_append_c (text, ' ');
    }
  g_string_append (text, sentence);
  if (number % 3 == 1)
    {
      g_string_append_c (text, ' ');
      append_aside (world, category, number, text);
    }
  else if (number % 3 == 2)
    {
      g_autofree char *again = world_rule_sentence (world, category, order[(number + n / 2) % n]);

      g_string_append_printf (text, " %s", again);
    }
  return g_string_free (text, FALSE);
}

GPtrArray *
world_corpus (const World *world)
{
  g_autoptr (GPtrArray) ordered = g_ptr_array_new ();
  GPtrArray *documents = g_ptr_array_new_with_free_func (g_free);
  g_autofree guint32 *order = NULL;

  for (gint32 c = 0; c < world->n_categories; c++)
    for (gint64 d = 0; d < world->params.documents_per_rule; d++)
      g_ptr_array_add (ordered, rule_document (world, c, (guint64)d));
  for (gint32 i = 0; i < world->n_items; i++)
    for (gint64 d = 0; d < world->params.documents_per_item; d++)
      g_ptr_array_add (ordered, item_document (world, i, (guint64)i + (guint64)d));
  order = pr_rng_permutation (pr_rng_new ((guint64)world->params.world_seed, "corpus"), 0, ordered->len);
  for (guint i = 0; i < ordered->len; i++)
    g_ptr_array_add (documents, ordered->pdata[order[i]]);
  return documents;
}
