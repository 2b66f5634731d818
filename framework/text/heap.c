/* heap.c - sift up, sift down. */
#include "text/heap.h"

void
pr_heap_init (PrHeap *heap, PrHeapBefore before, gconstpointer ctx)
{
  heap->entries = g_array_new (FALSE, FALSE, sizeof (PrHeapEntry));
  heap->before = before;
  heap->ctx = ctx;
}

void
pr_heap_clear (PrHeap *heap)
{
  g_clear_pointer (&heap->entries, g_array_unref);
}

void
pr_heap_push (PrHeap *heap, gint64 key, guint32 item)
{
  PrHeapEntry entry = { key, item };
  gsize i = heap->entries->len;

  g_array_append_val (heap->entries, entry);
  PrHeapEntry *e = (PrHeapEntry *)(void *)heap->entries->data;

  while (i > 0 && heap->before (&entry, &e[(i - 1) / 2], heap->ctx))
    {
      e[i] = e[(i - 1) / 2];
      i = (i - 1) / 2;
    }
  e[i] = entry;
}

gboolean
pr_heap_pop (PrHeap *heap, PrHeapEntry *ret_entry)
{
  PrHeapEntry *e = (PrHeapEntry *)(void *)heap->entries->data;
  gsize n = heap->entries->len, i = 0;

  if (n == 0)
    return FALSE;
  *ret_entry = e[0];
  PrHeapEntry last = e[--n];

  for (gsize child = 1; child < n; child = 2 * i + 1)
    {
      if (child + 1 < n && heap->before (&e[child + 1], &e[child], heap->ctx))
        child++;
      if (!heap->before (&e[child], &last, heap->ctx))
        break;
      e[i] = e[child];
      i = child;
    }
  e[i] = last;
  g_array_set_size (heap->entries, (guint)n);
  return TRUE;
}
