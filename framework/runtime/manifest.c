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
  g_free (entry->where);
  g_free (entry);
}

static void
group_free (gpointer data)
{
  PrManifestGroup *group = data;

  g_free (group->name);
  g_free (group->where);
  g_ptr_array_unref (group->entries);
  g_free (group);
}

static void
file_free (gpointer data)
{
  PrManifestFile *file = data;

  g_free (file->path);
  g_free (file->dir);
  g_free (file->text);
  g_free (file);
}

void
pr_manifest_free (PrManifest *manifest)
{
  if (manifest == NULL)
    return;
  g_free (manifest->path);
  g_free (manifest->text);
  g_ptr_array_unref (manifest->groups);
  g_ptr_array_unref (manifest->files);
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
  PrManifest *manifest; /* what is read so far: of an included file, its groups alone */
  const PrManifestFile *file;
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
  pr_complain (reader->complaints, "%s:%u: %s", reader->file->path, reader->line, text);
}

static char *
place (const Reader *reader)
{
  return g_strdup_printf ("%s:%u", reader->file->path, reader->line);
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
  group->file = reader->file;
  group->line = reader->line;
  group->where = place (reader);
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
  entry->file = reader->file;
  entry->line = reader->line;
  entry->where = place (reader);
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

/* Read FILE, whose bytes are TEXT, into the groups of MANIFEST. */
static void
read_file (PrManifest *manifest, const PrManifestFile *file, const char *text, gsize length, GPtrArray *complaints)
{
  Reader reader = { .manifest = manifest, .file = file, .complaints = complaints };

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
}

/* Open the file at PATH as one of MANIFEST's and read its groups into INTO. */
static gboolean
load_file (PrManifest *manifest, PrManifest *into, const char *path, GPtrArray *complaints, GError **error)
{
  g_autofree char *text = NULL, *full = NULL;
  PrManifestFile *file;
  gsize length;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "no manifest '%s'; give the path of one", path);
      return FALSE;
    }
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST, "'%s' is a folder; give the path of a manifest in it", path);
      return FALSE;
    }
  text = pr_file_read (path, PR_MANIFEST_MAX, &length, error);
  if (text == NULL)
    return FALSE;
  full = g_canonicalize_filename (path, NULL);
  file = g_new0 (PrManifestFile, 1);
  file->path = g_strdup (path);
  file->dir = g_path_get_dirname (full);
  file->text = g_utf8_make_valid (text, (gssize)length);
  g_ptr_array_add (manifest->files, file);
  read_file (into, file, text, length, complaints);
  return TRUE;
}

static PrManifest *
manifest_new (const char *path)
{
  PrManifest *manifest = g_new0 (PrManifest, 1);

  manifest->path = g_strdup (path);
  manifest->groups = g_ptr_array_new_with_free_func (group_free);
  manifest->files = g_ptr_array_new_with_free_func (file_free);
  return manifest;
}

/* Included files --------------------------------------------------------- */

/* Put the entries of FROM behind those of INTO; a key that is there already is complained about, or, if it is the
 * manifest's OWN, wins. */
static void
merge_group (PrManifestGroup *into, PrManifestGroup *from, gboolean own, GPtrArray *complaints)
{
  while (from->entries->len > 0)
    {
      PrManifestEntry *entry = g_ptr_array_steal_index (from->entries, 0);
      PrManifestEntry *first = (PrManifestEntry *)pr_manifest_entry (into, entry->key);

      if (first != NULL && !own)
        pr_complain (complaints,
                     "%s: '%s' of this group was given already, %s; included files must not repeat each other",
                     entry->where, entry->key, first->where);
      if (first != NULL)
        g_ptr_array_remove (into->entries, first);
      g_ptr_array_add (into->entries, entry);
    }
}

/* Put the groups of FROM behind those of INTO; FROM is empty afterwards. */
static void
merge (PrManifest *into, PrManifest *from, gboolean own, GPtrArray *complaints)
{
  while (from->groups->len > 0)
    {
      PrManifestGroup *group = g_ptr_array_steal_index (from->groups, 0);
      PrManifestGroup *first = (PrManifestGroup *)pr_manifest_group (into, group->kind, group->name);

      if (first == NULL)
        {
          g_ptr_array_add (into->groups, group);
          continue;
        }
      merge_group (first, group, own, complaints);
      group_free (group);
    }
}

/* Read the file that ENTRY of the manifest names behind what INCLUDED holds. */
static void
include (PrManifest *manifest, const PrManifestEntry *entry, const char *name, PrManifest *included,
         GPtrArray *complaints)
{
  g_autofree char *dir = g_path_get_dirname (manifest->path);
  g_autofree char *path =
      g_path_is_absolute (name) || strcmp (dir, ".") == 0 ? g_strdup (name) : g_build_filename (dir, name, NULL);
  g_autoptr (PrManifest) fresh = manifest_new (path);
  g_autoptr (GError) error = NULL;
  const PrManifestGroup *experiment;

  for (guint i = 0; i < manifest->files->len; i++)
    if (strcmp (((PrManifestFile *)manifest->files->pdata[i])->path, path) == 0)
      {
        pr_complain (complaints, "%s: '%s' is read already; include it once", entry->where, name);
        return;
      }
  if (!load_file (manifest, fresh, path, complaints, &error))
    {
      pr_complain (complaints, "%s: include: %s", entry->where, error->message);
      return;
    }
  experiment = pr_manifest_group (fresh, PR_GROUP_EXPERIMENT, "");
  if (experiment != NULL)
    {
      pr_complain (complaints, "%s: an included file has stages and arms; [experiment] belongs into %s",
                   experiment->where, manifest->path);
      g_ptr_array_remove (fresh->groups, (gpointer)experiment);
    }
  merge (included, fresh, FALSE, complaints);
}

static void
include_all (PrManifest *manifest, GPtrArray *complaints)
{
  const PrManifestGroup *experiment = pr_manifest_group (manifest, PR_GROUP_EXPERIMENT, "");
  const PrManifestEntry *entry = experiment != NULL ? pr_manifest_entry (experiment, "include") : NULL;
  g_autoptr (PrManifest) included = manifest_new (manifest->path);
  g_auto (GStrv) names = NULL;
  GPtrArray *own;

  if (entry == NULL)
    return;
  names = pr_manifest_split (entry->text);
  if (names[0] == NULL || g_strv_length (names) > PR_MANIFEST_INCLUDES)
    pr_complain (complaints, "%s: include: name 1 to %d files, with ';' between", entry->where, PR_MANIFEST_INCLUDES);
  for (guint i = 0; names[i] != NULL && i < PR_MANIFEST_INCLUDES; i++)
    include (manifest, entry, names[i], included, complaints);
  own = manifest->groups;
  manifest->groups = included->groups;
  included->groups = own;
  merge (manifest, included, TRUE, complaints);
}

static char *
whole_text (const PrManifest *manifest)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < manifest->files->len; i++)
    {
      const PrManifestFile *file = manifest->files->pdata[i];

      if (i > 0)
        {
          g_autofree char *name = g_path_get_basename (file->path);

          g_string_append_printf (text, "%s# include %s\n", g_str_has_suffix (text->str, "\n") ? "" : "\n", name);
        }
      g_string_append (text, file->text);
    }
  return g_string_free (text, FALSE);
}

char *
pr_manifest_origin (const PrManifest *manifest, const PrManifestEntry *entry)
{
  g_autofree char *name = g_path_get_basename (entry->file->path);

  return g_strdup_printf ("%s:%u", entry->file == manifest->files->pdata[0] ? "manifest" : name, entry->line);
}

PrManifest *
pr_manifest_load (const char *path, GPtrArray *complaints, GError **error)
{
  g_autoptr (PrManifest) manifest = manifest_new (path);

  if (!load_file (manifest, manifest, path, complaints, error))
    return NULL;
  include_all (manifest, complaints);
  manifest->text = whole_text (manifest);
  return g_steal_pointer (&manifest);
}
