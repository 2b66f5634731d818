/* tokenizer.h - byte-level BPE, in Hugging Face's tokenizer.json.
 *
 * Pre-tokenisation is Qwen's/GPT-4's regular expression (PCRE2, UTF-8); no normaliser beyond what
 * the file says (NFC for Qwen files; trained files have none).  Added tokens are matched first, longest first, and
 * never split.  Encoding equals Hugging Face tokenizers' for the files we write (golden tests).
 *
 * Ids: 0..255 bytes in GPT-2's printable order, then merges, then added tokens.  Trained
 * tokenizers carry these added tokens, in this order, right after the merges:
 * "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>".
 */
#ifndef PAUSEREC_TOKENIZER_H
#define PAUSEREC_TOKENIZER_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct PrTokenizer PrTokenizer;

/* Train on DOCUMENTS (array of char *) until the vocabulary, added tokens included, has VOCAB entries
 * or no pair occurs twice.  Ties go to the pair that is smaller by bytes: deterministic. */
PrTokenizer *pr_tokenizer_train (const GPtrArray *documents, gint32 vocab, GError **error);
PrTokenizer *pr_tokenizer_load (const char *path, GError **error);
gboolean pr_tokenizer_save (const PrTokenizer *tokenizer, const char *path, GError **error);
void pr_tokenizer_free (PrTokenizer *tokenizer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrTokenizer, pr_tokenizer_free)

gint32 pr_tokenizer_vocab_size (const PrTokenizer *tokenizer);
/* Append the ids of TEXT (UTF-8; LENGTH -1: NUL-terminated) to IDS (GArray of gint32). */
void pr_tokenizer_encode (const PrTokenizer *tokenizer, const char *text, gssize length, GArray *ids);
/* UTF-8; bytes that do not form UTF-8 become U+FFFD.  Added tokens appear by name unless SKIP_ADDED. */
char *pr_tokenizer_decode (const PrTokenizer *tokenizer, const gint32 *ids, gsize n, gboolean skip_added);
/* Id of a token by its exact name (added tokens), -1 if there is none. */
gint32 pr_tokenizer_lookup (const PrTokenizer *tokenizer, const char *name);
/* Append added tokens at the end of the vocabulary; a name that exists already is a DATA error. */
gboolean pr_tokenizer_add (PrTokenizer *tokenizer, const char *const *names, GError **error);

G_END_DECLS

#endif
