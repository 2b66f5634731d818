/* meter.h - what a piece of work cost the machine. */
#ifndef PR_METER_H
#define PR_METER_H

#include <glib.h>

typedef struct
{
  gint64 wall; /* microseconds */
  double cpu;  /* seconds of all threads */
} PrMeter;

void pr_meter_start (PrMeter *meter);
/* Peak memory is that of the process since the start; where the kernel does not let us start anew (no /proc), since the
 * process began. */
void pr_meter_stop (const PrMeter *meter, double *ret_wall_seconds, double *ret_cpu_seconds, guint64 *ret_peak_rss);

#endif
