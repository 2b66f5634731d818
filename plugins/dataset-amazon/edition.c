/* edition.c - which of the three collections a line is of, told by its keys. */
#include "config.h"

#include "literal.h"
#include "source.h"

#include <pauserec/error.h>
#include <string.h>

#define BIT(edition) (1u << (edition))
#define ANY (BIT (EDITION_2014) | BIT (EDITION_2018) | BIT (EDITION_2023))
#define TICK_LINES 65536

guint
editions_of (Edition edition)
{
  return edition == EDITION_AUTO ? ANY : BIT (edition);
}

Edition
editions_told (guint editions)
{
  for (Edition e = EDITION_2014; e <= EDITION_2023; e++)
    if (editions == BIT (e))
      return e;
  return EDITION_AUTO;
}

static gboolean
has_any (const json_t *line, const char *const *keys)
{
  for (; *keys != NULL; keys++)
    if (json_object_get (line, *keys) != NULL)
      return TRUE;
  return FALSE;
}

/* Lines of 2014 and 2018 share what is read of them; other keys tell them apart, where there are any. */
static guint
older (const json_t *line, const char *const *of_2014, const char *const *of_2018)
{
  gboolean is_2014 = has_any (line, of_2014), is_2018 = has_any (line, of_2018);

  if (is_2014 && is_2018)
    return 0;
  if (is_2014)
    return BIT (EDITION_2014);
  return is_2018 ? BIT (EDITION_2018) : BIT (EDITION_2014) | BIT (EDITION_2018);
}

guint
editions_of_review (const json_t *line)
{
  static const char *const newest[] = { "user_id", "parent_asin", NULL };
  static const char *const of_2014[] = { "helpful", NULL }, *const of_2018[] = { "verified", "vote", "style", NULL };

  if (json_object_get (line, "reviewerID") != NULL)
    return has_any (line, newest) ? 0 : older (line, of_2014, of_2018);
  return has_any (line, newest) ? BIT (EDITION_2023) : 0;
}

guint
editions_of_metadata (const json_t *line)
{
  static const char *const of_2014[] = { "categories", "imUrl", "salesRank", "related", NULL };
  static const char *const of_2018[] = { "category", "main_cat", "also_buy",     "also_view", "feature",
                                         "rank",     "tech1",    "similar_item", NULL };

  if (json_object_get (line, "parent_asin") != NULL)
    return BIT (EDITION_2023);
  return json_object_get (line, "asin") != NULL ? older (line, of_2014, of_2018) : 0;
}

static char *
describe (guint editions)
{
  static const char *const names[] = { "auto", "2014", "2018", "2023" };
  GString *text = g_string_new (NULL);

  for (Edition e = EDITION_2014; e <= EDITION_2023; e++)
    if (editions & BIT (e))
      g_string_append_printf (text, "%s%s", text->len > 0 ? " or " : "", names[e]);
  return g_string_free (text, FALSE);
}

json_t *
edition_parse (PrLines *lines, const char *path, const char *text, gsize length, EditionsFunc editions_of_line,
               guint *editions, GError **error)
{
  g_autofree char *where = g_strdup_printf ("%s:%" G_GUINT64_FORMAT, path, pr_lines_number (lines));
  gsize blanks = strspn (text, " \t"), inner = text[blanks] == '{' ? blanks + 1 + strspn (text + blanks + 1, " \t") : 0;
  /* Python quotes keys by ' and JSON by ". */
  gboolean literal = inner > 0 && strchr ("'uU", text[inner]) != NULL && text[inner] != '\0';
  json_t *line = literal ? literal_parse (text, length, where, error) : pr_json_parse (text, length, where, error);
  guint found;

  if (line == NULL)
    return NULL;
  found = editions_of_line (line) & (literal ? BIT (EDITION_2014) : ANY);
  if ((found & *editions) != 0)
    {
      *editions &= found;
      return line;
    }
  if (found == 0)
    pr_lines_error (
        lines, error,
        editions_of_line == editions_of_review
            ? "the keys are of no edition's reviews: \"reviewerID\", \"asin\" and \"unixReviewTime\" (2014, "
              "2018), or \"user_id\", \"parent_asin\" and \"timestamp\" (2023) are wanted"
            : "the keys are of no edition's metadata: \"asin\" (2014, 2018) or \"parent_asin\" (2023) is "
              "wanted");
  else
    {
      g_autofree char *is = describe (found), *wanted = describe (*editions);

      pr_lines_error (lines, error,
                      "the keys are those of edition %s, but by the lines before, or the parameter edition, it is %s; "
                      "take all files from one edition",
                      is, wanted);
    }
  json_decref (line);
  return NULL;
}

gboolean
edition_tick (PrRun *run, const PrLines *lines, guint done, GError **error)
{
  return run == NULL || pr_lines_number (lines) % TICK_LINES != 0 || pr_run_step (run, done, 4, error);
}
