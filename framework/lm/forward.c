#include "config.h"

#include <pauserec/error.h>
#include <pauserec/linalg.h>

#include "lm/model.h"

#include <math.h>

#define FORWARD_ROWS 2048 /* rows processed at once: bounds memory; a longer sequence gets a chunk of its own */

/* A walk over packed sequences in chunks of whole sequences. */
typedef struct
{
  const gint32 *tokens, *offsets;
  gsize n_sequences, next; /* next: first sequence of the next chunk */
  gint64 start;            /* row of the whole at which the chunk starts */
  GArray *local;           /* gint32: the chunk's offsets, from 0, without empty sequences */
  GArray *numbers;         /* gsize: which sequences these are */
  PrModel *model;
} Walk;

static gboolean
check_sequences (const PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences, gint64 *ret_max_rows,
                 GError **error)
{
  gint64 longest = 0;

  if (n_sequences > 0 && offsets[0] != 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_DATA, "packed sequences must start at offset 0, not %d", offsets[0]);
      return FALSE;
    }
  for (gsize s = 0; s < n_sequences; s++)
    {
      gint64 n = (gint64)offsets[s + 1] - offsets[s];

      if (n < 0 || n > lm->config.max_positions)
        {
          g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                       "sequence %" G_GSIZE_FORMAT " has %" G_GINT64_FORMAT " tokens, the model has %d positions", s, n,
                       lm->config.max_positions);
          return FALSE;
        }
      longest = MAX (longest, n);
    }
  for (gint64 i = 0; n_sequences > 0 && i < offsets[n_sequences]; i++)
    if (tokens[i] < 0 || tokens[i] >= lm->config.vocab)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                     "token %d at position %" G_GINT64_FORMAT " is outside the vocabulary of %d", tokens[i], i,
                     lm->config.vocab);
        return FALSE;
      }
  *ret_max_rows = MAX (longest, n_sequences > 0 ? MIN ((gint64)offsets[n_sequences], FORWARD_ROWS) : 0);
  return TRUE;
}

static gboolean
walk_start (Walk *walk, const PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences, GError **error)
{
  gint64 max_rows;

  *walk = (Walk){ .tokens = tokens, .offsets = offsets, .n_sequences = n_sequences };
  if (!check_sequences (lm, tokens, offsets, n_sequences, &max_rows, error))
    return FALSE;
  walk->model = pr_model_new (&lm->config, MAX (max_rows, 1), FALSE, error);
  if (walk->model == NULL)
    return FALSE;
  walk->local = g_array_new (FALSE, FALSE, sizeof (gint32));
  walk->numbers = g_array_new (FALSE, FALSE, sizeof (gsize));
  return TRUE;
}

static void
walk_end (Walk *walk)
{
  pr_model_free (walk->model);
  if (walk->local != NULL)
    g_array_unref (walk->local);
  if (walk->numbers != NULL)
    g_array_unref (walk->numbers);
}

/* The next chunk of at least one row; FALSE at the end. */
static gboolean
walk_next (Walk *walk, PrChunk *ret_chunk)
{
  gint32 rows = 0;

  g_array_set_size (walk->local, 0);
  g_array_set_size (walk->numbers, 0);
  g_array_append_val (walk->local, rows);
  walk->start = walk->offsets != NULL && walk->n_sequences > 0 ? walk->offsets[walk->next] : 0;
  while (walk->next < walk->n_sequences)
    {
      gint32 n = walk->offsets[walk->next + 1] - walk->offsets[walk->next];

      if (rows > 0 && rows + n > FORWARD_ROWS)
        break;
      rows += n;
      if (n > 0)
        {
          g_array_append_val (walk->local, rows);
          g_array_append_val (walk->numbers, walk->next);
        }
      walk->next++;
    }
  *ret_chunk = (PrChunk){
    .tokens = walk->tokens + walk->start,
    .offsets = &g_array_index (walk->local, gint32, 0),
    .n_sequences = walk->local->len - 1,
  };
  return rows > 0;
}

gboolean
pr_lm_hidden (PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences, float *ret_hidden,
              GError **error)
{
  Walk walk;
  PrChunk chunk;
  gboolean ok = walk_start (&walk, lm, tokens, offsets, n_sequences, error);

  while (ok && walk_next (&walk, &chunk))
    pr_model_hidden (walk.model, lm->weights, &chunk, ret_hidden + walk.start * lm->config.hidden);
  walk_end (&walk);
  return ok;
}

/* Every row but the last of each sequence predicts the token after it; FROM (NULL: nothing) leaves out the first
 * ones of a sequence. */
static void
add_next_tokens (PrChunk *chunk, const Walk *walk, const gint32 *from, GArray *sources, GArray *targets)
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
  Walk walk;
  PrChunk chunk;
  gboolean ok = walk_start (&walk, lm, tokens, offsets, n_sequences, error);

  while (ok && walk_next (&walk, &chunk))
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
  walk_end (&walk);
  return ok;
}

gboolean
pr_lm_logits (PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences, float *ret_logits,
              GError **error)
{
  gint64 d = lm->config.hidden, vocab = lm->config.vocab;
  g_autofree float *hidden = g_new (float, (gsize)(FORWARD_ROWS * d));
  gint64 room = FORWARD_ROWS;
  Walk walk;
  PrChunk chunk;
  gboolean ok = walk_start (&walk, lm, tokens, offsets, n_sequences, error);

  while (ok && walk_next (&walk, &chunk))
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
  walk_end (&walk);
  return ok;
}
