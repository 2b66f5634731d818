/* progress.h - events as a line of text, and as an append-only file that others may follow (`tail -f`, notebooks).
 *
 * A progress file has one JSON object a line.  A process that was killed may leave its last line torn, and a run that
 * is started again appends, so readers skip what they cannot parse.  Fields, those without a value left out:
 *
 *   time        UTC by the clock of the machine ("2026-11-26T00:07:19Z"): to be read by people, since clocks are set
 *   event       run_begin, run_done, run_end, run_failed, stage_wait, stage_begin, stage_step, stage_end, stage_cached,
 *               note (watch.h)
 *   run, runs   which run of how many, from 1
 *   arm, seed   of the run; the seed is text, since it has 64 bits
 *   node, nodes which stage of how many, from 1
 *   stage, key  its name in the manifest, its key in the store
 *   elapsed     seconds since its stage_begin, by a clock that only goes forward; the one to compute with
 *   done, total of stage_step; total 0: unknown
 *   eta         of stage_step: seconds until the stage should end, by the pace of its steps since it was last started
 *   seconds     of stage_end: what the stage took since it was last started
 *   text        status of the stage ("loss 3.21"), message, file; at most 2 KiB
 */
#ifndef PR_PROGRESS_H
#define PR_PROGRESS_H

#include "runtime/watch.h"

/* How long a stage takes.  All zero before the first event; feed it every event. */
typedef struct
{
  gint64 begun;       /* monotonic microseconds of STAGE_BEGIN */
  gint64 first;       /* of the first step that was reported */
  guint64 first_done; /* done at that time: a resumed stage does not start at 0 */
  guint64 total;      /* of that step: another total is another part of the stage's work, of a pace of its own */
} PrPace;
void pr_pace_event (PrPace *pace, const PrEvent *event, gint64 now);
/* Seconds that the rest of the stage should take; negative: cannot say yet. */
double pr_pace_remaining (const PrPace *pace, const PrEvent *event, gint64 now);

/* "1:02:03", "4:05", "0.3 s"; to free. */
char *pr_progress_duration (double seconds);

/* How far a stage is. */
typedef struct
{
  guint64 done, total; /* total 0: unknown */
  double eta;          /* seconds until the stage should end; negative: unknown, then ELAPSED is shown */
  double elapsed;      /* seconds; negative: unknown */
  double run_eta;      /* seconds until its run should end; negative: unknown or not to be shown */
  const char *text;    /* "loss 3.21"; may be NULL */
} PrBar;

/* Append "  #######.............  38 %  ETA 0:50  loss 3.2", the cells only if CELLS. */
void pr_bar_append (GString *line, const PrBar *bar, gboolean cells);
/* Make LINE one line that a terminal shows as it is, of at most COLUMNS columns (0: any). */
void pr_line_fit (GString *line, guint columns);

/* The event as one line of at most COLUMNS columns (0: any), to free; NULL if this kind needs none.  BAR: with a
 * bar. */
char *pr_progress_text (const PrEvent *event, const PrPace *pace, gint64 now, gboolean bar, guint columns);

/* Steps are written at most every two seconds.  A line that another process left torn is ended first.  A failed write
 * is forgotten: nothing depends on this file. */
typedef struct PrProgressFile PrProgressFile;
PrProgressFile *pr_progress_file_open (const char *path, GError **error);
void pr_progress_file_event (PrProgressFile *file, const PrEvent *event);
void pr_progress_file_free (PrProgressFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrProgressFile, pr_progress_file_free)

#endif
