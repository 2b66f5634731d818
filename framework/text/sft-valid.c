/* sft-valid.c - how good are the answers?  Beam search for the validation targets of the sampled users. */
#include "config.h"

#include "text/sft-private.h"

#include <math.h>

/* Users whose prompts are held at once: memory stays small whatever the sample. */
#define USERS_AT_ONCE 16
#define USERS_A_CALL (16 * USERS_AT_ONCE)
#define TOP 10

static double
ndcg_of (const gint32 *items, gint32 target)
{
  for (int rank = 0; rank < TOP; rank++)
    if (items[rank] == target)
      return 1 / log2 (rank + 2);
  return 0;
}

/* Sum of NDCG@10 over the sampled users [from, to). */
static gboolean
score_users (PrSft *sft, PrLm *lm, gsize from, gsize to, PrAnswerStats *stats, double *sum, GError **error)
{
  const PrBeamParams beam = { .beams = sft->params.valid_beams,
                              .normalise = PR_NORMALISE_TRIE,
                              .users_at_once = USERS_AT_ONCE };
  g_autoptr (GArray) tokens = g_array_new (FALSE, FALSE, sizeof (gint32));
  g_autofree gint32 *offsets = g_new0 (gint32, to - from + 1),
                    *leaves = g_new (gint32, (to - from) * (gsize)beam.beams);
  g_autofree float *scores = g_new (float, (to - from) * (gsize)beam.beams);

  for (gsize i = from; i < to; i++)
    {
      gint64 n;
      const gint32 *history =
          pr_dataset_history (sft->dataset, g_array_index (sft->valid, gint32, i), PR_SPLIT_VALID, &n);

      pr_prompter_prompt (sft->prompter, history, n, tokens);
      offsets[i - from + 1] = (gint32)tokens->len;
    }
  if (!pr_answer (lm, sft->prompter, sft->trie, &beam, &sft->think, 0, (const gint32 *)(void *)tokens->data, offsets,
                  to - from, NULL, beam.beams, leaves, scores, stats, NULL, error))
    return FALSE;
  for (gsize i = from; i < to; i++)
    {
      gint32 user = g_array_index (sft->valid, gint32, i), items[TOP];
      gsize row = (i - from) * (gsize)beam.beams;
      float best[TOP];

      pr_beams_to_items (sft->trie, leaves + row, scores + row, beam.beams, NULL, TOP, items, best);
      *sum += ndcg_of (items, pr_dataset_target (sft->dataset, user, PR_SPLIT_VALID));
    }
  return TRUE;
}

gboolean
pr_sft_valid_ndcg (gpointer ctx, PrLm *lm, PrTrainLog *log, double *ret_score, GError **error)
{
  PrSft *sft = ctx;
  PrAnswerStats stats = { .thoughts = 0 };
  double costs[PR_N_COSTS] = { 0 }, sum = 0;

  if (sft->trie == NULL)
    sft->trie = pr_trie_new (sft->sids, sft->prompter);
  for (gsize from = 0; from < sft->valid->len; from += USERS_A_CALL)
    if ((log != NULL && !pr_train_log_tick (log, error))
        || !score_users (sft, lm, from, MIN (from + USERS_A_CALL, sft->valid->len), &stats, &sum, error))
      return FALSE;
  pr_answer_costs (&stats, costs);
  for (int cost = 0; log != NULL && cost < PR_N_COSTS; cost++)
    pr_train_log_cost (log, (PrCost)cost, costs[cost]);
  *ret_score = sft->valid->len > 0 ? sum / sft->valid->len : 0;
  return TRUE;
}
