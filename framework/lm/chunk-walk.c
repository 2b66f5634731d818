#include "config.h"

#include "lm/chunk-walk.h"

#include <pauserec/error.h>

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
    if (tokens[i] == PR_TOKEN_LATENT)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                     "position %" G_GINT64_FORMAT " is a latent step, which only training, validation and beam search "
                     "understand",
                     i);
        return FALSE;
      }
    else if (tokens[i] < 0 || tokens[i] >= lm->config.vocab)
      {
        g_set_error (error, PR_ERROR, PR_ERROR_DATA,
                     "token %d at position %" G_GINT64_FORMAT " is outside the vocabulary of %d", tokens[i], i,
                     lm->config.vocab);
        return FALSE;
      }
  *ret_max_rows = MAX (longest, n_sequences > 0 ? MIN ((gint64)offsets[n_sequences], PR_CHUNK_WALK_ROWS) : 0);
  return TRUE;
}

gboolean
pr_chunk_walk_init (PrChunkWalk *walk, const PrLm *lm, const gint32 *tokens, const gint32 *offsets, gsize n_sequences,
                    GError **error)
{
  gint64 max_rows;

  *walk = (PrChunkWalk){ .tokens = tokens, .offsets = offsets, .n_sequences = n_sequences };
  if (!check_sequences (lm, tokens, offsets, n_sequences, &max_rows, error))
    return FALSE;
  walk->model = pr_model_new (&lm->config, MAX (max_rows, 1), FALSE, error);
  if (walk->model == NULL)
    return FALSE;
  walk->local = g_array_new (FALSE, FALSE, sizeof (gint32));
  walk->numbers = g_array_new (FALSE, FALSE, sizeof (gsize));
  return TRUE;
}

void
pr_chunk_walk_clear (PrChunkWalk *walk)
{
  pr_model_free (walk->model);
  if (walk->local != NULL)
    g_array_unref (walk->local);
  if (walk->numbers != NULL)
    g_array_unref (walk->numbers);
}

gboolean
pr_chunk_walk_next (PrChunkWalk *walk, PrChunk *ret_chunk)
{
  gint32 rows = 0;

  g_array_set_size (walk->local, 0);
  g_array_set_size (walk->numbers, 0);
  g_array_append_val (walk->local, rows);
  walk->start = walk->offsets != NULL && walk->n_sequences > 0 ? walk->offsets[walk->next] : 0;
  while (walk->next < walk->n_sequences)
    {
      gint32 n = walk->offsets[walk->next + 1] - walk->offsets[walk->next];

      if (rows > 0 && rows + n > PR_CHUNK_WALK_ROWS)
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
