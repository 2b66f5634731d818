/* corruption.h - spoil texts about purchases in stated ways (paper section 2, finding 5: sensitivity to the quality of
 * rationales).  How rationales were perturbed is not public; the kinds are ours:
 *
 *   paraphrase      the same said in other words: another wording of the caller's, or phrases of a small table
 *   shuffle-words   a share of its words, two at least, change places so that the text differs if it can
 *   drop-words      a share of its words, one at least, is left out
 *   wrong-category  about an item of another category: the category words of the target's path become those of that
 *                   item, or a sentence of the caller's says it
 *   other-user      the text of another user whose target has another category (without categories: another item)
 *   empty           nothing
 *
 * What becomes of a text is a pure function of (seed, user, position): it does not matter which others are spoilt.  A
 * larger share moves or drops the words that a smaller one does, and more.
 */
#ifndef PAUSEREC_CORRUPTION_H
#define PAUSEREC_CORRUPTION_H

#include <pauserec/dataset.h>

G_BEGIN_DECLS

typedef enum
{
  PR_CORRUPTION_NONE,
  PR_CORRUPTION_PARAPHRASE,
  PR_CORRUPTION_SHUFFLE_WORDS,
  PR_CORRUPTION_DROP_WORDS,
  PR_CORRUPTION_WRONG_CATEGORY,
  PR_CORRUPTION_OTHER_USER,
  PR_CORRUPTION_EMPTY,
  PR_N_CORRUPTIONS,
} PrCorruption;
extern const char *const pr_corruption_names[]; /* "none", "paraphrase", "shuffle-words", ..., NULL */

/* A text and the purchase that it is about. */
typedef struct
{
  gint32 user, position, target;
  const char *text; /* as pr_words_fold() makes it (wording.h) */
} PrReason;

/* Text INDEX as if it were about item TARGET, in wording TURN of the caller's, 0 being the text's own; to free.  NULL
 * if words are missing. */
typedef char *(*PrSentenceFunc) (gpointer ctx, gsize index, guint turn, gint32 target);

/* All is borrowed. */
typedef struct
{
  const PrDataset *dataset;
  const PrReason *reasons; /* [n] what can be spoilt; other-user takes from all of them */
  gsize n;
  guint64 seed;
  PrSentenceFunc sentence; /* may be NULL */
  gpointer ctx;
  guint n_wordings;
  gboolean made_of_sentences; /* the texts are such sentences: they are paraphrased and renamed by `sentence` (at least
                                 two wordings).  Otherwise it only says a wrong category where a text names none */
} PrCorruptor;

/* *ret_text: reason INDEX spoilt, to free; NULL if it cannot be: it does not name the category that was to be wrong.
 * STRENGTH: the share of words, 0 to 1, of shuffle-words and drop-words.  DATA error: the items have no two categories
 * (wrong-category); no other user has a target of another category (other-user). */
gboolean pr_corrupt (const PrCorruptor *corruptor, PrCorruption kind, double strength, gsize index, char **ret_text,
                     GError **error);

G_END_DECLS

#endif
