/* gc.h - find and remove what no sweep needs any more in a store.
 *
 * Needed is what stands in the plan of a sweep that refs/ refers to, or that the user names; every plan counts as it is
 * now, so what an earlier plan of the same sweep needed is not.  Results that a sweep has written live in its own
 * folder and need no store.  Not needed:
 *
 *   objects/, scratch/, locks/  of keys that no plan has; scratch/ also where the entry is there
 *   corrupt/                    all: entries that were found damaged and have been computed again
 *   tmp/, .NAME.XXXXXX          what dead processes left, an earlier gc among them
 *   refs/                       whose sweep is gone
 *
 * Whatever else is found in the store is left alone and named; symbolic links are not followed.  Each folder is renamed
 * into tmp/ before anything in it is removed, so that no half of an entry is ever visible; killed anywhere, the next gc
 * removes the rest.
 */
#ifndef PR_GC_H
#define PR_GC_H

#include <glib.h>

typedef enum
{
  PR_GC_UNFINISHED, /* in the order in which they go */
  PR_GC_REF,
  PR_GC_ENTRY,
  PR_GC_SCRATCH,
  PR_GC_DAMAGED,
  PR_GC_LOCK,
  PR_GC_N_KINDS
} PrGcKind;

/* What nothing needs. */
typedef struct
{
  PrGcKind kind;
  char *path;  /* in the store, "objects/0a/0a1b..." */
  char *key;   /* NULL: has none */
  char *stage; /* ENTRY: id of the stage that made it; NULL: unknown */
  guint64 bytes;
} PrGcItem;

typedef struct
{
  char *dir;       /* its folder */
  gboolean gone;   /* it is not there any more; what it needed is not kept */
  guint n_entries; /* that are there of what it needs; some sweeps share theirs */
  guint64 bytes;
} PrGcSweep;

typedef struct
{
  char *store;
  GPtrArray *items;   /* PrGcItem *: by kind, the largest first */
  GPtrArray *sweeps;  /* PrGcSweep *, by folder */
  GPtrArray *strange; /* char *: paths in the store of what was left alone */
  guint n_kept;       /* entries that are needed, each counted once */
  guint64 bytes_kept;
  gboolean in_use; /* somebody uses the store: what stands in tmp/ was not looked at */
  int lock;        /* held alone until the end; -1: only looked */
} PrGc;

/* Add to KEYS, a set that frees its strings, the keys that the sweep in the folder DIR needs.  TRUE with *RET_GONE if
 * there is no sweep in DIR. */
typedef gboolean (*PrGcKeysFunc) (const char *dir, GHashTable *keys, gboolean *ret_gone, GError **error);

/* Look what is needed in the store at STORE_DIR: what refs/ says, and the folders KEEP (NULL-terminated or NULL), each
 * of which must be a sweep.  REMOVE: with the store to oneself from now on, IO error if somebody uses it.  MANIFEST
 * error if there is no store; DATA error if a reference or a plan is damaged: nobody knows then what is needed. */
PrGc *pr_gc_new (const char *store_dir, const char *const *keep, PrGcKeysFunc keys, gboolean remove, GError **error);
/* Remove the items.  Only if made with REMOVE. */
gboolean pr_gc_remove (const PrGc *gc, GError **error);
void pr_gc_free (PrGc *gc);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrGc, pr_gc_free)

#endif
