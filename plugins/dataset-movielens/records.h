/* records.h - the two shapes of MovieLens files: `.dat` (fields separated by "::", no header) and `.csv` (RFC 4180,
 * with a header).  Which one a file has is told by its first line. */
#ifndef PR_DATASET_MOVIELENS_RECORDS_H
#define PR_DATASET_MOVIELENS_RECORDS_H

#include <glib.h>

typedef struct Records Records;

/* COLUMNS (NULL-terminated, borrowed): names in the header of a .csv, where they may stand in any order beside others;
 * the fields of a .dat, in their order.  FREE_COLUMN: the one that may hold "::" itself, or -1.
 * A .dat that is not UTF-8 is read as ISO 8859-1. */
Records *records_open (const char *path, const char *const *columns, gint free_column, GError **error);
void records_free (Records *records);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Records, records_free)

/* The fields of the next record in the order of COLUMNS, valid until the next call; NULL at the end of the file or on
 * error (then ERROR is set). */
const char *const *records_next (Records *records, GError **error);
/* The line that the record last returned begins on. */
guint64 records_line (const Records *records);
/* DATA error "PATH:LINE: message" about that record. */
void records_error (const Records *records, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

#endif
