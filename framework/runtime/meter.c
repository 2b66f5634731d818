#include "config.h"

#include "runtime/meter.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static double
cpu_seconds (void)
{
  struct rusage usage;

  if (getrusage (RUSAGE_SELF, &usage) != 0)
    return 0;
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
         + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* VmHWM in bytes; 0 if /proc does not say. */
static guint64
high_water (void)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL))
    return 0;
  line = strstr (text, "\nVmHWM:");
  return line != NULL ? g_ascii_strtoull (line + strlen ("\nVmHWM:"), NULL, 10) * 1024 : 0;
}

void
pr_meter_start (PrMeter *meter)
{
  int fd = open ("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

  if (fd >= 0)
    {
      /* "5" sets the high-water mark of memory to what is used now; without the permission it stays. */
      ssize_t n G_GNUC_UNUSED = write (fd, "5", 1);

      close (fd);
    }
  meter->wall = g_get_monotonic_time ();
  meter->cpu = cpu_seconds ();
}

void
pr_meter_stop (const PrMeter *meter, double *ret_wall_seconds, double *ret_cpu_seconds, guint64 *ret_peak_rss)
{
  struct rusage usage;
  guint64 peak = high_water ();

  if (peak == 0 && getrusage (RUSAGE_SELF, &usage) == 0)
    peak = (guint64)usage.ru_maxrss * 1024;
  *ret_wall_seconds = (double)(g_get_monotonic_time () - meter->wall) * 1e-6;
  *ret_cpu_seconds = cpu_seconds () - meter->cpu;
  *ret_peak_rss = peak;
}
