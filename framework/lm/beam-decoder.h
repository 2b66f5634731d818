/* beam-decoder.h - a decoder that follows beams: prompts, branches behind them, then the newest code of every beam. */
#ifndef PR_BEAM_DECODER_H
#define PR_BEAM_DECODER_H

#include "lm/beams.h"
#include "lm/decoder.h"

#include <pauserec/decode.h>

/* What the searches of a group need at most. */
typedef struct
{
  gint64 prompts, longest; /* of a group; tokens of a prompt */
  gint64 users;            /* searches of a group: prompts or branches */
  gint64 branch_tokens;    /* of a group's branches in all */
  gint64 longest_branch;
  gint64 rows;         /* beams of all searches of a group */
  gint64 steps;        /* levels - 1 */
  gint64 scores;       /* children of all rows */
  gboolean vocabulary; /* scores are normalised over the whole vocabulary */
  gboolean again;      /* pr_beam_decoder_again() will be called, for searches of one beam each */
} PrBeamDecoderSize;

typedef struct PrBeamDecoder PrBeamDecoder;
PrBeamDecoder *pr_beam_decoder_new (const PrLm *lm, const PrBeamDecoderSize *size, GError **error);
void pr_beam_decoder_free (PrBeamDecoder *decoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrBeamDecoder, pr_beam_decoder_free)
guint64 pr_beam_decoder_bytes (const PrLmConfig *config, const PrBeamDecoderSize *size);

/* Run prompts FIRST .. FIRST + N - 1 of OFFSETS into TOKENS and their BRANCHES (NULL: none). */
void pr_beam_decoder_start (PrBeamDecoder *decoder, const gint32 *tokens, const gint32 *offsets,
                            const PrBranches *branches, gint32 first, gint32 n);
/* Back to the state after pr_beam_decoder_start() (size.again), once. */
void pr_beam_decoder_again (PrBeamDecoder *decoder);
/* Run the newest code of every open beam. */
void pr_beam_decoder_step (PrBeamDecoder *decoder, const PrBeams *beams);
/* Log probabilities of the children of the rows just run, [beams->row_first[n_rows]], borrowed until the next call. */
const float *pr_beam_decoder_log_probs (PrBeamDecoder *decoder, const PrBeams *beams);
/* As pr_decoder_take_flops(). */
double pr_beam_decoder_take_flops (PrBeamDecoder *decoder);

#endif
