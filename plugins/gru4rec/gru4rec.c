/* gru4rec - recurrent units over a user's purchases (Hidasi et al., "Session-based recommendations with recurrent
 * neural networks", ICLR 2016).
 *
 * The next item's scores are dot products of the state with the table that also embeds what was bought, plus a bias.
 * The first paper's losses compare with a few sampled items; what is learned here by default is the softmax over the
 * whole catalogue, and the choice is BPR-max (Hidasi and Karatzoglou, "Recurrent neural networks with top-k gains",
 * CIKM 2018, section 3.2.2).
 */
#include "config.h"

#include "bpr-max.h"

#include <math.h>
#include <pauserec/pauserec.h>

typedef struct
{
  int64_t dims, hidden, layers, negatives;
  int loss;
  double bpreg;
  PrSeqParams seq;
  PrTrainParams train;
} Params;

typedef enum
{
  LOSS_CROSS_ENTROPY,
  LOSS_BPR_MAX,
} Loss;

static const char *const loss_names[] = { "cross-entropy", "bpr-max", NULL };

#define MAX_LAYERS 8

static const PrParamSpec params[] = {
  PR_PARAM_INT (Params, dims, 1, 4096, 64, "Width of the item table, which is input and output (RecBole: 64)."),
  PR_PARAM_INT (Params, hidden, 1, 4096, 128, "Units of a layer (RecBole: 128; the paper: 100 to 1000)."),
  PR_PARAM_INT (Params, layers, 1, MAX_LAYERS, 1, "Layers of units (the paper found one to be best)."),
  PR_PARAM_CHOICE (Params, loss, loss_names, LOSS_CROSS_ENTROPY,
                   "Over the whole catalogue, or against sampled items (Hidasi and Karatzoglou 2018)."),
  PR_PARAM_INT (Params, negatives, 1, 4096, 256, "Items that bpr-max samples for each target."),
  PR_PARAM_REAL (Params, bpreg, 0, 1000, 1.0, "Weight of bpr-max's penalty of large scores (the authors' code: 1)."),
  PR_SEQ_PARAMS (Params),
  PR_TRAIN_PARAMS_WITH_DROPOUT (Params, 20, 1e-3, 128, 0.0, 0.3),
};

static const PrSlotSpec slots[] = { PR_SEQ_SLOTS };

/* The model ------------------------------------------------------------------- */

typedef struct
{
  const Params *params;
  const PrDataset *dataset;
  guint64 seed;
  PrNet *net;
  gint32 items, item_bias, out, out_bias;
  gint32 w_ih[MAX_LAYERS], w_hh[MAX_LAYERS], b_ih[MAX_LAYERS], b_hh[MAX_LAYERS];
} Model;

/* Names and start values as torch.nn.GRU and RecBole's GRU4Rec: item table Xavier normal, matrices Xavier uniform. */
static void
add_layer (Model *m, int l)
{
  gint64 h = m->params->hidden, in = l == 0 ? m->params->dims : h;
  double bound = 1 / sqrt ((double)h);
  char name[4][32];

  g_snprintf (name[0], sizeof name[0], "gru.weight_ih_l%d", l);
  g_snprintf (name[1], sizeof name[1], "gru.weight_hh_l%d", l);
  g_snprintf (name[2], sizeof name[2], "gru.bias_ih_l%d", l);
  g_snprintf (name[3], sizeof name[3], "gru.bias_hh_l%d", l);
  m->w_ih[l] = pr_net_add (m->net, name[0], 3 * h, in, PR_INIT_XAVIER_UNIFORM, 1, TRUE);
  m->w_hh[l] = pr_net_add (m->net, name[1], 3 * h, h, PR_INIT_XAVIER_UNIFORM, 1, TRUE);
  m->b_ih[l] = pr_net_add (m->net, name[2], 1, 3 * h, PR_INIT_UNIFORM, bound, FALSE);
  m->b_hh[l] = pr_net_add (m->net, name[3], 1, 3 * h, PR_INIT_UNIFORM, bound, FALSE);
}

static void
add_weights (Model *m)
{
  gint64 n_items = pr_dataset_n_items (m->dataset), d = m->params->dims;

  m->items = pr_net_add (m->net, "items", n_items, d, PR_INIT_XAVIER_NORMAL, 1, TRUE);
  m->item_bias = pr_net_add (m->net, "item_bias", 1, n_items, PR_INIT_ZEROS, 0, FALSE);
  for (int l = 0; l < m->params->layers; l++)
    add_layer (m, l);
  m->out = pr_net_add (m->net, "out.weight", d, m->params->hidden, PR_INIT_XAVIER_UNIFORM, 1, TRUE);
  m->out_bias = pr_net_add (m->net, "out.bias", 1, d, PR_INIT_ZEROS, 0, FALSE);
  pr_net_init (m->net, m->seed);
}

static PrVar *
forward (gpointer ctx, PrTape *tape, const PrSeqBatch *batch)
{
  const Model *m = ctx;
  PrVar *x = pr_tape_gather (tape, pr_tape_param (tape, m->items), batch->rows, batch->items);

  x = pr_tape_dropout (tape, x, (float)m->params->train.dropout, batch->first_row);
  for (int l = 0; l < m->params->layers; l++)
    x = pr_tape_gru (tape, x, pr_tape_param (tape, m->w_ih[l]), pr_tape_param (tape, m->w_hh[l]),
                     pr_tape_param (tape, m->b_ih[l]), pr_tape_param (tape, m->b_hh[l]), batch->offsets,
                     batch->n_sequences);
  return pr_tape_linear (tape, x, pr_tape_param (tape, m->out), pr_tape_param (tape, m->out_bias));
}

/* BPR-max --------------------------------------------------------------------- */

static double
sampled_loss (gpointer ctx, PrTape *tape, PrVar *states, const PrSeqBatch *batch)
{
  const Model *m = ctx;
  gint64 n = m->params->negatives;
  g_autofree gint32 *negatives = g_new (gint32, batch->rows * n), *index = g_new (gint32, batch->rows * (n + 1));
  const BprMax b = { batch->targets, m->params->bpreg };
  PrVar *scores;

  pr_seq_negatives (m->dataset, batch, m->seed, n, negatives);
  for (gint64 r = 0; r < batch->rows; r++)
    {
      index[r * (n + 1)] = batch->targets[r];
      for (gint64 j = 0; j < n; j++)
        index[r * (n + 1) + 1 + j] = negatives[r * n + j];
    }
  scores =
      pr_tape_dots (tape, states, pr_tape_param (tape, m->items), pr_tape_param (tape, m->item_bias), n + 1, index);
  return pr_tape_row_loss (tape, scores, bpr_max_row, &b, batch->scale);
}

/* The stage ------------------------------------------------------------------- */

static gboolean
validate (const void *params_, GError **error)
{
  return pr_train_params_check (&((const Params *)params_)->train, error);
}

static gboolean
plan (const void *params_, PrPlan *plan_, GError **error G_GNUC_UNUSED)
{
  const Params *p = params_;
  gint64 h = p->hidden, d = p->dims, recurrent = 3 * h * (d + h + 2) + (p->layers - 1) * 3 * h * (2 * h + 2);
  double candidates = p->loss == LOSS_BPR_MAX ? (double)p->negatives + 1 : 0;
  PrSeqShape shape = { .n_weights = recurrent + d * (h + 1),
                       .dims = d,
                       .row_flops = 2.0 * (double)(recurrent + d * h) };

  shape.row_floats = 6 * (double)d + 11 * (double)(p->layers * h) + 4 * candidates;
  pr_seqrec_plan (plan_, &p->seq, &p->train, &shape);
  return TRUE;
}

static gboolean
run (const void *params_, PrRun *run_, GError **error)
{
  const Params *p = params_;
  g_autoptr (PrDataset) dataset = pr_dataset_load (pr_run_input_dir (run_, "dataset"), error);
  g_autoptr (PrNet) net = pr_net_new ();
  g_autofree char *fingerprint = g_strdup_printf ("gru4rec layers %d loss %s negatives %d bpreg %.17g", (int)p->layers,
                                                  loss_names[p->loss], (int)p->negatives, p->bpreg);
  Model m = { .params = p, .dataset = dataset, .seed = pr_run_seed (run_), .net = net };

  if (dataset == NULL)
    return FALSE;
  add_weights (&m);

  const PrSeqModel model = {
    .net = net,
    .ctx = &m,
    .forward = forward,
    .table = m.items,
    .bias = m.item_bias,
    .loss = p->loss == LOSS_BPR_MAX ? sampled_loss : NULL,
    .fingerprint = fingerprint,
  };

  return pr_seqrec_run (run_, dataset, &model, &p->seq, &p->train, error);
}

static const PrStage stage = {
  .size = sizeof (PrStage),
  .id = "gru4rec",
  .version = "1",
  .summary = "Rank the catalogue by a recurrent network over the purchases of a user.",
  .source = "Hidasi et al. 2016 (ICLR); BPR-max: Hidasi and Karatzoglou 2018 (CIKM)",
  .params = params,
  .n_params = G_N_ELEMENTS (params),
  .params_size = sizeof (Params),
  .slots = slots,
  .n_slots = G_N_ELEMENTS (slots),
  .stochastic = TRUE,
  .validate = validate,
  .plan = plan,
  .run = run,
};

static const PrStage *const stages[] = { &stage, NULL };

const PrPlugin pr_plugin = { PR_PLUGIN_INIT, .id = "gru4rec", .stages = stages };
