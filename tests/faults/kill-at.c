/* kill-at.so - for LD_PRELOAD: kill, as kill -9 does, at the n-th call of fsync(), rename(), unlink() or rmdir().
 *
 * PR_KILL_AT=n          which call, from 1; it is never made.  A file that was about to be synced loses its second half
 *                       first, as after a loss of power.
 * PR_KILL_CALLS=FILE    count the calls of a process, its children and whoever has the same FILE in this file, made if
 *                       absent: a number in native byte order.  Without: each process counts its own.
 * PR_KILL_GROUP=1       kill the whole process group and not only the process that made the call
 *
 * What a program does between two such calls cannot be told apart from outside afterwards, so these are all moments
 * that there are, and they do not depend on the machine's speed.
 */
#define _GNU_SOURCE

#include "preload.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int own, *calls = &own;

__attribute__ ((constructor)) static void
share (void)
{
  const char *path = getenv ("PR_KILL_CALLS");
  int fd = path != NULL ? open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
  void *map = MAP_FAILED;

  if (path == NULL)
    return;
  if (fd >= 0 && ftruncate (fd, sizeof own) == 0)
    map = mmap (NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED)
    {
      perror ("kill-at: PR_KILL_CALLS");
      abort ();
    }
  close (fd);
  calls = map;
}

static int
is_the_call (void)
{
  const char *at = getenv ("PR_KILL_AT");
  int call = atomic_fetch_add (calls, 1) + 1;

  return at != NULL && call == atoi (at);
}

static int
die (void)
{
  const char *group = getenv ("PR_KILL_GROUP");

  if (group != NULL)
    kill (0, SIGKILL);
  return raise (SIGKILL);
}

REPLACES int
fsync (int fd)
{
  int (*next) (int);
  struct stat st;

  NEXT (next, "fsync");
  if (!is_the_call ())
    return next (fd);
  if (fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && ftruncate (fd, st.st_size / 2) != 0)
    perror ("kill-at: ftruncate");
  return die ();
}

REPLACES int
rename (const char *from, const char *to)
{
  int (*next) (const char *, const char *);

  NEXT (next, "rename");
  return is_the_call () ? die () : next (from, to);
}

REPLACES int
unlink (const char *path)
{
  int (*next) (const char *);

  NEXT (next, "unlink");
  return is_the_call () ? die () : next (path);
}

REPLACES int
rmdir (const char *path)
{
  int (*next) (const char *);

  NEXT (next, "rmdir");
  return is_the_call () ? die () : next (path);
}
