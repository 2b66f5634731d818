/* fold.h - words of items as one line of text. */
#ifndef PR_FOLD_H
#define PR_FOLD_H

#include <glib.h>

/* Append PART with runs of white space and control characters made one blank, and none at its ends. */
void pr_append_folded (GString *text, const char *part);

#endif
