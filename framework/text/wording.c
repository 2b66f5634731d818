#include "config.h"

#include <pauserec/wording.h>

#include <string.h>

char *
pr_words_fold (const char *text)
{
  GString *line = g_string_new (NULL);

  for (; *text != '\0'; text++)
    if (!g_ascii_isspace (*text) && !g_ascii_iscntrl (*text))
      g_string_append_c (line, *text);
    else if (line->len > 0 && line->str[line->len - 1] != ' ')
      g_string_append_c (line, ' ');
  if (line->len > 0 && line->str[line->len - 1] == ' ')
    g_string_truncate (line, line->len - 1);
  return g_string_free (line, FALSE);
}

gsize
pr_words_count (const char *text)
{
  gsize n = text[0] != '\0';

  for (; *text != '\0'; text++)
    n += *text == ' ';
  return n;
}

gboolean
pr_words_cut (char *text, gsize most)
{
  for (; *text != '\0'; text++)
    if (*text == ' ' && --most == 0)
      {
        *text = '\0';
        return TRUE;
      }
  return FALSE;
}

void
pr_words_cut_sentences (char *text, gsize most)
{
  for (; *text != '\0'; text++)
    if (strchr (".!?", *text) != NULL && text[1] == ' ' && --most == 0)
      text[1] = '\0';
}

static gboolean
is_letter (const char *at)
{
  return g_unichar_isalnum (g_utf8_get_char (at));
}

gsize
pr_words_match (const char *start, const char *at, const char *phrase)
{
  const char *a = at, *p = phrase, *last = phrase;

  if (*phrase == '\0' || (at > start && is_letter (phrase) && is_letter (g_utf8_prev_char (at))))
    return 0;
  for (; *p != '\0'; a = g_utf8_next_char (a), p = g_utf8_next_char (p))
    {
      if (*a == '\0' || g_unichar_tolower (g_utf8_get_char (a)) != g_unichar_tolower (g_utf8_get_char (p)))
        return 0;
      last = p;
    }
  return *a != '\0' && is_letter (last) && is_letter (a) ? 0 : (gsize)(a - at);
}

const char *
pr_words_find (const char *text, const char *phrase, gsize *ret_length)
{
  for (const char *at = text; *at != '\0'; at = g_utf8_next_char (at))
    {
      gsize length = pr_words_match (text, at, phrase);

      if (length == 0)
        continue;
      if (ret_length != NULL)
        *ret_length = length;
      return at;
    }
  return NULL;
}
