#include "config.h"

#include "clean.h"

#include <string.h>

#define MAX_NAME 8 /* of an entity: "thetasym" */

/* Of the characters 160 to 255. */
static const char *const latin[96] = {
  "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",    "copy",   "ordf",
  "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn", "sup2",   "sup3",   "acute",  "micro",
  "para",   "middot", "cedil",  "sup1",   "ordm",   "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave",
  "Aacute", "Acirc",  "Atilde", "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",
  "Igrave", "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde", "Ouml",
  "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",  "szlig",  "agrave", "aacute",
  "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil", "egrave", "eacute", "ecirc",  "euml",   "igrave",
  "iacute", "icirc",  "iuml",   "eth",    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide",
  "oslash", "ugrave", "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml",
};

static const struct
{
  const char *name;
  guint16 character;
} others[] = {
  { "quot", 0x22 },     { "amp", 0x26 },       { "apos", 0x27 },      { "lt", 0x3c },       { "gt", 0x3e },
  { "OElig", 0x152 },   { "oelig", 0x153 },    { "Scaron", 0x160 },   { "scaron", 0x161 },  { "Yuml", 0x178 },
  { "fnof", 0x192 },    { "circ", 0x2c6 },     { "tilde", 0x2dc },    { "Alpha", 0x391 },   { "Beta", 0x392 },
  { "Gamma", 0x393 },   { "Delta", 0x394 },    { "Epsilon", 0x395 },  { "Zeta", 0x396 },    { "Eta", 0x397 },
  { "Theta", 0x398 },   { "Iota", 0x399 },     { "Kappa", 0x39a },    { "Lambda", 0x39b },  { "Mu", 0x39c },
  { "Nu", 0x39d },      { "Xi", 0x39e },       { "Omicron", 0x39f },  { "Pi", 0x3a0 },      { "Rho", 0x3a1 },
  { "Sigma", 0x3a3 },   { "Tau", 0x3a4 },      { "Upsilon", 0x3a5 },  { "Phi", 0x3a6 },     { "Chi", 0x3a7 },
  { "Psi", 0x3a8 },     { "Omega", 0x3a9 },    { "alpha", 0x3b1 },    { "beta", 0x3b2 },    { "gamma", 0x3b3 },
  { "delta", 0x3b4 },   { "epsilon", 0x3b5 },  { "zeta", 0x3b6 },     { "eta", 0x3b7 },     { "theta", 0x3b8 },
  { "iota", 0x3b9 },    { "kappa", 0x3ba },    { "lambda", 0x3bb },   { "mu", 0x3bc },      { "nu", 0x3bd },
  { "xi", 0x3be },      { "omicron", 0x3bf },  { "pi", 0x3c0 },       { "rho", 0x3c1 },     { "sigmaf", 0x3c2 },
  { "sigma", 0x3c3 },   { "tau", 0x3c4 },      { "upsilon", 0x3c5 },  { "phi", 0x3c6 },     { "chi", 0x3c7 },
  { "psi", 0x3c8 },     { "omega", 0x3c9 },    { "thetasym", 0x3d1 }, { "upsih", 0x3d2 },   { "piv", 0x3d6 },
  { "ensp", 0x2002 },   { "emsp", 0x2003 },    { "thinsp", 0x2009 },  { "zwnj", 0x200c },   { "zwj", 0x200d },
  { "lrm", 0x200e },    { "rlm", 0x200f },     { "ndash", 0x2013 },   { "mdash", 0x2014 },  { "lsquo", 0x2018 },
  { "rsquo", 0x2019 },  { "sbquo", 0x201a },   { "ldquo", 0x201c },   { "rdquo", 0x201d },  { "bdquo", 0x201e },
  { "dagger", 0x2020 }, { "Dagger", 0x2021 },  { "bull", 0x2022 },    { "hellip", 0x2026 }, { "permil", 0x2030 },
  { "prime", 0x2032 },  { "Prime", 0x2033 },   { "lsaquo", 0x2039 },  { "rsaquo", 0x203a }, { "oline", 0x203e },
  { "frasl", 0x2044 },  { "euro", 0x20ac },    { "image", 0x2111 },   { "weierp", 0x2118 }, { "real", 0x211c },
  { "trade", 0x2122 },  { "alefsym", 0x2135 }, { "larr", 0x2190 },    { "uarr", 0x2191 },   { "rarr", 0x2192 },
  { "darr", 0x2193 },   { "harr", 0x2194 },    { "crarr", 0x21b5 },   { "lArr", 0x21d0 },   { "uArr", 0x21d1 },
  { "rArr", 0x21d2 },   { "dArr", 0x21d3 },    { "hArr", 0x21d4 },    { "forall", 0x2200 }, { "part", 0x2202 },
  { "exist", 0x2203 },  { "empty", 0x2205 },   { "nabla", 0x2207 },   { "isin", 0x2208 },   { "notin", 0x2209 },
  { "ni", 0x220b },     { "prod", 0x220f },    { "sum", 0x2211 },     { "minus", 0x2212 },  { "lowast", 0x2217 },
  { "radic", 0x221a },  { "prop", 0x221d },    { "infin", 0x221e },   { "ang", 0x2220 },    { "and", 0x2227 },
  { "or", 0x2228 },     { "cap", 0x2229 },     { "cup", 0x222a },     { "int", 0x222b },    { "there4", 0x2234 },
  { "sim", 0x223c },    { "cong", 0x2245 },    { "asymp", 0x2248 },   { "ne", 0x2260 },     { "equiv", 0x2261 },
  { "le", 0x2264 },     { "ge", 0x2265 },      { "sub", 0x2282 },     { "sup", 0x2283 },    { "nsub", 0x2284 },
  { "sube", 0x2286 },   { "supe", 0x2287 },    { "oplus", 0x2295 },   { "otimes", 0x2297 }, { "perp", 0x22a5 },
  { "sdot", 0x22c5 },   { "lceil", 0x2308 },   { "rceil", 0x2309 },   { "lfloor", 0x230a }, { "rfloor", 0x230b },
  { "lang", 0x2329 },   { "rang", 0x232a },    { "loz", 0x25ca },     { "spades", 0x2660 }, { "clubs", 0x2663 },
  { "hearts", 0x2665 }, { "diams", 0x2666 },
};

/* What 128 to 159 mean in Windows-1252; 0: nothing. */
static const guint16 windows[32] = { 0x20ac, 0x0,    0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021,
                                     0x2c6,  0x2030, 0x160,  0x2039, 0x152,  0x0,    0x17d,  0x0,
                                     0x0,    0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                     0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x0,    0x17e,  0x178 };

static gunichar
named (const char *name, gsize n)
{
  for (guint i = 0; i < G_N_ELEMENTS (latin); i++)
    if (strlen (latin[i]) == n && memcmp (latin[i], name, n) == 0)
      return 160 + i;
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    if (strlen (others[i].name) == n && memcmp (others[i].name, name, n) == 0)
      return others[i].character;
  return 0;
}

/* Behind "&#"; 0: no number of a character. */
static gunichar
numbered (const char *digits, gsize n)
{
  gsize hex = n > 1 && (digits[0] == 'x' || digits[0] == 'X');
  gunichar value = 0;

  if (n == hex || n > 8)
    return 0;
  for (gsize i = hex; i < n; i++)
    {
      gint digit = hex ? g_ascii_xdigit_value (digits[i]) : g_ascii_digit_value (digits[i]);

      if (digit < 0)
        return 0;
      value = value * (hex ? 16 : 10) + (gunichar)digit;
    }
  if (value >= 128 && value < 160)
    return windows[value - 128];
  return g_unichar_validate (value) ? value : 0;
}

/* The character that the entity at TEXT ('&') stands for and where it ends; 0: it is none. */
static gunichar
entity (const char *text, const char **ret_end)
{
  gsize n = strcspn (text + 1, ";& <\n");
  gunichar c;

  if (n == 0 || n > MAX_NAME + 1 || text[n + 1] != ';')
    return 0;
  c = text[1] == '#' ? numbered (text + 2, n - 1) : named (text + 1, n);
  *ret_end = text + n + 2;
  return c;
}

static gboolean
is_name (const char *name, gsize n, const char *const *names)
{
  for (; *names != NULL; names++)
    if (strlen (*names) == n && g_ascii_strncasecmp (*names, name, n) == 0)
      return TRUE;
  return FALSE;
}

/* What hides all up to an end.  An end that was looked for in vain is not looked for again: hostile texts would take
 * quadratic time. */
typedef struct
{
  const char *begin, *end;
  gboolean lost;
} Hidden;
#define N_HIDDEN 3

/* Behind the hidden stretch that begins at TEXT; NULL: none does. */
static const char *
hidden_end (const char *text, Hidden *hidden)
{
  for (guint h = 0; h < N_HIDDEN; h++)
    {
      gsize n = strlen (hidden[h].begin), m = strlen (hidden[h].end);

      if (hidden[h].lost || g_ascii_strncasecmp (text, hidden[h].begin, n) != 0)
        continue;
      for (text += n; *text != '\0'; text++)
        if (g_ascii_strncasecmp (text, hidden[h].end, m) == 0)
          return text + m;
      hidden[h].lost = TRUE;
      return NULL;
    }
  return NULL;
}

/* Behind the tag at TEXT ('<'); NULL: it is none.  ret_blank: words end here. */
static const char *
tag_end (const char *text, gboolean *ret_blank)
{
  static const char *const within[] = { "a",     "abbr", "b",      "big", "em",  "font", "i",
                                        "small", "span", "strong", "sub", "sup", "u",    NULL };
  const char *name = text + 1 + (text[1] == '/'), *end;
  gsize n = 0;

  while (g_ascii_isalnum (name[n]))
    n++;
  if (!g_ascii_isalpha (name[0]) && name[0] != '!')
    return NULL;
  end = strpbrk (name + n, "<>");
  if (end == NULL || *end != '>')
    return NULL;
  *ret_blank = !is_name (name, n, within);
  return end + 1;
}

static void
append (GString *clean, gunichar c, gboolean *blank)
{
  if (g_unichar_isspace (c) || g_unichar_iscntrl (c))
    {
      *blank = TRUE;
      return;
    }
  if (*blank && clean->len > 0)
    g_string_append_c (clean, ' ');
  *blank = FALSE;
  g_string_append_unichar (clean, c);
}

char *
clean_text (const char *text)
{
  GString *clean = g_string_new (NULL);
  Hidden hidden[N_HIDDEN] = { { "<!--", "-->", FALSE },
                              { "<script", "</script>", FALSE },
                              { "<style", "</style>", FALSE } };
  gboolean blank = FALSE;

  while (*text != '\0')
    {
      gboolean parts = TRUE;
      const char *end = *text == '<' ? hidden_end (text, hidden) : NULL;
      gunichar c = 0;

      if (end == NULL && *text == '<')
        end = tag_end (text, &parts);
      if (end != NULL)
        blank |= parts;
      else if (*text == '&' && (c = entity (text, &end)) != 0)
        append (clean, c, &blank);
      else
        {
          append (clean, g_utf8_get_char (text), &blank);
          end = g_utf8_next_char (text);
        }
      text = end;
    }
  return g_string_free (clean, FALSE);
}
