/* entry.h - one folder of the store: the outputs of one stage, what it said of itself, and a sealed list of both.
 *
 *   entry.json          schema, key, identity (what was hashed), dims, files {name: size, sha256}, seal (SHA-256 of the
 * rest) record.json, record.safetensors     record.h <slot>/<file>       one folder an output slot; regular files only,
 * no folders, no links, at least one file
 */
#ifndef PR_ENTRY_H
#define PR_ENTRY_H

#include "runtime/plan.h"

typedef struct
{
  char *key;
  char *dir;    /* the folder; outputs are below it */
  PrDims *dims; /* of the outputs */
} PrEntry;

void pr_entry_free (PrEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrEntry, pr_entry_free)

/* Check the outputs of STAGE below DIR, sync every file and folder, and write entry.json.  PLUGIN error (prefixed by
 * nothing: the caller names the stage) for an output that is empty or holds something else than regular files. */
gboolean pr_entry_seal (const char *dir, const char *key, const PrStage *stage, const json_t *identity,
                        const PrDims *dims, GError **error);

/* Open the entry at DIR: its list is checked against its seal and KEY, and each file against its size and, if DIGESTS,
 * its digest.  NULL without an error if there is no such folder, DATA error if it is damaged, IO error if it cannot be
 * read. */
PrEntry *pr_entry_open (const char *dir, const char *key, gboolean digests, GError **error);

#endif
