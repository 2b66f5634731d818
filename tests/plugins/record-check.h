/* record-check.h - what a stage said of itself, for tests of stages: whatever is not there fails the test. */
#ifndef RECORD_CHECK_H
#define RECORD_CHECK_H

#include "pr-check.h"

#include "runtime/record.h"

static inline double
record_metric (const PrRecord *record, const char *name)
{
  for (guint i = 0; i < record->metrics->len; i++)
    {
      const PrRecordMetric *metric = record->metrics->pdata[i];

      if (strcmp (metric->name, name) == 0)
        return metric->value;
    }
  ck_abort_msg ("no metric '%s'", name);
}

/* Values (double) of a column of a table, borrowed. */
static inline const GArray *
record_column (const PrRecord *record, const char *table, const char *name)
{
  for (guint i = 0; i < record->columns->len; i++)
    {
      const PrRecordColumn *column = record->columns->pdata[i];

      if (strcmp (column->table, table) == 0 && strcmp (column->column, name) == 0)
        return column->values;
    }
  ck_abort_msg ("no column '%s' in table '%s'", name, table);
}

/* Values (float) of a user metric, one a user, borrowed. */
static inline const GArray *
record_users (const PrRecord *record, const char *name)
{
  for (guint i = 0; i < record->users->len; i++)
    {
      const PrRecordUsers *users = record->users->pdata[i];

      if (strcmp (users->name, name) == 0)
        return users->values;
    }
  ck_abort_msg ("no values of users '%s'", name);
}

#endif
