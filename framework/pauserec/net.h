/* net.h - small networks: named weights, and a tape of operations with their gradients.
 *
 * For baselines whose shape is not the language model's (lm.h): recurrent networks, attention over items, encoder and
 * decoder.  A model is a function that says its forward pass once:
 *
 *     PrVar *x = pr_tape_gather (tape, pr_tape_param (tape, m->items), rows, items);
 *
 *     x = pr_tape_gru (tape, x, ..., offsets, n_sequences);
 *     loss = pr_tape_softmax_loss (tape, x, pr_tape_param (tape, m->items), NULL, targets, &(PrSoftmaxLoss){ .scale = s
 * }); pr_tape_backward (tape);
 *
 * Sequences are packed, never padded: a variable is a matrix [rows, n], row-major, whose rows are the places of all
 * sequences, one sequence after the other; OFFSETS [n_sequences + 1] say where each begins, OFFSETS[0] = 0.
 *
 * Everything runs on all threads over tiles that depend on shapes alone, and sums are made in a fixed order: the same
 * bits for any number of threads.  Shapes that do not fit are programming errors and end the process with a message; no
 * operation fails otherwise, and NaN and Inf go through to the loss.
 */
#ifndef PAUSEREC_NET_H
#define PAUSEREC_NET_H

#include <pauserec/backend.h>

G_BEGIN_DECLS

/* Weights --------------------------------------------------------------------- */

typedef enum
{
  PR_INIT_ZEROS,
  PR_INIT_ONES,
  PR_INIT_NORMAL,         /* mean 0, standard deviation `init` */
  PR_INIT_UNIFORM,        /* within +-init; torch.nn.GRU has init = 1 / sqrt(hidden) */
  PR_INIT_XAVIER_UNIFORM, /* within +-init sqrt(6 / (rows + columns)); init = 1 as torch.nn.init */
  PR_INIT_XAVIER_NORMAL,  /* standard deviation init sqrt(2 / (rows + columns)) */
} PrInit;

/* A matrix, or a vector with rows = 1.  Weights of a linear map are [outputs, inputs], as in torch.nn.Linear. */
typedef struct
{
  const char *name;
  gint64 rows, columns;
  PrInit kind;
  double init;
  gboolean decays; /* weight decay applies */
  gint64 offset;   /* into weights and gradients, a multiple of 16 */
} PrNetParam;

/* Weights that decay alike and lie side by side.  The ranges of a net cover its array without a gap, in order. */
typedef struct
{
  gint64 first, n;
  gboolean decays;
} PrNetRange;

typedef struct PrNet PrNet;

PrNet *pr_net_new (void);
void pr_net_free (PrNet *net);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrNet, pr_net_free)

/* Add a parameter and return its number.  NAME is copied and must be new; INIT as the kind says, unused for zeros and
 * ones. Only before the weights are touched for the first time or a tape is made. */
gint32 pr_net_add (PrNet *net, const char *name, gint64 rows, gint64 columns, PrInit kind, double init,
                   gboolean decays);

/* Set all weights to their start values: element i of a parameter depends on SEED, its name and i alone. */
void pr_net_init (PrNet *net, guint64 seed);

gsize pr_net_n_params (const PrNet *net);
const PrNetParam *pr_net_param (const PrNet *net, gsize index);
/* The number of the parameter NAME, -1 if there is none. */
gint32 pr_net_find (const PrNet *net, const char *name);
/* Numbers that are learned: what a paper calls the size of the model. */
gint64 pr_net_size (const PrNet *net);

/* The flat array of all parameters, 64-byte aligned, and its length: pr_net_size() and what alignment puts between the
 * parameters, which is zero and stays so, having no gradient.  Gradients and moments are arrays of the same layout. */
float *pr_net_weights (PrNet *net);
gint64 pr_net_length (const PrNet *net);
const PrNetRange *pr_net_ranges (PrNet *net, gsize *ret_n);
/* The parameter that holds element AT of the array, for messages: "gru.weight_hh[3, 17]"; the caller frees. */
char *pr_net_element (const PrNet *net, gint64 at);

/* One safetensors file, a tensor a parameter: two dimensions, or one where rows = 1.  Loading wants exactly the net's
 * parameters and shapes and finite values; anything else is a DATA error naming the file, and the weights stay as they
 * were. */
gboolean pr_net_save (PrNet *net, const char *path, GError **error);
gboolean pr_net_load (PrNet *net, const char *path, GError **error);

/* Tape ------------------------------------------------------------------------ */

/* The value of an operation; belongs to the tape and is valid until its next begin. */
typedef struct
{
  gint64 rows, n;
  const float *value; /* [rows, n] */
} PrVar;

typedef struct PrTape PrTape;

/* A tape for nets that live at least as long; one pass at a time. */
PrTape *pr_tape_new (PrNet *net);
void pr_tape_free (PrTape *tape);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PrTape, pr_tape_free)

/* Forget the last pass and begin one.  Memory is kept for reuse.
 * GRADS [pr_net_length()] is what backward adds to; NULL: no gradients, and losses only say their value.
 * DROPOUT: `rng` and `step`, the rest is ignored; NULL: none is dropped.  Each operation that drops is a site of its
 * own, numbered from 0 in the order of the calls. */
void pr_tape_begin (PrTape *tape, float *grads, const PrDropout *dropout);

/* Add the gradient of all losses of this pass to the gradients, once. */
void pr_tape_backward (PrTape *tape);

/* Floating-point operations of the matrix products and attentions since the tape was made, forward and backward. */
double pr_tape_flops (const PrTape *tape);
/* Bytes that the tape holds: what a pass of this size needs. */
guint64 pr_tape_memory (const PrTape *tape);

/* Where values come from.  Indices, offsets, targets and inputs are copied. */
PrVar *pr_tape_param (PrTape *tape, gint32 param);
PrVar *pr_tape_input (PrTape *tape, gint64 rows, gint64 n, const float *values); /* no gradient */
/* y[r] = x[index[r]]: embedding lookup, last places of sequences, expansion; a row of zeros where the index is
 * negative. */
PrVar *pr_tape_gather (PrTape *tape, PrVar *x, gint64 rows, const gint32 *index);

/* y = x weight^T + bias: x [rows, in], weight [out, in], bias [1, out] or NULL.  Weight and bias may be any variables:
 * with an item table as weight and without gradients these are the scores of each row against the whole table. */
PrVar *pr_tape_linear (PrTape *tape, PrVar *x, PrVar *weight, PrVar *bias);
/* y[r, j] = x[r] . table[index[r, j]] + bias[index[r, j]]: scores of k candidates a row, index [rows, k]; bias
 * [1, table rows] or NULL.  Negative indices score 0. */
PrVar *pr_tape_dots (PrTape *tape, PrVar *x, PrVar *table, PrVar *bias, gint64 k, const gint32 *index);

/* B has the shape of A, or one row that counts for all. */
PrVar *pr_tape_add (PrTape *tape, PrVar *a, PrVar *b);
PrVar *pr_tape_multiply (PrTape *tape, PrVar *a, PrVar *b);
PrVar *pr_tape_scale (PrTape *tape, PrVar *x, float factor);

typedef enum
{
  PR_ACT_RELU,
  PR_ACT_GELU, /* x Phi(x), exact, as torch.nn.GELU() */
  PR_ACT_SILU,
  PR_ACT_SIGMOID,
  PR_ACT_TANH,
  PR_ACT_ELU, /* alpha = 1 */
} PrActivation;
PrVar *pr_tape_activate (PrTape *tape, PrVar *x, PrActivation kind);

/* Per row: (x - mean) / sqrt(var + eps) weight + bias, biased variance; x / sqrt(mean(x^2) + eps) weight.  Weight and
 * bias are [1, n]. */
PrVar *pr_tape_layer_norm (PrTape *tape, PrVar *x, PrVar *weight, PrVar *bias, float eps);
PrVar *pr_tape_rms_norm (PrTape *tape, PrVar *x, PrVar *weight, float eps);

/* As PrBackend's: kept elements are scaled by 1 / (1 - rate).  Row r draws as row FIRST_ROW + r: where a batch is
 * processed in chunks, count the rows before this one, and what is dropped does not depend on the cuts. */
PrVar *pr_tape_dropout (PrTape *tape, PrVar *x, float rate, guint64 first_row);

PrVar *pr_tape_columns (PrTape *tape, PrVar *x, gint64 first, gint64 n);  /* y = x[:, first : first + n] */
PrVar *pr_tape_concat (PrTape *tape, gsize n_parts, PrVar *const *parts); /* side by side: the same rows */

/* Multi-head attention; q [q rows, heads d], k [k rows, heads d], v [k rows, heads d_v]. */
typedef struct
{
  gint32 heads;
  gboolean causal; /* query i of a sequence sees its keys 0 .. i only, not all */
  float scale;     /* of scores; 0: 1 / sqrt(d).  T5 has 1 */
  gsize n_sequences;
  const gint32 *q_offsets;
  const gint32 *k_offsets; /* NULL: q_offsets, self-attention.  A sequence without keys gives zeros */
  PrVar *bias;             /* [buckets, heads], added to scores by the bucket of key place - query place; NULL: none */
  gint32 max_distance;     /* of the buckets; 0: 128 */
  float dropout;           /* of the probabilities; the row that is drawn is a head of a query */
  guint64 first_row;       /* queries before this chunk's */
} PrAttend;
/* Buckets are those of T5 (Raffel et al. 2020): half of them exact, the rest logarithmic up to max_distance; if not
 * causal, the upper half is for keys that follow. */
PrVar *pr_tape_attention (PrTape *tape, PrVar *q, PrVar *k, PrVar *v, const PrAttend *attend);

/* One layer of gated recurrent units over each sequence from a state of zeros, as torch.nn.GRU: x [rows, in], w_ih [3
 * h, in], w_hh [3 h, h], b_ih and b_hh [1, 3 h] or both NULL; gates in the order reset, update, new.  y [rows, h]. */
PrVar *pr_tape_gru (PrTape *tape, PrVar *x, PrVar *w_ih, PrVar *w_hh, PrVar *b_ih, PrVar *b_hh, const gint32 *offsets,
                    gsize n_sequences);

/* Losses: each returns the sum over rows of weight x loss, and adds SCALE times that to what backward differentiates.
 * (Scale by 1 / the batch's number of targets for a mean, whatever the chunks.)  WEIGHTS [rows] or NULL for 1. */

typedef struct
{
  float scale;
  const float *weights; /* [rows] or NULL */
  gint64 first_row,
      n_rows;    /* of the table that are labels; n_rows 0: up to the last.  Any other set: gather it first */
  float *losses; /* [rows], 0 where there is no target; NULL: not wanted */
} PrSoftmaxLoss;
/* -log softmax(x table^T + bias)[target], targets [rows] numbered as the table's rows, negative: no loss at this row.
 * x [rows, n], table [m, n], bias [1, m] or NULL.  Logits exist for a group of rows at a time. */
double pr_tape_softmax_loss (PrTape *tape, PrVar *x, PrVar *table, PrVar *bias, const gint32 *targets,
                             const PrSoftmaxLoss *loss);

/* Binary cross-entropy of logits x [rows, n] with LABELS [rows, n] in [0, 1]; WEIGHTS [rows, n] or NULL. */
double pr_tape_binary_loss (PrTape *tape, PrVar *x, const float *labels, const float *weights, float scale);

/* Any loss of one row: returns it and, unless DX is NULL, sets its gradient.  Pure, called from any thread. */
typedef double (*PrRowLoss) (gconstpointer ctx, gint64 row, gint64 n, const float *x, float *dx);
double pr_tape_row_loss (PrTape *tape, PrVar *x, PrRowLoss f, gconstpointer ctx, float scale);

/* Half the sum of squares of x: L2 on what a batch uses. */
double pr_tape_square_loss (PrTape *tape, PrVar *x, float scale);

G_END_DECLS

#endif
