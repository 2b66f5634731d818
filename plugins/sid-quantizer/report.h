/* report.h - what a run says of its semantic ids, whatever the method. */
#ifndef PR_REPORT_H
#define PR_REPORT_H

#include <pauserec/run.h>
#include <pauserec/sids.h>

/* Table "codebook": codes in use and perplexity, exp of the entropy of the code's distribution over items, of each
 * level.  Table "usage": how many codes of a level hold how many items. */
void report_levels (PrRun *run, const PrSids *sids);

/* Metrics of items that share their tuple; BEFORE the policy told them apart also table "buckets". */
void report_collisions (PrRun *run, const PrSids *sids, gboolean before);

#endif
