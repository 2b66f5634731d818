/* threads.h - a parallel loop whose result does not depend on the number of threads.
 *
 * Rule: what a tile computes may depend on its index only; sums over tiles are made by the
 * caller in tile order.  BLAS is always called with one thread from inside a tile.
 */
#ifndef PAUSEREC_THREADS_H
#define PAUSEREC_THREADS_H

#include <glib.h>

G_BEGIN_DECLS

/* Threads used by pr_parallel (the caller's included); 1 until set.  Not from inside a loop.
 * The program does it from --threads (default: online CPUs).  A forked process starts with 1 again. */
void pr_threads_set (guint n);
guint pr_threads_get (void);

/* Call f(ctx, tile, worker) for tile = 0 .. n-1, in any order, on up to pr_threads_get() threads; returns
 * when all are done.  worker < pr_threads_get() names the thread, for scratch memory.
 * Nested calls run serially on the calling thread, with its own worker number. */
typedef void (*PrTileFunc) (gpointer ctx, gsize tile, guint worker);
void pr_parallel (gsize n, PrTileFunc f, gpointer ctx);
/* Whether the caller runs inside a tile. */
gboolean pr_threads_inside (void);

G_END_DECLS

#endif
