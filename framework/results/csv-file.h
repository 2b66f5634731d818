/* csv-file.h - a CSV file written field by field: RFC 4180 quoting, lines end with LF, whole or not there.
 *
 * Numbers are the shortest decimals that give back the same double; NaN is an empty field.
 */
#ifndef PR_CSV_FILE_H
#define PR_CSV_FILE_H

#include <glib.h>

typedef struct PrCsvFile PrCsvFile;

PrCsvFile *pr_csv_file_new (const char *path, GError **error);
void pr_csv_file_text (PrCsvFile *csv, const char *text);
void pr_csv_file_number (PrCsvFile *csv, double value);
void pr_csv_file_integer (PrCsvFile *csv, gint64 value);
void pr_csv_file_unsigned (PrCsvFile *csv, guint64 value);
void pr_csv_file_empty (PrCsvFile *csv);
gboolean pr_csv_file_end_row (PrCsvFile *csv, GError **error);
/* The file appears, and replaces one of its name. */
gboolean pr_csv_file_commit (PrCsvFile *csv, GError **error);
void pr_csv_file_free (PrCsvFile *csv);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrCsvFile, pr_csv_file_free)

#endif
