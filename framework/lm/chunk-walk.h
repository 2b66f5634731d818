/* chunk-walk.h - packed sequences, checked, in chunks of whole sequences that a workspace holds. */
#ifndef PR_CHUNK_WALK_H
#define PR_CHUNK_WALK_H

#include "lm/model.h"

typedef struct
{
  const gint32 *tokens, *offsets;
  gsize n_sequences, next; /* next: first sequence of the next chunk */
  gint64 start;            /* row of the whole at which the chunk starts */
  GArray *local;           /* gint32: the chunk's offsets, from 0, without empty sequences */
  GArray *numbers;         /* gsize: which sequences these are */
  PrModel *model;
} PrChunkWalk;

#define PR_CHUNK_WALK_ROWS 2048 /* rows of a chunk: bounds memory; a longer sequence gets a chunk of its own */

/* DATA errors of lm.h's forward functions; pr_chunk_walk_clear() in any case. */
gboolean pr_chunk_walk_init (PrChunkWalk *walk, const PrLm *lm, const gint32 *tokens, const gint32 *offsets,
                             gsize n_sequences, GError **error);
void pr_chunk_walk_clear (PrChunkWalk *walk);
/* The next chunk of at least one row; FALSE at the end. */
gboolean pr_chunk_walk_next (PrChunkWalk *walk, PrChunk *ret_chunk);

#endif
