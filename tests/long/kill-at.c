/* kill-at.so - for LD_PRELOAD: kill the process, as kill -9 does, at its n-th call of fsync() or rename().
 *
 * PR_KILL_AT=n          which call, from 1; it is never made.  A file that was about to be synced loses its second half
 *                       first, as after a loss of power.
 * PR_KILL_COUNT=FILE    write the number of calls there at exit
 *
 * What a program does between two such calls cannot be told apart from outside afterwards, so these are all moments
 * that there are, and they do not depend on the machine's speed.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int calls;

static int
is_the_call (void)
{
  const char *at = getenv ("PR_KILL_AT");
  int call = atomic_fetch_add (&calls, 1) + 1;

  return at != NULL && call == atoi (at);
}

__attribute__ ((visibility ("default"))) int
fsync (int fd)
{
  int (*next) (int);
  struct stat st;

  *(void **)&next = dlsym (RTLD_NEXT, "fsync");
  if (!is_the_call ())
    return next (fd);
  if (fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && ftruncate (fd, st.st_size / 2) != 0)
    perror ("kill-at: ftruncate");
  return raise (SIGKILL);
}

__attribute__ ((visibility ("default"))) int
rename (const char *from, const char *to)
{
  int (*next) (const char *, const char *);

  *(void **)&next = dlsym (RTLD_NEXT, "rename");
  return is_the_call () ? raise (SIGKILL) : next (from, to);
}

__attribute__ ((destructor)) static void
tell (void)
{
  const char *path = getenv ("PR_KILL_COUNT");
  FILE *file = path != NULL && calls > 0 ? fopen (path, "w") : NULL;

  if (file == NULL)
    return;
  fprintf (file, "%d\n", calls);
  fclose (file);
}
