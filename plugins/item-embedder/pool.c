#include "config.h"

#include "pool.h"

typedef struct
{
  GArray *tokens;  /* gint32 of the batch */
  GArray *offsets; /* gint32 [items in the batch + 1] */
  gint64 first;    /* item that the batch begins with */
  float *hidden;   /* [room, hidden] */
  gint64 room;
} Batch;

static gboolean
pool_batch (PrLm *lm, Batch *batch, PrMatrix *out, GError **error)
{
  const gint32 *offsets = (const gint32 *)(void *)batch->offsets->data;
  gint64 width = out->columns, n = (gint64)batch->offsets->len - 1;

  if (batch->tokens->len > 0)
    {
      if (batch->room < batch->tokens->len)
        {
          batch->room = batch->tokens->len;
          g_free (batch->hidden);
          batch->hidden = g_new (float, batch->room *width);
        }
      if (!pr_lm_hidden (lm, (const gint32 *)(void *)batch->tokens->data, offsets, (gsize)n, batch->hidden, error))
        return FALSE;
    }
  for (gint64 i = 0; i < n; i++)
    {
      float *row = out->data + (batch->first + i) * width;

      for (gint32 t = offsets[i]; t < offsets[i + 1]; t++)
        for (gint64 j = 0; j < width; j++)
          row[j] += batch->hidden[t * width + j] / (float)(offsets[i + 1] - offsets[i]);
    }
  batch->first += n;
  g_array_set_size (batch->tokens, 0);
  g_array_set_size (batch->offsets, 1);
  return TRUE;
}

static void
add_item (PrLm *lm, const PrItem *item, gint64 max_tokens, Batch *batch)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint start = batch->tokens->len;
  gint32 end;

  pr_item_append_text (item, text);
  pr_tokenizer_encode (pr_lm_tokenizer (lm), text->str, (gssize)text->len, batch->tokens);
  if (batch->tokens->len - start > (guint64)max_tokens)
    g_array_set_size (batch->tokens, start + (guint)max_tokens);
  end = (gint32)batch->tokens->len;
  g_array_append_val (batch->offsets, end);
}

/* Of the forward pass of BATCH. */
static void
add_costs (PrRun *run, PrLm *lm, const Batch *batch)
{
  double flops = 0;

  for (guint i = 1; i < batch->offsets->len; i++)
    {
      double n = g_array_index (batch->offsets, gint32, i) - g_array_index (batch->offsets, gint32, i - 1);

      /* A token attends to itself and those before it: (n + 1) / 2 on average. */
      flops += n * pr_lm_config_token_flops (pr_lm_config (lm), (n + 1) / 2);
    }
  pr_run_add_cost (run, PR_COST_INFER_TOKENS, batch->tokens->len);
  pr_run_add_cost (run, PR_COST_FLOPS, flops);
}

PrMatrix *
pool_items (PrLm *lm, const PrDataset *dataset, gint64 max_tokens, gint64 batch_tokens, PrRun *run, GError **error)
{
  gint64 n = pr_dataset_n_items (dataset), done = 0, limit = MIN (max_tokens, pr_lm_config (lm)->max_positions);
  g_autoptr (PrMatrix) out = pr_matrix_new (n, pr_lm_config (lm)->hidden, error);
  Batch batch = { g_array_new (FALSE, FALSE, sizeof (gint32)), g_array_new (FALSE, TRUE, sizeof (gint32)), 0, NULL, 0 };
  gboolean ok = out != NULL;

  g_array_set_size (batch.offsets, 1);
  while (ok && done < n)
    {
      add_item (lm, pr_dataset_item (dataset, done++), limit, &batch);
      if (batch.tokens->len < batch_tokens && done < n)
        continue;
      add_costs (run, lm, &batch);
      ok = pool_batch (lm, &batch, out, error) && pr_run_step (run, (guint64)done, (guint64)n, error);
    }
  g_array_unref (batch.tokens);
  g_array_unref (batch.offsets);
  g_free (batch.hidden);
  return ok ? g_steal_pointer (&out) : NULL;
}
