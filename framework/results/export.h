/* export.h - results as CSV, for programs that read no HDF5.
 *
 *   runs.csv, metrics.csv, cost.csv   the tables of that name
 *   per_user.csv                      arm, seed, user, one column a metric
 *   curves.csv                        arm, seed, stage, series, step, value
 *   tables_<table>.csv                arm, seed, stage and the columns that the table has in any run; a column of one
 * of these names has '_' behind it ranking.csv                       arm, seed, user, rank (from 1), item, score
 *
 * See csv-file.h for how they are written.  Each file appears whole and replaces one of its name.
 */
#ifndef PR_EXPORT_H
#define PR_EXPORT_H

#include <glib.h>

/* PATH: a results.h5 or the file of one run.  DIR is made.  RET_FILES: the names of what was written, to free with
 * g_strfreev(). */
gboolean pr_results_export (const char *path, const char *dir, gboolean rankings, char ***ret_files, GError **error);

#endif
