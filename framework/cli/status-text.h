/* status-text.h - how a sweep stands, as text. */
#ifndef PR_STATUS_TEXT_H
#define PR_STATUS_TEXT_H

#include "engines/status.h"

/* What the lines of one listing share. */
typedef struct
{
  const PrSweepPlan *plan;
  const PrSweepStatus *status;
  int arm_width, seed_width, stage_width; /* in characters */
  GHashTable *reasons;                    /* why runs failed -> index + 1 of the first of them */
} PrStatusText;

void pr_status_text_init (PrStatusText *text, const PrSweepPlan *plan, const PrSweepStatus *status);
void pr_status_text_clear (PrStatusText *text);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PrStatusText, pr_status_text_clear)

/* "probe: 12 runs: 7 done, 2 running, 1 failed, 1 diverged, 1 missing"; to free, as the next ones. */
char *pr_status_text_summary (const PrStatusText *text);
/* "  pause  s2  running  3/5 sft  #######.............  38 %  ETA 0:50, run 4:05  loss 3.2", at most COLUMNS columns
 * (0: any); no end of line. */
char *pr_status_text_run (const PrStatusText *text, guint run, guint columns);
/* One line for the runs of an arm, from FIRST on, that are all done; RET_N: how many runs that arm has.  NULL if they
 * are not. */
char *pr_status_text_arm (const PrStatusText *text, guint first, guint columns, guint *ret_n);

/* The runs, a line each, under a line of names. */
char *pr_status_csv (const PrSweepPlan *plan, const PrSweepStatus *status, const char *out_dir);

#endif
