#include "config.h"

#include "runtime/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pauserec/error.h>
#include <string.h>
#include <unistd.h>

#define POLL_MICROSECONDS (50 * 1000)

/* -1 with errno if it cannot be had. */
static int
lock_file (const char *path, int flags, short type)
{
  struct flock lock;
  int fd = open (path, flags | O_CLOEXEC, 0666), saved;

  if (fd < 0)
    return -1;
  memset (&lock, 0, sizeof lock);
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  if (fcntl (fd, F_OFD_SETLK, &lock) == 0)
    return fd;
  saved = errno;
  close (fd);
  errno = saved;
  return -1;
}

/* After a call of lock_file() that returned -1. */
static void
explain (const char *path, GError **error)
{
  int saved = errno;

  /* EACCES from fcntl() and from open() cannot be told apart, but Linux says EAGAIN for a lock that somebody has. */
  if (saved == EAGAIN)
    return;
  g_set_error (error, PR_ERROR, PR_ERROR_IO,
               "cannot lock '%s': %s; is that folder writable? (--store and --out name others)", path,
               g_strerror (saved));
}

int
pr_lock_try (const char *path, GError **error)
{
  int fd = lock_file (path, O_RDWR | O_CREAT, F_WRLCK);

  if (fd < 0)
    explain (path, error);
  return fd;
}

int
pr_lock_try_shared (const char *path, gboolean *ret_exempt, GError **error)
{
  int fd = lock_file (path, O_RDWR | O_CREAT, F_RDLCK);

  *ret_exempt = FALSE;
  /* A reading lock needs no right to write, only a file. */
  if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM))
    {
      fd = lock_file (path, O_RDONLY, F_RDLCK);
      *ret_exempt = fd < 0 && (errno == ENOENT || errno == EACCES);
    }
  if (fd < 0 && !*ret_exempt)
    explain (path, error);
  return fd;
}

int
pr_lock_wait (const char *path, const PrWatch *watch, GError **error)
{
  for (gboolean told = FALSE;; told = TRUE)
    {
      GError *raised = NULL;
      int fd = pr_lock_try (path, &raised);

      if (raised != NULL)
        g_propagate_error (error, raised);
      if (fd >= 0 || raised != NULL)
        return fd;
      if (!told)
        pr_watch_emit (watch, PR_EVENT_STAGE_WAIT, NULL);
      if (pr_watch_cancelled (watch))
        {
          g_set_error (error, PR_ERROR, PR_ERROR_CANCELLED, "cancelled while waiting for another process");
          return -1;
        }
      g_usleep (POLL_MICROSECONDS);
    }
}

void
pr_lock_release (int fd)
{
  if (fd >= 0)
    close (fd);
}

gboolean
pr_lock_held (const char *path)
{
  struct flock lock;
  int fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  gboolean held;

  if (fd < 0)
    return FALSE;
  memset (&lock, 0, sizeof lock);
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  held = fcntl (fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  close (fd);
  return held;
}
