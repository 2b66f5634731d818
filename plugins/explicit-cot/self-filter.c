#include "config.h"

#include "self-filter.h"

#define USERS_AT_ONCE 16
#define PROMPTS_A_CALL 512 /* held at once */

/* Examples under test. */
typedef struct
{
  GArray *indices;          /* guint64: also the ids of their draws */
  GArray *tokens, *offsets; /* gint32: prompts */
} Batch;

static void
add_example (const SelfFilter *f, gsize index, Batch *batch)
{
  gint32 user, position, end;
  guint64 id = index;
  gint64 n;

  pr_sft_place (f->sft, index, &user, &position);
  pr_prompter_prompt (f->prompter, pr_dataset_sequence (f->dataset, user, &n), position, batch->tokens);
  end = (gint32)batch->tokens->len;
  g_array_append_val (batch->offsets, end);
  g_array_append_val (batch->indices, id);
}

static gboolean
is_found (const SelfFilter *f, gsize index, const gint32 *leaves, gint64 n_leaves)
{
  gint32 user, position;
  gint64 n;

  pr_sft_place (f->sft, index, &user, &position);
  gint32 target = pr_dataset_sequence (f->dataset, user, &n)[position];

  for (gint64 k = 0; k < n_leaves && leaves[k] >= 0; k++)
    {
      gsize n_items;
      const gint32 *items = pr_trie_leaf_items (f->trie, leaves[k], &n_items);

      for (gsize i = 0; i < n_items; i++)
        if (items[i] == target)
          return TRUE;
    }
  return FALSE;
}

static gboolean
test_batch (SelfFilter *f, PrLm *lm, guint epoch, Batch *batch, PrAnswerStats *stats, GError **error)
{
  const PrBeamParams beam = { f->beams, PR_NORMALISE_TRIE, USERS_AT_ONCE };
  gint64 keep = f->beams * f->think.thoughts;
  gsize n = batch->indices->len;
  g_autofree gint32 *leaves = g_new (gint32, n * (gsize)keep + 1);
  g_autofree float *scores = g_new (float, n *(gsize)keep + 1);

  if (!pr_answer (lm, f->prompter, f->trie, &beam, &f->think,
                  pr_rng_u64 (pr_rng_new (f->seed, "self-filter"), epoch, 0),
                  (const gint32 *)(void *)batch->tokens->data, (const gint32 *)(void *)batch->offsets->data, n,
                  (const guint64 *)(void *)batch->indices->data, keep, leaves, scores, stats, NULL, error))
    return FALSE;
  for (gsize i = 0; i < n; i++)
    {
      gsize index = (gsize)g_array_index (batch->indices, guint64, i);

      f->thoughts->emptied[index] = !is_found (f, index, leaves + (gint64)i * keep, keep);
    }
  g_array_set_size (batch->indices, 0);
  g_array_set_size (batch->tokens, 0);
  g_array_set_size (batch->offsets, 1);
  return TRUE;
}

static void
report (const SelfFilter *f, const PrAnswerStats *stats, PrTrainLog *log)
{
  double costs[PR_N_COSTS] = { 0 }, emptied = 0;

  for (gsize i = 0; i < f->thoughts->n; i++)
    emptied += f->thoughts->emptied[i];
  pr_train_log_point (log, FILTER_EMPTIED, emptied / (double)f->thoughts->n);
  pr_train_log_point (log, FILTER_MALFORMED,
                      (double)(stats->unclosed + stats->foreign) / (double)MAX (stats->thoughts, 1));
  pr_answer_costs (stats, costs);
  for (int cost = 0; cost < PR_N_COSTS; cost++)
    pr_train_log_cost (log, (PrCost)cost, costs[cost]);
}

gboolean
self_filter_run (SelfFilter *f, PrLm *lm, guint epoch, PrTrainLog *log, GError **error)
{
  g_autoptr (GArray) indices = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autoptr (GArray) offsets = g_array_new (FALSE, TRUE, sizeof (gint32));
  Batch batch = { indices, tokens, offsets };
  PrAnswerStats stats = { .thoughts = 0 };

  g_array_set_size (offsets, 1);
  for (gsize i = 0; i < f->thoughts->n; i++)
    {
      if (!f->thoughts->emptied[i])
        add_example (f, i, &batch);
      if (indices->len < PROMPTS_A_CALL && i + 1 < f->thoughts->n)
        continue;
      if (!pr_train_log_tick (log, error) || (indices->len > 0 && !test_batch (f, lm, epoch, &batch, &stats, error)))
        return FALSE;
    }
  report (f, &stats, log);
  return TRUE;
}
