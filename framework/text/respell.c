/* respell.c - the same text in other words. */
#include "config.h"

#include <pauserec/wording.h>

#include <string.h>

/* Tried in this order: longer ones first.  No phrase is likely to be part of a product's name. */
static const struct
{
  const char *phrase, *other;
} phrases[] = {
  { "you look for the next thing without a list", "you choose freely" },
  { "most people look for", "many people search for" },
  { "after buying", "once they own" },
  { "is likely to", "will probably" },
  { "are likely to", "will probably" },
  { "would like to", "wants to" },
  { "wants to", "would like to" },
  { "interested in", "looking for" },
  { "looking for", "interested in" },
  { "in order to", "to" },
  { "because", "since" },
  { "therefore", "for this reason" },
  { "you bought", "you got" },
  { "you need", "you want" },
  { "you like", "you prefer" },
  { "the user", "this customer" },
  { "the customer", "this user" },
  { "customers", "shoppers" },
  { "customer", "shopper" },
  { "most people", "many people" },
  { "people who", "those who" },
  { "bought", "purchased" },
  { "purchased", "bought" },
  { "often", "frequently" },
  { "likely", "probable" },
  { "probably", "most likely" },
  { "prefers", "favours" },
  { "suggests", "indicates" },
  { "shows", "reveals" },
  { "needs", "requires" },
  { "wants", "wishes for" },
  { "also", "too" },
};

char *
pr_words_paraphrase (const char *text)
{
  GString *to = g_string_new (NULL);

  for (const char *at = text; *at != '\0';)
    {
      gsize length = 0;
      guint i = 0;

      while (i < G_N_ELEMENTS (phrases) && (length = pr_words_match (text, at, phrases[i].phrase)) == 0)
        i++;
      if (length > 0)
        {
          g_string_append (to, phrases[i].other);
          if (g_ascii_isupper (*at))
            to->str[to->len - strlen (phrases[i].other)] = g_ascii_toupper (phrases[i].other[0]);
        }
      else
        {
          length = (gsize)(g_utf8_next_char (at) - at);
          g_string_append_len (to, at, (gssize)length);
        }
      at += length;
    }
  return g_string_free (to, FALSE);
}

/* "a " or "an " at the end of TEXT, as it must be before WORD. */
static void
fit_article (GString *text, const char *word)
{
  gboolean vowel = strchr ("aeiouAEIOU", word[0]) != NULL;
  gsize a = text->len >= 2 && g_str_has_suffix (text->str, " ") ? text->len - 2 : 0;

  if (text->len < 2 || word[0] == '\0')
    return;
  if (a > 0 && text->str[a] == 'n')
    a--;
  if ((text->str[a] != 'a' && text->str[a] != 'A') || (a > 0 && text->str[a - 1] != ' '))
    return;
  g_string_truncate (text, a + 1);
  g_string_append (text, vowel ? "n " : " ");
}

char *
pr_words_rename (const char *text, const char *name, const char *other)
{
  g_autoptr (GString) to = g_string_new (NULL);
  const char *at;
  gsize length = 0;
  gboolean found = FALSE;

  for (; (at = pr_words_find (text, name, &length)) != NULL; text = at + length)
    {
      g_string_append_len (to, text, at - text);
      fit_article (to, other);
      g_string_append (to, other);
      found = TRUE;
    }
  g_string_append (to, text);
  return found ? g_strdup (to->str) : NULL;
}
