#include "config.h"

#include "answer.h"

#include <pauserec/error.h>

#include <math.h>

static const TigerDropout no_dropout = { 0 };

#define INTS(array) ((const gint32 *)(gconstpointer)(array)->data)

void
tiger_answers_init (TigerAnswers *a, const TigerModel *model, const TigerExamples *examples, const PrBeamParams *search)
{
  *a = (TigerAnswers){ .model = model,
                       .examples = examples,
                       .trie = pr_trie_new_codes (examples->sids),
                       .tape = pr_tape_new (model->net),
                       .search = *search,
                       .kept = g_array_new (FALSE, FALSE, sizeof (float)),
                       .tokens = g_array_new (FALSE, FALSE, sizeof (gint32)),
                       .offsets = g_array_new (FALSE, FALSE, sizeof (gint32)),
                       .user_ends = g_array_new (FALSE, FALSE, sizeof (gint32)),
                       .last = g_array_new (FALSE, FALSE, sizeof (gint32)) };
  tiger_batch_init (&a->batch);
}

void
tiger_answers_clear (TigerAnswers *a)
{
  if (a->tape == NULL)
    return;
  g_clear_pointer (&a->trie, pr_trie_free);
  g_clear_pointer (&a->tape, pr_tape_free);
  tiger_batch_clear (&a->batch);
  g_clear_pointer (&a->kept, g_array_unref);
  g_clear_pointer (&a->tokens, g_array_unref);
  g_clear_pointer (&a->offsets, g_array_unref);
  g_clear_pointer (&a->user_ends, g_array_unref);
  g_clear_pointer (&a->last, g_array_unref);
}

/* Run the encoder over the batch and keep what the decoder will ask it for. */
static void
encode (TigerAnswers *a)
{
  const gint32 *offsets = INTS (a->batch.offsets);
  TigerMemory memory;

  pr_tape_begin (a->tape, NULL, NULL);
  tiger_remember (a->model, a->tape,
                  tiger_encode (a->model, a->tape, INTS (a->batch.tokens), offsets, a->batch.n, &no_dropout), &memory);
  g_array_set_size (a->kept, 0);
  for (gint32 i = 0; i < a->model->shape.decoder_layers; i++)
    {
      g_array_append_vals (a->kept, memory.k[i]->value, (guint)(memory.k[i]->rows * memory.k[i]->n));
      g_array_append_vals (a->kept, memory.v[i]->value, (guint)(memory.v[i]->rows * memory.v[i]->n));
    }
  a->encoder_tokens += offsets[a->batch.n];
}

static void
recall (TigerAnswers *a, TigerMemory *ret_memory)
{
  gint64 rows = INTS (a->batch.offsets)[a->batch.n], width = (gint64)a->model->shape.heads * a->model->shape.head_dim;
  const float *kept = (const float *)(gconstpointer)a->kept->data;

  for (gint32 i = 0; i < a->model->shape.decoder_layers; i++)
    {
      ret_memory->k[i] = pr_tape_input (a->tape, rows, width, kept + (2 * i) * rows * width);
      ret_memory->v[i] = pr_tape_input (a->tape, rows, width, kept + (2 * i + 1) * rows * width);
    }
}

/* The start and the codes so far of every row, which belong to users in order. */
static void
read_rows (TigerAnswers *a, const PrTrieStep *step)
{
  gint32 length = step->depth + 1, start = tiger_shape_start (&a->model->shape), row = 0, end;

  g_array_set_size (a->tokens, 0);
  g_array_set_size (a->offsets, 0);
  g_array_set_size (a->user_ends, 0);
  g_array_set_size (a->last, 0);
  for (gint32 r = 0; r <= step->n_rows; r++)
    {
      end = r * length;
      g_array_append_val (a->offsets, end);
    }
  for (gint32 r = 0; r < step->n_rows; r++)
    {
      gint32 last = r * length + step->depth;

      g_array_append_val (a->last, last);
      g_array_append_val (a->tokens, start);
      for (gint32 l = 0; l < step->depth; l++)
        {
          gint32 token = pr_sids_token_index (a->examples->sids, l, step->prefixes[r * step->depth + l]);

          g_array_append_val (a->tokens, token);
        }
    }
  for (gint32 u = 0; u <= (gint32)a->batch.n; u++)
    {
      while (row < step->n_rows && step->users[row] < u)
        row++;
      end = row * length;
      g_array_append_val (a->user_ends, end);
    }
}

/* What must be subtracted from the N logits of a level for log probabilities. */
static double
normaliser (const float *logits, gint64 n)
{
  double most = (double)logits[0], sum = 0;

  for (gint64 i = 1; i < n; i++)
    most = MAX (most, (double)logits[i]);
  for (gint64 i = 0; i < n; i++)
    sum += exp ((double)logits[i] - most);
  return most + log (sum);
}

static gboolean
score (gpointer ctx, const PrTrieStep *step, float *ret_scores, GError **error G_GNUC_UNUSED)
{
  TigerAnswers *a = ctx;
  TigerMemory memory;
  TigerDecode decode;
  PrVar *logits;

  read_rows (a, step);
  pr_tape_begin (a->tape, NULL, NULL);
  recall (a, &memory);
  decode = (TigerDecode){ .tokens = INTS (a->tokens),
                          .offsets = INTS (a->offsets),
                          .n = (gsize)step->n_rows,
                          .user_offsets = INTS (a->user_ends),
                          .memory_offsets = INTS (a->batch.offsets),
                          .n_users = a->batch.n };
  logits = tiger_logits (a->model, a->tape, tiger_decode (a->model, a->tape, &decode, &memory, &no_dropout),
                         step->depth, step->n_rows, INTS (a->last));
  for (gint32 r = 0; r < step->n_rows; r++)
    {
      const float *row = logits->value + r * logits->n;
      double sum = a->search.normalise == PR_NORMALISE_VOCAB ? normaliser (row, logits->n) : 0;

      for (gsize i = step->first[r]; i < step->first[r + 1]; i++)
        ret_scores[i] = (float)((double)row[step->codes[i]] - sum);
    }
  a->decoder_tokens += (double)step->n_rows * (step->depth + 1);
  return TRUE;
}

/* One group. */
static gboolean
answer_group (TigerAnswers *a, PrSplit split, const gint32 *users, gsize n, gint32 *ret_leaves, float *ret_scores,
              GError **error)
{
  const PrDataset *dataset = a->examples->dataset;

  tiger_batch_reset (&a->batch);
  for (gsize u = 0; u < n; u++)
    {
      gint64 length;
      const gint32 *history = pr_dataset_history (dataset, users[u], split, &length);

      tiger_batch_ask (&a->batch, a->examples, users[u], history, length);
    }
  encode (a);
  if (!pr_trie_search (a->trie, &a->search, n, score, a, ret_leaves, ret_scores, error))
    {
      g_prefix_error (error, "users %s and following: ", pr_dataset_user_id (dataset, users[0]));
      return FALSE;
    }
  for (gsize i = 0; i < n * (gsize)a->search.beams; i++)
    a->generated += ret_leaves[i] >= 0 ? a->model->shape.levels : 0;
  return TRUE;
}

gboolean
tiger_answer (TigerAnswers *a, PrSplit split, const gint32 *users, gsize n, PrTickFunc tick, gpointer tick_ctx,
              gint32 *ret_leaves, float *ret_scores, GError **error)
{
  gsize group = (gsize)a->search.users_at_once;

  for (gsize u = 0; u < n; u += group)
    if ((tick != NULL && !tick (tick_ctx, u, n, error))
        || !answer_group (a, split, users + u, MIN (group, n - u), ret_leaves + u * (gsize)a->search.beams,
                          ret_scores + u * (gsize)a->search.beams, error))
      return FALSE;
  return TRUE;
}

void
tiger_answers_take_costs (TigerAnswers *a, double *costs)
{
  costs[PR_COST_INFER_TOKENS] += a->encoder_tokens + a->decoder_tokens;
  costs[PR_COST_GENERATED_TOKENS] += a->generated;
  costs[PR_COST_FLOPS] += pr_tape_flops (a->tape) - a->flops_taken;
  a->encoder_tokens = a->decoder_tokens = a->generated = 0;
  a->flops_taken = pr_tape_flops (a->tape);
}

double
tiger_answers_bytes (const TigerShape *shape, const PrBeamParams *search, double history_tokens)
{
  double users = (double)search->users_at_once, rows = users * (double)search->beams * shape->levels;
  double kept = users * history_tokens * shape->decoder_layers * 2.0 * shape->heads * shape->head_dim * sizeof (float);

  /* The encoder's values are gone when the decoder starts, and there are no gradients. */
  return 2 * kept
         + MAX (tiger_shape_bytes (shape, users * history_tokens, 0, 0), tiger_shape_bytes (shape, 0, rows, 0)) / 2;
}
