/* clean.h - the words of a shop's page, without its markup. */
#ifndef PR_DATASET_AMAZON_CLEAN_H
#define PR_DATASET_AMAZON_CLEAN_H

#include <glib.h>

/* TEXT without tags, comments, scripts and styles; with entities of HTML 4 decoded, once, numbers 128 to 159 as
 * Windows-1252 (as browsers do); with runs of white space and control characters as one blank and none at the ends.
 * Tags that stand within words (b, i, span, ...) leave nothing, others a blank.  What is no complete tag or known
 * entity stays as it is. */
char *clean_text (const char *text);

#endif
