/* rank.c - the whole catalogue in order, for some users after the others. */
#include "config.h"

#include <pauserec/error.h>
#include <pauserec/threads.h>

#include "seqrec/seqrec-private.h"

#include <math.h>

/* Users whose scores are held at once: some megabytes at the catalogues of the papers. */
#define USERS_AT_ONCE 128
#define TOP 10

void
pr_seq_scorer_next (PrSeqScorer *scorer, const gint32 *users, gsize n, PrSplit split, gsize *at,
                    const float **ret_scores)
{
  g_autofree gint32 *last = NULL;
  gsize from = *at;
  PrTape *tape = scorer->tape;
  const PrSeqModel *model = scorer->model;
  PrSeqBatch batch;
  PrVar *states, *scores;

  pr_seq_rows_clear (scorer->rows);
  while (*at < n && *at - from < USERS_AT_ONCE && (*at == from || pr_seq_rows_n (scorer->rows) < scorer->chunk_tokens))
    {
      gint64 all, seen;
      const gint32 *items = pr_dataset_history (scorer->dataset, users[*at], split, &all);

      seen = MIN (all, scorer->params->length);
      pr_seq_rows_add (scorer->rows, users[*at], items + all - seen, seen, scorer->params->length);
      (*at)++;
    }
  batch = pr_seq_rows_batch (scorer->rows);
  scorer->n_tokens += (guint64)batch.rows;
  last = g_new (gint32, batch.n_sequences);
  for (gsize i = 0; i < batch.n_sequences; i++)
    last[i] = batch.offsets[i + 1] - 1;
  pr_tape_begin (tape, NULL, NULL);
  states = pr_tape_gather (tape, model->forward (model->ctx, tape, &batch), (gint64)batch.n_sequences, last);
  scores = pr_tape_linear (tape, states, pr_tape_param (tape, model->table),
                           model->bias >= 0 ? pr_tape_param (tape, model->bias) : NULL);
  *ret_scores = scores->value;
}

static gboolean
is_excluded (const PrSeqScorer *scorer, gint64 user, PrSplit split, gint32 item)
{
  gint64 n;
  const gint32 *items = pr_dataset_history (scorer->dataset, user, split, &n);

  for (gint64 i = 0; scorer->params->list.exclude_seen && i < n; i++)
    if (items[i] == item)
      return TRUE;
  return FALSE;
}

/* Of the second-last purchase; 0 if it is not among the first ten. */
static double
ndcg_of (const PrSeqScorer *scorer, gint64 user, const float *scores)
{
  gint64 n_items = pr_dataset_n_items (scorer->dataset);
  gint32 target = pr_dataset_target (scorer->dataset, user, PR_SPLIT_VALID);
  int rank = 0;

  if (is_excluded (scorer, user, PR_SPLIT_VALID, target) || isnan (scores[target]))
    return 0;
  for (gint32 i = 0; i < n_items && rank < TOP; i++)
    if ((scores[i] > scores[target] || (scores[i] == scores[target] && i < target))
        && !is_excluded (scorer, user, PR_SPLIT_VALID, i))
      rank++;
  return rank < TOP ? 1 / log2 (rank + 2) : 0;
}

gboolean
pr_seq_valid_ndcg (PrSeqScorer *scorer, const gint32 *users, gsize n, PrTrainLog *log, double *ret_ndcg, GError **error)
{
  gint64 n_items = pr_dataset_n_items (scorer->dataset);
  double before = pr_tape_flops (scorer->tape), sum = 0;

  scorer->n_tokens = 0;
  for (gsize at = 0; at < n;)
    {
      gsize from = at;
      const float *scores;

      if (!pr_train_log_tick (log, error))
        return FALSE;
      pr_seq_scorer_next (scorer, users, n, PR_SPLIT_VALID, &at, &scores);
      for (gsize i = from; i < at; i++)
        sum += ndcg_of (scorer, users[i], scores + (gint64)(i - from) * n_items);
    }
  pr_train_log_cost (log, PR_COST_INFER_TOKENS, (double)scorer->n_tokens);
  pr_train_log_cost (log, PR_COST_FLOPS, pr_tape_flops (scorer->tape) - before);
  *ret_ndcg = sum / (double)n;
  return TRUE;
}

typedef struct
{
  const PrSeqScorer *scorer;
  PrRanking *ranking;
  const gint32 *users; /* of the group */
  const float *scores;
  guint8 bad[USERS_AT_ONCE]; /* has a score that is not a number */
} Fill;

static void
fill_user (gpointer ctx, gsize tile, guint worker G_GNUC_UNUSED)
{
  Fill *fill = ctx;
  gint64 n_items = pr_dataset_n_items (fill->scorer->dataset), n_seen;
  gint32 user = fill->users[tile];
  const float *scores = fill->scores + (gint64)tile * n_items;
  const gint32 *seen = pr_dataset_history (fill->scorer->dataset, user, fill->ranking->split, &n_seen);

  for (gint64 i = 0; i < n_items; i++)
    if (isnan (scores[i]))
      {
        fill->bad[tile] = 1;
        return;
      }
  pr_ranking_fill (fill->ranking, user, n_items, scores, NULL, seen, fill->scorer->params->list.exclude_seen ? n_seen : 0);
}

static gboolean
refuse_scores (const PrSeqScorer *scorer, gint32 user, GError **error)
{
  g_set_error (error, PR_ERROR, PR_ERROR_NUMERIC,
               "the scores of user %s are not all numbers; lower lr, raise warmup or set clip",
               pr_dataset_user_id (scorer->dataset, user));
  return FALSE;
}

gboolean
pr_seq_rank (PrSeqScorer *scorer, PrRun *run, PrRanking *ranking, GError **error)
{
  g_autoptr (GArray) users = g_array_new (FALSE, FALSE, sizeof (gint32));
  Fill fill = { .scorer = scorer, .ranking = ranking };
  double before = pr_tape_flops (scorer->tape);
  gint64 start = g_get_monotonic_time ();

  for (gint32 user = 0; user < ranking->n_users; user++)
    {
      gint64 n;

      pr_dataset_history (scorer->dataset, user, ranking->split, &n);
      if (n > 0)
        g_array_append_val (users, user);
    }
  scorer->n_tokens = 0;
  for (gsize at = 0; at < users->len;)
    {
      gsize from = at;

      fill.users = &g_array_index (users, gint32, from);
      pr_seq_scorer_next (scorer, &g_array_index (users, gint32, 0), users->len, ranking->split, &at, &fill.scores);
      pr_parallel (at - from, fill_user, &fill);
      for (gsize i = from; i < at; i++)
        if (fill.bad[i - from])
          return refuse_scores (scorer, g_array_index (users, gint32, i), error);
      if (!pr_run_step (run, at, users->len, error))
        return FALSE;
    }
  pr_run_add_cost (run, PR_COST_INFER_TOKENS, (double)scorer->n_tokens);
  pr_run_add_cost (run, PR_COST_FLOPS, pr_tape_flops (scorer->tape) - before);
  pr_run_add_cost (run, PR_COST_INFER_USERS, users->len);
  pr_run_add_cost (run, PR_COST_INFER_SECONDS, (double)(g_get_monotonic_time () - start) / G_USEC_PER_SEC);
  return TRUE;
}
