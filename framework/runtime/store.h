/* store.h - where outputs of stages are kept, under the key of what made them.
 *
 *   store.json               says that this folder is a store
 *   objects/<2>/<key>/       entries (entry.h), visible by rename only when whole, verified and synced
 *   tmp/<key>/               an entry being made, by the process that holds the key's lock
 *   locks/<key>.lock         OFD locks: held by whoever makes the entry
 *   locks/store.lock         held shared by whoever uses the store, alone by gc while it removes (gc.h)
 *   refs/<sha256>.json       which sweeps need entries, by the folder of each: pauserec-ref/1 (refs.h)
 *   scratch/<key>/           what a stage left to resume from; removed when it succeeds
 *   corrupt/<key>.<n>/       entries that were found damaged
 *
 * Two processes never make the same entry at once: the second waits for the lock and then finds the entry.
 */
#ifndef PR_STORE_H
#define PR_STORE_H

#include "runtime/entry.h"
#include "runtime/key.h"
#include "runtime/watch.h"

typedef struct PrStore PrStore;

/* The store at DIR, made if absent; what dead processes left in tmp/ is removed.  MANIFEST error if DIR holds something
 * else, IO error while gc removes entries.  A store that cannot be written is opened all the same: what is in it can be
 * used.  Nothing is removed from the store before the last process that opened it, or was forked since, has freed it or
 * is dead. */
PrStore *pr_store_open (const char *dir, GError **error);
/* Only to look: nothing is made or removed, nothing keeps gc away. NULL without an error if there is no such folder, or
 * nothing in it. */
PrStore *pr_store_open_readonly (const char *dir, GError **error);
void pr_store_free (PrStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrStore, pr_store_free)
const char *pr_store_dir (const PrStore *store);

/* The entry, or NULL: without an error if there is none, DATA error if it is damaged, IO error if it cannot be read.
 * Sizes are always checked, digests if DIGESTS and this store object has not checked them before. */
PrEntry *pr_store_look (PrStore *store, const char *key, gboolean digests, GError **error);

/* Another process of this machine has checked the digests of KEY: they need not be checked again here. */
void pr_store_trust (PrStore *store, const char *key);

/* An entry being made. */
typedef struct
{
  char *key;
  char *dir;     /* tmp/<key>: empty at first */
  char *scratch; /* scratch/<key>: exists, may hold what an earlier attempt left */
  int lock;
} PrBuild;

/* Either the entry of KEY, sound to the last byte (RET_ENTRY is set, NULL is returned without an error), or the right
 * to make it. Waits for another process that makes it.  A damaged entry is moved to corrupt/ and told as a NOTE. */
PrBuild *pr_store_acquire (PrStore *store, const char *key, const PrWatch *watch, PrEntry **ret_entry, GError **error);
/* Seal build->dir (which holds the record and outputs of STAGE) and make it visible; frees the build in any case. */
PrEntry *pr_store_commit (PrStore *store, PrBuild *build, const PrStage *stage, const json_t *identity,
                          const PrDims *dims, GError **error);
/* Give up: outputs are removed, scratch stays.  NULL is fine. */
void pr_store_abort (PrBuild *build);

/* A PrPlanCachedFunc: USER_DATA is a PrStoreView. */
typedef struct
{
  PrStore *store;        /* NULL: nothing is cached */
  const PrRunKeys *keys; /* of the run that is planned */
  GHashTable *seen;      /* what was looked up for other runs, pr_store_seen_new(); NULL: look every time */
} PrStoreView;
GHashTable *pr_store_seen_new (void);
gboolean pr_store_view_cached (const PrNode *node, PrDims *dims, gpointer user_data);

#endif
