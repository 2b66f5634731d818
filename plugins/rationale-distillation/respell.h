/* respell.h - the same text in other words. */
#ifndef PR_DISTILL_RESPELL_H
#define PR_DISTILL_RESPELL_H

#include <glib.h>

/* TEXT with phrases of a small table said in another way; TEXT itself if it has none of them.  To free. */
char *paraphrase (const char *text);
/* TEXT with NAME, wherever it stands as whole words, made OTHER, and the article before it made to fit; NULL if it
 * stands nowhere.  To free. */
char *rename_all (const char *text, const char *name, const char *other);

#endif
