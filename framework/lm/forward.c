/* forward.c - what a model says of whole sequences: hidden states, log probabilities, logits. */
#include "config.h"

#include <pauserec/linalg.h>

#include "lm/chunk-walk.h"

#include <math.h>

gboolean
pr_lm_hidden (PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences, float *ret_hidden,
              GError **error)
{
  PrChunkWalk walk;
  PrChunk chunk;
  gboolean ok = pr_chunk_walk_init (&walk, lm, tokens, offsets, n_sequences, error);

  while (ok && pr_chunk_walk_next (&walk, &chunk))
    pr_model_hidden (walk.model, lm->weights, &chunk, ret_hidden + walk.start * lm->config.hidden);
  pr_chunk_walk_clear (&walk);
  return ok;
}

/* Every row but the last of each sequence predicts the token after it; FROM (NULL: nothing) leaves out the first
 * ones of a sequence. */
static void
add_next_tokens (PrChunk *chunk, const PrChunkWalk *walk, const gint32 *from, GArray *sources, GArray *targets)
{
  g_array_set_size (sources, 0);
  g_array_set_size (targets, 0);
  for (gsize s = 0; s < chunk->n_sequences; s++)
    {
      gint32 skip = from != NULL ? MAX (from[g_array_index (walk->numbers, gsize, s)] - 1, 0) : 0;

      for (gint32 i = chunk->offsets[s] + skip; i + 1 < chunk->offsets[s + 1]; i++)
        {
          g_array_append_val (sources, i);
          g_array_append_val (targets, chunk->tokens[i + 1]);
        }
    }
  chunk->sources = (const gint32 *)(gpointer)sources->data;
  chunk->targets = (const gint32 *)(gpointer)targets->data;
  chunk->n_targets = sources->len;
}

gboolean
pr_lm_log_probs (PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences, const gint32 *from,
                 double temperature, float *ret_log_probs, GError **error)
{
  g_autoptr (GArray) sources = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) targets = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) losses = g_array_new (FALSE, FALSE, sizeof (float));
  PrChunkWalk walk;
  PrChunk chunk;
  gboolean ok = pr_chunk_walk_init (&walk, lm, tokens, offsets, n_sequences, error);

  while (ok && pr_chunk_walk_next (&walk, &chunk))
    {
      add_next_tokens (&chunk, &walk, from, sources, targets);
      g_array_set_size (losses, (guint)chunk.n_targets);
      if (chunk.n_targets > 0)
        pr_model_losses (walk.model, lm->weights, &chunk, temperature, (float *)(gpointer)losses->data);
      for (gint32 i = 0; i < chunk.offsets[chunk.n_sequences]; i++)
        ret_log_probs[walk.start + i] = NAN;
      for (gsize t = 0; t < chunk.n_targets; t++)
        ret_log_probs[walk.start + chunk.sources[t] + 1] = -g_array_index (losses, float, t);
    }
  pr_chunk_walk_clear (&walk);
  return ok;
}

gboolean
pr_lm_logits (PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences, float *ret_logits,
              GError **error)
{
  gint64 d = lm->config.hidden, vocab = lm->config.vocab;
  g_autofree float *hidden = g_new (float, (gsize)(PR_CHUNK_WALK_ROWS * d));
  gint64 room = PR_CHUNK_WALK_ROWS;
  PrChunkWalk walk;
  PrChunk chunk;
  gboolean ok = pr_chunk_walk_init (&walk, lm, tokens, offsets, n_sequences, error);

  while (ok && pr_chunk_walk_next (&walk, &chunk))
    {
      gint64 rows = chunk.offsets[chunk.n_sequences];

      if (rows > room)
        {
          hidden = g_realloc_n (hidden, (gsize)rows, (gsize)d * sizeof (float));
          room = rows;
        }
      pr_model_hidden (walk.model, lm->weights, &chunk, hidden);
      pr_gemm (FALSE, TRUE, rows, vocab, d, 1, hidden, d, lm->weights + lm->layout->embedding, d, 0,
               ret_logits + walk.start * vocab, vocab);
    }
  pr_chunk_walk_clear (&walk);
  return ok;
}
