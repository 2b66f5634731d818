/* manifest.h - the lines of a manifest, before they mean anything.
 *
 * Groups `[experiment]`, `[stage NAME]`, `[arm NAME]`, in them `key = value`; a comment is a whole line that starts
 * with '#'.  Blanks around groups, keys and values do not count.
 *
 * `include = FILE; FILE` in [experiment], paths relative to the manifest, brings in the groups [stage NAME] and [arm
 * NAME] of other files, which stand before the manifest's own.  What the manifest says of a key of the same group
 * counts instead; included files must not say the same key of a group twice, and include nothing themselves.
 */
#ifndef PR_MANIFEST_H
#define PR_MANIFEST_H

#include <glib.h>

/* One of the files that a manifest consists of. */
typedef struct
{
  char *path; /* as given: of an included file, relative to what the manifest's is */
  char *dir;  /* absolute */
  char *text; /* UTF-8 */
} PrManifestFile;

typedef struct
{
  char *key, *text;
  const PrManifestFile *file;
  guint line;
  char *where; /* "PATH:LINE", for complaints */
} PrManifestEntry;

typedef enum
{
  PR_GROUP_EXPERIMENT,
  PR_GROUP_STAGE,
  PR_GROUP_ARM,
} PrGroupKind;

typedef struct
{
  PrGroupKind kind;
  char *name; /* "" for [experiment] */
  const PrManifestFile *file;
  guint line;
  char *where;        /* "PATH:LINE" */
  GPtrArray *entries; /* PrManifestEntry *, in file order; no key twice */
} PrManifestGroup;

typedef struct
{
  char *path;        /* as given */
  char *text;        /* whole, UTF-8; included files follow under a line of comment each */
  GPtrArray *files;  /* PrManifestFile *: the manifest itself, then what it includes */
  GPtrArray *groups; /* PrManifestGroup *, included ones first, in file order; none twice */
} PrManifest;

#define PR_MANIFEST_MAX (1024 * 1024) /* bytes */

#define PR_MANIFEST_INCLUDES 64 /* files */

/* Faults of form (junk lines, files that cannot be included, unknown or repeated groups, repeated keys, text that is
 * not UTF-8) go to COMPLAINTS and the rest is returned; NULL with ERROR set if there is nothing to read. */
PrManifest *pr_manifest_load (const char *path, GPtrArray *complaints, GError **error);
void pr_manifest_free (PrManifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrManifest, pr_manifest_free)

const PrManifestGroup *pr_manifest_group (const PrManifest *manifest, PrGroupKind kind, const char *name);
const PrManifestEntry *pr_manifest_entry (const PrManifestGroup *group, const char *key);

/* "manifest:12", or "NAME:12" where an included file said it; to free. */
char *pr_manifest_origin (const PrManifest *manifest, const PrManifestEntry *entry);

/* Names of stages and arms: letters, digits, '-' and '_', at most 47. */
gboolean pr_manifest_name_ok (const char *name);

/* The parts of `a; b; c`, stripped, to free with g_strfreev(); `\;` does not separate.  One empty part at the end is
 * dropped. */
char **pr_manifest_split (const char *text);

#endif
