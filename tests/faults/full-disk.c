/* full-disk.so - for LD_PRELOAD: a disk that is full for some files.
 *
 * PR_FULL_MATCH=TEXT    which files: those whose path contains TEXT
 * PR_FULL_AFTER=n       bytes that still fit, over all of these files of a process (a child goes on from its parent's
 *                       number); default 0.  The write that reaches the end is cut short, as a real one is.
 * PR_FULL_CALL=CALL     what fails with ENOSPC:
 *                       write   writing, growing or reserving (the default)
 *                       fsync   writing works, syncing does not: bytes were promised that there is no room for
 *                       close   only closing tells, as with quotas on NFS; the file is closed all the same
 *                       create  there is no room for another file or folder
 */
#define _GNU_SOURCE

#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_llong used;

static int
fails (const char *call)
{
  const char *wanted = getenv ("PR_FULL_CALL");

  return getenv ("PR_FULL_MATCH") != NULL && strcmp (wanted != NULL ? wanted : "write", call) == 0;
}

static int
matches_path (const char *path)
{
  return strstr (path, getenv ("PR_FULL_MATCH")) != NULL;
}

static int
matches (int fd)
{
  char link[64], path[4096];
  ssize_t n;

  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  n = readlink (link, path, sizeof path - 1);
  if (n < 0)
    return 0;
  path[n] = '\0';
  return matches_path (path);
}

static int
refuse (void)
{
  errno = ENOSPC;
  return -1;
}

/* How many of N bytes still fit; they are taken. */
static size_t
take (size_t n)
{
  const char *after = getenv ("PR_FULL_AFTER");
  long long room = after != NULL ? atoll (after) : 0, before = atomic_fetch_add (&used, (long long)n);

  if (before >= room)
    return 0;
  return before + (long long)n > room ? (size_t)(room - before) : n;
}

REPLACES ssize_t
write (int fd, const void *data, size_t n)
{
  ssize_t (*next) (int, const void *, size_t);
  size_t fit = n;

  NEXT (next, "write");
  if (n > 0 && fails ("write") && matches (fd))
    fit = take (n);
  return n > 0 && fit == 0 ? refuse () : next (fd, data, fit);
}

REPLACES ssize_t
pwrite (int fd, const void *data, size_t n, off_t at)
{
  ssize_t (*next) (int, const void *, size_t, off_t);
  size_t fit = n;

  NEXT (next, "pwrite");
  if (n > 0 && fails ("write") && matches (fd))
    fit = take (n);
  return n > 0 && fit == 0 ? refuse () : next (fd, data, fit, at);
}

REPLACES ssize_t
pwrite64 (int fd, const void *data, size_t n, off64_t at)
{
  return pwrite (fd, data, n, at);
}

REPLACES ssize_t
writev (int fd, const struct iovec *parts, int n)
{
  ssize_t (*next) (int, const struct iovec *, int);

  NEXT (next, "writev");
  if (n > 0 && fails ("write") && matches (fd))
    return write (fd, parts[0].iov_base, parts[0].iov_len);
  return next (fd, parts, n);
}

/* Growing and reserving take nothing from the room, but fail where there is none left. */
static int
no_room (int fd)
{
  const char *after = getenv ("PR_FULL_AFTER");

  return fails ("write") && matches (fd) && atomic_load (&used) >= (after != NULL ? atoll (after) : 0);
}

REPLACES int
ftruncate (int fd, off_t length)
{
  int (*next) (int, off_t);

  NEXT (next, "ftruncate");
  return length > 0 && no_room (fd) ? refuse () : next (fd, length);
}

REPLACES int
ftruncate64 (int fd, off64_t length)
{
  return ftruncate (fd, length);
}

REPLACES int
fallocate (int fd, int mode, off_t at, off_t length)
{
  int (*next) (int, int, off_t, off_t);

  NEXT (next, "fallocate");
  return no_room (fd) ? refuse () : next (fd, mode, at, length);
}

REPLACES int
posix_fallocate (int fd, off_t at, off_t length)
{
  int (*next) (int, off_t, off_t);

  NEXT (next, "posix_fallocate");
  return no_room (fd) ? ENOSPC : next (fd, at, length);
}

REPLACES int
fsync (int fd)
{
  int (*next) (int);

  NEXT (next, "fsync");
  return fails ("fsync") && matches (fd) ? refuse () : next (fd);
}

REPLACES int
fdatasync (int fd)
{
  int (*next) (int);

  NEXT (next, "fdatasync");
  return fails ("fsync") && matches (fd) ? refuse () : next (fd);
}

/* Only files that were written count: nothing is lost by closing another. */
REPLACES int
close (int fd)
{
  int (*next) (int);
  int refused = fails ("close") && (fcntl (fd, F_GETFL) & O_ACCMODE) != O_RDONLY && matches (fd), status;

  NEXT (next, "close");
  status = next (fd);
  return refused ? refuse () : status;
}

static int
open_next (const char *name, const char *path, int flags, mode_t mode)
{
  int (*next) (const char *, int, ...);

  NEXT (next, name);
  if ((flags & O_CREAT) && fails ("create") && matches_path (path) && access (path, F_OK) != 0)
    return refuse ();
  return next (path, flags, mode);
}

REPLACES int
open (const char *path, int flags, ...)
{
  va_list args;
  mode_t mode;

  va_start (args, flags);
  mode = flags & (O_CREAT | O_TMPFILE) ? va_arg (args, mode_t) : 0;
  va_end (args);
  return open_next ("open", path, flags, mode);
}

REPLACES int
open64 (const char *path, int flags, ...)
{
  va_list args;
  mode_t mode;

  va_start (args, flags);
  mode = flags & (O_CREAT | O_TMPFILE) ? va_arg (args, mode_t) : 0;
  va_end (args);
  return open_next ("open64", path, flags, mode);
}

REPLACES int
mkdir (const char *path, mode_t mode)
{
  int (*next) (const char *, mode_t);

  NEXT (next, "mkdir");
  return fails ("create") && matches_path (path) && access (path, F_OK) != 0 ? refuse () : next (path, mode);
}
