#include "config.h"

#include <pauserec/threads.h>
#include <pthread.h>

#define MAX_THREADS 1024
#define SPINS 20000 /* about a millisecond: longer than the serial work between two loops of a training step */

/* One loop at a time; workers wait for the next with a short spin, then sleep. */
static struct
{
  PrTileFunc f;
  gpointer ctx;
  gsize n;
  guint workers; /* who takes part: those with a smaller number */
} loop;

static guint n_threads = 1, n_started = 1;
static gsize next;     /* atomic: first tile nobody took */
static guint running;  /* atomic: workers still in this loop */
static guint64 round_; /* atomic: number of the loop; a change publishes LOOP */
static GMutex lock;
static GCond wake, done;
static GMutex user; /* one pr_parallel() at a time */
static _Thread_local gboolean inside;
static _Thread_local guint self;

static inline void
relax (void)
{
#if defined(__x86_64__)
  __builtin_ia32_pause ();
#endif
}

static void
take_tiles (guint worker)
{
  gsize tile;

  inside = TRUE;
  self = worker;
  while ((tile = __atomic_fetch_add (&next, 1, __ATOMIC_RELAXED)) < loop.n)
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
      guint64 now;

      for (int spin = 0; spin < SPINS && __atomic_load_n (&round_, __ATOMIC_ACQUIRE) == seen; spin++)
        relax ();
      g_mutex_lock (&lock);
      while ((now = __atomic_load_n (&round_, __ATOMIC_ACQUIRE)) == seen)
        g_cond_wait (&wake, &lock);
      seen = now;
      /* Not taking part, the next loop may begin at any time: LOOP is read under the lock. */
      if (worker >= loop.workers)
        {
          g_mutex_unlock (&lock);
          continue;
        }
      g_mutex_unlock (&lock);

      take_tiles (worker);

      if (__atomic_sub_fetch (&running, 1, __ATOMIC_ACQ_REL) == 0)
        {
          g_mutex_lock (&lock);
          g_cond_signal (&done);
          g_mutex_unlock (&lock);
        }
    }
  return NULL;
}

/* A forked child has none of its parent's workers, and whatever these held. */
static void
forget_workers (void)
{
  n_threads = n_started = 1;
  round_ = 0;
  g_mutex_init (&lock);
  g_mutex_init (&user);
  g_cond_init (&wake);
  g_cond_init (&done);
}

void
pr_threads_set (guint n)
{
  static gsize registered;

  g_return_if_fail (n >= 1);
  if (g_once_init_enter (&registered))
    {
      pthread_atfork (NULL, NULL, forget_workers);
      g_once_init_leave (&registered, 1);
    }
  g_mutex_lock (&user);
  n_threads = MIN (n, MAX_THREADS);
  for (; n_started < n_threads; n_started++)
    g_thread_unref (g_thread_new ("pr-worker", work, GUINT_TO_POINTER (n_started)));
  g_mutex_unlock (&user);
}

guint
pr_threads_get (void)
{
  return n_threads;
}

gboolean
pr_threads_inside (void)
{
  return inside;
}

static void
run_serially (gsize n, PrTileFunc f, gpointer ctx)
{
  gboolean was = inside;
  guint worker = inside ? self : 0;

  inside = TRUE;
  self = worker;
  for (gsize tile = 0; tile < n; tile++)
    f (ctx, tile, worker);
  inside = was;
}

void
pr_parallel (gsize n, PrTileFunc f, gpointer ctx)
{
  if (n == 0)
    return;
  if (inside || n_threads == 1 || n == 1)
    {
      run_serially (n, f, ctx);
      return;
    }

  g_mutex_lock (&user);
  g_mutex_lock (&lock);
  loop.f = f;
  loop.ctx = ctx;
  loop.n = n;
  loop.workers = n_threads;
  __atomic_store_n (&next, 0, __ATOMIC_RELAXED);
  __atomic_store_n (&running, n_threads - 1, __ATOMIC_RELAXED);
  __atomic_store_n (&round_, round_ + 1, __ATOMIC_RELEASE);
  g_cond_broadcast (&wake);
  g_mutex_unlock (&lock);

  take_tiles (0);

  for (int spin = 0; spin < SPINS && __atomic_load_n (&running, __ATOMIC_ACQUIRE) != 0; spin++)
    relax ();
  g_mutex_lock (&lock);
  while (__atomic_load_n (&running, __ATOMIC_ACQUIRE) != 0)
    g_cond_wait (&done, &lock);
  g_mutex_unlock (&lock);
  g_mutex_unlock (&user);
}
