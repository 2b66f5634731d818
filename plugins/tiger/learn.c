#include "config.h"

#include "learn.h"

#include <pauserec/error.h>

#include <math.h>

#define TOP 10

const char *const tiger_valid_score_names[] = { "loss", "ndcg_10", NULL };

typedef struct
{
  TigerModel *model;
  TigerAnswers *answers;
  const TigerExamples *examples;
  const PrTrainParams *train;
  const TigerValidParams *params;
  PrTape *tape;
  TigerBatch batch; /* the chunk at hand */
  PrRng noise;
  GArray *valid; /* gint32: users */
  float *prior;  /* [items] */
} Learner;

#define INTS(array) ((const gint32 *)(gconstpointer)(array)->data)

double
tiger_loss (const TigerModel *model, PrTape *tape, const TigerBatch *batch, float scale, float *grads,
            const PrDropout *noise, const TigerDropout *dropout)
{
  gint32 levels = model->shape.levels, n = (gint32)batch->n;
  g_autofree gint32 *offsets = g_new (gint32, batch->n + 1), *rows = g_new (gint32, batch->n);
  g_autofree gint32 *targets = g_new (gint32, batch->n);
  TigerMemory memory;
  TigerDecode decode = { .tokens = INTS (batch->decoder),
                         .offsets = offsets,
                         .n = batch->n,
                         .user_offsets = offsets,
                         .memory_offsets = INTS (batch->offsets),
                         .n_users = batch->n };
  PrVar *decoded;
  double sum = 0;

  for (gint32 i = 0; i <= n; i++)
    offsets[i] = i * levels;
  pr_tape_begin (tape, grads, noise);
  tiger_remember (model, tape,
                  tiger_encode (model, tape, INTS (batch->tokens), INTS (batch->offsets), batch->n, dropout), &memory);
  decoded = tiger_decode (model, tape, &decode, &memory, dropout);
  for (gint32 l = 0; l < levels; l++)
    {
      const PrSoftmaxLoss loss = { .scale = scale,
                                   .first_row = tiger_shape_first (&model->shape, l),
                                   .n_rows = model->shape.sizes[l] };

      for (gint32 i = 0; i < n; i++)
        {
          rows[i] = i * levels + l;
          targets[i] = INTS (batch->targets)[i * levels + l];
        }
      sum += pr_tape_softmax_loss (tape, pr_tape_gather (tape, decoded, n, rows), pr_tape_param (tape, model->head),
                                   NULL, targets, &loss);
    }
  if (grads != NULL)
    pr_tape_backward (tape);
  return sum;
}

static gint64
batch_tokens (const TigerBatch *batch)
{
  return (gint64)batch->tokens->len + batch->decoder->len;
}

/* Whether another example may make the chunk too long. */
static gboolean
chunk_is_full (const Learner *l)
{
  const TigerExamples *e = l->examples;
  gint64 longest = tiger_history_tokens (&e->shape, &e->params, e->params.history) + e->shape.levels;

  return batch_tokens (&l->batch) + longest > l->train->chunk_tokens;
}

static gboolean
gradient (gpointer ctx, const PrFitStep *step, float *grads, PrTrainLog *log, PrFitLoss *ret_loss, GError **error)
{
  Learner *l = ctx;
  const PrDropout noise = { .rng = l->noise, .step = step->step };
  TigerDropout dropout = { .rate = (float)l->train->dropout };
  double codes = (double)step->n_picked * l->model->shape.levels, sum = 0, flops = pr_tape_flops (l->tape);

  tiger_batch_reset (&l->batch);
  for (gsize i = 0; i < step->n_picked; i++)
    {
      tiger_batch_add_example (&l->batch, l->examples, step->epoch, step->picked[i]);
      if (i + 1 < step->n_picked && !chunk_is_full (l))
        continue;
      if (!pr_train_log_tick (log, error))
        return FALSE;
      sum += tiger_loss (l->model, l->tape, &l->batch, (float)(1 / codes), grads, &noise, &dropout);
      dropout.encoder_rows += l->batch.tokens->len;
      dropout.decoder_rows += l->batch.decoder->len;
      tiger_batch_reset (&l->batch);
    }
  pr_train_log_cost (log, PR_COST_TRAIN_TOKENS, (double)(dropout.encoder_rows + dropout.decoder_rows));
  pr_train_log_cost (log, PR_COST_FLOPS, pr_tape_flops (l->tape) - flops);
  *ret_loss = (PrFitLoss){ .loss = sum / codes, .n_used = step->n_picked };
  return TRUE;
}

/* Validation --------------------------------------------------------------------- */

static gboolean
tick (gpointer log, gsize done G_GNUC_UNUSED, gsize total G_GNUC_UNUSED, GError **error)
{
  return pr_train_log_tick (log, error);
}

static gboolean
valid_loss (Learner *l, PrTrainLog *log, double *ret_value, GError **error)
{
  const TigerDropout none = { 0 };
  double sum = 0, tokens = 0, flops = pr_tape_flops (l->tape);

  tiger_batch_reset (&l->batch);
  for (guint i = 0; i < l->valid->len; i++)
    {
      gint32 user = g_array_index (l->valid, gint32, i);
      gint64 n;
      const gint32 *history = pr_dataset_history (l->examples->dataset, user, PR_SPLIT_VALID, &n);

      tiger_batch_add (&l->batch, l->examples, user, history, n,
                       pr_dataset_target (l->examples->dataset, user, PR_SPLIT_VALID));
      if (i + 1 < l->valid->len && !chunk_is_full (l))
        continue;
      if (!pr_train_log_tick (log, error))
        return FALSE;
      sum += tiger_loss (l->model, l->tape, &l->batch, 0, NULL, NULL, &none);
      tokens += (double)batch_tokens (&l->batch);
      tiger_batch_reset (&l->batch);
    }
  pr_train_log_cost (log, PR_COST_INFER_TOKENS, tokens);
  pr_train_log_cost (log, PR_COST_FLOPS, pr_tape_flops (l->tape) - flops);
  *ret_value = sum / (l->valid->len * (double)l->model->shape.levels);
  return TRUE;
}

static gboolean
valid_ndcg (Learner *l, PrTrainLog *log, double *ret_value, GError **error)
{
  gint64 beams = l->answers->search.beams;
  g_autofree gint32 *leaves = g_new (gint32, l->valid->len * (gsize)beams);
  g_autofree float *scores = g_new (float, l->valid->len *(gsize)beams);
  double costs[PR_N_COSTS] = { 0 }, sum = 0;

  if (!tiger_answer (l->answers, PR_SPLIT_VALID, INTS (l->valid), l->valid->len, tick, log, leaves, scores, error))
    return FALSE;
  for (guint i = 0; i < l->valid->len; i++)
    {
      gint32 target = pr_dataset_target (l->examples->dataset, g_array_index (l->valid, gint32, i), PR_SPLIT_VALID);
      gint32 items[TOP];
      float best[TOP];

      pr_beams_to_items (l->answers->trie, leaves + i * beams, scores + i * beams, beams, l->prior, TOP, items, best);
      for (int rank = 0; rank < TOP; rank++)
        if (items[rank] == target)
          sum += 1 / log2 (rank + 2);
    }
  tiger_answers_take_costs (l->answers, costs);
  for (int cost = 0; cost < PR_N_COSTS; cost++)
    pr_train_log_cost (log, (PrCost)cost, costs[cost]);
  *ret_value = sum / l->valid->len;
  return TRUE;
}

static gboolean
validate (gpointer ctx, PrTrainLog *log, double *ret_value, GError **error)
{
  Learner *l = ctx;

  return l->params->score == TIGER_VALID_LOSS ? valid_loss (l, log, ret_value, error)
                                              : valid_ndcg (l, log, ret_value, error);
}

static char *
weight_name (gpointer ctx, gint64 index)
{
  return pr_net_element (((Learner *)ctx)->model->net, index);
}

/* All that the weights depend on and that neither the training's parameters nor the start values say. */
static char *
fingerprint (const Learner *l)
{
  const TigerShape *shape = &l->model->shape;
  const TigerExamplesParams *examples = &l->examples->params;

  return g_strdup_printf (
      "tiger %d %d %d %d %d %d %d %d %d %" G_GINT64_FORMAT " %d %d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %d",
      shape->levels, shape->encoder_layers, shape->decoder_layers, shape->hidden, shape->heads, shape->head_dim,
      shape->ffn, shape->user_tokens, examples->targets, examples->history, examples->separator, l->params->score,
      l->params->users, l->answers->search.beams, (int)l->answers->search.normalise);
}

static gboolean
fit (Learner *l, PrRun *run, guint64 seed, GError **error)
{
  gsize n_ranges;
  const PrNetRange *ranges = pr_net_ranges (l->model->net, &n_ranges);
  g_autofree PrFitPiece *pieces = g_new (PrFitPiece, n_ranges);
  g_autofree char *text = fingerprint (l);
  PrFit fit = { .name = "train",
                .fingerprint = text,
                .pieces = pieces,
                .n_pieces = n_ranges,
                .n_examples = l->examples->users->len,
                .shuffle = TRUE,
                .ctx = l,
                .gradient = gradient,
                .weight_name = weight_name };

  for (gsize i = 0; i < n_ranges; i++)
    pieces[i] = (PrFitPiece){ pr_net_weights (l->model->net) + ranges[i].first, ranges[i].n, ranges[i].decays };
  if (l->valid->len > 0)
    {
      fit.validate = validate;
      fit.valid_name = l->params->score == TIGER_VALID_LOSS ? "valid_loss" : "ndcg_10";
      fit.lower_is_better = l->params->score == TIGER_VALID_LOSS;
    }
  return pr_fit (run, &fit, l->train, seed, error);
}

gboolean
tiger_learn (PrRun *run, TigerModel *model, TigerAnswers *answers, const PrTrainParams *train,
             const TigerValidParams *params, guint64 seed, GError **error)
{
  const PrDataset *dataset = answers->examples->dataset;
  /* The users of the fine-tuning stages' validations (sft.h). */
  g_autoptr (GArray) valid = pr_dataset_draw_users (dataset, PR_SPLIT_VALID, params->users, "valid-users");
  g_autofree float *prior = pr_dataset_train_counts (dataset);
  Learner l = { .model = model,
                .answers = answers,
                .examples = answers->examples,
                .train = train,
                .params = params,
                .tape = pr_tape_new (model->net),
                .noise = pr_rng_new (seed, "tiger/dropout"),
                .valid = valid,
                .prior = prior };
  gboolean ok;

  tiger_batch_init (&l.batch);
  pr_run_metric (run, "train_examples", l.examples->users->len);
  pr_run_metric (run, "valid_users", valid->len);
  ok = fit (&l, run, seed, error);
  tiger_batch_clear (&l.batch);
  pr_tape_free (l.tape);
  return ok;
}
