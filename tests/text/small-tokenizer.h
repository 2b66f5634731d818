/* small-tokenizer.h - a tokenizer trained on one text. */
#ifndef SMALL_TOKENIZER_H
#define SMALL_TOKENIZER_H

#include "pr-check.h"

#include <pauserec/tokenizer.h>

static inline PrTokenizer *
small_tokenizer (const char *text, gint32 vocab)
{
  g_autoptr (GPtrArray) documents = g_ptr_array_new ();
  GError *error = NULL;

  g_ptr_array_add (documents, (gpointer)text);
  PrTokenizer *tokenizer = pr_tokenizer_train (documents, vocab, &error);

  ck_assert_no_error (error);
  return tokenizer;
}

#endif
