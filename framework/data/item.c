#include "config.h"

#include "dataset-private.h"
#include "fold.h"

#include <string.h>

gboolean
pr_group_name_ok (const char *name)
{
  gsize n = strlen (name);

  if (n == 0 || n > PR_GROUP_NAME_MAX || !g_ascii_islower (name[0]))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if (!g_ascii_islower (name[i]) && !g_ascii_isdigit (name[i]) && name[i] != '_')
      return FALSE;
  return TRUE;
}

gboolean
pr_id_ok (const char *id)
{
  if (id[0] == '\0' || !g_utf8_validate (id, -1, NULL))
    return FALSE;
  for (const char *c = id; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      return FALSE;
  return TRUE;
}

void
pr_append_folded (GString *text, const char *part)
{
  gboolean blank = FALSE;

  while (g_ascii_isspace (*part) || (g_ascii_iscntrl (*part) && *part != '\0'))
    part++;
  for (; *part != '\0'; part++)
    {
      if (g_ascii_isspace (*part) || g_ascii_iscntrl (*part))
        {
          blank = TRUE;
          continue;
        }
      if (blank)
        g_string_append_c (text, ' ');
      blank = FALSE;
      g_string_append_c (text, *part);
    }
}

/* End the sentence that began at START, unless nothing stands there or it has an end already. */
static void
append_stop (GString *text, gsize start)
{
  if (text->len == start)
    return;
  if (strchr (".!?", text->str[text->len - 1]) == NULL)
    g_string_append_c (text, '.');
  g_string_append_c (text, ' ');
}

void
pr_item_append_text (const PrItem *item, GString *text)
{
  gsize start = text->len, part;

  pr_append_folded (text, item->title);
  if (item->brand[0] != '\0')
    {
      if (text->len > start)
        g_string_append (text, " by ");
      pr_append_folded (text, item->brand);
    }
  part = text->len;
  for (guint i = 0; item->categories[i] != NULL; i++)
    {
      if (i == 0)
        {
          append_stop (text, start);
          part = text->len;
        }
      else
        g_string_append (text, " > ");
      pr_append_folded (text, item->categories[i]);
    }
  if (item->description[0] == '\0')
    return;
  append_stop (text, part > start && item->categories[0] != NULL ? part : start);
  pr_append_folded (text, item->description);
}

const char *
pr_item_leaf_category (const PrItem *item)
{
  const char *leaf = "";

  for (const char *const *category = item->categories; *category != NULL; category++)
    leaf = *category;
  return leaf;
}
