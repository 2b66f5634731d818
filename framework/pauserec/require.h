/* require.h - what stages ask of their inputs before anything runs: for plan().
 *
 * Each function looks at dimensions that travel along the graph and fails with a MANIFEST error that names the stage
 * which made the input and the remedy.  What is not known yet passes: data sets read from files say what they hold once
 * they were read, and the run is planned again then, before its next stage.
 *
 * Dimensions: of a `dataset/1` slot "n_items", "n_users", "n_categories" (distinct last categories of items' paths) and
 * "n_brands"; of an `lm/1` slot "sid_tokens" (tokens of the vocabulary that are codes of semantic ids), "tuned" (1: it
 * was fine-tuned and has a protocol; 0: not) and "thinking" (PrThinking); of a `rationales/1` slot "split" (PrSplit).
 */
#ifndef PAUSEREC_REQUIRE_H
#define PAUSEREC_REQUIRE_H

#include <pauserec/dataset.h>
#include <pauserec/protocol.h>
#include <pauserec/run.h>

G_BEGIN_DECLS

/* The name in the manifest of the stage that feeds an input; NULL if the slot is unconnected. */
const char *pr_plan_input_stage (const PrPlan *plan, const char *slot);

/* SLOT is an `lm/1`: its vocabulary has SID tokens. */
gboolean pr_plan_require_sids (const PrPlan *plan, const char *slot, GError **error);
/* SLOT is an `lm/1`: it was fine-tuned to recommend, in whatever thinking mode. */
gboolean pr_plan_require_tuned (const PrPlan *plan, const char *slot, GError **error);
/* SLOT is an `lm/1`: it was fine-tuned to recommend in this thinking mode. */
gboolean pr_plan_require_thinking (const PrPlan *plan, const char *slot, PrThinking thinking, GError **error);
/* SLOT is a `dataset/1`: some item has a category; a brand.  WHAT_FOR, such as "questions about categories", completes
 * "..., which WHAT_FOR need". */
gboolean pr_plan_require_categories (const PrPlan *plan, const char *slot, const char *what_for, GError **error);
gboolean pr_plan_require_brands (const PrPlan *plan, const char *slot, const char *what_for, GError **error);

/* SLOT is a `rationales/1`: not known to be of targets of another split than SPLIT (rationales.h). */
gboolean pr_plan_require_rationales (const PrPlan *plan, const char *slot, PrSplit split, GError **error);

/* Say the dimensions of a data set that was built: all four. */
void pr_run_set_dataset (PrRun *run, const char *slot, const PrDatasetBuilder *builder);

G_END_DECLS

#endif
