/* train.c - a model over item numbers for the training loop of fit.h, and the stage around it. */
#include "config.h"

#include <pauserec/rng.h>

#include "seqrec/seqrec-private.h"

typedef struct
{
  const PrDataset *dataset;
  const PrSeqModel *model;
  const PrSeqParams *params;
  const PrTrainParams *train;
  guint64 seed;
  GArray *users, *valid; /* gint32: of the examples, of the validation */
  PrTape *tape;
  PrSeqRows *rows;
  PrSeqScorer scorer;
} Job;

/* Targets of an update. */
static gint64
count_targets (const Job *job, const PrFitStep *step)
{
  gint64 n = 0;

  for (gsize i = 0; i < step->n_picked; i++)
    {
      gint64 m;

      pr_dataset_train_sequence (job->dataset, g_array_index (job->users, gint32, step->picked[i]), &m);
      n += job->params->targets == PR_SEQ_TARGETS_ALL ? MIN (job->params->length, m - 1) : 1;
    }
  return n;
}

/* One chunk: users from *AT on, to about chunk_tokens places. */
static double
run_chunk (Job *job, const PrFitStep *step, PrSeqBatch *chunk, gsize *at, float *grads)
{
  const PrSeqModel *model = job->model;
  const PrDropout dropout = { .rng = pr_rng_new (job->seed, "dropout"), .step = step->step };
  guint64 first_row = chunk->first_row;
  float scale = chunk->scale;
  PrVar *states;
  double loss;

  pr_seq_rows_clear (job->rows);
  while (*at < step->n_picked && pr_seq_rows_n (job->rows) < job->train->chunk_tokens)
    pr_seq_rows_add_training (job->rows, job->dataset, job->params,
                              g_array_index (job->users, gint32, step->picked[(*at)++]));
  *chunk = pr_seq_rows_batch (job->rows);
  chunk->targets = &g_array_index (job->rows->targets, gint32, 0);
  chunk->scale = scale;
  chunk->step = step->step;
  chunk->first_row = first_row;
  pr_tape_begin (job->tape, grads, &dropout);
  states = model->forward (model->ctx, job->tape, chunk);
  if (model->loss != NULL)
    loss = model->loss (model->ctx, job->tape, states, chunk);
  else
    loss = pr_tape_softmax_loss (job->tape, states, pr_tape_param (job->tape, model->table),
                                 model->bias >= 0 ? pr_tape_param (job->tape, model->bias) : NULL, chunk->targets,
                                 &(PrSoftmaxLoss){ .scale = chunk->scale });
  pr_tape_backward (job->tape);
  return loss;
}

static gboolean
gradient (gpointer ctx, const PrFitStep *step, float *grads, PrTrainLog *log, PrFitLoss *ret_loss, GError **error)
{
  Job *job = ctx;
  gint64 n_targets = count_targets (job, step);
  double before = pr_tape_flops (job->tape), sum = 0;
  PrSeqBatch chunk = { .scale = (float)(1.0 / (double)n_targets) };

  for (gsize at = 0; at < step->n_picked;)
    {
      if (!pr_train_log_tick (log, error))
        return FALSE;
      sum += run_chunk (job, step, &chunk, &at, grads);
      chunk.first_row += (guint64)chunk.rows;
    }
  pr_train_log_cost (log, PR_COST_TRAIN_TOKENS, (double)chunk.first_row);
  pr_train_log_cost (log, PR_COST_FLOPS, pr_tape_flops (job->tape) - before);
  ret_loss->loss = sum / (double)n_targets;
  ret_loss->n_used = step->n_picked;
  return TRUE;
}

static gboolean
validate (gpointer ctx, PrTrainLog *log, double *ret_value, GError **error)
{
  Job *job = ctx;

  return pr_seq_valid_ndcg (&job->scorer, &g_array_index (job->valid, gint32, 0), job->valid->len, log, ret_value,
                            error);
}

static char *
weight_name (gpointer ctx, gint64 index)
{
  return pr_net_element (((const Job *)ctx)->model->net, index);
}

static gboolean
fit (Job *job, PrRun *run, GError **error)
{
  PrNet *net = job->model->net;
  gsize n_ranges;
  const PrNetRange *ranges = pr_net_ranges (net, &n_ranges);
  g_autofree PrFitPiece *pieces = g_new (PrFitPiece, n_ranges);
  g_autofree char *fingerprint = g_strdup_printf (
      "seqrec length %" G_GINT64_FORMAT " targets %d valid %u exclude %d items %" G_GINT64_FORMAT " %s",
      (gint64)job->params->length, job->params->targets, job->valid->len, job->params->list.exclude_seen,
      pr_dataset_n_items (job->dataset), job->model->fingerprint);
  const PrFit fit = { .name = "train",
                      .fingerprint = fingerprint,
                      .pieces = pieces,
                      .n_pieces = n_ranges,
                      .n_examples = job->users->len,
                      .shuffle = TRUE,
                      .ctx = job,
                      .gradient = gradient,
                      .validate = job->valid->len > 0 ? validate : NULL,
                      .valid_name = "ndcg_10",
                      .weight_name = weight_name };

  for (gsize i = 0; i < n_ranges; i++)
    pieces[i] = (PrFitPiece){ pr_net_weights (net) + ranges[i].first, ranges[i].n, ranges[i].decays };
  pr_run_metric (run, "train_examples", job->users->len);
  pr_run_metric (run, "valid_users", job->valid->len);
  pr_run_metric (run, "n_params", (double)pr_net_size (net));
  return job->train->epochs <= 0 || pr_fit (run, &fit, job->train, job->seed, error);
}

static gboolean
rank (Job *job, PrRun *run, GError **error)
{
  gint64 n_users = pr_dataset_n_users (job->dataset);
  g_autoptr (PrRanking) ranking = pr_ranking_new (n_users, job->params->list.k, pr_target_split (job->params->list.split));

  if (!pr_seq_rank (&job->scorer, run, ranking, error))
    return FALSE;
  pr_run_set_dim (run, "ranking", "n_users", n_users);
  pr_run_set_dim (run, "ranking", "k", job->params->list.k);
  return pr_ranking_save (ranking, pr_run_output_dir (run, "ranking"), error);
}

gboolean
pr_seqrec_run (PrRun *run, const PrDataset *dataset, const PrSeqModel *model, const PrSeqParams *params,
               const PrTrainParams *train, GError **error)
{
  g_autoptr (GArray) users = pr_seq_training_users (dataset, error);
  /* Those whom fine-tuning stages ask too (sft.h). */
  g_autoptr (GArray) valid = pr_dataset_draw_users (dataset, PR_SPLIT_VALID, params->valid_users, "valid-users");
  g_autoptr (PrSeqRows) rows = pr_seq_rows_new ();
  g_autoptr (PrTape) tape = pr_tape_new (model->net);
  Job job = { .dataset = dataset,
              .model = model,
              .params = params,
              .train = train,
              .seed = pr_run_seed (run),
              .users = users,
              .valid = valid,
              .tape = tape,
              .rows = rows };

  if (users == NULL)
    return FALSE;
  job.scorer = (PrSeqScorer){ .dataset = dataset,
                              .model = model,
                              .params = params,
                              .chunk_tokens = train->chunk_tokens,
                              .tape = tape,
                              .rows = rows };
  return fit (&job, run, error) && rank (&job, run, error);
}
