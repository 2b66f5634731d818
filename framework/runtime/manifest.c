#include "config.h"

#include "runtime/complaints.h"
#include "runtime/manifest.h"
#include "text/nearest.h"

#include <pauserec/error.h>
#include <pauserec/io.h>
#include <string.h>

static const char *const kinds[] = { "experiment", "stage", "arm" };

static void
entry_free (gpointer data)
{
  PrManifestEntry *entry = data;

  g_free (entry->key);
  g_free (entry->text);
  g_free (entry);
}

static void
group_free (gpointer data)
{
  PrManifestGroup *group = data;

  g_free (group->name);
  g_ptr_array_unref (group->entries);
  g_free (group);
}

void
pr_manifest_free (PrManifest *manifest)
{
  if (manifest == NULL)
    return;
  g_free (manifest->path);
  g_free (manifest->dir);
  g_free (manifest->text);
  g_ptr_array_unref (manifest->groups);
  g_free (manifest);
}

const PrManifestGroup *
pr_manifest_group (const PrManifest *manifest, PrGroupKind kind, const char *name)
{
  for (guint i = 0; i < manifest->groups->len; i++)
    {
      const PrManifestGroup *group = manifest->groups->pdata[i];

      if (group->kind == kind && strcmp (group->name, name) == 0)
        return group;
    }
  return NULL;
}

const PrManifestEntry *
pr_manifest_entry (const PrManifestGroup *group, const char *key)
{
  for (guint i = 0; i < group->entries->len; i++)
    {
      const PrManifestEntry *entry = group->entries->pdata[i];

      if (strcmp (entry->key, key) == 0)
        return entry;
    }
  return NULL;
}

gboolean
pr_manifest_name_ok (const char *name)
{
  gsize length = strlen (name);

  for (const char *c = name; *c != '\0'; c++)
    if (!g_ascii_isalnum (*c) && *c != '-' && *c != '_')
      return FALSE;
  return length > 0 && length <= 47;
}

char **
pr_manifest_split (const char *text)
{
  g_autoptr (GPtrArray) parts = g_ptr_array_new ();
  const char *start = text;

  for (const char *c = text;; c++)
    {
      gboolean last = *c == '\0';

      if (c[0] == '\\' && c[1] != '\0')
        {
          c++;
          continue;
        }
      if (!last && *c != ';')
        continue;
      g_ptr_array_add (parts, g_strstrip (g_strndup (start, (gsize)(c - start))));
      start = c + 1;
      if (last)
        break;
    }
  if (((char *)parts->pdata[parts->len - 1])[0] == '\0')
    {
      g_free (parts->pdata[parts->len - 1]);
      parts->len--;
    }
  g_ptr_array_add (parts, NULL);
  return (char **)g_ptr_array_steal (parts, NULL);
}

/* Lines ------------------------------------------------------------------ */

typedef struct
{
  PrManifest *manifest;
  PrManifestGroup *group; /* the one we are in; NULL before the first and in one that is not understood */
  gboolean skipping;      /* in a group that was complained about */
  gboolean complained_utf8;
  guint line;
  GPtrArray *complaints;
} Reader;

static void G_GNUC_PRINTF (2, 3) complain (Reader *reader, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  pr_complain (reader->complaints, "%s:%u: %s", reader->manifest->path, reader->line, text);
}

/* TITLE is what stands between the brackets. */
static void
read_group (Reader *reader, char *title)
{
  g_autofree char *shown = pr_complaint_excerpt (title);
  gsize word = strcspn (title, " \t");
  char *name = title + word + strspn (title + word, " \t");
  const PrManifestGroup *first;
  PrManifestGroup *group;
  gsize kind = 0;

  title[word] = '\0';
  reader->group = NULL;
  reader->skipping = TRUE;
  while (kind < G_N_ELEMENTS (kinds) && strcmp (kinds[kind], title) != 0)
    kind++;
  if (kind == G_N_ELEMENTS (kinds))
    {
      g_autofree char *hint = pr_nearest_hint (title, kinds, G_N_ELEMENTS (kinds));

      complain (reader, "unknown group [%s]; there are [experiment], [stage NAME] and [arm NAME]%s", shown, hint);
      return;
    }
  if (kind == PR_GROUP_EXPERIMENT ? name[0] != '\0' : !pr_manifest_name_ok (name))
    {
      if (kind == PR_GROUP_EXPERIMENT)
        complain (reader, "[%s]: there is one [experiment], without a name", shown);
      else
        complain (reader, "[%s]: a name of letters, digits, '-' and '_', at most 47, must follow '%s'", shown,
                  kinds[kind]);
      return;
    }
  first = pr_manifest_group (reader->manifest, (PrGroupKind)kind, name);
  if (first != NULL)
    {
      complain (reader, "group [%s] stands there already, line %u; merge the two", shown, first->line);
      return;
    }
  group = g_new0 (PrManifestGroup, 1);
  group->kind = (PrGroupKind)kind;
  group->name = g_strdup (name);
  group->line = reader->line;
  group->entries = g_ptr_array_new_with_free_func (entry_free);
  g_ptr_array_add (reader->manifest->groups, group);
  reader->group = group;
  reader->skipping = FALSE;
}

static void
read_entry (Reader *reader, char *line)
{
  char *equals = strchr (line, '=');
  g_autofree char *shown = NULL;
  const PrManifestEntry *first;
  PrManifestEntry *entry;
  char *key = line;

  if (equals != NULL)
    {
      *equals = '\0';
      g_strchomp (key);
    }
  shown = pr_complaint_excerpt (key);
  if (equals == NULL || key[0] == '\0')
    {
      complain (reader, "'%s' is no [group], no key = value and no # comment", equals == NULL ? shown : "=");
      return;
    }
  if (reader->group == NULL)
    {
      if (!reader->skipping)
        complain (reader, "'%s' stands before the first [group]", shown);
      return;
    }
  first = pr_manifest_entry (reader->group, key);
  if (first != NULL)
    {
      complain (reader, "'%s' was given already, line %u; keep one", shown, first->line);
      return;
    }
  entry = g_new0 (PrManifestEntry, 1);
  entry->key = g_strdup (key);
  entry->text = g_strstrip (g_strdup (equals + 1));
  entry->line = reader->line;
  g_ptr_array_add (reader->group->entries, entry);
}

/* LENGTH counts bytes: a NUL would end the string early. */
static void
read_line (Reader *reader, const char *start, gsize length)
{
  g_autofree char *copy = g_strndup (start, length);
  char *line;
  gsize n;

  if (!g_utf8_validate (start, (gssize)length, NULL))
    {
      if (!reader->complained_utf8)
        complain (reader, "the line is not UTF-8 text; save the file as UTF-8");
      reader->complained_utf8 = TRUE;
      return;
    }
  line = g_strstrip (copy);
  n = strlen (line);
  if (n == 0 || line[0] == '#')
    return;
  if (line[0] == ';')
    complain (reader, "a comment starts with '#'; ';' separates the values of a list");
  else if (line[0] == '[' && line[n - 1] == ']')
    {
      line[n - 1] = '\0';
      read_group (reader, g_strstrip (line + 1));
    }
  else if (line[0] == '[')
    complain (reader, "a [group] must end with ']'; comments stand on lines of their own");
  else
    read_entry (reader, line);
}

PrManifest *
pr_manifest_load (const char *path, GPtrArray *complaints, GError **error)
{
  g_autofree char *text = NULL, *full = NULL;
  Reader reader = { .complaints = complaints };
  gsize length;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "no manifest '%s'; give the path of one", path);
      return NULL;
    }
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "'%s' is a folder; give the path of a manifest in it", path);
      return NULL;
    }
  text = pr_file_read (path, PR_MANIFEST_MAX, &length, error);
  if (text == NULL)
    return NULL;
  full = g_canonicalize_filename (path, NULL);
  reader.manifest = g_new0 (PrManifest, 1);
  reader.manifest->path = g_strdup (path);
  reader.manifest->dir = g_path_get_dirname (full);
  reader.manifest->groups = g_ptr_array_new_with_free_func (group_free);
  reader.manifest->text = g_utf8_make_valid (text, (gssize)length);

  for (const char *start = text, *end = text + length; start < end;)
    {
      const char *newline = memchr (start, '\n', (gsize)(end - start));
      const char *stop = newline != NULL ? newline : end;

      reader.line++;
      if (reader.line == 1 && length >= 3 && memcmp (start, "\xef\xbb\xbf", 3) == 0)
        start += 3;
      read_line (&reader, start, (gsize)(stop - start));
      start = stop + 1;
    }
  return reader.manifest;
}
