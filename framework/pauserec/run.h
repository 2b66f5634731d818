/* run.h - what the runtime offers while it calls a stage.
 *
 * PrPlan is valid during plan() only, PrRun during run() only.  Unless said
 * otherwise strings and arrays handed in are copied, strings handed out are
 * borrowed.  Naming a slot that the stage's table lacks is a programming error:
 * it is recorded and turned into a PLUGIN error after the call.
 */
#ifndef PAUSEREC_RUN_H
#define PAUSEREC_RUN_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct PrPlan PrPlan;
typedef struct PrRun PrRun;

/* Plan ----------------------------------------------------------------- */

/* Sizes travel along the graph as named dimensions of slots: "n_items",
 * "n_users", "levels", "vocab", "n_params", ...  PR_DIM_UNKNOWN where nobody can
 * know before the data is read; the real value where the input is in the cache. */
#define PR_DIM_UNKNOWN G_GINT64_CONSTANT (-1)
gint64 pr_plan_input_dim (const PrPlan *plan, const char *slot, const char *dim);
gboolean pr_plan_input_connected (const PrPlan *plan, const char *slot);

/* Promise a dimension of an output.  run() must keep it: a different value there is a PLUGIN error. */
void pr_plan_set_dim (PrPlan *plan, const char *slot, const char *dim, gint64 value);

/* Peak memory in bytes beyond the program itself, and the work in floating-point
 * operations (multiply and add count as two); used for estimates only. */
void pr_plan_set_memory (PrPlan *plan, guint64 peak_bytes);
void pr_plan_set_flops (PrPlan *plan, double flops);

/* Run: where things are -------------------------------------------------- */

/* Folder of an input artifact; NULL if the slot is optional and unconnected.  Read only. */
const char *pr_run_input_dir (const PrRun *run, const char *slot);
/* Folder for an output artifact: exists, empty, visible to others only after run()
 * returned TRUE and every file in it was verified and synced.  At least one regular file; folders and links are a
 * PLUGIN error. */
const char *pr_run_output_dir (const PrRun *run, const char *slot);
/* Folder that outlives a kill: whatever run() leaves here is found again when the
 * same stage (same cache key) is started again, and is removed when it succeeds.
 * May hold anything, torn files included: verify before use. */
const char *pr_run_scratch_dir (const PrRun *run);
/* The name of the stage in the manifest, for messages. */
const char *pr_run_stage_name (const PrRun *run);
/* The run's seed, or the one that the manifest gives this stage; a constant for stages that are not stochastic. */
guint64 pr_run_seed (const PrRun *run);

/* Actual dimension of an output, once known. */
void pr_run_set_dim (PrRun *run, const char *slot, const char *dim, gint64 value);

/* Run: progress ----------------------------------------------------------- */

/* Report progress and learn whether to stop, in one call.  FALSE with
 * PR_ERROR_CANCELLED when the user wants out, so that a cancelled stage unwinds
 * like a failed one.  Cheap: call it once a step.  TOTAL 0 means unknown.  Main thread only. */
gboolean pr_run_step (PrRun *run, guint64 done, guint64 total, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Text shown after the bar ("loss 3.21"); copied. */
void pr_run_status (PrRun *run, const char *text);

/* Run: results ------------------------------------------------------------ */

/* All of these end up in the results file of every run whose pipeline has this
 * stage, whether it was computed or taken from the cache.  Names are identifiers:
 * [a-z][a-z0-9_]*, at most 47 characters. */

/* One number: /metrics row (stage, name, value). */
void pr_run_metric (PrRun *run, const char *name, double value);
/* One point of a series: /curves/<stage>/<series>. */
void pr_run_curve (PrRun *run, const char *series, guint64 step, double value);
/* One value a user, NaN where the metric is undefined for that user; N = users of the
 * data set: /per_user/<name>.  The run's mean over defined users becomes metric <name>. */
void pr_run_user_metric (PrRun *run, const char *name, const float *values, gsize n);
/* A named column table for anything else (probes, histograms): appends VALUE to
 * COLUMN of /tables/<stage>/<table>.  Columns of one table must end equally long. */
void pr_run_table (PrRun *run, const char *table, const char *column, double value);

/* Run: cost ---------------------------------------------------------------- */

/* Add to a cost counter of this stage: /cost.  Wall and CPU time and peak memory
 * are measured by the runtime itself.  A stage that says PR_COST_INFER_USERS is
 * inference in every table of costs, any other one is training; of one that says PR_COST_TRAIN_TOKENS too the users and
 * seconds are inference, the rest is training.
 *
 * FLOPs are those of matrix products, attention and distances, counted from the shapes that were
 * really computed.  Ignored, since they are small beside these: the optimizer's update (AdamW: some 15 a parameter and
 * step), normalisations, activations and softmax, sampling, sorting, and the making of tokenizers and word counts. */
typedef enum
{
  PR_COST_TRAIN_TOKENS,     /* tokens that went through forward and backward */
  PR_COST_INFER_TOKENS,     /* tokens that went through forward only */
  PR_COST_GENERATED_TOKENS, /* tokens chosen by decoding, over all kept beams */
  PR_COST_OPTIMIZER_STEPS,
  PR_COST_FLOPS,         /* counted from shapes, multiply and add as two */
  PR_COST_INFER_USERS,   /* users who got a ranking; a teacher's or a roll-out's users do not count */
  PR_COST_INFER_SECONDS, /* wall seconds spent on that: ms a user = 1000 s / users */
  PR_N_COSTS
} PrCost;
void pr_run_add_cost (PrRun *run, PrCost cost, double amount);

G_END_DECLS

#endif
