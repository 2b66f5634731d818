/* clock-back.so - for LD_PRELOAD: every look at the clock of the day finds it an hour earlier than the last one did.
 * Clocks that only go forward are left alone, as they are when somebody sets the time. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>

#define HOUR 3600
#define LOOKS 100000 /* eleven years; then it starts again */

static atomic_uint looks;

static time_t
back (void)
{
  return (time_t)(atomic_fetch_add (&looks, 1) % LOOKS) * HOUR;
}

__attribute__ ((visibility ("default"))) int
clock_gettime (clockid_t clock, struct timespec *now)
{
  int (*next) (clockid_t, struct timespec *);
  int status;

  *(void **)&next = dlsym (RTLD_NEXT, "clock_gettime");
  status = next (clock, now);
  if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec -= back ();
  return status;
}

__attribute__ ((visibility ("default"))) int
gettimeofday (struct timeval *restrict now, void *restrict zone)
{
  int (*next) (struct timeval *, void *);
  int status;

  *(void **)&next = dlsym (RTLD_NEXT, "gettimeofday");
  status = next (now, zone);
  if (status == 0)
    now->tv_sec -= back ();
  return status;
}

__attribute__ ((visibility ("default"))) time_t
time (time_t *ret_now)
{
  struct timespec now;

  if (clock_gettime (CLOCK_REALTIME, &now) != 0)
    return -1;
  if (ret_now != NULL)
    *ret_now = now.tv_sec;
  return now.tv_sec;
}
