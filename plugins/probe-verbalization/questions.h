/* questions.h - which items are asked about, and in which words. */
#ifndef VERBALIZATION_QUESTIONS_H
#define VERBALIZATION_QUESTIONS_H

#include "answers.h"

typedef struct
{
  gsize n;
  GArray *items;            /* gint32 [n] */
  GArray *tokens, *offsets; /* gint32: prompts, packed */
  GArray *stops;            /* guint8 [n]: 1 if the answer is followed by a full stop, 0 if by <|endoftext|> */
} Questions;

void questions_clear (Questions *questions);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Questions, questions_clear)

/* Up to MOST items (0: all) that ANSWERS has an answer for, in an order drawn from SEED that is the same for every kind
 * and model; those whose question does not fit the model's positions are passed over.  GROUNDING words the questions
 * about SIDs, and may be NULL for others. */
void questions_init (Questions *questions, const Answers *answers, const PrDataset *dataset, const PrLm *lm,
                     const PrGrounding *grounding, gint64 most, guint64 seed);

#endif
