#include "config.h"

#include "examples.h"

#include <pauserec/error.h>

const char *const tiger_targets_names[] = { "last", "all-prefixes", "sub-sequences", NULL };

gint64
tiger_history_tokens (const TigerShape *shape, const TigerExamplesParams *params, gint64 n)
{
  return (shape->user_tokens > 0) + MIN (n, params->history) * (shape->levels + params->separator);
}

gboolean
tiger_examples_init (TigerExamples *e, const TigerShape *shape, const TigerExamplesParams *params,
                     const PrDataset *dataset, const PrSids *sids, guint64 seed, GError **error)
{
  gint64 n_users = pr_dataset_n_users (dataset);

  *e = (TigerExamples){ .shape = *shape,
                        .params = *params,
                        .dataset = dataset,
                        .sids = sids,
                        .rng = pr_rng_new (seed, "tiger/sub-sequences"),
                        .users = g_array_new (FALSE, FALSE, sizeof (gint32)),
                        .positions = g_array_new (FALSE, FALSE, sizeof (gint32)) };
  for (gint32 user = 0; user < n_users; user++)
    {
      gint64 n;

      pr_dataset_train_sequence (dataset, user, &n);
      for (gint32 at = (gint32)(params->targets == TIGER_TARGETS_LAST ? MAX (n - 1, 1) : 1); at < n; at++)
        {
          g_array_append_val (e->users, user);
          g_array_append_val (e->positions, at);
        }
    }
  if (e->users->len > 0)
    return TRUE;
  g_set_error (error, PR_ERROR, PR_ERROR_DATA,
               "no user of the data set has two training purchases (four in all): there is nothing to learn from");
  return FALSE;
}

void
tiger_examples_clear (TigerExamples *e)
{
  g_clear_pointer (&e->users, g_array_unref);
  g_clear_pointer (&e->positions, g_array_unref);
}

void
tiger_batch_init (TigerBatch *batch)
{
  *batch = (TigerBatch){ 0 };
  batch->tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  batch->offsets = g_array_new (FALSE, FALSE, sizeof (gint32));
  batch->decoder = g_array_new (FALSE, FALSE, sizeof (gint32));
  batch->targets = g_array_new (FALSE, FALSE, sizeof (gint32));
  tiger_batch_reset (batch);
}

void
tiger_batch_clear (TigerBatch *batch)
{
  g_clear_pointer (&batch->tokens, g_array_unref);
  g_clear_pointer (&batch->offsets, g_array_unref);
  g_clear_pointer (&batch->decoder, g_array_unref);
  g_clear_pointer (&batch->targets, g_array_unref);
}

void
tiger_batch_reset (TigerBatch *batch)
{
  gint32 zero = 0;

  batch->n = 0;
  g_array_set_size (batch->tokens, 0);
  g_array_set_size (batch->offsets, 0);
  g_array_set_size (batch->decoder, 0);
  g_array_set_size (batch->targets, 0);
  g_array_append_val (batch->offsets, zero);
}

/* The token of a user: FNV-1a of the id, so that it does not depend on who else is in the data set. */
static gint32
user_token (const TigerExamples *e, gint64 user)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);

  for (const char *c = pr_dataset_user_id (e->dataset, user); *c != '\0'; c++)
    hash = (hash ^ (guint8)*c) * G_GUINT64_CONSTANT (0x100000001b3);
  return tiger_shape_user (&e->shape, (gint32)(hash % (guint64)e->shape.user_tokens));
}

static void
append_item (const TigerExamples *e, gint32 item, GArray *tokens)
{
  const gint32 *codes = pr_sids_item (e->sids, item);

  for (gint32 l = 0; l < e->shape.levels; l++)
    {
      gint32 token = pr_sids_token_index (e->sids, l, codes[l]);

      g_array_append_val (tokens, token);
    }
}

void
tiger_batch_ask (TigerBatch *batch, const TigerExamples *e, gint64 user, const gint32 *history, gint64 n)
{
  gint32 end, separator = tiger_shape_separator (&e->shape);

  if (e->shape.user_tokens > 0)
    {
      gint32 token = user_token (e, user);

      g_array_append_val (batch->tokens, token);
    }
  for (gint64 i = MAX (n - e->params.history, 0); i < n; i++)
    {
      append_item (e, history[i], batch->tokens);
      if (e->params.separator)
        g_array_append_val (batch->tokens, separator);
    }
  end = (gint32)batch->tokens->len;
  g_array_append_val (batch->offsets, end);
  batch->n++;
}

void
tiger_batch_add (TigerBatch *batch, const TigerExamples *e, gint64 user, const gint32 *history, gint64 n, gint32 target)
{
  gint32 start = tiger_shape_start (&e->shape);
  const gint32 *tokens;

  tiger_batch_ask (batch, e, user, history, n);
  append_item (e, target, batch->targets);
  tokens = (const gint32 *)(gpointer)batch->targets->data + batch->targets->len - e->shape.levels;
  g_array_append_val (batch->decoder, start);
  g_array_append_vals (batch->decoder, tokens, (guint)e->shape.levels - 1);
}

void
tiger_batch_add_example (TigerBatch *batch, const TigerExamples *e, guint epoch, gsize index)
{
  gint32 user = g_array_index (e->users, gint32, index), at = g_array_index (e->positions, gint32, index);
  gint64 n, first = 0;
  const gint32 *items = pr_dataset_train_sequence (e->dataset, user, &n);

  if (e->params.targets == TIGER_TARGETS_SUB_SEQUENCES)
    {
      gint64 most = MIN (at, e->params.history);

      first = at - 1 - (gint64)pr_rng_below (e->rng, epoch, index, (guint64)most);
    }
  tiger_batch_add (batch, e, user, items + first, at - first, items[at]);
}
