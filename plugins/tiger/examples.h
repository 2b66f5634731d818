/* examples.h - what TIGER reads and what it shall say: histories as tokens, targets as codes. */
#ifndef TIGER_EXAMPLES_H
#define TIGER_EXAMPLES_H

#include "model.h"

#include <pauserec/dataset.h>
#include <pauserec/params.h>

typedef enum
{
  TIGER_TARGETS_LAST,          /* s_m of the training purchases s_1 .. s_m: the paper's (PauseRec) */
  TIGER_TARGETS_ALL_PREFIXES,  /* s_2 .. s_m, each with all that was bought before */
  TIGER_TARGETS_SUB_SEQUENCES, /* the same targets; the history begins anywhere before, anew in each epoch (GRID) */
} TigerTargets;
extern const char *const tiger_targets_names[];

typedef struct
{
  int targets;    /* TigerTargets */
  gint64 history; /* items at most */
  bool separator; /* a token behind every item */
} TigerExamplesParams;

typedef struct
{
  TigerShape shape;
  TigerExamplesParams params;
  const PrDataset *dataset;
  const PrSids *sids;
  PrRng rng;
  GArray *users, *positions; /* gint32: of every example; the target is that place of the user's sequence */
} TigerExamples;

/* Borrows dataset and sids, which have the same items.  DATA: nobody has two training purchases. */
gboolean tiger_examples_init (TigerExamples *examples, const TigerShape *shape, const TigerExamplesParams *params,
                              const PrDataset *dataset, const PrSids *sids, guint64 seed, GError **error);
void tiger_examples_clear (TigerExamples *examples);

/* Examples side by side. */
typedef struct
{
  gsize n;
  GArray *tokens, *offsets; /* gint32: of the encoder; [n + 1] */
  GArray *decoder;          /* gint32 [n, levels] start and all codes but the last, as tokens */
  GArray *targets;          /* gint32 [n, levels] tokens */
} TigerBatch;
void tiger_batch_init (TigerBatch *batch);
void tiger_batch_clear (TigerBatch *batch);
void tiger_batch_reset (TigerBatch *batch); /* to no examples */

/* Append HISTORY (N items, oldest first, cut to the last `history`) of a user. */
void tiger_batch_ask (TigerBatch *batch, const TigerExamples *examples, gint64 user, const gint32 *history, gint64 n);
/* The same and its target. */
void tiger_batch_add (TigerBatch *batch, const TigerExamples *examples, gint64 user, const gint32 *history, gint64 n,
                      gint32 target);
/* The training example INDEX in EPOCH. */
void tiger_batch_add_example (TigerBatch *batch, const TigerExamples *examples, guint epoch, gsize index);

/* Tokens of a history of N items. */
gint64 tiger_history_tokens (const TigerShape *shape, const TigerExamplesParams *params, gint64 n);

#endif
