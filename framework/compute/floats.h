/* floats.h - large arrays of numbers: running out of memory is an error, not an abort. */
#ifndef PR_FLOATS_H
#define PR_FLOATS_H

#include <glib.h>

/* Zeroed memory for N floats, aligned to 64 bytes; IO error naming WHAT.  free() it. */
float *pr_floats_new (gint64 n, const char *what, GError **error);

#endif
