/* decoder.h - the transformer as searches and writers run it: prompts once, then a step at a time.
 *
 * Keys and values of prompts stay in places of a cache that all continuations of a prompt share.  Those of later
 * positions lie in a second cache, the suffix cache: a ring in which the rows of a step are neighbours, so that they
 * are computed in place.  Whoever continues a text remembers the rows of its positions; nothing moves when texts are
 * reordered, finished or replaced.  The last layer runs (queries, attention, feed-forward) only where its output is
 * read.  After prompts and steps there is one hidden state a row, which the head reads (decoder-head.c).
 *
 * One decoder serves one thread.
 */
#ifndef PR_DECODER_H
#define PR_DECODER_H

#include "lm/layout.h"

/* What a decoder must hold. */
typedef struct
{
  gint64 prompts;   /* places of the first cache */
  gint64 longest;   /* tokens of a place */
  gint64 positions; /* of a prompt and what follows */
  gint64 rows;      /* of a step */
  gint64 suffix;    /* rows of the suffix cache */
  gint64 listed;    /* rows of the suffix cache that a step reads, over its rows */
  gint64 kept;      /* hidden states put aside */
  gint64 scores;    /* single logits at once */
  gint64 logits;    /* rows of logits over the whole vocabulary at once */
} PrDecoderSize;

typedef struct PrDecoder PrDecoder;

/* Borrows LM.  IO error if memory does not suffice; ADVICE says what to lower. */
PrDecoder *pr_decoder_new (const PrLm *lm, const PrDecoderSize *size, const char *advice, GError **error);
void pr_decoder_free (PrDecoder *decoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrDecoder, pr_decoder_free)
guint64 pr_decoder_bytes (const PrLmConfig *config, const PrDecoderSize *size);

/* Run N prompts: OFFSETS [n + 1] into TOKENS, not necessarily from 0; prompt i goes to PLACES[i].  Hidden state i is
 * that of the last position of prompt i. */
void pr_decoder_prompts (PrDecoder *decoder, const gint32 *tokens, const gint32 *offsets, gint32 n,
                         const gint32 *places);

/* Forget the suffix cache: the next step begins at its row 0. */
void pr_decoder_reset (PrDecoder *decoder);
/* Begin a step of N rows; returns the row of the suffix cache that holds its first, the others follow. */
gint32 pr_decoder_step_begin (PrDecoder *decoder, gint32 n);
/* The step's next row: TOKEN behind the prompt at PLACE and N_HISTORY rows of the suffix cache, which the caller writes
 * where the result points to.  Token PR_TOKEN_LATENT: the input is hidden state SOURCE.  Neighbours with the same place
 * and length attend together. */
gint32 *pr_decoder_step_row (PrDecoder *decoder, gint32 place, gint32 token, gint32 source, gint32 n_history);
/* Hidden state i is then that of row i. */
void pr_decoder_step_run (PrDecoder *decoder);

/* Put hidden states ROWS [n] aside as numbers PLACES [n]; take those of 0 .. N - 1 back as hidden states. */
void pr_decoder_keep (PrDecoder *decoder, gint32 n, const gint32 *rows, const gint32 *places);
void pr_decoder_recall (PrDecoder *decoder, gint32 n);

/* Logits of hidden states 0 .. N_ROWS - 1 for some tokens: those of row r are TOKENS[first[r]] .. of FIRST
 * [n_rows + 1]; host, borrowed until the next call. */
float *pr_decoder_some_logits (PrDecoder *decoder, gint32 n_rows, const gsize *first, const gint32 *tokens);
/* log of the sum of exp of all logits of a row - the logit of TOKENS[row]; host, borrowed. */
const float *pr_decoder_losses (PrDecoder *decoder, gint32 n_rows, const gint32 *tokens);
/* Logits of hidden states FIRST .. FIRST + N - 1 (N <= size.logits) over the whole vocabulary, or, with TEMPERATURE >
 * 0, softmax (logits / temperature): [n, vocab], host, borrowed until the next call.  *ret_broken: a row with a logit
 * that is not finite, or -1. */
const float *pr_decoder_logits (PrDecoder *decoder, gint32 first, gint32 n, double temperature, gint32 *ret_broken);

/* Floating-point operations since the last call of this function. */
double pr_decoder_take_flops (PrDecoder *decoder);

#endif
