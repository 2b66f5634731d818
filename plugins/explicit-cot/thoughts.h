/* thoughts.h - rationales as the tokens that the model shall learn to think, one for each training example. */
#ifndef PR_EXPLICIT_COT_THOUGHTS_H
#define PR_EXPLICIT_COT_THOUGHTS_H

#include <pauserec/pauserec.h>

typedef enum
{
  MISSING_ERROR,
  MISSING_EMPTY,
} Missing;
typedef enum
{
  TOO_LONG_ERROR,
  TOO_LONG_CUT,
} TooLong;

typedef struct
{
  gsize n;
  GArray *tokens;                           /* gint32 */
  GArray *offsets;                          /* gint32 [n + 1] */
  guint8 *emptied;                          /* [n]: 1 where the self-filter took the rationale away */
  gsize missing, empty, cut, foreign, used; /* targets without a rationale; rationales by what happened to them */
} Thoughts;

/* Tokens for every example of SFT.  DATA, naming user and position and how many there are: a target without a rationale
 * (MISSING_ERROR), one of more than MOST tokens (TOO_LONG_ERROR).  Words after a SID or a tag are left out. */
Thoughts *thoughts_new (const PrRationales *rationales, const PrSft *sft, const PrDataset *dataset,
                        const PrPrompter *prompter, const PrTokenizer *tokenizer, gint64 most, Missing missing,
                        TooLong too_long, GError **error);
void thoughts_free (Thoughts *thoughts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Thoughts, thoughts_free)
/* PrSftThoughtFunc. */
gboolean thoughts_append (gpointer ctx, gsize index, GArray *tokens, GError **error);
void thoughts_report (const Thoughts *thoughts, PrRun *run);

#endif
