#include "config.h"

#include "runtime/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pauserec/error.h>
#include <string.h>
#include <unistd.h>

#define POLL_MICROSECONDS (50 * 1000)

int
pr_lock_try (const char *path, GError **error)
{
  struct flock lock;
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

  if (fd < 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_IO,
                   "cannot open lock '%s': %s; is the store writable? (--store names another)", path,
                   g_strerror (errno));
      return -1;
    }
  memset (&lock, 0, sizeof lock);
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (fcntl (fd, F_OFD_SETLK, &lock) == 0)
    return fd;
  if (errno != EAGAIN && errno != EACCES)
    pr_error_set_errno (error, errno, "cannot lock", path);
  close (fd);
  return -1;
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
