/* manifest.h - the lines of a manifest, before they mean anything.
 *
 * Groups `[experiment]`, `[stage NAME]`, `[arm NAME]`, in them `key = value`; a comment is a whole line that starts
 * with '#'.  Blanks around groups, keys and values do not count.
 */
#ifndef PR_MANIFEST_H
#define PR_MANIFEST_H

#include <glib.h>

typedef struct
{
  char *key, *text;
  guint line;
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
  guint line;
  GPtrArray *entries; /* PrManifestEntry *, in file order; no key twice */
} PrManifestGroup;

typedef struct
{
  char *path;        /* as given */
  char *dir;         /* absolute */
  char *text;        /* UTF-8 */
  GPtrArray *groups; /* PrManifestGroup *, in file order; none twice */
} PrManifest;

#define PR_MANIFEST_MAX (1024 * 1024) /* bytes */

/* Faults of form (junk lines, unknown or repeated groups, repeated keys, text that is not UTF-8) go to COMPLAINTS and
 * the rest is returned; NULL with ERROR set if there is nothing to read. */
PrManifest *pr_manifest_load (const char *path, GPtrArray *complaints, GError **error);
void pr_manifest_free (PrManifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrManifest, pr_manifest_free)

const PrManifestGroup *pr_manifest_group (const PrManifest *manifest, PrGroupKind kind, const char *name);
const PrManifestEntry *pr_manifest_entry (const PrManifestGroup *group, const char *key);

/* Names of stages and arms: letters, digits, '-' and '_', at most 47. */
gboolean pr_manifest_name_ok (const char *name);

/* The parts of `a; b; c`, stripped, to free with g_strfreev(); `\;` does not separate.  One empty part at the end is
 * dropped. */
char **pr_manifest_split (const char *text);

#endif
