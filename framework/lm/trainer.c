/* trainer.c - a language model for the training loop of fit.h: its gradient, and the weights that move. */
#include "config.h"

#include <pauserec/error.h>
#include <pauserec/rng.h>

#include "lm/lm-private.h"
#include "lm/trainer.h"
#include "runtime/sha256.h"

#include <string.h>

gboolean
pr_trainer_reserve (PrTrainer *trainer, gint64 rows, GError **error)
{
  if (trainer->model != NULL && rows <= trainer->model_rows)
    return TRUE;
  g_clear_pointer (&trainer->model, pr_model_free);
  trainer->model_rows = MAX (rows, trainer->params->chunk_tokens);
  trainer->model = pr_model_new (&trainer->lm->config, trainer->model_rows, TRUE, error);
  return trainer->model != NULL;
}

static gboolean
check_training (const PrTrainer *trainer, GError **error)
{
  const PrTraining *training = trainer->training;
  const char *name = training->name != NULL ? training->name : "";
  g_autoptr (GHashTable) seen = g_hash_table_new (g_direct_hash, g_direct_equal);

  if (training->example == NULL || (training->score != NULL && training->score_name == NULL)
      || (training->rows != NULL && training->n_rows == 0)
      || (training->round_steps > 1 && training->make_round == NULL))
    {
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                   "training '%s' lacks something: it needs examples, a name for its score, at least one row, and "
                   "make_round for rounds of several steps",
                   name);
      return FALSE;
    }
  for (gsize i = 0; training->rows != NULL && i < training->n_rows; i++)
    if (training->rows[i] < 0 || training->rows[i] >= trainer->lm->config.vocab
        || !g_hash_table_add (seen, GINT_TO_POINTER (training->rows[i])))
      {
        g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                     "training '%s': row %d is listed twice or outside the vocabulary", name, training->rows[i]);
        return FALSE;
      }
  if (pr_trainer_measures (trainer) && training->groups == NULL)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_PLUGIN,
                   "training '%s' has geometry_every, but was not told which tokens are words and which are SIDs", name);
      return FALSE;
    }
  return TRUE;
}

/* Sums the gradient over the batch's chunks; gives the mean loss. */
static gboolean
run_chunks (PrTrainer *trainer, const PrFitStep *step, float *grads, PrTrainLog *log, double *ret_loss, GError **error)
{
  const PrTraining *training = trainer->training;
  g_autofree char *stream = g_strconcat ("dropout:", training->name, NULL);
  PrBackward backward = {
    .scale = training->objective != NULL ? 1.0f : (float)(1.0 / trainer->batch->weight_sum),
    .objective = training->objective,
    .objective_ctx = training->hook_ctx,
    .temperature = training->temperature,
    .dropout = (float)trainer->params->dropout,
    .dropout_seed = pr_rng_u64 (pr_rng_new (trainer->seed, stream), 0, 0),
    .dropout_step = step->step,
    .rows = training->rows,
    .n_rows = training->rows != NULL ? training->n_rows : 0,
  };
  PrChunk chunk;
  gint64 first_row;
  double sum = 0;

  while (pr_batch_next_chunk (trainer->batch, trainer->params->chunk_tokens, &chunk, &first_row))
    {
      if (!pr_train_log_tick (log, error) || !pr_trainer_reserve (trainer, chunk.offsets[chunk.n_sequences], error))
        return FALSE;
      backward.first_row = (guint64)first_row;
      sum += pr_model_train (trainer->model, trainer->lm->weights, grads, &chunk, &backward);
    }
  *ret_loss = training->objective != NULL ? sum : sum / trainer->batch->weight_sum;
  return TRUE;
}

static gboolean
gradient (gpointer ctx, const PrFitStep *step, float *grads, PrTrainLog *log, PrFitLoss *ret_loss, GError **error)
{
  PrTrainer *trainer = ctx;
  /* Backward costs two forwards, one for the inputs and one for the weights; the latter stand still when only rows
   * move. */
  int passes = trainer->training->rows != NULL ? 2 : 3;
  PrTrainLog start = { log->fitter, 0 };

  if (step->step == 0 && pr_trainer_measures (trainer) && !pr_trainer_measure (trainer, &start, error))
    return FALSE;
  if (!pr_trainer_begin_step (trainer, step, log, error) || !pr_trainer_build_batch (trainer, step, error))
    return FALSE;
  ret_loss->n_empty = trainer->batch->n_empty;
  ret_loss->n_used = trainer->batch->ends->len;
  if (ret_loss->n_used == 0)
    return TRUE;
  pr_train_log_cost (log, PR_COST_TRAIN_TOKENS, (double)pr_batch_rows (trainer->batch));
  pr_train_log_cost (log, PR_COST_FLOPS, pr_batch_flops (trainer->batch, &trainer->lm->config, passes));
  return run_chunks (trainer, step, grads, log, &ret_loss->loss, error);
}

/* Neighbours in the layout that decay alike are one piece; the padding between them stays zero. */
static GArray *
list_pieces (const PrTrainer *trainer)
{
  const PrLmLayout *layout = trainer->lm->layout;
  const PrTraining *training = trainer->training;
  GArray *pieces = g_array_new (FALSE, FALSE, sizeof (PrFitPiece));

  for (gsize i = 0; training->rows != NULL && i < training->n_rows; i++)
    {
      PrFitPiece piece = { pr_lm_embedding_row (trainer->lm, training->rows[i]), trainer->lm->config.hidden, TRUE };

      g_array_append_val (pieces, piece);
    }
  for (gsize i = 0, next; training->rows == NULL && i < layout->n_tensors; i = next)
    {
      gint64 start = layout->tensors[i].offset, end;
      PrFitPiece piece = { trainer->lm->weights + start, 0, layout->tensors[i].decays };

      for (next = i + 1; next < layout->n_tensors && layout->tensors[next].decays == layout->tensors[i].decays;)
        next++;
      end = next < layout->n_tensors ? layout->tensors[next].offset : layout->size;
      piece.n = end - start;
      g_array_append_val (pieces, piece);
    }
  return pieces;
}

static char *
weight_name (gpointer ctx, gint64 index)
{
  const PrTrainer *trainer = ctx;
  const PrLmLayout *layout = trainer->lm->layout;
  gint64 offset = trainer->training->rows != NULL ? layout->embedding : index;
  gsize i = layout->n_tensors - 1;

  while (i > 0 && layout->tensors[i].offset > offset)
    i--;
  return g_strdup_printf ("tensor '%s'", layout->tensors[i].name);
}

/* What the loop cannot know: the model, the weights that stand still, and what the stage's own functions are called
 * for. */
static char *
fingerprint (const PrTrainer *trainer)
{
  const PrTraining *t = trainer->training;
  const PrLmConfig *c = &trainer->lm->config;
  gsize bytes = (gsize)trainer->lm->layout->size * sizeof (float);
  g_autofree char *weights = t->rows != NULL ? pr_sha256_bytes (trainer->lm->weights, bytes) : g_strdup ("move");
  g_autofree char *rows = t->rows != NULL ? pr_sha256_bytes (t->rows, t->n_rows * sizeof (gint32)) : g_strdup ("all");

  return g_strdup_printf ("lm rows %s valid %" G_GSIZE_FORMAT " model %d %d %d %d %d %d %d %d %d %a %a weights %s "
                          "epochs %d rounds %d objective %d temperature %a geometry %" G_GINT64_FORMAT,
                          rows, t->n_valid, c->family, c->vocab, c->hidden, c->layers, c->heads, c->kv_heads,
                          c->head_dim, c->ffn, c->max_positions, c->rope_theta, c->rms_eps, weights,
                          t->begin_epoch != NULL, t->make_round != NULL, t->objective != NULL, t->temperature,
                          (gint64)trainer->params->geometry_every);
}

static gboolean
train (PrRun *run, PrTrainer *trainer, GError **error)
{
  const PrTraining *training = trainer->training;
  g_autoptr (GArray) pieces = list_pieces (trainer);
  g_autofree char *print = fingerprint (trainer);
  gboolean validates = training->score != NULL || training->valid_example != NULL;
  const PrFit fit = {
    .name = training->name,
    .fingerprint = print,
    .pieces = &g_array_index (pieces, PrFitPiece, 0),
    .n_pieces = pieces->len,
    .n_examples = training->n_examples,
    .shuffle = training->shuffle,
    .ctx = trainer,
    .gradient = gradient,
    .validate = validates ? pr_trainer_validate : NULL,
    .valid_name = training->score != NULL ? training->score_name : "valid_loss",
    .lower_is_better = training->score == NULL,
    .end_epoch = pr_trainer_measures (trainer) ? pr_trainer_end_epoch : NULL,
    .series = (const char *const *)trainer->series,
    .state = training->state,
    .state_bytes = training->state_bytes,
    .round_steps = training->round_steps,
    /* A model that makes its own examples may find that none of them teaches it anything. */
    .may_teach_nothing = training->make_round != NULL,
    .weight_name = weight_name,
  };

  return pr_fit (run, &fit, trainer->params, trainer->seed, error);
}

gboolean
pr_train (PrRun *run, PrLm *lm, const PrTraining *training, const PrTrainParams *params, guint64 seed, GError **error)
{
  PrTrainer trainer = { .lm = lm, .training = training, .params = params, .seed = seed };
  gboolean ok;

  if (!check_training (&trainer, error))
    return FALSE;
  trainer.batch = pr_batch_new ();
  trainer.losses = g_array_new (FALSE, FALSE, sizeof (float));
  trainer.series = pr_trainer_series (&trainer);
  ok = train (run, &trainer, error);
  g_array_unref (trainer.losses);
  g_strfreev (trainer.series);
  pr_model_free (trainer.model);
  pr_batch_free (trainer.batch);
  return ok;
}
