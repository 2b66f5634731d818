#include "config.h"

#include <pauserec/error.h>

#include "lm/trainer.h"

#define AT(array, i) g_array_index (array, gint32, i)
#define WEIGHT(array, i) g_array_index (array, float, i)

void
pr_example_clear (PrExample *example)
{
  g_array_set_size (example->tokens, 0);
  g_array_set_size (example->loss, 0);
}

void
pr_example_add (PrExample *example, gint32 token, float loss)
{
  g_array_append_val (example->tokens, token);
  g_array_append_val (example->loss, loss);
}

void
pr_example_mark (PrExample *example, float loss)
{
  while (example->loss->len < example->tokens->len)
    g_array_append_val (example->loss, loss);
}

void
pr_example_add_text (PrExample *example, const PrTokenizer *tokenizer, const char *text, float loss)
{
  pr_tokenizer_encode (tokenizer, text, -1, example->tokens);
  pr_example_mark (example, loss);
}

static GArray *
ints_new (void)
{
  return g_array_new (FALSE, FALSE, sizeof (gint32));
}

PrBatch *
pr_batch_new (void)
{
  PrBatch *batch = g_new0 (PrBatch, 1);

  batch->tokens = ints_new ();
  batch->offsets = ints_new ();
  batch->sources = ints_new ();
  batch->targets = ints_new ();
  batch->weights = g_array_new (FALSE, FALSE, sizeof (float));
  batch->ends = g_array_new (FALSE, FALSE, sizeof (guint));
  batch->chunk_offsets = ints_new ();
  batch->chunk_sources = ints_new ();
  batch->example.tokens = ints_new ();
  batch->example.loss = g_array_new (FALSE, FALSE, sizeof (float));
  pr_batch_clear (batch);
  return batch;
}

void
pr_batch_free (PrBatch *batch)
{
  if (batch == NULL)
    return;
  g_array_unref (batch->tokens);
  g_array_unref (batch->offsets);
  g_array_unref (batch->sources);
  g_array_unref (batch->targets);
  g_array_unref (batch->weights);
  g_array_unref (batch->ends);
  g_array_unref (batch->chunk_offsets);
  g_array_unref (batch->chunk_sources);
  g_array_unref (batch->example.tokens);
  g_array_unref (batch->example.loss);
  g_free (batch);
}

void
pr_batch_clear (PrBatch *batch)
{
  gint32 zero = 0;

  g_array_set_size (batch->tokens, 0);
  g_array_set_size (batch->offsets, 0);
  g_array_set_size (batch->sources, 0);
  g_array_set_size (batch->targets, 0);
  g_array_set_size (batch->weights, 0);
  g_array_set_size (batch->ends, 0);
  g_array_append_val (batch->offsets, zero);
  batch->weight_sum = 0;
  batch->weighted = FALSE;
  batch->n_empty = 0;
  batch->next = 0;
}

gint64
pr_batch_rows (const PrBatch *batch)
{
  return batch->tokens->len;
}

static gboolean G_GNUC_PRINTF (4, 5) example_error (GError **error, guint epoch, gsize index, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, PR_ERROR, PR_ERROR_DATA, "example %" G_GSIZE_FORMAT " of epoch %u %s", index, epoch, text);
  return FALSE;
}

static gboolean
check_example (const PrExample *example, const PrLmConfig *config, guint epoch, gsize index, GError **error)
{
  if (example->loss->len != example->tokens->len)
    return example_error (error, epoch, index, "has %u tokens, but %u loss flags", example->tokens->len,
                          example->loss->len);
  if (example->tokens->len > (guint)config->max_positions)
    return example_error (error, epoch, index,
                          "has %u tokens, the model has %d positions; shorten the example or raise max_positions",
                          example->tokens->len, config->max_positions);
  for (guint i = 0; i < example->tokens->len; i++)
    if (AT (example->tokens, i) == PR_TOKEN_LATENT)
      {
        if (i == 0 || g_array_index (example->loss, float, i) != 0)
          return example_error (error, epoch, index,
                                "has a latent position at %u, %s; it must follow another and carry no loss", i,
                                i == 0 ? "where there is no state to read" : "as a target");
      }
    else if (AT (example->tokens, i) < 0 || AT (example->tokens, i) >= config->vocab)
      return example_error (error, epoch, index, "has token id %d at position %u, outside the vocabulary of %d",
                            AT (example->tokens, i), i, config->vocab);
  for (guint i = 0; i < example->loss->len; i++)
    if (!(WEIGHT (example->loss, i) >= 0 && WEIGHT (example->loss, i) <= G_MAXFLOAT))
      return example_error (error, epoch, index, "has loss weight %g at position %u; weights are 0 or more",
                            (double)WEIGHT (example->loss, i), i);
  return TRUE;
}

gboolean
pr_batch_add (PrBatch *batch, const PrLmConfig *config, PrExampleFunc build, gpointer ctx, guint epoch, gsize index,
              GError **error)
{
  PrExample *example = &batch->example;
  gint32 start = (gint32)batch->tokens->len, end;
  guint last = 0;

  pr_example_clear (example);
  if (!build (ctx, epoch, index, example, error) || !check_example (example, config, epoch, index, error))
    return FALSE;
  for (guint i = 1; i < example->tokens->len; i++)
    if (WEIGHT (example->loss, i) != 0)
      last = i;
  if (last == 0)
    {
      batch->n_empty++;
      return TRUE;
    }
  if (last > (guint)(G_MAXINT32 - start))
    return example_error (error, epoch, index, "does not fit: the batch has more than %d tokens; lower batch_size",
                          G_MAXINT32);
  /* The last target is only predicted, never read. */
  g_array_append_vals (batch->tokens, example->tokens->data, last);
  for (guint i = 1; i <= last; i++)
    if (WEIGHT (example->loss, i) != 0)
      {
        gint32 source = start + (gint32)i - 1;

        g_array_append_val (batch->sources, source);
        g_array_append_val (batch->targets, AT (example->tokens, i));
        g_array_append_val (batch->weights, WEIGHT (example->loss, i));
        batch->weight_sum += (double)WEIGHT (example->loss, i);
        batch->weighted |= WEIGHT (example->loss, i) != 1;
      }
  end = (gint32)batch->tokens->len;
  g_array_append_val (batch->offsets, end);
  g_array_append_val (batch->ends, batch->targets->len);
  return TRUE;
}

gboolean
pr_batch_next_chunk (PrBatch *batch, gint64 chunk_tokens, PrChunk *ret_chunk, gint64 *ret_first_row)
{
  guint first = batch->next, n = batch->ends->len;
  guint target = first > 0 ? g_array_index (batch->ends, guint, first - 1) : 0;
  gint32 start, zero = 0;

  if (first >= n)
    return FALSE;
  start = AT (batch->offsets, first);
  g_array_set_size (batch->chunk_offsets, 0);
  g_array_set_size (batch->chunk_sources, 0);
  g_array_append_val (batch->chunk_offsets, zero);
  while (batch->next < n
         && (batch->next == first || (gint64)AT (batch->offsets, batch->next + 1) - start <= chunk_tokens))
    {
      gint32 end = AT (batch->offsets, batch->next + 1) - start;

      g_array_append_val (batch->chunk_offsets, end);
      batch->next++;
    }
  for (guint t = target; t < g_array_index (batch->ends, guint, batch->next - 1); t++)
    {
      gint32 source = AT (batch->sources, t) - start;

      g_array_append_val (batch->chunk_sources, source);
    }
  *ret_chunk = (PrChunk){
    .tokens = &AT (batch->tokens, start),
    .offsets = &AT (batch->chunk_offsets, 0),
    .n_sequences = batch->chunk_offsets->len - 1,
    .sources = &AT (batch->chunk_sources, 0),
    .targets = &AT (batch->targets, target),
    .n_targets = batch->chunk_sources->len,
    .loss_weights = batch->weighted ? &WEIGHT (batch->weights, target) : NULL,
    .first_target = target,
  };
  *ret_first_row = start;
  return TRUE;
}

double
pr_batch_flops (const PrBatch *batch, const PrLmConfig *config, int passes)
{
  double flops = passes * 2.0 * config->hidden * config->vocab * batch->targets->len;

  for (guint i = 0; i < batch->ends->len; i++)
    {
      double rows = AT (batch->offsets, i + 1) - AT (batch->offsets, i), layers = passes;

      /* One forward pass more for each latent position, and one of the gradients of activations. */
      for (gint32 row = AT (batch->offsets, i); row < AT (batch->offsets, i + 1); row++)
        if (AT (batch->tokens, row) == PR_TOKEN_LATENT)
          layers += MIN (passes, 2);
      /* Row r attends to r + 1 rows: (rows + 1) / 2 on average. */
      flops += layers * rows * pr_lm_config_token_flops (config, (rows + 1) / 2);
    }
  return flops;
}
