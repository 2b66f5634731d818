/* corpus.h - documents as streams of tokens, cut into windows. */
#ifndef CORPUS_H
#define CORPUS_H

#include <pauserec/tokenizer.h>
#include <pauserec/train.h>

/* A fixed share of the documents (by number, the same for every seed) is kept for validation; at least one document
 * trains.  Takes no copies: the lists borrow from DOCUMENTS. */
void corpus_split (const GPtrArray *documents, double valid_share, GPtrArray *ret_train, GPtrArray *ret_valid);

/* Token ids (gint32): document, <|endoftext|>, document, <|endoftext|>, ...  NULL on error. */
GArray *corpus_tokens (const PrTokenizer *tokenizer, const GPtrArray *documents, PrRun *run, GError **error);

/* What training and validation read. */
typedef struct
{
  GArray *train, *valid; /* token ids */
  gint64 context;        /* tokens of a window */
} Corpus;

/* Windows of a stream overlap by one token, so that every token but the stream's first is a target exactly once. */
gsize corpus_n_windows (const GArray *tokens, gint64 context);
/* PrExampleFunc with CTX = Corpus. */
gboolean corpus_train_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error);
gboolean corpus_valid_example (gpointer ctx, guint epoch, gsize index, PrExample *example, GError **error);

#endif
