#include "config.h"

#include "literal.h"

#include <math.h>
#include <pauserec/error.h>
#include <string.h>

#define MAX_NUMBER 64
#define REPLACEMENT 0xfffd

typedef struct
{
  const char *start, *at, *end;
  guint depth, values;
  const char *fault; /* what is wrong at `at` */
} Parser;

static json_t *parse_value (Parser *p);

static gboolean
fail (Parser *p, const char *fault)
{
  if (p->fault == NULL)
    p->fault = fault;
  return FALSE;
}

static void
skip_blanks (Parser *p)
{
  while (p->at < p->end && (*p->at == ' ' || *p->at == '\t'))
    p->at++;
}

/* The next character after blanks is C: step over it. */
static gboolean
accept (Parser *p, char c)
{
  skip_blanks (p);
  if (p->at == p->end || *p->at != c)
    return FALSE;
  p->at++;
  return TRUE;
}

static gboolean
read_digits (Parser *p, guint n, guint base, guint32 *ret_value)
{
  guint32 value = 0;

  if (p->end - p->at < (gssize)n)
    return fail (p, "an escape is cut off");
  for (guint i = 0; i < n; i++)
    {
      gint digit = base == 8 ? g_ascii_digit_value (p->at[i]) : g_ascii_xdigit_value (p->at[i]);

      if (digit < 0 || digit >= (gint)base)
        return fail (p, "an escape has a digit that is none");
      value = value * base + (guint32)digit;
    }
  p->at += n;
  *ret_value = value;
  return TRUE;
}

static gboolean
append_character (Parser *p, GString *text, guint32 c)
{
  if (c == 0)
    return fail (p, "a string has a NUL");
  if (c > 0x10ffff)
    return fail (p, "an escape is no character");
  g_string_append_unichar (text, c >= 0xd800 && c <= 0xdfff ? REPLACEMENT : c);
  return TRUE;
}

/* Behind \u: four digits; Python 2 wrote characters beyond the sixteenth bit as two of these. */
static gboolean
read_utf16 (Parser *p, GString *text)
{
  guint32 high, low;
  const char *behind;

  if (!read_digits (p, 4, 16, &high))
    return FALSE;
  behind = p->at;
  if (high >= 0xd800 && high <= 0xdbff && p->end - p->at >= 6 && p->at[0] == '\\' && p->at[1] == 'u')
    {
      p->at += 2;
      if (!read_digits (p, 4, 16, &low))
        return FALSE;
      if (low >= 0xdc00 && low <= 0xdfff)
        return append_character (p, text, 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00));
      p->at = behind;
    }
  return append_character (p, text, high);
}

/* A \xNN or \NNN: a character of its own, or a byte of one. */
static gboolean
append_escaped (Parser *p, GString *text, guint32 value, gboolean wide)
{
  if (wide || value < 0x80)
    return append_character (p, text, value);
  if (value > 0xff)
    return fail (p, "an escape is no byte");
  g_string_append_c (text, (char)value);
  return TRUE;
}

/* Behind a backslash. */
static gboolean
read_escape (Parser *p, GString *text, gboolean wide)
{
  static const char plain[] = "\\'\"abfnrtv", means[] = "\\'\"\a\b\f\n\r\t\v";
  const char *known;
  guint32 value;

  if (p->at == p->end)
    return fail (p, "the string is not closed");
  known = strchr (plain, *p->at);
  if (known != NULL)
    {
      g_string_append_c (text, means[known - plain]);
      p->at++;
      return TRUE;
    }
  if (*p->at >= '0' && *p->at <= '7')
    {
      guint n = 1;

      while (n < 3 && p->at + n < p->end && p->at[n] >= '0' && p->at[n] <= '7')
        n++;
      return read_digits (p, n, 8, &value) && append_escaped (p, text, value, wide);
    }
  switch (*p->at++)
    {
    case 'x':
      return read_digits (p, 2, 16, &value) && append_escaped (p, text, value, wide);
    case 'u':
      return read_utf16 (p, text);
    case 'U':
      return read_digits (p, 8, 16, &value) && append_character (p, text, value);
    default:
      p->at--;
      return fail (p, "no such escape");
    }
}

/* The inside of a string, from behind its first quote to behind its last. */
static gboolean
read_inside (Parser *p, char quote, gboolean wide, GString *text)
{
  while (p->at < p->end && *p->at != quote)
    {
      const char *stretch = p->at;

      while (p->at < p->end && *p->at != quote && *p->at != '\\')
        p->at++;
      g_string_append_len (text, stretch, p->at - stretch);
      if (p->at < p->end && *p->at == '\\')
        {
          p->at++;
          if (!read_escape (p, text, wide))
            return FALSE;
        }
    }
  if (p->at == p->end)
    return fail (p, "the string is not closed");
  p->at++;
  return TRUE;
}

/* Returns NULL at a fault. */
static GString *
read_string (Parser *p)
{
  gboolean wide = *p->at == 'u' || *p->at == 'U';
  GString *text = g_string_new (NULL);
  const char *inside;
  char quote;

  p->at += wide;
  quote = *p->at++;
  inside = p->at;
  if (read_inside (p, quote, wide, text) && !g_utf8_validate (text->str, (gssize)text->len, NULL))
    {
      g_string_truncate (text, 0);
      p->at = inside;
      read_inside (p, quote, TRUE, text);
    }
  if (p->fault == NULL)
    return text;
  g_string_free (text, TRUE);
  return NULL;
}

static gboolean
at_string (const Parser *p)
{
  const char *at = p->at;

  if (at < p->end && (*at == 'u' || *at == 'U'))
    at++;
  return at < p->end && (*at == '\'' || *at == '"');
}

static json_t *
parse_number (Parser *p)
{
  char number[MAX_NUMBER + 1];
  gsize n = 0;
  char *end;
  gint64 whole;
  double value;

  while (p->at + n < p->end && n < MAX_NUMBER && strchr ("+-.0123456789eE", p->at[n]) != NULL)
    n++;
  if (n > 0)
    memcpy (number, p->at, n);
  number[n] = '\0';
  if (g_ascii_string_to_signed (number, 10, G_MININT64, G_MAXINT64, &whole, NULL))
    {
      p->at += n;
      p->at += p->at < p->end && *p->at == 'L'; /* Python 2's long */
      return json_integer (whole);
    }
  value = g_ascii_strtod (number, &end);
  if (n == 0 || n == MAX_NUMBER || *end != '\0' || !isfinite (value) || strpbrk (number, ".eE") == NULL)
    {
      fail (p, "no value: a string, a number, a list, a dictionary, True, False or None is wanted");
      return NULL;
    }
  p->at += n;
  return json_real (value);
}

static json_t *
parse_word (Parser *p)
{
  static const char *const words[] = { "None", "True", "False" };

  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      gsize n = strlen (words[i]);

      if (p->end - p->at >= (gssize)n && memcmp (p->at, words[i], n) == 0)
        {
          p->at += n;
          return i == 0 ? json_null () : json_boolean (i == 1);
        }
    }
  return parse_number (p);
}

static json_t *
parse_list (Parser *p)
{
  json_t *list = json_array ();

  if (accept (p, ']'))
    return list;
  do
    {
      json_t *value = parse_value (p);

      if (value == NULL || json_array_append_new (list, value) != 0)
        break;
    }
  while (accept (p, ','));
  if (p->fault == NULL && !accept (p, ']'))
    fail (p, "the list is not closed");
  if (p->fault == NULL)
    return list;
  json_decref (list);
  return NULL;
}

static gboolean
parse_entry (Parser *p, json_t *dictionary)
{
  g_autoptr (GString) key = NULL;
  json_t *value;

  skip_blanks (p);
  if (!at_string (p))
    return fail (p, "a key of the dictionary belongs here: a string");
  key = read_string (p);
  if (key == NULL)
    return FALSE;
  if (json_object_get (dictionary, key->str) != NULL)
    return fail (p, "the key before stands in the dictionary a second time");
  if (!accept (p, ':'))
    return fail (p, "':' belongs behind a key");
  value = parse_value (p);
  return value != NULL && json_object_set_new (dictionary, key->str, value) == 0;
}

static json_t *
parse_dictionary (Parser *p)
{
  json_t *dictionary = json_object ();

  if (accept (p, '}'))
    return dictionary;
  while (parse_entry (p, dictionary) && accept (p, ','))
    ;
  if (p->fault == NULL && !accept (p, '}'))
    fail (p, "the dictionary is not closed");
  if (p->fault == NULL)
    return dictionary;
  json_decref (dictionary);
  return NULL;
}

/* NULL only with a fault: whatever jansson refuses was checked before. */
static json_t *
parse_value (Parser *p)
{
  json_t *value;

  skip_blanks (p);
  if (p->depth == LITERAL_MAX_DEPTH)
    fail (p, "too deep: more than 32 brackets within each other");
  else if (++p->values > LITERAL_MAX_VALUES)
    fail (p, "more than 100000 values");
  if (p->fault != NULL)
    return NULL;
  if (at_string (p))
    {
      g_autoptr (GString) text = read_string (p);

      return text != NULL ? json_stringn (text->str, text->len) : NULL;
    }
  if (p->at == p->end || (*p->at != '[' && *p->at != '{'))
    return parse_word (p);
  p->depth++;
  value = *p->at++ == '[' ? parse_list (p) : parse_dictionary (p);
  p->depth--;
  return value;
}

json_t *
literal_parse (const char *text, gsize length, const char *where, GError **error)
{
  Parser p = { text, text, text + length, 0, 0, NULL };
  json_t *value = parse_value (&p);

  skip_blanks (&p);
  if (value != NULL && p.at < p.end)
    fail (&p, "something stands behind the value");
  if (p.fault == NULL && value != NULL)
    return value;
  json_decref (value);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "%s: column %" G_GSIZE_FORMAT ": not a Python literal: %s", where,
               (gsize)(p.at - text) + 1, p.fault != NULL ? p.fault : "no value");
  return NULL;
}
