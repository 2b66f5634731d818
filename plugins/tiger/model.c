#include "config.h"

#include "model.h"

#include <math.h>

#define EPS 1e-6f        /* T5Config.layer_norm_epsilon */
#define MAX_DISTANCE 128 /* T5Config.relative_attention_max_distance */
#define START_AND_SEPARATOR 2

enum
{
  ENCODER,
  DECODER
};
static const char *const stack_names[] = { "encoder", "decoder" };

gint32
tiger_shape_first (const TigerShape *shape, gint32 level)
{
  gint32 n = 0;

  for (gint32 l = 0; l < level; l++)
    n += shape->sizes[l];
  return n;
}

static double
attention_weights (const TigerShape *shape)
{
  return 4.0 * shape->hidden * shape->heads * shape->head_dim;
}

static double
feed_forward_weights (const TigerShape *shape)
{
  return 2.0 * shape->hidden * shape->ffn;
}

double
tiger_shape_n_params (const TigerShape *shape)
{
  double codes = tiger_shape_start (shape), attention = attention_weights (shape), ffn = feed_forward_weights (shape);
  double norms = 2.0 * shape->encoder_layers + 3.0 * shape->decoder_layers + 2;

  return (2 * codes + START_AND_SEPARATOR + shape->user_tokens + norms) * shape->hidden
         + 2.0 * shape->buckets * shape->heads + shape->encoder_layers * (attention + ffn)
         + shape->decoder_layers * (2 * attention + ffn);
}

double
tiger_shape_flops (const TigerShape *shape, double encoder_tokens, double decoder_tokens)
{
  double attention = attention_weights (shape), ffn = feed_forward_weights (shape);
  double head = (double)tiger_shape_start (shape) / shape->levels * shape->hidden;

  /* Half of the decoder's second attention is applied to the encoder's tokens. */
  return 2
         * (encoder_tokens * (shape->encoder_layers * (attention + ffn) + shape->decoder_layers * attention / 2)
            + decoder_tokens * (shape->decoder_layers * (1.5 * attention + ffn) + head));
}

double
tiger_shape_bytes (const TigerShape *shape, double encoder_tokens, double decoder_tokens, double longest)
{
  double width = (double)shape->heads * shape->head_dim;
  double attention = 4 * width + 4.0 * shape->hidden + shape->heads * longest;
  double ffn = 3.0 * shape->ffn + 4.0 * shape->hidden;

  return 2 * sizeof (float)
         * (encoder_tokens * (shape->encoder_layers * (attention + ffn) + shape->decoder_layers * 2 * width)
            + decoder_tokens * shape->decoder_layers * (2 * attention + ffn));
}

/* Parameters --------------------------------------------------------------------- */

static gint32
add_matrix (TigerModel *model, const char *block, const char *name, gint64 rows, gint64 columns, double variance)
{
  g_autofree char *full = g_strdup_printf ("%s.%s.weight", block, name);

  return pr_net_add (model->net, full, rows, columns, PR_INIT_NORMAL, sqrt (variance), TRUE);
}

static gint32
add_norm (TigerModel *model, const char *block, const char *name)
{
  g_autofree char *full = g_strdup_printf ("%s.%s.weight", block, name);

  return pr_net_add (model->net, full, 1, model->shape.hidden, PR_INIT_ONES, 0, FALSE);
}

static TigerAttention
add_attention (TigerModel *model, const char *block, int number, const char *kind)
{
  g_autofree char *inner = g_strdup_printf ("%s.layer.%d", block, number);
  g_autofree char *full = g_strdup_printf ("%s.%s", inner, kind);
  gint64 hidden = model->shape.hidden, width = (gint64)model->shape.heads * model->shape.head_dim;
  double one = 1.0 / (double)hidden;
  TigerAttention a;

  a.norm = add_norm (model, inner, "layer_norm");
  a.q = add_matrix (model, full, "q", width, hidden, one / model->shape.head_dim); /* in the place of scaling scores */
  a.k = add_matrix (model, full, "k", width, hidden, one);
  a.v = add_matrix (model, full, "v", width, hidden, one);
  a.o = add_matrix (model, full, "o", hidden, width, 1.0 / (double)width);
  return a;
}

static void
add_layer (TigerModel *model, int stack, gint32 number)
{
  TigerLayer *layer = &model->layers[stack][number];
  gint64 hidden = model->shape.hidden, ffn = model->shape.ffn;
  g_autofree char *block = g_strdup_printf ("%s.block.%d", stack_names[stack], number);
  g_autofree char *inner = g_strdup_printf ("%s.layer.%d", block, stack == DECODER ? 2 : 1);

  layer->self = add_attention (model, block, 0, "SelfAttention");
  if (number == 0)
    {
      g_autofree char *bias = g_strconcat (block, ".layer.0.SelfAttention.relative_attention_bias.weight", NULL);

      model->bias[stack] = pr_net_add (model->net, bias, model->shape.buckets, model->shape.heads, PR_INIT_NORMAL,
                                       1 / sqrt ((double)hidden), FALSE);
    }
  if (stack == DECODER)
    layer->cross = add_attention (model, block, 1, "EncDecAttention");
  layer->norm = add_norm (model, inner, "layer_norm");
  layer->wi = add_matrix (model, inner, "DenseReluDense.wi", ffn, hidden, 1.0 / (double)hidden);
  layer->wo = add_matrix (model, inner, "DenseReluDense.wo", hidden, ffn, 1.0 / (double)ffn);
}

void
tiger_model_init (TigerModel *model, const TigerShape *shape, guint64 seed)
{
  const gint32 n_layers[] = { shape->encoder_layers, shape->decoder_layers };
  gint32 codes = tiger_shape_start (shape);

  *model = (TigerModel){ .shape = *shape, .net = pr_net_new () };
  model->shared = pr_net_add (model->net, "shared.weight", codes + START_AND_SEPARATOR + shape->user_tokens,
                              shape->hidden, PR_INIT_NORMAL, 1, TRUE);
  for (int stack = ENCODER; stack <= DECODER; stack++)
    {
      for (gint32 i = 0; i < n_layers[stack]; i++)
        add_layer (model, stack, i);
      model->last_norm[stack] = add_norm (model, stack_names[stack], "final_layer_norm");
    }
  model->head = pr_net_add (model->net, "lm_head.weight", codes, shape->hidden, PR_INIT_NORMAL,
                            1 / sqrt ((double)shape->hidden), TRUE);
  pr_net_init (model->net, seed);
}

void
tiger_model_clear (TigerModel *model)
{
  g_clear_pointer (&model->net, pr_net_free);
}

/* Forward ------------------------------------------------------------------------ */

/* A pass of one stack: what every block needs. */
typedef struct
{
  const TigerModel *model;
  PrTape *tape;
  float rate;
  guint64 first_row;
} Pass;

static PrVar *
linear (const Pass *p, PrVar *x, gint32 weight)
{
  return pr_tape_linear (p->tape, x, pr_tape_param (p->tape, weight), NULL);
}

static PrVar *
norm (const Pass *p, PrVar *x, gint32 weight)
{
  return pr_tape_rms_norm (p->tape, x, pr_tape_param (p->tape, weight), EPS);
}

static PrVar *
drop (const Pass *p, PrVar *x)
{
  return pr_tape_dropout (p->tape, x, p->rate, p->first_row);
}

static PrVar *
embed (const Pass *p, const gint32 *tokens, gint64 n)
{
  return drop (p, pr_tape_gather (p->tape, pr_tape_param (p->tape, p->model->shared), n, tokens));
}

/* x + attention (norm (x)) as HOW says; keys and values K and V, or of x itself where these are NULL. */
static PrVar *
attend (const Pass *p, const TigerAttention *a, PrVar *x, PrVar *k, PrVar *v, PrAttend how)
{
  PrVar *h = norm (p, x, a->norm), *q = linear (p, h, a->q);

  how.heads = p->model->shape.heads;
  how.scale = 1;
  how.max_distance = MAX_DISTANCE;
  how.dropout = p->rate;
  how.first_row = p->first_row;
  if (k == NULL)
    {
      k = linear (p, h, a->k);
      v = linear (p, h, a->v);
    }
  return pr_tape_add (p->tape, x, drop (p, linear (p, pr_tape_attention (p->tape, q, k, v, &how), a->o)));
}

static PrVar *
feed_forward (const Pass *p, const TigerLayer *layer, PrVar *x)
{
  PrVar *h = pr_tape_activate (p->tape, linear (p, norm (p, x, layer->norm), layer->wi), PR_ACT_RELU);

  return pr_tape_add (p->tape, x, drop (p, linear (p, drop (p, h), layer->wo)));
}

PrVar *
tiger_encode (const TigerModel *model, PrTape *tape, const gint32 *tokens, const gint32 *offsets, gsize n,
              const TigerDropout *dropout)
{
  const Pass p = { model, tape, dropout->rate, dropout->encoder_rows };
  const PrAttend how = { .n_sequences = n, .q_offsets = offsets, .bias = pr_tape_param (tape, model->bias[ENCODER]) };
  PrVar *x = embed (&p, tokens, offsets[n]);

  for (gint32 i = 0; i < model->shape.encoder_layers; i++)
    {
      const TigerLayer *layer = &model->layers[ENCODER][i];

      x = feed_forward (&p, layer, attend (&p, &layer->self, x, NULL, NULL, how));
    }
  return drop (&p, norm (&p, x, model->last_norm[ENCODER]));
}

void
tiger_remember (const TigerModel *model, PrTape *tape, PrVar *encoded, TigerMemory *ret_memory)
{
  const Pass p = { .model = model, .tape = tape };

  for (gint32 i = 0; i < model->shape.decoder_layers; i++)
    {
      ret_memory->k[i] = linear (&p, encoded, model->layers[DECODER][i].cross.k);
      ret_memory->v[i] = linear (&p, encoded, model->layers[DECODER][i].cross.v);
    }
}

PrVar *
tiger_decode (const TigerModel *model, PrTape *tape, const TigerDecode *decode, const TigerMemory *memory,
              const TigerDropout *dropout)
{
  const Pass p = { model, tape, dropout->rate, dropout->decoder_rows };
  const PrAttend self = { .causal = TRUE,
                          .n_sequences = decode->n,
                          .q_offsets = decode->offsets,
                          .bias = pr_tape_param (tape, model->bias[DECODER]) };
  const PrAttend cross = { .n_sequences = decode->n_users,
                           .q_offsets = decode->user_offsets,
                           .k_offsets = decode->memory_offsets };
  PrVar *x = embed (&p, decode->tokens, decode->offsets[decode->n]);

  for (gint32 i = 0; i < model->shape.decoder_layers; i++)
    {
      const TigerLayer *layer = &model->layers[DECODER][i];

      x = attend (&p, &layer->self, x, NULL, NULL, self);
      x = attend (&p, &layer->cross, x, memory->k[i], memory->v[i], cross);
      x = feed_forward (&p, layer, x);
    }
  return drop (&p, norm (&p, x, model->last_norm[DECODER]));
}

PrVar *
tiger_logits (const TigerModel *model, PrTape *tape, PrVar *decoded, gint32 level, gint64 n, const gint32 *rows)
{
  gint32 size = model->shape.sizes[level], first = tiger_shape_first (&model->shape, level);
  g_autofree gint32 *codes = g_new (gint32, (gsize)size);

  for (gint32 c = 0; c < size; c++)
    codes[c] = first + c;
  return pr_tape_linear (tape, pr_tape_gather (tape, decoded, n, rows),
                         pr_tape_gather (tape, pr_tape_param (tape, model->head), size, codes), NULL);
}
