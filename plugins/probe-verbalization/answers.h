/* answers.h - everything that can be answered to questions of one kind: the distinct answers of a catalogue. */
#ifndef VERBALIZATION_ANSWERS_H
#define VERBALIZATION_ANSWERS_H

#include <pauserec/pauserec.h>

typedef enum
{
  VERBAL_SID_CATEGORY,
  VERBAL_SID_BRAND,
  VERBAL_TITLE_CATEGORY,
  VERBAL_N_KINDS,
} VerbalKind;

/* A text is what the model would write ("Out > Tents"); a name is what is judged of it: the text, or its last level. */
typedef struct
{
  VerbalKind kind;
  gboolean leaf;
  gint32 n_texts, n_names;
  GPtrArray *texts, *names; /* char * */
  GHashTable *by_text, *by_name;
  GArray *name_of;          /* gint32 [texts] */
  GArray *counts;           /* gint32 [names] items whose answer it is */
  gint32 *of_item;          /* [items] text, -1: the item is not to be asked */
  gint32 *first, *members;  /* texts of a name: members[first[name]] .. members[first[name + 1] - 1] */
  gint32 *frequent;         /* [names] falling counts; equal: the lower number first */
  GArray *tokens, *offsets; /* gint32: candidate t is text t and <|endoftext|>; n_texts + t is text t and a full stop */
  gint32 longest;           /* tokens of a candidate */
} Answers;

/* Answers of all items; each cut to TEXT_TOKENS tokens, before its end.  END: id of <|endoftext|>. */
Answers *answers_new (VerbalKind kind, gboolean leaf, const PrDataset *dataset, const PrTokenizer *tokenizer,
                      gint32 end, gint64 text_tokens);
void answers_free (Answers *answers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Answers, answers_free)

/* What a model has SAID (folded), as a name, or -1 if it is no answer of the catalogue or, unless it STOPPED, has no
 * end. The answer about a title ends where its sentence does.  ret_part: the answer itself, or what can be taken for
 * one; the caller frees. */
gint32 answers_find (const Answers *answers, const char *said, gboolean stopped, char **ret_part);

/* TEXT without needless blanks; the caller frees. */
char *answers_fold (const char *text);

/* Levels of paths A and B that are the same from the first on; ret_n: levels of A. */
gint32 answers_levels (const char *a, const char *b, gint32 *ret_n);

#endif
