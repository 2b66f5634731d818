/* export-private.h - what the files export*.c share. */
#ifndef PR_EXPORT_PRIVATE_H
#define PR_EXPORT_PRIVATE_H

#include "results/csv-file.h"
#include "results/export.h"
#include "results/h5.h"

typedef struct
{
  PrH5 *h5;
  const char *path, *dir;
  gboolean experiment;
  char **arms; /* [n] */
  guint64 *seeds, *users;
  gint64 n;         /* runs */
  GPtrArray *files; /* char *: written */
} Export;

/* A new file NAME whose first row is HEAD, NULL-terminated. */
PrCsvFile *export_begin (Export *e, const char *name, const char *const *head, GError **error);
gboolean export_end (Export *e, const char *name, PrCsvFile *csv, GError **error);
/* The fields arm and seed of run I. */
void export_run (const Export *e, gint64 i, PrCsvFile *csv);
/* Where the curves, tables and ranking of run I are: "" or "/runs_detail/r<i>"; to free. */
char *export_root (const Export *e, gint64 i);

/* export-stages.c */
gboolean export_curves (Export *e, GError **error);
gboolean export_tables (Export *e, GError **error);

#endif
