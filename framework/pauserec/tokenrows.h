/* tokenrows.h - where the embedding of a new token starts (paper section 3, and its table of starts of e_pause). */
#ifndef PAUSEREC_TOKENROWS_H
#define PAUSEREC_TOKENROWS_H

#include <pauserec/lm.h>

G_BEGIN_DECLS

typedef enum
{
  PR_ROW_START_MEAN,      /* N(mean, 1e-9 x variance) of all embeddings, text and SID: the paper's default */
  PR_ROW_START_NORMAL,    /* N(0, initializer_range) */
  PR_ROW_START_TEXT_MEAN, /* as MEAN, over the tokens that are not SIDs */
  PR_ROW_START_SID_MEAN,  /* as MEAN, over the SID tokens */
} PrRowStart;
extern const char *const pr_row_start_names[]; /* "mean", "normal", "text-mean", "sid-mean", NULL */

/* Append the token NAME with such a start, a pure function of LM and SEED; a token that LM has already keeps its row.
 * DATA error if a start over SIDs is asked for and LM lacks the tokens of SIDS. */
gboolean pr_lm_add_token_row (PrLm *lm, const char *name, PrRowStart start, const PrSids *sids, guint64 seed,
                              GError **error);

G_END_DECLS

#endif
