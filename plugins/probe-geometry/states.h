/* states.h - last hidden states at positions of text and of SIDs, in sentences about the data's items and users. */
#ifndef PROBE_GEOMETRY_STATES_H
#define PROBE_GEOMETRY_STATES_H

#include <pauserec/pauserec.h>

typedef struct
{
  gint64 users;       /* sampled, 0: all; always the same ones */
  gint64 history;     /* purchases shown at most; fewer where the model's own prompt shows fewer */
  gint64 text_tokens; /* of an item's details, at most */
  gint64 vectors;     /* positions of text, and of SIDs, at most */
} StatesParams;

/* States of one kind: row i was read at token tokens[i]. */
typedef struct
{
  PrMatrix *rows;
  GArray *tokens; /* gint32 */
} States;
void states_clear (States *states);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (States, states_clear)

/* What each sampled user gives: the prompt that the model answers, or "The user bought: ..." where it was never asked,
 * of the training purchases and without thinking; and the details of the newest of these, SID to text and text to SID,
 * as in grounding.  The final state after every token belongs to that token's kind; tokens of no kind are left out.
 * Where sequences begin alike the state is the same and counts once.  Costs and progress go to RUN. MANIFEST: a
 * sequence is longer than the model's positions.  DATA: no position of a kind. */
gboolean states_read (PrRun *run, PrLm *lm, const PrDataset *dataset, const PrSids *sids, const PrTokenGroups *groups,
                      const StatesParams *params, States *ret_text, States *ret_sids, GError **error);

#endif
