/* lose-write.so - for LD_PRELOAD: a disk that accepts a write to results.h5 and does not keep it.
 *
 * PR_LOSE_AT=n          the n-th write, from 1, to a temporary file of results.h5: it reports success
 * PR_LOSE_HOW=drop|flip nothing is written, or one bit is not as it was given
 * PR_LOSE_COUNT=FILE    write the number of such writes there at exit
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

typedef ssize_t (*Write) (int, const void *, size_t);
typedef ssize_t (*Pwrite) (int, const void *, size_t, off_t);

static atomic_int calls;

/* Is it the write that gets lost? */
static int
is_the_call (int fd)
{
  const char *at = getenv ("PR_LOSE_AT");
  char link[64], path[PATH_MAX];
  ssize_t n;

  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  n = readlink (link, path, sizeof path - 1);
  if (n < 0)
    return 0;
  path[n] = '\0';
  if (strstr (path, ".results.h5.part-") == NULL)
    return 0;
  n = atomic_fetch_add (&calls, 1) + 1;
  return at != NULL && n == atoi (at);
}

static ssize_t
lose (int fd, const void *data, size_t length, off_t offset, Pwrite next)
{
  const char *how = getenv ("PR_LOSE_HOW");
  char *copy;
  ssize_t n;

  if (how == NULL || strcmp (how, "flip") != 0)
    return (ssize_t)length;
  copy = malloc (length > 0 ? length : 1);
  memcpy (copy, data, length);
  if (length > 0)
    copy[length / 2] ^= 4;
  n = next (fd, copy, length, offset);
  free (copy);
  return n;
}

__attribute__ ((visibility ("default"))) ssize_t
pwrite (int fd, const void *data, size_t length, off_t offset)
{
  Pwrite next;

  *(void **)&next = dlsym (RTLD_NEXT, "pwrite");
  return is_the_call (fd) ? lose (fd, data, length, offset, next) : next (fd, data, length, offset);
}

__attribute__ ((visibility ("default"))) ssize_t
pwrite64 (int fd, const void *data, size_t length, off_t offset)
{
  return pwrite (fd, data, length, offset);
}

/* HDF5 may seek and write. */
__attribute__ ((visibility ("default"))) ssize_t
write (int fd, const void *data, size_t length)
{
  Write next;
  Pwrite place;
  off_t at;
  ssize_t n;

  *(void **)&next = dlsym (RTLD_NEXT, "write");
  if (!is_the_call (fd))
    return next (fd, data, length);
  *(void **)&place = dlsym (RTLD_NEXT, "pwrite");
  at = lseek (fd, 0, SEEK_CUR);
  n = lose (fd, data, length, at, place);
  if (n > 0)
    lseek (fd, at + n, SEEK_SET);
  return n;
}

__attribute__ ((destructor)) static void
tell (void)
{
  const char *path = getenv ("PR_LOSE_COUNT");
  FILE *file = path != NULL && calls > 0 ? fopen (path, "w") : NULL;

  if (file == NULL)
    return;
  fprintf (file, "%d\n", calls);
  fclose (file);
}
