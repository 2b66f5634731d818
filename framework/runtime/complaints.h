/* complaints.h - everything that is wrong with a manifest, collected, to be told at once. */
#ifndef PR_COMPLAINTS_H
#define PR_COMPLAINTS_H

#include <glib.h>

GPtrArray *pr_complaints_new (void); /* of char * */

/* A complaint reads "FILE:LINE: what is wrong; remedy", or "--set STAGE.KEY=VALUE: ...". */
void pr_complain (GPtrArray *complaints, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* One MANIFEST error of all of them, each once, in the order of the lines of PATH.  There must be at least one. */
void pr_complaints_to_error (const GPtrArray *complaints, const char *path, GError **error);

/* TEXT, or its beginning and "..." if it is too long for a message; to free. */
char *pr_complaint_excerpt (const char *text);

#endif
