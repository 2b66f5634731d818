/* params-text.h - values of parameters as texts, one text a value. */
#ifndef PR_PARAMS_TEXT_H
#define PR_PARAMS_TEXT_H

#include <pauserec/params.h>

/* All return strings to free. */
char *pr_text_real (double value); /* the shortest that reads back as the same number */
char *pr_text_ints (const PrInts *ints);
char *pr_text_escape (const char *value);  /* as a manifest says it; spaces inside need no escape */
char *pr_text_unescape (const char *text); /* the inverse; \; too.  NULL if TEXT has an escape that does not exist */

#endif
