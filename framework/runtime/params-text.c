#include "config.h"

#include "runtime/params-text.h"
#include "runtime/params.h"

#include <string.h>

char *
pr_text_real (double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  /* The shortest that reads back as the same number. */
  for (int digits = 1; digits <= 17; digits++)
    {
      char format[8];

      g_snprintf (format, sizeof format, "%%.%dg", digits);
      g_ascii_formatd (text, sizeof text, format, value);
      if (g_ascii_strtod (text, NULL) == value)
        break;
    }
  return g_strdup (text);
}

char *
pr_text_ints (const PrInts *ints)
{
  GString *text = g_string_new (NULL);

  for (gint64 i = 0; i < ints->n; i++)
    g_string_append_printf (text, "%s%" G_GINT64_FORMAT, i > 0 ? "," : "", (gint64)ints->v[i]);
  return g_string_free (text, FALSE);
}

char *
pr_text_escape (const char *value)
{
  GString *text = g_string_new (NULL);
  gsize length = strlen (value);

  for (gsize i = 0; i < length; i++)
    switch (value[i])
      {
      case '\n':
        g_string_append (text, "\\n");
        break;
      case '\t':
        g_string_append (text, "\\t");
        break;
      case '\\':
        g_string_append (text, "\\\\");
        break;
      case ' ':
        g_string_append (text, i == 0 || i + 1 == length ? "\\s" : " ");
        break;
      default:
        g_string_append_c (text, value[i]);
      }
  return g_string_free (text, FALSE);
}

char *
pr_text_unescape (const char *text)
{
  g_autoptr (GString) value = g_string_new (NULL);

  for (; *text != '\0'; text++)
    {
      static const char letters[] = "nts\\;", meanings[] = "\n\t \\;";
      const char *letter;

      if (*text != '\\')
        {
          g_string_append_c (value, *text);
          continue;
        }
      letter = text[1] != '\0' ? strchr (letters, text[1]) : NULL;
      if (letter == NULL)
        return NULL;
      g_string_append_c (value, meanings[letter - letters]);
      text++;
    }
  return g_strdup (value->str);
}

char *
pr_param_default_text (const PrParamSpec *spec)
{
  if (spec->required)
    return g_strdup ("");
  switch (spec->kind)
    {
    case PR_PARAM_KIND_BOOL:
      return g_strdup (spec->dflt.boolean ? "true" : "false");
    case PR_PARAM_KIND_INT:
      return g_strdup_printf ("%" G_GINT64_FORMAT, (gint64)spec->dflt.integer.value);
    case PR_PARAM_KIND_REAL:
      return pr_text_real (spec->dflt.real.value);
    case PR_PARAM_KIND_STRING:
      return pr_text_escape (spec->dflt.string);
    case PR_PARAM_KIND_CHOICE:
      return g_strdup (spec->dflt.choice.names[spec->dflt.choice.value]);
    case PR_PARAM_KIND_INTS:
      return g_strdup (spec->dflt.ints.value);
    case PR_PARAM_KIND_PATH:
    case PR_PARAM_KIND_PATHS:
      break;
    }
  return g_strdup ("");
}

char *
pr_param_range_text (const PrParamSpec *spec)
{
  g_autofree char *low = NULL, *high = NULL, *list = NULL;

  switch (spec->kind)
    {
    case PR_PARAM_KIND_BOOL:
      return g_strdup ("true or false");
    case PR_PARAM_KIND_INT:
      return g_strdup_printf ("a whole number, %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                              (gint64)spec->dflt.integer.min, (gint64)spec->dflt.integer.max);
    case PR_PARAM_KIND_REAL:
      low = pr_text_real (spec->dflt.real.min);
      high = pr_text_real (spec->dflt.real.max);
      return g_strdup_printf ("a number, %s to %s", low, high);
    case PR_PARAM_KIND_STRING:
      return g_strdup ("text; \\n, \\t, \\s and \\\\ are escapes");
    case PR_PARAM_KIND_CHOICE:
      list = g_strjoinv (", ", (char **)spec->dflt.choice.names);
      return g_strdup_printf ("one of %s", list);
    case PR_PARAM_KIND_INTS:
      return g_strdup_printf ("up to %d whole numbers with commas between, each %" G_GINT64_FORMAT
                              " to %" G_GINT64_FORMAT,
                              PR_INTS_MAX, (gint64)spec->dflt.ints.min, (gint64)spec->dflt.ints.max);
    case PR_PARAM_KIND_PATH:
      return g_strdup ("a file");
    case PR_PARAM_KIND_PATHS:
      return g_strdup ("files with commas between");
    }
  return g_strdup ("");
}

char *
pr_ints_parse (const char *text, gint64 min, gint64 max, PrInts *ret)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", PR_INTS_MAX + 2);
  PrInts ints = { 0 };

  for (gsize i = 0; parts[i] != NULL; i++)
    {
      g_autoptr (GError) error = NULL;
      gint64 value;

      if (i == PR_INTS_MAX)
        return g_strdup_printf ("more than %d numbers", PR_INTS_MAX);
      if (!g_ascii_string_to_signed (g_strstrip (parts[i]), 10, min, max, &value, &error))
        return g_strdup_printf ("'%.40s' is not a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                                parts[i], min, max);
      ints.v[ints.n++] = value;
    }
  *ret = ints;
  return NULL;
}
