/* tokengroups.h - which tokens of a model are words of the data, and which are semantic ids. */
#ifndef PAUSEREC_TOKENGROUPS_H
#define PAUSEREC_TOKENGROUPS_H

#include <pauserec/dataset.h>
#include <pauserec/lm.h>
#include <pauserec/sids.h>

G_BEGIN_DECLS

/* Kinds: PR_TOKEN_SID + l is a SID token of level l. */
enum
{
  PR_TOKEN_OTHER = -1, /* <think>, <pause>, <|endoftext|>, ...; rows without a token */
  PR_TOKEN_TEXT,
  PR_TOKEN_SID,
};

typedef struct
{
  gint32 vocab;
  gint8 *kinds;          /* [vocab] of every token, used or not */
  gint32 n_text, n_sids; /* tokens in use */
  gint32 *text, *sids;   /* their ids: ascending; level by level, codes ascending */
} PrTokenGroups;

/* In use are the words that occur at least MIN_COUNT times in the full texts of the items (PR_DESCRIBE_FULL, with a
 * blank before them as in grounding sentences), and the SID tokens that at least MIN_COUNT items have; with MIN_COUNT 0
 * all there are.  A large vocabulary, most of which the data never use, would blur any comparison. DATA: LM lacks a SID
 * token, or items and sids differ in number. */
PrTokenGroups *pr_token_groups_new (const PrLm *lm, const PrDataset *dataset, const PrSids *sids, gint64 min_count,
                                    GError **error);
void pr_token_groups_free (PrTokenGroups *groups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrTokenGroups, pr_token_groups_free)

/* The id of every SID token, [pr_sids_n_tokens()], in the order of pr_sids_token_names(); the caller frees.  DATA: LM
 * lacks one. */
gint32 *pr_sids_token_ids (const PrSids *sids, const PrLm *lm, GError **error);

G_END_DECLS

#endif
