/* sasrec - self-attentive sequential recommendation (Kang & McAuley 2018).
 *
 * Items and places have vectors; blocks of causal self-attention and a point-wise feed-forward network turn a user's
 * purchases into a state at each place (section 3, equations 1 to 6), and the state's dot product with an item's
 * vector, the same that is read, is the item's score.  Each branch g adds dropout (g (layer norm (x))) to x, section
 * 3.3.
 *
 * Published with a binary cross-entropy of the next item and one sampled negative at each place; with the cross-entropy
 * of a softmax over the whole catalogue the same network is a much stronger baseline (Klenitskiy & Vasilev 2023).
 */
#include "config.h"

#include <math.h>
#include <pauserec/pauserec.h>

typedef enum
{
  LOSS_CROSS_ENTROPY,
  LOSS_BINARY,
} Loss;

static const char *const loss_names[] = { "cross-entropy", "binary", NULL };

#define MAX_LAYERS 16
#define LAYER_NORM_EPS 1e-8f /* of the authors' code */

typedef struct
{
  int loss;
  int64_t hidden, layers, heads, ffn;
  bool scale_embeddings;
  double init_sd;
  PrSeqParams seq;
  PrTrainParams train;
} Params;

static const PrParamSpec params[] = {
  PR_PARAM_CHOICE (Params, loss, loss_names, LOSS_CROSS_ENTROPY,
                   "Softmax over the whole catalogue (`cross-entropy`, the strong one), or the next item against one "
                   "sampled negative (`binary`, as published)."),
  PR_PARAM_INT (Params, hidden, 1, 4096, 64, "Width of item vectors and states (paper: 50; usual: 64)."),
  PR_PARAM_INT (Params, layers, 1, MAX_LAYERS, 2, "Blocks (paper: 2)."),
  PR_PARAM_INT (Params, heads, 1, 64, 2, "Attention heads; a divisor of hidden (paper: 1)."),
  PR_PARAM_INT (Params, ffn, 1, 65536, 256,
                "Width of the feed-forward network between its layers (RecBole: 256; paper: hidden)."),
  PR_PARAM_BOOL (Params, scale_embeddings, true,
                 "Multiply item vectors by sqrt(hidden) where they are read, as the authors' code does."),
  PR_PARAM_REAL (Params, init_sd, 0, 10, 0.02,
                 "Standard deviation of the start values of all matrices; with the authors' larger start values "
                 "(Glorot) of linear "
                 "maps training is much slower at first."),
  PR_SEQ_PARAMS (Params),
  PR_TRAIN_PARAMS_WITH_DROPOUT (Params, 20, 2e-3, 128, 0.0, 0.5),
};

static const PrSlotSpec slots[] = { PR_SEQ_SLOTS };

static gboolean
validate (const void *params_, GError **error)
{
  const Params *p = params_;

  if (p->hidden % p->heads != 0)
    {
      g_set_error (error, PR_ERROR, PR_ERROR_MANIFEST,
                   "hidden = %" G_GINT64_FORMAT " cannot be cut into heads = %" G_GINT64_FORMAT
                   " equal parts; make hidden a multiple of heads",
                   (gint64)p->hidden, (gint64)p->heads);
      return FALSE;
    }
  return pr_train_params_check (&p->train, error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error G_GNUC_UNUSED)
{
  const Params *p = params_;
  gint64 matrices = p->layers * (4 * p->hidden * p->hidden + 2 * p->hidden * p->ffn);
  const PrSeqShape shape = {
    .n_weights = matrices + p->seq.length * p->hidden,
    .dims = p->hidden,
    /* About twelve arrays of a block's, each with its gradient. */
    .row_floats = (double)(p->layers * (10 * p->hidden + 2 * p->ffn) * 2 + 8 * p->hidden),
    .row_flops = 2.0 * (double)matrices,
  };

  pr_seqrec_plan (plan_, &p->seq, &p->train, &shape);
  return TRUE;
}

/* Numbers of a block's parameters. */
typedef struct
{
  gint32 norm, norm_bias, q, k, v, o, ffn_norm, ffn_norm_bias, up, up_bias, down, down_bias;
} Block;

typedef struct
{
  const Params *params;
  const PrDataset *dataset;
  guint64 seed;
  PrNet *net;
  gint32 items, places, norm, norm_bias;
  Block blocks[MAX_LAYERS];
} Model;

static gint32
add (Model *m, gint64 layer, const char *name, gint64 rows, gint64 columns, PrInit kind)
{
  g_autofree char *full = layer < 0 ? g_strdup (name) : g_strdup_printf ("blocks.%d.%s", (int)layer, name);

  return pr_net_add (m->net, full, rows, columns, kind, m->params->init_sd, kind == PR_INIT_NORMAL);
}

static void
add_weights (Model *m)
{
  const Params *p = m->params;
  gint64 d = p->hidden;

  m->items = add (m, -1, "items", pr_dataset_n_items (m->dataset), d, PR_INIT_NORMAL);
  m->places = add (m, -1, "places", p->seq.length, d, PR_INIT_NORMAL);
  for (gint64 l = 0; l < p->layers; l++)
    m->blocks[l] = (Block){
      .norm = add (m, l, "norm.weight", 1, d, PR_INIT_ONES),
      .norm_bias = add (m, l, "norm.bias", 1, d, PR_INIT_ZEROS),
      .q = add (m, l, "q", d, d, PR_INIT_NORMAL),
      .k = add (m, l, "k", d, d, PR_INIT_NORMAL),
      .v = add (m, l, "v", d, d, PR_INIT_NORMAL),
      .o = add (m, l, "o", d, d, PR_INIT_NORMAL),
      .ffn_norm = add (m, l, "ffn_norm.weight", 1, d, PR_INIT_ONES),
      .ffn_norm_bias = add (m, l, "ffn_norm.bias", 1, d, PR_INIT_ZEROS),
      .up = add (m, l, "up.weight", p->ffn, d, PR_INIT_NORMAL),
      .up_bias = add (m, l, "up.bias", 1, p->ffn, PR_INIT_ZEROS),
      .down = add (m, l, "down.weight", d, p->ffn, PR_INIT_NORMAL),
      .down_bias = add (m, l, "down.bias", 1, d, PR_INIT_ZEROS),
    };
  m->norm = add (m, -1, "norm.weight", 1, d, PR_INIT_ONES);
  m->norm_bias = add (m, -1, "norm.bias", 1, d, PR_INIT_ZEROS);
  pr_net_init (m->net, m->seed);
}

static PrVar *
layer_norm (PrTape *tape, PrVar *x, gint32 weight, gint32 bias)
{
  return pr_tape_layer_norm (tape, x, pr_tape_param (tape, weight), pr_tape_param (tape, bias), LAYER_NORM_EPS);
}

static PrVar *
linear (PrTape *tape, PrVar *x, gint32 weight, gint32 bias)
{
  return pr_tape_linear (tape, x, pr_tape_param (tape, weight), bias >= 0 ? pr_tape_param (tape, bias) : NULL);
}

/* x + dropout (attention (layer norm (x))), equations 2 to 4. */
static PrVar *
attention (const Params *p, const Block *b, PrTape *tape, PrVar *x, const PrSeqBatch *batch)
{
  float rate = (float)p->train.dropout;
  const PrAttend attend = {
    .heads = (gint32)p->heads,
    .causal = TRUE,
    .n_sequences = batch->n_sequences,
    .q_offsets = batch->offsets,
    .dropout = rate,
    .first_row = batch->first_row,
  };
  PrVar *y = layer_norm (tape, x, b->norm, b->norm_bias);

  y = pr_tape_attention (tape, linear (tape, y, b->q, -1), linear (tape, y, b->k, -1), linear (tape, y, b->v, -1),
                         &attend);
  return pr_tape_add (tape, x, pr_tape_dropout (tape, linear (tape, y, b->o, -1), rate, batch->first_row));
}

/* x + dropout (feed-forward (layer norm (x))), equation 5. */
static PrVar *
feed_forward (const Params *p, const Block *b, PrTape *tape, PrVar *x, const PrSeqBatch *batch)
{
  float rate = (float)p->train.dropout;
  PrVar *y = layer_norm (tape, x, b->ffn_norm, b->ffn_norm_bias);

  y = pr_tape_activate (tape, linear (tape, y, b->up, b->up_bias), PR_ACT_RELU);
  y = linear (tape, pr_tape_dropout (tape, y, rate, batch->first_row), b->down, b->down_bias);
  return pr_tape_add (tape, x, pr_tape_dropout (tape, y, rate, batch->first_row));
}

static PrVar *
forward (gpointer ctx, PrTape *tape, const PrSeqBatch *batch)
{
  const Model *m = ctx;
  const Params *p = m->params;
  PrVar *x = pr_tape_gather (tape, pr_tape_param (tape, m->items), batch->rows, batch->items);

  if (p->scale_embeddings)
    x = pr_tape_scale (tape, x, sqrtf ((float)p->hidden));
  x = pr_tape_add (tape, x, pr_tape_gather (tape, pr_tape_param (tape, m->places), batch->rows, batch->places));
  x = pr_tape_dropout (tape, x, (float)p->train.dropout, batch->first_row);
  for (gint64 l = 0; l < p->layers; l++)
    x = feed_forward (p, &m->blocks[l], tape, attention (p, &m->blocks[l], tape, x, batch), batch);
  return layer_norm (tape, x, m->norm, m->norm_bias);
}

/* The next item is 1, a sampled one 0: section 3.6. */
static double
binary_loss (gpointer ctx, PrTape *tape, PrVar *states, const PrSeqBatch *batch)
{
  const Model *m = ctx;
  gsize rows = (gsize)batch->rows;
  g_autofree gint32 *negatives = g_new (gint32, rows), *pairs = g_new (gint32, 2 * rows);
  g_autofree float *labels = g_new (float, 2 * rows), *weights = g_new (float, 2 * rows);
  PrVar *scores;

  pr_seq_negatives (m->dataset, batch, m->seed, 1, negatives);
  for (gsize r = 0; r < rows; r++)
    {
      pairs[2 * r] = batch->targets[r];
      pairs[2 * r + 1] = negatives[r];
      labels[2 * r] = 1;
      labels[2 * r + 1] = 0;
      weights[2 * r] = weights[2 * r + 1] = batch->targets[r] >= 0;
    }
  scores = pr_tape_dots (tape, states, pr_tape_param (tape, m->items), NULL, 2, pairs);
  return pr_tape_binary_loss (tape, scores, labels, weights, batch->scale);
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_autoptr (PrDataset) dataset = pr_dataset_load (pr_run_input_dir (run_, "dataset"), error);
  g_autoptr (PrNet) net = pr_net_new ();
  g_autofree char *fingerprint = g_strdup_printf ("sasrec loss %d heads %" G_GINT64_FORMAT " scale %d", p->loss,
                                                  (gint64)p->heads, p->scale_embeddings);
  Model m = { .params = p, .dataset = dataset, .seed = pr_run_seed (run_), .net = net };

  if (dataset == NULL)
    return FALSE;
  add_weights (&m);

  const PrSeqModel model = {
    .net = net,
    .ctx = &m,
    .forward = forward,
    .table = m.items,
    .bias = -1,
    .loss = p->loss == LOSS_BINARY ? binary_loss : NULL,
    .fingerprint = fingerprint,
  };

  return pr_seqrec_run (run_, dataset, &model, &p->seq, &p->train, error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "sasrec",
  .version = "1",
  .summary = "Train self-attention over item numbers (SASRec) and rank the whole catalogue.",
  .source = "Kang & McAuley 2018; cross-entropy as Klenitskiy & Vasilev 2023",
  .stochastic = TRUE,
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .validate = validate,
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "sasrec", .stages = stages };
