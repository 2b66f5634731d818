/* merge-table.h - a table of results.h5 that every run has too: the rows of all runs, one below the other. */
#ifndef PR_MERGE_TABLE_H
#define PR_MERGE_TABLE_H

#include "results/h5.h"

typedef struct
{
  const char *path;    /* in every file */
  char **names;        /* of columns */
  PrH5Column *columns; /* their data: of the run that was read last, owned */
  gsize *sizes;        /* bytes of each: the widest of any run */
  gsize n_columns;
  gint64 n_rows; /* of all runs */
  PrH5Stream *stream;
} MergeTable;

/* With the columns of the table at PATH of the first run. */
gboolean merge_table_init (MergeTable *table, PrH5 *h5, const char *path, GError **error);
void merge_table_clear (MergeTable *table);
/* First every run is surveyed, then the table begins in the file that is made, then every run is copied. */
gboolean merge_table_survey (MergeTable *table, PrH5 *run, GError **error);
gboolean merge_table_begin (MergeTable *table, PrH5 *h5, GError **error);
gboolean merge_table_copy (MergeTable *table, PrH5 *run, GError **error);

#endif
