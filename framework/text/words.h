/* words.h - pre-tokenisation: text to words by the regular expression of Qwen and GPT-4. */
#ifndef PR_WORDS_H
#define PR_WORDS_H

#include <glib.h>

/* As it stands in tokenizer.json. */
extern const char pr_words_regex[];

typedef struct PrWordSplitter PrWordSplitter;
PrWordSplitter *pr_word_splitter_new (GError **error);
void pr_word_splitter_free (PrWordSplitter *splitter);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrWordSplitter, pr_word_splitter_free)
/* End of the word that starts at START (< LENGTH) of the valid UTF-8 TEXT.  Words cover the text
 * without a gap; what stands after TEXT + LENGTH is not looked at. */
gsize pr_word_splitter_next (PrWordSplitter *splitter, const char *text, gsize length, gsize start);

#endif
