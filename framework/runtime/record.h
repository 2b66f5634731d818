/* record.h - what a stage said of itself while it ran: metrics, curves, tables, costs. Kept beside its
 * outputs in the store, so a cached stage contributes to results like a computed one.
 *
 * Files: record.json (names, costs, times), record.safetensors (numbers).  Everything but `wall_seconds`,
 * `cpu_seconds`, `peak_rss` and INFER_SECONDS is a pure function of the inputs.
 */
#ifndef PR_RECORD_H
#define PR_RECORD_H

#include <pauserec/run.h>

typedef struct
{
  char *name;
  double value;
} PrRecordMetric;
typedef struct
{
  char *series;
  GArray *steps /* guint64 */;
  GArray *values /* double */;
} PrRecordCurve;
typedef struct
{
  char *name;
  GArray *values /* float */;
} PrRecordUsers;
typedef struct
{
  char *table, *column;
  GArray *values /* double */;
} PrRecordColumn;

typedef struct
{
  GPtrArray *metrics; /* PrRecordMetric * */
  GPtrArray *curves;  /* PrRecordCurve * */
  GPtrArray *users;   /* PrRecordUsers * */
  GPtrArray *columns; /* PrRecordColumn * */
  double costs[PR_N_COSTS];
  double wall_seconds, cpu_seconds;
  guint64 peak_rss; /* bytes */
} PrRecord;

extern const char *const pr_cost_names[PR_N_COSTS]; /* "train_tokens", ... */

PrRecord *pr_record_new (void);
void pr_record_free (PrRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrRecord, pr_record_free)
void pr_record_metric (PrRecord *record, const char *name, double value); /* a name said twice: the last value counts */
void pr_record_curve (PrRecord *record, const char *series, guint64 step, double value);
void pr_record_users (PrRecord *record, const char *name, const float *values,
                      gsize n); /* as metric: the last counts */
void pr_record_column (PrRecord *record, const char *table, const char *column, double value);
/* A sound identifier ([a-z][a-z0-9_]*, at most 47)? */
gboolean pr_record_name_ok (const char *name);
gboolean pr_record_save (const PrRecord *record, const char *dir, GError **error);
PrRecord *pr_record_load (const char *dir, GError **error);

#endif
