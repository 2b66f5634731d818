/* itemtext.h - sequences that tie semantic ids to words (paper section 2, CPT), for stages and probes.
 *
 * Every item is described in up to five ways, as far as the data set has the words:
 *   title        TITLE
 *   details      TITLE by BRAND. CATEGORY > CATEGORY
 *   category     CATEGORY > CATEGORY
 *   description  everything known (pr_item_append_text), cut to `text_tokens` tokens as the others are
 *   brand        BRAND; only where parameter `brand` says so, so that the brand is asked for as the category is
 * and in both directions (templates in the manner of OneRec-Think's alignment sentences, kept short):
 *   "Title of SID: TEXT<|endoftext|>"        "Item with the title TEXT:SID"
 * Beside these, on demand, an item's plain text, and "The user bought: SID SID ..." of training purchases without the
 * blanks.
 *
 * In each epoch every item is shown in both directions with `descriptions` of its kinds; the next epochs show the next
 * kinds in turn, so that every kind comes equally often.
 */
#ifndef PAUSEREC_ITEMTEXT_H
#define PAUSEREC_ITEMTEXT_H

#include <pauserec/dataset.h>
#include <pauserec/train.h>

G_BEGIN_DECLS

typedef enum
{
  PR_DESCRIBE_TITLE,
  PR_DESCRIBE_DETAILS,
  PR_DESCRIBE_CATEGORY,
  PR_DESCRIBE_FULL,
  PR_DESCRIBE_BRAND,
  PR_N_DESCRIPTIONS,
} PrDescription;
extern const char *const pr_description_names[]; /* "title", "details", "category", "description", "brand", NULL */

/* The words of a description, one line; FALSE (nothing appended) if the item has none for it. */
gboolean pr_item_describe (const PrItem *item, PrDescription description, GString *text);

typedef enum
{
  PR_GROUNDING_LOSS_ALL,    /* next-token loss on the whole sequence */
  PR_GROUNDING_LOSS_ANSWER, /* on the answer only: the description, or the SID */
} PrGroundingLoss;
extern const char *const pr_grounding_loss_names[];

typedef struct
{
  int loss;              /* PrGroundingLoss */
  int64_t descriptions;  /* kinds an item, direction and epoch */
  int64_t text_tokens;   /* of a description, at most */
  double plain_share;    /* plain texts per item and epoch */
  double sequence_share; /* purchase sequences per user and epoch */
  bool brand;            /* show PR_DESCRIBE_BRAND too */
} PrGroundingParams;

/* Rows for a stage's table: TYPE has a member `PrGroundingParams grounding`. */
#define PR_GROUNDING_PARAMS(type)                                                                                      \
  PR_PARAM_CHOICE_AT (type, "loss", grounding.loss, pr_grounding_loss_names, PR_GROUNDING_LOSS_ALL,                    \
                      "Loss on whole sequences (`all`, as continued pre-training) or on the answer's part only."),     \
      PR_PARAM_INT_AT (type, "descriptions", grounding.descriptions, 1, PR_N_DESCRIPTIONS, 1,                          \
                       "Kinds of description shown for an item in each direction and epoch; the kinds take turns."),   \
      PR_PARAM_INT_AT (type, "text_tokens", grounding.text_tokens, 1, 65536, 64, "Longest description, in tokens."),   \
      PR_PARAM_REAL_AT (type, "plain_share", grounding.plain_share, 0, 100, 0.0,                                       \
                        "Plain item texts mixed in, per item and epoch."),                                             \
      PR_PARAM_REAL_AT (type, "sequence_share", grounding.sequence_share, 0, 100, 0.0,                                 \
                        "Sequences of training purchases mixed in, per user and epoch."),                              \
      PR_PARAM_BOOL_AT (type, "brand", grounding.brand, false,                                                         \
                        "The brand alone is a kind of description too (our choice: it has to be shown to be asked for).")

typedef struct PrGrounding PrGrounding;

/* LM's tokenizer must have the SID tokens and <|endoftext|> (DATA).  Borrows all but PARAMS.  DATA too: no item has any
 * text, or sids and data set differ in the number of items.  MANIFEST: the longest sequence does not fit into the
 * model's positions. */
PrGrounding *pr_grounding_new (const PrLm *lm, const PrDataset *dataset, const PrSids *sids,
                               const PrGroundingParams *params, guint64 seed, GError **error);
void pr_grounding_free (PrGrounding *grounding);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrGrounding, pr_grounding_free)
gsize pr_grounding_n (const PrGrounding *grounding);       /* sequences an epoch */
gsize pr_grounding_longest (const PrGrounding *grounding); /* tokens that a sequence can have */
gboolean pr_grounding_example (gpointer ctx, guint epoch, gsize index, PrExample *example,
                               GError **error); /* PrExampleFunc */

/* Append one question and its answer, as CPT shows them. FALSE (nothing appended) if the item lacks the words. */
gboolean pr_grounding_sid_to_text (const PrGrounding *grounding, gint32 item, PrDescription description,
                                   PrExample *example);
gboolean pr_grounding_text_to_sid (const PrGrounding *grounding, gint32 item, PrDescription description,
                                   PrExample *example);

/* Sequences an epoch, for plan(), as if every item had every description; PR_DIM_UNKNOWN if a size is. */
gint64 pr_grounding_estimate_n (const PrGroundingParams *params, gint64 n_items, gint64 n_users);

G_END_DECLS

#endif
