/* sids.h - artifact `sids/1`: the semantic id of every item.
 *
 * A semantic id (SID) is a tuple of `levels` codes, code l in [0, sizes[l]).  In a language model
 * each (level, code) is one token, "<a_17>" for code 17 of level 0, "<b_3>" of level 1, ...
 * Tuples need not be distinct (collision policy `keep`); readers must allow several items a tuple.
 *
 * File: sids.safetensors (codes I32 [n_items, levels], sizes I32 [levels]; metadata "policy").
 */
#ifndef PAUSEREC_SIDS_H
#define PAUSEREC_SIDS_H

#include <glib.h>

G_BEGIN_DECLS

#define PR_SID_MAX_LEVELS 8

typedef struct
{
  gint64 n_items;
  gint32 levels;
  gint32 sizes[PR_SID_MAX_LEVELS];
  gint32 *codes; /* [n_items, levels], owned */
} PrSids;

PrSids *pr_sids_new (gint64 n_items, gint32 levels, const gint32 *sizes);
void pr_sids_free (PrSids *sids);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrSids, pr_sids_free)
PrSids *pr_sids_load (const char *dir, GError **error); /* every code checked against its level */
gboolean pr_sids_save (const PrSids *sids, const char *policy, const char *dir, GError **error);
static inline const gint32 *
pr_sids_item (const PrSids *sids, gint64 item)
{
  return sids->codes + item * sids->levels;
}

/* Names of all SID tokens, level by level: token (l, c) has index sum(sizes[0..l)) + c.
 * NULL-terminated, owned by the caller. */
char **pr_sids_token_names (const PrSids *sids);
gint32 pr_sids_n_tokens (const PrSids *sids);
/* Index of (level, code) in pr_sids_token_names(). */
gint32 pr_sids_token_index (const PrSids *sids, gint32 level, gint32 code);

/* Whether these are SIDs of a data set of N_ITEMS items; DATA if not. */
gboolean pr_sids_check_items (const PrSids *sids, gint64 n_items, GError **error);

G_END_DECLS

#endif
