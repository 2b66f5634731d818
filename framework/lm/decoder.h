/* decoder.h - the transformer as the beam search runs it: prompts once, then one row a beam and step.
 *
 * Keys and values of the prompts of a group of users stay in a cache that all beams of a user share; those of decode
 * steps lie row by row in a second one, found through the histories of beams, so that nothing moves when beams are
 * reordered. The last layer runs (queries, attention, feed-forward) only where its output is read.  One decoder serves
 * one thread.
 */
#ifndef PR_DECODER_H
#define PR_DECODER_H

#include "lm/beams.h"
#include "lm/layout.h"

/* What a decoder must hold. */
typedef struct
{
  gint64 users;         /* prompts of a group */
  gint64 prompt_tokens; /* of all prompts of a group */
  gint64 longest;       /* prompt */
  gint64 rows;          /* beams of all users of a group */
  gint64 steps;         /* decode steps: levels - 1 */
  gint64 scores;        /* children of all rows at most */
  gboolean vocabulary;  /* scores are normalised over the whole vocabulary */
} PrDecoderSize;

typedef struct PrDecoder PrDecoder;

/* Borrows LM.  IO error if memory does not suffice. */
PrDecoder *pr_decoder_new (const PrLm *lm, const PrDecoderSize *size, GError **error);
void pr_decoder_free (PrDecoder *decoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrDecoder, pr_decoder_free)
guint64 pr_decoder_bytes (const PrLmConfig *config, const PrDecoderSize *size);

/* Run the prompts of N_USERS users: OFFSETS [n_users + 1] into TOKENS, not necessarily from 0. */
void pr_decoder_prompts (PrDecoder *decoder, const gint32 *tokens, const gint32 *offsets, gint32 n_users);
/* Run the newest code of every open beam. */
void pr_decoder_step (PrDecoder *decoder, const PrBeams *beams);
/* Log probabilities of the children of the rows just run, [beams->row_first[n_rows]], borrowed until the next call. */
const float *pr_decoder_log_probs (PrDecoder *decoder, const PrBeams *beams);

/* Floating-point operations since the last call of this function. */
double pr_decoder_take_flops (PrDecoder *decoder);

#endif
