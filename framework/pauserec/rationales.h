/* rationales.h - artifact `rationales/1`: why a user should want what comes next, in words (paper section 2).
 *
 * A rationale belongs to a user and a position: the purchase `position` of the user's sequence (dataset.h), counted from
 * 0, is the target that it argues for, and the purchases before it are what it may look at.
 *
 * Files: rationales.jsonl, ordered by user and position, a line each:
 *   {"user": ID, "position": N, "item": ID of the target, "text": "...", "teacher": "template", "prompt": SHA-256 of what
 *    the teacher was given, "sampling": {"temperature": T, "top_k": K, "top_p": P, "max_tokens": M} or null, "seed": S,
 *    "corruption": "shuffle-words" or null}
 * A text may be empty: the model then learns to think nothing there.
 *
 * Dimension "split" of a slot: the PrSplit whose targets all the rationales are of, where a stage promises one; the
 * targets of PR_SPLIT_TRAIN may be any training purchase.  A rationale of a validation or test target ("gold") says what
 * is to be predicted: for probes only.  Training stages ask for those of training purchases alone, by position, so that no
 * other can reach them.
 */
#ifndef PAUSEREC_RATIONALES_H
#define PAUSEREC_RATIONALES_H

#include <pauserec/dataset.h>

G_BEGIN_DECLS

typedef struct
{
  double temperature, top_p;
  gint64 top_k, max_tokens;
} PrSampling;

typedef struct
{
  gint32 user, position;
  const char *text;       /* UTF-8, one line */
  const char *teacher;    /* "template", "lm", "world", "file" */
  const char *prompt;     /* SHA-256, hex */
  const char *corruption; /* NULL: none */
  gboolean sampled;       /* FALSE: `sampling` means nothing */
  PrSampling sampling;
  guint64 seed;
} PrRationale;

typedef struct PrRationales PrRationales;
PrRationales *pr_rationales_new (void);
void pr_rationales_free (PrRationales *rationales);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrRationales, pr_rationales_free)
/* Copies; in any order; a user and position that is there already is replaced. */
void pr_rationales_add (PrRationales *rationales, const PrRationale *rationale);
gsize pr_rationales_n (const PrRationales *rationales);
const PrRationale *pr_rationales_at (const PrRationales *rationales, gsize index); /* by user, then position */
/* NULL if there is none. */
const PrRationale *pr_rationales_find (const PrRationales *rationales, gint32 user, gint32 position);

gboolean pr_rationales_save (const PrRationales *rationales, const PrDataset *dataset, const char *dir, GError **error);
/* DATA error "PATH:LINE: ..." for an unknown user or item, a position that the user's sequence lacks or where another item
 * stands, a rationale twice, unknown or missing keys, a text with line breaks, control characters or more than 64 KiB. */
PrRationales *pr_rationales_load (const char *dir, const PrDataset *dataset, GError **error);

G_END_DECLS

#endif
