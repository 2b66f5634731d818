/* wording.h - texts as words: cut, search, and say the same in other words.
 *
 * Texts are UTF-8, one line, words parted by single blanks (pr_words_fold() makes them so).  Names and phrases are
 * found as whole words, small and capital letters being the same.
 */
#ifndef PAUSEREC_WORDING_H
#define PAUSEREC_WORDING_H

#include <glib.h>

G_BEGIN_DECLS

/* TEXT as one line: runs of white space and control characters become one blank, none at the ends.  To free. */
char *pr_words_fold (const char *text);
gsize pr_words_count (const char *text);
/* Keep the first MOST words; TRUE if there were more. */
gboolean pr_words_cut (char *text, gsize most);
/* Keep the first MOST sentences: they end with '.', '!' or '?' before a blank. */
void pr_words_cut_sentences (char *text, gsize most);
/* Where PHRASE stands in TEXT; NULL if nowhere or PHRASE is empty.  ret_length: its bytes in TEXT. */
const char *pr_words_find (const char *text, const char *phrase, gsize *ret_length);
/* Bytes that PHRASE takes at AT in the text that begins at START; 0 if it does not stand there. */
gsize pr_words_match (const char *start, const char *at, const char *phrase);

/* TEXT with phrases of a small English table (framework/text/respell.c) said in another way; a copy of TEXT if it has
 * none of them.  To free. */
char *pr_words_paraphrase (const char *text);
/* TEXT with NAME, wherever it stands, made OTHER, and the article before it made to fit; NULL if it stands nowhere.  To
 * free. */
char *pr_words_rename (const char *text, const char *name, const char *other);

G_END_DECLS

#endif
