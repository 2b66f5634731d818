/* heap.h - a binary heap of (key, item). */
#ifndef PR_HEAP_H
#define PR_HEAP_H

#include <glib.h>

typedef struct
{
  gint64 key;
  guint32 item;
} PrHeapEntry;

/* TRUE if A leaves the heap before B. */
typedef gboolean (*PrHeapBefore) (const PrHeapEntry *a, const PrHeapEntry *b, gconstpointer ctx);

typedef struct
{
  GArray *entries; /* PrHeapEntry */
  PrHeapBefore before;
  gconstpointer ctx;
} PrHeap;

void pr_heap_init (PrHeap *heap, PrHeapBefore before, gconstpointer ctx);
void pr_heap_clear (PrHeap *heap); /* frees what init made */
void pr_heap_push (PrHeap *heap, gint64 key, guint32 item);
gboolean pr_heap_pop (PrHeap *heap, PrHeapEntry *ret_entry); /* FALSE: empty */

#endif
