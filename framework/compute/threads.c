#include "config.h"

#include <pauserec/threads.h>

/* One loop at a time; workers wait for the next with a short spin, then sleep. */
typedef struct
{
  PrTileFunc f;
  gpointer ctx;
  gsize n;
  gsize next;    /* atomic: first tile nobody took */
  guint running; /* under the lock: workers still in this loop */
  guint64 round;
} Loop;

static guint n_threads = 1;
static GMutex lock;
static GCond wake, done;
static Loop loop;
static GMutex user; /* one pr_parallel() at a time */
static _Thread_local gboolean inside;
static _Thread_local guint self;

static void
take_tiles (guint worker)
{
  gsize tile;

  inside = TRUE;
  self = worker;
  while ((tile = __atomic_fetch_add (&loop.next, 1, __ATOMIC_RELAXED)) < loop.n)
    loop.f (loop.ctx, tile, worker);
  inside = FALSE;
}

static gpointer
work (gpointer data)
{
  guint worker = GPOINTER_TO_UINT (data);
  guint64 seen = 0;

  for (;;)
    {
      for (int spin = 0; spin < 20000 && __atomic_load_n (&loop.round, __ATOMIC_ACQUIRE) == seen; spin++)
        __builtin_ia32_pause ();
      g_mutex_lock (&lock);
      while (loop.round == seen)
        g_cond_wait (&wake, &lock);
      seen = loop.round;
      g_mutex_unlock (&lock);

      take_tiles (worker);

      if (__atomic_sub_fetch (&loop.running, 1, __ATOMIC_ACQ_REL) == 0)
        {
          g_mutex_lock (&lock);
          g_cond_signal (&done);
          g_mutex_unlock (&lock);
        }
    }
  return NULL;
}

void
pr_threads_set (guint n)
{
  static guint started = 1;

  g_return_if_fail (n >= 1);
  g_mutex_lock (&user);
  g_assert (started == 1 || n == started || n == 1);
  n_threads = n;
  for (; started < n; started++)
    g_thread_unref (g_thread_new ("pr-worker", work, GUINT_TO_POINTER (started)));
  g_mutex_unlock (&user);
}

guint
pr_threads_get (void)
{
  return n_threads;
}

void
pr_parallel (gsize n, PrTileFunc f, gpointer ctx)
{
  if (n == 0)
    return;
  if (inside || n_threads == 1 || n == 1)
    {
      gboolean was = inside;
      guint worker = inside ? self : 0;

      inside = TRUE;
      self = worker;
      for (gsize tile = 0; tile < n; tile++)
        f (ctx, tile, worker);
      inside = was;
      return;
    }

  g_mutex_lock (&user);
  g_mutex_lock (&lock);
  loop = (Loop) { .f = f, .ctx = ctx, .n = n, .running = n_threads - 1, .round = loop.round };
  __atomic_store_n (&loop.round, loop.round + 1, __ATOMIC_RELEASE);
  g_cond_broadcast (&wake);
  g_mutex_unlock (&lock);

  take_tiles (0);

  for (int spin = 0; spin < 20000 && __atomic_load_n (&loop.running, __ATOMIC_ACQUIRE) != 0; spin++)
    __builtin_ia32_pause ();
  g_mutex_lock (&lock);
  while (__atomic_load_n (&loop.running, __ATOMIC_ACQUIRE) != 0)
    g_cond_wait (&done, &lock);
  g_mutex_unlock (&lock);
  g_mutex_unlock (&user);
}
