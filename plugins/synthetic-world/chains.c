/* chains.c - why a purchase was made: the true cause, in words that the corpus has taught.
 *
 * Where no rule could be followed none is told, so that the chains of the training part and of the validation step say
 * nothing of rules that stand only in the text.
 */
#include "config.h"

#include "world.h"

char *
world_chain (const World *world, const WorldCause *cause, gint32 item)
{
  const char *source = world_categories[cause->source].noun;
  const char *needed = world_categories[world->rule[cause->source]].noun;
  GString *text = g_string_new (cause->may_follow ? "After buying " : "You bought ");

  world_append_article (text, source, FALSE);
  if (cause->may_follow)
    {
      g_string_append (text, ", most people look for ");
      world_append_article (text, needed, FALSE);
    }
  if (!cause->follows)
    {
      g_string_append (text, ". You look for the next thing without a list: ");
      world_append_article (text, world_categories[world->category[item]].noun, FALSE);
    }
  else
    {
      g_string_append (text, ". You need ");
      world_append_article (text, needed, FALSE);
      g_string_append (text, " because you bought ");
      world_append_article (text, source, FALSE);
    }
  g_string_append_c (text, '.');
  if (cause->brand >= 0)
    g_string_append_printf (text, " You like %s.", world_brands[cause->brand]);
  return g_string_free (text, FALSE);
}
