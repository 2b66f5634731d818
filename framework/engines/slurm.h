/* slurm.h - what a task does that runs as a job of Slurm; the engine itself is pr_engine_slurm (engine.h). */
#ifndef PR_SLURM_H
#define PR_SLURM_H

#include <glib.h>

/* This process was asked to stop at its next step, and did. If it is the script of a Slurm job that Slurm still counts
 * as running - its time is nearly up, it is being preempted, or somebody sent it SIGTERM - ask Slurm to start the job
 * again later: it goes on from its checkpoint. A job that is being cancelled (scancel) or has ended stays so; outside
 * of a job nothing happens.  RET_REQUEUED: was it asked?  Slurm may then kill this process at any moment, so everything
 * worth keeping must have been written.  IO error if Slurm does not answer or refuses (--no-requeue), or if the job was
 * started again very often. */
gboolean pr_slurm_requeue_if_wanted (gboolean *ret_requeued, GError **error);

#endif
