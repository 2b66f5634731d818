/* report.h - from answers to values of users: <thought>_<measure>, and differences <thought>_vs_<reference>_<measure>.
 * (The other way round "hit_10_gold" would be the hits of a group of users named "gold", as rank-metrics has them.)
 *
 * A user who was not asked below a thought has no value (NAN) of it, and none of its differences.
 */
#ifndef PR_RATIONALE_REPORT_H
#define PR_RATIONALE_REPORT_H

#include "probe.h"

/* A thought of every user, by its name in metrics, and whether an unasked user missed (0) rather than has no value: who
 * thinks nothing that can be searched gets no items. */
typedef struct
{
  const char *name;
  gboolean absent_misses;
} Arm;

/* log_p, hit_K and ndcg_K of thought ARM. */
void report_arm (const Probe *probe, const Answers *answers, const Arm *arms, gsize arm);
/* The same minus those of thought REFERENCE. */
void report_difference (const Probe *probe, const Answers *answers, const Arm *arms, gsize arm, gsize reference);
/* Whether the first and the first K items are others, and how alike the lists are: top_1_changed, top_K_changed,
 * kendall_K and overlap_K. */
void report_lists (const Probe *probe, const Answers *answers, const Arm *arms, gsize arm, gsize reference);
/* Costs, users and what the gold texts were like; N_TEXTS: how many were made thoughts of. */
void report_asked (const Probe *probe, gsize n_texts);

#endif
