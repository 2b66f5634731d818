/* words.h - texts as words: UTF-8, one line, words parted by blanks. */
#ifndef PR_DISTILL_WORDS_H
#define PR_DISTILL_WORDS_H

#include <glib.h>

/* TEXT as one line: runs of white space and control characters become one blank, none at the ends. */
char *words_fold (const char *text);
gsize words_count (const char *text);
/* Keep the first MOST words; TRUE if there were more. */
gboolean words_cut (char *text, gsize most);
/* Keep the first MOST sentences: they end with '.', '!' or '?' before a blank. */
void words_cut_sentences (char *text, gsize most);
/* Where PHRASE stands in TEXT as whole words, small and capital letters being the same; NULL if nowhere or PHRASE is
 * empty.  ret_length: its bytes in TEXT. */
const char *words_find (const char *text, const char *phrase, gsize *ret_length);
/* Whether PHRASE stands at AT in START. */
gsize words_match (const char *start, const char *at, const char *phrase);

#endif
